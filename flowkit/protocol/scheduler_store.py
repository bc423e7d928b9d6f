"""The scheduler's calls about runs. Every write carries (scheduler, term) and raises LeaseLost if
the term is over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..core.compiled import CompiledDAG
from ..core.numbering import MOST_NUMBERS
from ..core.states import RunState, TaskState
from .decoding import (
    PART,
    CorruptData,
    digest,
    in_parts,
    is_run_id,
    named,
    pairs,
    state,
    task_number,
    text_of,
)
from .parent_store import ParentStore
from .records import CODE_OF, TaskRecord, parse_record, parse_state
from .reply_errors import WrongType
from .upkeep_store import UpkeepStore


@dataclass(frozen=True, slots=True)
class ActiveRun:
    """What the scheduler must know to continue a run.

    ``resuming``: None, unless the run was resumed and some tasks to rerun are not pending yet; then
    the tasks that the resume named.
    """

    run: str
    digest: str
    resuming: tuple[int, ...] | None
    stop: RunState | None


class StoredStates(NamedTuple):
    """The states of a run's tasks, and of some how many elements they returned.

    ``lengths``: of those whose results are mapped, -1 for a result that cannot be.
    """

    states: list[tuple[int, TaskState]]
    lengths: dict[int, int]


class EndedTasks(NamedTuple):
    """Of the tasks to end: those that are over, that still run, and that wait for runs which they
    have called."""

    over: list[int]
    running: list[int]
    calling: list[int]


class SchedulerStore(UpkeepStore, ParentStore):
    """The calls of one scheduler."""

    # -- active runs ----------------------------------------------------------------------------

    def read_graph(self, digest: str) -> CompiledDAG | None:
        """Return a stored graph, None if it is missing. Raises CorruptData.

        It has no fixed arguments: a scheduler calls no tasks, and they may take 256 MiB.
        """
        dag = super().read_graph(digest)
        return None if dag is None else replace(dag, kwargs={})

    def active_runs(self) -> list[str]:
        """Return the ids of the unfinished runs, without invalid ids."""
        names = map(text_of, self.link.call("SMEMBERS", self.keys.active()))
        return sorted(filter(is_run_id, names))

    def read_active(self, run: str) -> ActiveRun | None:
        """Return an unfinished run; None if it is over or missing. Raises CorruptData."""
        run_state, graph, resuming, stop = self.link.call(
            "HMGET", self.keys.run(run), "state", "graph", "resuming", "stop"
        )
        if run_state != b"running":
            return None
        end = None if stop is None else state(stop, RunState)
        return ActiveRun(run, digest(graph), named(resuming), end)

    def read_states(self, run: str, dag: CompiledDAG) -> StoredStates:
        """Return the states of all tasks that have a record, read in parts.

        Of tasks whose results are mapped, also the number of elements that they returned. Raises
        CorruptData, also for more records than tasks, and for a record that lacks that number.
        """
        key, cursor = self.keys.tasks(run), b"0"
        most = MOST_NUMBERS if dag.maps else len(dag.graph)
        states: dict[int, TaskState] = {}
        lengths: dict[int, int] = {}
        while True:
            cursor, flat = self.link.call("HSCAN", key, cursor, "COUNT", PART)
            for number, record in pairs(flat):
                task = task_number(number)
                state = states[task] = parse_state(record)
                if dag.counted and state is TaskState.SUCCEEDED and dag.is_counted(task):
                    lengths[task] = _length_in(dag, task, record)
            if len(states) > most:
                raise CorruptData(f"run {run} has records of more than its {most} tasks")
            if cursor in (b"0", 0):
                break
        return StoredStates(list(states.items()), lengths)

    def read_records_of(
        self, wanted: Mapping[str, Sequence[int]]
    ) -> Iterator[tuple[str, Iterator[tuple[int, TaskRecord]]]]:
        """Yield (run, its (task, record) pairs) for tasks of many runs, many in one round trip.

        The pairs are decoded one by one, so that CorruptData in one run does not affect the others.
        """
        asked: list[tuple[str, Sequence[int]]] = []
        for run, tasks in wanted.items():
            asked += [(run, part) for part in in_parts(tasks)]
        for some in in_parts(asked):
            replies = self.link.batch_each(
                [("HMGET", self.keys.tasks(run), *tasks) for run, tasks in some]
            )
            for (run, tasks), reply in zip(some, replies, strict=True):
                yield run, _records(tasks, reply)

    # -- writes -------------------------------------------------------------------------------

    def apply(self, cursor: str, commands: Sequence[object]) -> list[str]:
        """Execute begin, queue, drop, mapped, finish and progress commands, and move the cursor.

        ``cursor``: '' keeps it. Return the begun runs that do not run or have another graph. Their
        commands are ignored.
        """
        return list(map(text_of, self._fenced("apply", cursor, *commands)[1:]))

    def stop_run(self, run: str, outcome: RunState, failed: int | None = None) -> None:
        """Record that a run is stopping, and the task whose failure stops it, if any."""
        self._fenced("stop_run", run, outcome.value, "" if failed is None else failed)

    def end_tasks(
        self, run: str, state: TaskState, tasks: Sequence[int], *, notify: bool
    ) -> EndedTasks:
        """End tasks that do not run, in parts."""
        over, running, calling = ended = EndedTasks([], [], [])
        for part in in_parts(tasks):
            reply = self._fenced("end_tasks", run, CODE_OF[state], "1" if notify else "0", *part)
            over += map(int, reply[1].split())
            running += map(int, reply[2].split())
            calling += map(int, reply[3].split())
        return ended

    def reset(
        self,
        run: str,
        tasks: Sequence[int],
        once: bytes = b"",
        *,
        recount: bool = False,
        named: Collection[int] = (),
    ) -> None:
        """Make tasks of a resumed run pending again, in parts; the last part completes the resume.

        ``once``: the error of cancelled at-most-once tasks that may have started.
        ``recount``: whether the number of stored results is set to those that exist. ``named``:
        the items of mapped tasks that the resume named.
        """
        parts = list(in_parts(tasks)) or [[]]
        for part in parts:
            last = ("2" if recount else "1") if part is parts[-1] else "0"
            also = " ".join(str(task) for task in part if task in named) if named else ""
            self._fenced("reset", run, last, once, also, *part)

    def lost_results(self, run: str, succeeded: Collection[int]) -> list[int] | None:
        """Return the tasks whose result may be lost; None if no stored result is missing.

        One round trip, two after a loss. A missing result may also be None, which is not stored;
        after a loss, the two cannot be distinguished.
        """
        _, whole = self._results_of(run, [0])
        if whole:
            return None
        there = set(map(task_number, self.link.call("HKEYS", self.keys.results(run))))
        return [task for task in succeeded if task not in there]

    def has_inputs(self, run: str) -> bool:
        """Return whether what tasks of a run get beside results is in Redis."""
        return bool(self.link.call("EXISTS", self.keys.inputs(run)))

    def requeue(
        self, run: str, entries: Iterable[tuple[int, str, str]], verb: str = "queue"
    ) -> int:
        """Rebuild the queue entries of (task, ready list, level), in parts; return how many.

        ``verb``: ``line`` if they wait for the turn of the run, see ``apply.lua``.
        """
        written = 0
        for part in in_parts(list(entries)):
            items = (item for entry in part for item in entry)
            written += self._fenced("requeue", run, verb, *items)[1]
        return written

    def fail_queued(self, run: str, tasks: Sequence[int], error: bytes) -> int:
        """End tasks that are queued as failed, in parts; return how many."""
        return sum(self._fenced("fail_queued", run, error, *part)[1] for part in in_parts(tasks))

    def promote(self, limit: int, without_turns: Iterable[str] = ()) -> tuple[int, int]:
        """Queue the attempts that are due; return (how many, ms until the next one or -1).

        ``without_turns``: the ready lists from which workers of an older release claim.
        """
        reply = self._fenced("promote", limit, " ".join(without_turns))
        return reply[1], reply[2]


def _length_in(dag: CompiledDAG, task: int, record: bytes) -> int:
    items = parse_record(record).items
    if items is None:
        name = dag.task_name(task)
        raise CorruptData(f"the record of task {name!r} lacks the number of elements of its result")
    return -1 if items.refused else items.count


def _records(
    tasks: Sequence[int], records: list[bytes | None] | WrongType
) -> Iterator[tuple[int, TaskRecord]]:
    if isinstance(records, WrongType):
        raise records
    for task, record in zip(tasks, records, strict=True):
        yield task, parse_record(record)
