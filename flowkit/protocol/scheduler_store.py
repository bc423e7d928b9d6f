"""The scheduler's calls. Every write carries (scheduler, term); a stale one raises LeaseLost."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..core.states import RunState, TaskState
from .lease_store import LeaseStore
from .decoding import PART, Damaged, in_parts, named, text_of
from .records import LETTER_OF, LETTERS, TaskRecord, parse_record
from .worker_store import reaped


@dataclass(frozen=True, slots=True)
class ActiveRun:
    """What the scheduler must know of a run to go on with it.

    ``resuming``: None, or the run was resumed and not all that is to be made again is pending yet;
    then the tasks that the resume named.
    """

    run: str
    digest: str
    resuming: tuple[int, ...] | None
    stop: RunState | None


class SchedulerStore(LeaseStore):
    """The calls of one scheduler."""

    # -- events and active runs -----------------------------------------------------------------

    def read_events(
        self, cursor: str, count: int, block_ms: int
    ) -> list[tuple[str, list[tuple[str, str]]]]:
        """Return (id, [(kind, text), …]) of events behind the cursor; waits up to ``block_ms``."""
        reply = self.link.call(
            "XREAD", "COUNT", count, "BLOCK", block_ms, "STREAMS", self.keys.events(), cursor
        )
        if not reply:
            return []
        return [
            (
                event_id.decode(),
                [
                    (text_of(kind), text_of(text))
                    for kind, text in zip(fields[::2], fields[1::2], strict=True)
                ],
            )
            for event_id, fields in reply[0][1]
        ]

    def read_cursor(self) -> str:
        """Return the id of the last event that has been applied; "0" if none has."""
        cursor = self.link.call("GET", self.keys.cursor())
        return cursor.decode() if cursor else "0"

    def last_event(self) -> str:
        """Return the id of the newest event; "0" if there is none."""
        newest = self.link.call("XREVRANGE", self.keys.events(), "+", "-", "COUNT", 1)
        return newest[0][0].decode() if newest else "0"

    def active_runs(self) -> list[str]:
        """Return the ids of the runs that are not over."""
        return sorted(map(text_of, self.link.call("SMEMBERS", self.keys.active())))

    def read_active(self, run: str) -> ActiveRun | None:
        """Return a run that goes on; None if it is over or gone. Raises Damaged."""
        state, digest, resuming, stop = self.link.call(
            "HMGET", self.keys.run(run), "state", "graph", "resuming", "stop"
        )
        if state != b"running":
            return None
        try:
            end = RunState(stop.decode()) if stop else None
            return ActiveRun(run, (digest or b"").decode(), named(resuming), end)
        except ValueError as error:
            raise Damaged(f"the hash of run {run} is damaged: {error}") from None

    def read_states(self, run: str) -> list[tuple[int, TaskState]]:
        """Return the states of all tasks that have a record, read in parts. Raises Damaged."""
        key, cursor = self.keys.tasks(run), b"0"
        states: list[tuple[int, TaskState]] = []
        while True:
            cursor, flat = self.link.call("HSCAN", key, cursor, "COUNT", PART)
            try:
                states += [
                    (int(task), LETTERS[chr(record[0])])
                    for task, record in zip(flat[::2], flat[1::2], strict=True)
                ]
            except (ValueError, LookupError) as error:
                raise Damaged(f"a record of run {run} is damaged: {error!r}") from None
            if cursor in (b"0", 0):
                return states

    def read_records_of(
        self, wanted: Mapping[str, Sequence[int]]
    ) -> Iterator[tuple[str, Iterator[tuple[int, TaskRecord]]]]:
        """Yield (run, its (task, record) pairs) for tasks of many runs, many in one round trip.

        The pairs are read as they are asked for, so that one that is Damaged spoils no run
        but its own.
        """
        asked: list[tuple[str, Sequence[int]]] = []
        for run, tasks in wanted.items():
            asked += [(run, part) for part in in_parts(tasks)]
        for some in in_parts(asked):
            replies = self.link.batch(
                [("HMGET", self.keys.tasks(run), *tasks) for run, tasks in some]
            )
            for (run, tasks), found in zip(some, replies, strict=True):
                yield run, zip(tasks, map(parse_record, found), strict=True)

    # -- writes -------------------------------------------------------------------------------

    def set_aside(self, event: str) -> None:
        """Keep an event that could not be read, for people to look at."""
        self._fenced("set_aside", event)

    def apply(self, cursor: str, commands: Sequence[object]) -> None:
        """Carry out queue, finish and progress commands, and move the cursor ('' leaves it)."""
        self._fenced("apply", cursor, *commands)

    def stop_run(self, run: str, outcome: RunState, failed: int | None = None) -> None:
        """Note that a run is stopping, and because of which task if one failed."""
        self._fenced("stop_run", run, outcome.value, "" if failed is None else failed)

    def turn_over(
        self, run: str, state: TaskState, tasks: Sequence[int], *, notify: bool
    ) -> tuple[list[int], list[int]]:
        """End tasks that do not run; return (those that are over, those that run). In parts."""
        over: list[int] = []
        running: list[int] = []
        for part in in_parts(tasks):
            reply = self._fenced("turn_over", run, LETTER_OF[state], "1" if notify else "0", *part)
            over += map(int, reply[1].split())
            running += map(int, reply[2].split())
        return over, running

    def reset(
        self, run: str, tasks: Sequence[int], once: bytes = b"", *, recount: bool = False
    ) -> None:
        """Make tasks of a resumed run pending again, in parts; the last part ends the resuming.

        ``once``: the error of cancelled tasks that may have started and must not do so twice.
        ``recount``: no result that the run still needs is missing any more.
        """
        parts = list(in_parts(tasks)) or [[]]
        for part in parts:
            last = ("2" if recount else "1") if part is parts[-1] else "0"
            self._fenced("reset", run, last, once, *part)

    def lost_results(self, run: str, succeeded: Collection[int]) -> list[int] | None:
        """Return those of these tasks whose result may be gone; None if all that was stored is
        there. One round trip, two after a loss.

        A result that is not there may be None, which is not stored. After a loss nobody knows.
        """
        _, whole = self._results_of(run, [0])
        if whole:
            return None
        there = {int(task) for task in self.link.call("HKEYS", self.keys.results(run))}
        return [task for task in succeeded if task not in there]

    def requeue(self, run: str, entries: Iterable[tuple[int, str, str]]) -> int:
        """Write the hints of (task, ready list, level) anew; return how many. In parts."""
        written = 0
        for part in in_parts(list(entries)):
            written += self._fenced("requeue", run, *(item for entry in part for item in entry))[1]
        return written

    def promote(self, limit: int) -> tuple[int, int]:
        """Queue what is due; return (how many, ms until the next is due or -1)."""
        reply = self._fenced("promote", limit)
        return reply[1], reply[2]

    def forget(self, runs: Sequence[str]) -> int:
        """Drop expired runs from the list of runs; return how many."""
        dropped: int = self._fenced("forget", *runs)[1]
        return dropped

    def tidy(self, rank: int, limit: int) -> tuple[int, int]:
        """Drop hints of runs that are over; return (how many, the rank to go on at)."""
        reply = self._fenced("tidy", rank, limit)
        return reply[1], reply[2]

    def forget_dead(self, rank: int, count: int) -> tuple[int, int]:
        """Look at entries of the list of dead tasks; return (how many went, rank to go on at)."""
        reply = self._fenced("forget_dead", rank, count)
        return reply[1], reply[2]

    # -- workers --------------------------------------------------------------------------------

    def expired_workers(self) -> list[tuple[str, list[str]]]:
        """Return (worker, its lanes) of those whose lease ran out. Two round trips and one each."""
        now = self.redis_now_ms()
        found = self.link.call("ZRANGEBYSCORE", self.keys.workers(), "-inf", now, "LIMIT", 0, 100)
        workers = [worker.decode() for worker in found if text_of(worker).encode() == worker]
        lanes = [self.link.call("HGET", self.keys.worker(worker), "lanes") for worker in workers]
        return [
            (worker, text_of(names or b"").split())
            for worker, names in zip(workers, lanes, strict=True)
        ]

    def reap(
        self, lane: str, most_deaths: int, error: bytes, once: bytes = b""
    ) -> list[tuple[str, int, str]]:
        """Take back what the lane of a vanished worker held. Nobody knows what it executed.

        ``once``: the error of tasks that must not start twice.
        """
        told = (most_deaths, error, "?", once)
        reply = self._script("reap", lane, self.scheduler, self.term, *told)
        if reply[0] == b"FENCED":
            raise self.lost(self.term)
        return reaped(reply) if reply[0] == b"OK" else []

    def retire(self, worker: str, lanes: Sequence[str]) -> bool:
        """Forget a vanished worker; False if it still holds claims."""
        return bool(self._script("retire", worker, *lanes)[0] == b"OK")

    # -- hints --------------------------------------------------------------------------------

    def listed(self, ready_lists: Iterable[str]) -> set[str]:
        """Return all entries of these ready lists and of ``delayed``: what is findable now."""
        found: set[str] = set()
        levels = self.link.call("HGETALL", self.keys.levels())
        known = dict(zip(levels[::2], levels[1::2], strict=True))
        for name in ready_lists:
            for level in text_of(known.get(name.encode(), b"")):
                found.update(
                    map(text_of, self.link.call("LRANGE", self.keys.ready(name, level), 0, -1))
                )
        found.update(map(text_of, self.link.call("ZRANGE", self.keys.delayed(), 0, -1)))
        return found

    def findable(self) -> int:
        """Return how many attempts stand in ready lists, in ``delayed`` and in claims.

        Three round trips. Not one moment's count: things move between the trips.
        """
        levels = self.link.call("HGETALL", self.keys.levels())
        workers = self.link.call("ZRANGE", self.keys.workers(), 0, -1)
        lanes = self.link.batch(
            [("HGET", self.keys.worker(text_of(name)), "lanes") for name in workers]
        )
        hints = [("ZCARD", self.keys.delayed())]
        for name, known in zip(levels[::2], levels[1::2], strict=True):
            hints += [("LLEN", self.keys.ready(text_of(name), one)) for one in text_of(known)]
        claims = [
            ("HLEN", self.keys.claims(lane))
            for names in lanes
            for lane in text_of(names or b"").split()
        ]
        found = self.link.batch([*hints, *claims])
        # '#' is a field of each lane's claims, and no claim.
        claimed: int = sum(max(0, size - 1) for size in found[len(hints) :])
        waiting: int = sum(found[: len(hints)])
        return waiting + claimed

    def scan_runs(self, cursor: str) -> tuple[str, list[str]]:
        """Return the next cursor ('0' at the end) and some of the listed runs."""
        after, flat = self.link.call("ZSCAN", self.keys.runs(), cursor, "COUNT", 200)
        return after.decode() if isinstance(after, bytes) else str(after), [
            text_of(run) for run in flat[::2]
        ]
