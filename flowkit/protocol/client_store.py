"""The client's calls: submit, cancel, resume, and reading what became of runs."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..core.states import RunState, TaskState
from ..exceptions import RunAlreadyOver, RunExists, RunNotFound, RunNotOver
from .records import TaskRecord, parse_record
from .store import Store

DEAD_PART = 200  # entries of the list of dead tasks that are read at once


@dataclass(frozen=True, slots=True)
class Submission:
    """All that a run is made of. ``ttl_ms``: how long its keys are kept once it is over."""

    run: str
    dag_name: str
    digest: str
    packed_graph: bytes
    packed_params: bytes
    total: int
    ttl_ms: int

    def args(self, *, with_graph: bool) -> tuple[object, ...]:
        """Return the script's arguments, with or without the graph itself."""
        graph = self.packed_graph if with_graph else b""
        head = (self.run, self.digest, graph, self.dag_name)
        return (*head, self.packed_params, self.total, self.ttl_ms)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """How a run stands. ``stop``: the outcome it is stopping for. Times are Redis' ms."""

    run: str
    dag_name: str
    digest: str
    state: RunState
    total: int
    submitted_ms: int
    finished_ms: int | None = None
    stop: RunState | None = None
    failed_task: int | None = None
    packed_params: bytes = b""
    counts: dict[str, int] = field(default_factory=dict)


class Standing(NamedTuple):
    """What changes of a run while it goes on."""

    state: RunState
    counts: dict[str, int]
    total: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A task that has failed for good: its DAG's name and graph, its record, its packed error."""

    dag_name: str
    digest: str
    record: TaskRecord
    error: bytes


class ClientStore(Store):
    """The calls of somebody who wants runs done."""

    def submit(self, submission: Submission, *, graph_known: bool = False) -> bool:
        """Accept a run; return False if the same run was there already.

        ``graph_known`` leaves the graph out of the first try; it is sent if Redis lacks it.
        Raises RunExists if the id is taken by another DAG or other parameters.
        """
        reply = self._script("submit", *submission.args(with_graph=not graph_known))
        if reply[0] == b"GRAPH":
            reply = self._script("submit", *submission.args(with_graph=True))
        return self._accepted(submission, reply)

    def submit_many(self, submissions: Sequence[Submission]) -> None:
        """Accept several runs in two round trips or three. Raises RunExists."""
        if not submissions:
            return
        self.submit(submissions[0])
        replies = self._scripts("submit", [one.args(with_graph=False) for one in submissions[1:]])
        for submission, reply in zip(submissions[1:], replies, strict=True):
            if reply[0] == b"GRAPH":
                reply = self._script("submit", *submission.args(with_graph=True))
            self._accepted(submission, reply)

    def _accepted(self, submission: Submission, reply: list[bytes]) -> bool:
        if reply[0] == b"CONFLICT":
            raise RunExists(
                submission.run,
                f"run {submission.run!r} exists already, of DAG {reply[1].decode()!r} with another "
                "graph or other parameters; choose another run_id, or leave it out",
            )
        return reply[0] == b"OK"

    def cancel(self, run: str) -> None:
        """Ask for a run to be stopped. Raises RunNotFound, RunAlreadyOver."""
        reply = self._script("cancel", run)
        if reply[0] == b"UNKNOWN":
            raise self._not_found(run)
        if reply[0] == b"OVER":
            raise RunAlreadyOver(
                run,
                f"run {run!r} is over already ({reply[1].decode()}); there is nothing to cancel",
            )

    def resume(self, run: str, tasks: Sequence[int] = ()) -> None:
        """Take a run that is over up again; one that is running already goes on.

        ``tasks``: those to be made again, with all that needs them, even if they succeeded.
        Raises RunNotFound, and without ``tasks`` RunAlreadyOver for a run that succeeded, with
        ``tasks`` RunNotOver for one that is running.
        """
        numbers = " ".join(map(str, tasks))
        reply = self._script("resume", run, secrets.token_hex(8), numbers)
        if reply[0] == b"UNKNOWN":
            raise self._not_found(run)
        if reply[0] == b"BUSY":
            raise RunNotOver(
                run,
                f"run {run!r} is not over yet, so no task of it can be made again. Wait for its "
                f"end, or stop it with 'flowkit cancel {run} --wait'",
            )
        if reply[0] == b"OVER":
            raise RunAlreadyOver(
                run,
                f"run {run!r} succeeded; nothing is left to resume. Submit it anew to run it "
                "again, or name a task to resume it from",
            )

    def _not_found(self, run: str) -> RunNotFound:
        return RunNotFound(
            run,
            f"there is no run {run!r} in namespace {self.keys.namespace!r}: check the id with "
            "'flowkit ls', and the namespace; a run's data is deleted when its TTL is over",
        )

    # -- reads --------------------------------------------------------------------------------

    def read_run(self, run: str) -> RunRecord:
        """Return how a run stands. Raises RunNotFound."""
        flat = self.link.call("HGETALL", self.keys.run(run))
        if not flat:
            raise self._not_found(run)
        return _run_record(run, flat)

    def read_standing(self, run: str) -> Standing:
        """Return what changes of a run while it goes on. Raises RunNotFound."""
        state, counts, total = self.link.call(
            "HMGET", self.keys.run(run), "state", "counts", "total"
        )
        if state is None:
            raise self._not_found(run)
        return Standing(RunState(state.decode()), parse_counts(counts or b""), int(total))

    def read_states_of(self, runs: Sequence[str]) -> list[RunState | None]:
        """Return the states of runs, None for one that is not there. One round trip."""
        found = self.link.batch([("HGET", self.keys.run(run), "state") for run in runs])
        return [None if state is None else RunState(state.decode()) for state in found]

    def read_runs(self, limit: int, state: RunState | None = None) -> list[RunRecord]:
        """Return the newest runs, newest first; one round trip per hundred looked at."""
        found: list[RunRecord] = []
        at = 0
        while len(found) < limit:
            names = self.link.call("ZREVRANGE", self.keys.runs(), at, at + 99)
            if not names:
                break
            at += len(names)
            hashes = self.link.batch([("HGETALL", self.keys.run(name.decode())) for name in names])
            records = (
                _run_record(name.decode(), flat)
                for name, flat in zip(names, hashes, strict=True)
                if flat
            )
            found += [record for record in records if state is None or record.state is state]
        return found[:limit]

    def read_dead(self, since_ms: int) -> Iterator[list[tuple[str, int, int]]]:
        """Yield parts of (run, task, when in ms) of tasks that failed for good, newest first.

        ``since_ms``: the oldest to look for. They are hints: the records say what has failed.
        One round trip per part.
        """
        at, least = 0, str(since_ms)
        while True:
            page = ("LIMIT", at, DEAD_PART)
            words = ("+inf", least, "WITHSCORES", *page)
            flat = self.link.call("ZREVRANGEBYSCORE", self.keys.dead(), *words)
            pairs = list(zip(flat[::2], flat[1::2], strict=True))
            split = [(entry.decode().rpartition(","), int(score)) for entry, score in pairs]
            yield [(run, int(task), when) for (run, _, task), when in split]
            at += len(pairs)
            if len(pairs) < DEAD_PART:
                return

    def read_failures(self, entries: Sequence[tuple[str, int]]) -> list[Failure | None]:
        """Return what is known of failed tasks, None for one that has not failed. One trip."""
        replies = iter(
            self.link.batch(
                [
                    command
                    for run, task in entries
                    for command in (
                        ("HMGET", self.keys.run(run), "dag", "graph"),
                        ("HGET", self.keys.tasks(run), task),
                        ("HGET", self.keys.errors(run), task),
                    )
                ]
            )
        )
        found: list[Failure | None] = []
        for (dag, digest), data, error in zip(replies, replies, replies, strict=True):
            record = parse_record(data)
            failed = record.state is TaskState.FAILED and digest is not None
            name = (dag or b"").decode("utf-8", "replace")
            found.append(Failure(name, digest.decode(), record, error or b"") if failed else None)
        return found

    def result_sizes(self, run: str, tasks: Sequence[int]) -> list[int]:
        """Return the sizes of packed results in bytes, 0 where there is none. One round trip."""
        sizes: list[int] = self.link.batch(
            [("HSTRLEN", self.keys.results(run), task) for task in tasks]
        )
        return sizes

    def ready_lists(self) -> dict[str, int]:
        """Return how many entries wait in each ready list. Two round trips."""
        flat = self.link.call("HGETALL", self.keys.levels())
        lists = [
            (name.decode(), levels.decode())
            for name, levels in zip(flat[::2], flat[1::2], strict=True)
        ]
        keys = [(name, self.keys.ready(name, level)) for name, levels in lists for level in levels]
        if not keys:
            return {}
        waiting = dict.fromkeys((name for name, _ in keys), 0)
        for (name, _), length in zip(
            keys, self.link.batch([("LLEN", key) for _, key in keys]), strict=True
        ):
            waiting[name] += length
        return waiting

    def has_leader(self) -> bool:
        """Return whether a scheduler leads now. Two round trips."""
        held = self.link.call("GET", self.keys.leader())
        return held is not None and int(held.rsplit(b",", 1)[1]) > self.redis_now_ms()


def _run_record(run: str, flat: list[bytes]) -> RunRecord:
    raw = {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}
    stop, failed = raw.get("stop"), raw.get("failed")
    finished = raw.get("finished")
    return RunRecord(
        run=run,
        dag_name=raw["dag"].decode("utf-8", "replace"),
        digest=raw["graph"].decode(),
        state=RunState(raw["state"].decode()),
        total=int(raw["total"]),
        submitted_ms=int(raw["submitted"]),
        finished_ms=int(finished) if finished else None,
        stop=RunState(stop.decode()) if stop else None,
        failed_task=int(failed) if failed else None,
        packed_params=raw.get("params", b""),
        counts=parse_counts(raw.get("counts", b"")),
    )


def parse_counts(text: bytes) -> dict[str, int]:
    """Read ``state=number`` pairs as the scheduler writes them."""
    pairs = (pair.partition("=") for pair in text.decode().split())
    return {name: int(number) for name, _, number in pairs}
