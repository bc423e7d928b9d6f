"""Dead letters: tasks that failed for good on workers and need attention.

Redis lists them as they fail. A listed task counts while its record says failed, so a task that was
resumed, or deleted with its run, is never shown. Runs in one process raise their errors directly
and are not listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from ..codec.packing import BrokenValue
from ..codec.provenance import Provenance
from ..core.compiled import CompiledDAG
from ..core.run_record import Parent, RunRecord
from ..core.states import TaskState
from ..exceptions import TaskNotFailed, UntrustedValue
from ..protocol.client_store import ClientStore
from ..protocol.decoding import CorruptData
from ..protocol.graph_file import Allowance
from ..protocol.list_reads import Failure
from ..protocol.listings import DamagedItem, Listing
from ..protocol.records import ErrorInfo
from ..protocol.spent import Flag
from .dead_folding import Families
from .retrying import Retryable, find_tasks
from .run_params import read_params
from .run_shape import read_shape, stored_inputs


class Handle(Retryable, Protocol):
    """What a letter needs of the handle of its run."""

    provenance: Provenance
    max_result_bytes: int


MOST_TASKS, MOST_GRAPHS = 10_000, 50  # of graphs that are read for the names of items
NAMES_BYTES = 16 * 1024 * 1024  # names of 50 graphs of 20,000 tasks


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A task, or an item of a mapped task, that failed for good.

    ``attempt``: the number of its last attempt. ``worker``: the lane that ran it. ``failed``: the
    time of the failure, in seconds since 1970 by Redis' clock. ``error_type``, ``error_message``:
    of its last error. ``label``: of an item. ``others``: how many further items of its task the
    letter stands for, ``below``: how many failed tasks of runs that it has called, and of those
    that these have called, if they were folded. ``parent_run``, ``parent_task``: the task that has
    called its run, "" if the run was submitted.
    """

    run_id: str
    dag_name: str
    task: str
    attempt: int
    worker: str
    failed: float
    error_type: str
    error_message: str
    at_most_once: bool = False
    label: str = ""
    others: int = 0
    below: int = 0
    parent_run: str = ""
    parent_task: str = ""


@dataclass(frozen=True, slots=True)
class OpenedLetter:
    """All details of a task that failed for good.

    ``params``: the parameters of its run; if they cannot be read, they are empty and ``damaged``
    says what is wrong. ``inputs``: the bytes of the stored result of each upstream task, 0 for
    None.
    """

    letter: DeadLetter
    traceback: str
    params: Mapping[str, object]
    inputs: Mapping[str, int]
    damaged: str = ""


def find_letters(
    store: ClientStore, dag: str | None, since: float | None, limit: int, *, fold: bool
) -> Listing[DeadLetter]:
    """Return the newest letters, newest first. See ``Client.dead_letters``."""
    least = 0 if since is None else store.redis_now_ms() - round(since * 1000)
    names = _Names(store)
    letters: Listing[DeadLetter] = Listing()
    families = Families()
    places: dict[tuple[str, int], int] = {}  # of the letters of tasks
    for part in store.read_dead(least):
        letters.damaged += part.damaged
        failures = store.read_failures([(run, task) for run, task, _ in part])
        parents = _parents(store, names, failures)
        if fold:
            families.add(part, failures, dag)
        for (run, task, when), failure in families.tops_first(part, failures):
            if isinstance(failure, CorruptData):
                letters.damaged.append(DamagedItem(f"{run}, task {task}", str(failure)))
            elif failure is not None and dag in (None, failure.dag_name) and len(letters) < limit:
                top = families.top(failure)
                if top is not None and (at := places.get(top, limit)) < limit:
                    letters[at] = replace(letters[at], below=letters[at].below + 1)
                    continue
                name, mapped = names.of(failure.digest, task)
                folded = task if mapped is None or not fold else mapped
                at = places[run, task] = places.setdefault((run, folded), len(letters))
                if mapped is not None and at < len(letters):
                    letters[at] = replace(letters[at], others=letters[at].others + 1)
                    continue
                label = "" if mapped is None else names.label(run, failure.digest, task)
                letter = _letter(run, name, failure, when / 1000, label)
                letters.append(_below(letter, failure.parent, parents))
        letters.cut(limit)  # after each part: there may be millions of damaged entries
        if len(letters) == limit:
            break
    return letters


def open_letter(handle: Handle, task: str) -> OpenedLetter:
    """Return one letter with all details. See ``Client.dead_letter``."""
    dag = handle.graph()
    with handle.shard.run_store(handle.run_id) as store:
        number = read_shape(store, handle.run_id, dag).number(task, f"run {handle.run_id!r}")
        upstream = stored_inputs(dag, number)
        label = store.read_labels(handle.run_id, dag, [number])[0]
        run = store.read_run(handle.run_id)
        params, damaged = _params(handle, store, run)
        failure = store.read_failures([(handle.run_id, number)])[0]
        if isinstance(failure, CorruptData):
            raise failure
        if failure is None:
            state = store.read_records(handle.run_id, [number])[0].state.value
            raise _not_failed(handle.run_id, task, state)
        sizes = store.result_sizes(handle.run_id, upstream)
        parents = _parents(store, _Names(store), [failure])
    ended = run.submitted_ms + (failure.record.ended_ms or 0)
    letter = _letter(handle.run_id, task, failure, ended / 1000, label)
    return OpenedLetter(
        letter=_below(letter, failure.parent, parents),
        traceback=ErrorInfo.unpack(failure.error).traceback,
        params=params,
        inputs={dag.task_name(at): size for at, size in zip(upstream, sizes, strict=True)},
        damaged=damaged,
    )


def _params(handle: Handle, store: ClientStore, run: RunRecord) -> tuple[Mapping[str, object], str]:
    """Return the parameters of a run, and what is wrong with them ("" if nothing is)."""
    limit = handle.max_result_bytes
    try:
        return read_params(store, run, handle.provenance, limit, lenient=True), ""
    except (BrokenValue, UntrustedValue) as error:
        return {}, f"its parameters cannot be read: {error}"


def failed_tasks(handle: Handle, tasks: Sequence[str]) -> list[str]:
    """Return ``tasks`` if all of them have failed; without names, all failed tasks of the run.

    Raises TaskNotFoundError, TaskNotFailed.
    """
    dag = handle.graph()
    with handle.shard.run_store(handle.run_id) as store:
        records = find_tasks(store, handle.run_id, dag, tasks)
    wanted = [(dag.task_name(number), record) for number, record in records.items()]
    failed = [name for name, record in wanted if record.state is TaskState.FAILED]
    if not failed and not tasks:
        raise TaskNotFailed(
            handle.run_id,
            f"run {handle.run_id!r} has no failed task, so there is nothing to retry. "
            f"To rerun other tasks: 'flowkit resume {handle.run_id} --from-task TASK'",
        )
    for name, record in wanted if tasks else ():
        if record.state is not TaskState.FAILED:
            raise _not_failed(handle.run_id, name, record.state.value)
    return failed


def _not_failed(run: str, task: str, state: str) -> TaskNotFailed:
    return TaskNotFailed(
        run,
        f"task {task!r} of run {run!r} has not failed for good, it is {state}. To list failed "
        f"tasks: 'flowkit dead ls'; to see the state of the run: 'flowkit status {run}'",
    )


class _Names:
    """The names of the tasks in a listing: read from their graphs, as long as that is cheap.

    Anyone who may submit runs can make each letter refer to another graph of two million tasks. So
    a listing reads at most ``NAMES_BYTES`` of graphs; after that, it shows numbers of tasks. Of
    items, it shows names if the graph is small, since they need all of it.
    """

    def __init__(self, store: ClientStore) -> None:
        self._store = store
        self._allowance = Allowance(NAMES_BYTES)
        self._names: dict[str, list[str]] = {}
        self._mapped: dict[str, CompiledDAG | None] = {}

    def of(self, digest: str, task: int) -> tuple[str, int | None]:
        """Return the name of a task in the graph of this digest, or its number.

        Of an item, the number of its mapped task too.
        """
        if digest not in self._names:
            self._names[digest] = self._read(digest)
        names = self._names[digest]
        if task < len(names):
            return names[task], None
        dag = self._with_maps(digest) if names else None
        if dag is None or not dag.is_valid(task):
            return f"task {task}", None
        return dag.task_name(task), dag.numbering.node(task)

    def label(self, run: str, digest: str, item: int) -> str:
        """Return the label of an item, "" without one."""
        dag = self._with_maps(digest)
        return "" if dag is None else self._store.read_labels(run, dag, [item])[0]

    def _with_maps(self, digest: str) -> CompiledDAG | None:
        """Return the graph of an item, None if it is large or cannot be read."""
        if digest not in self._mapped:
            self._mapped[digest] = None
            if len(self._names[digest]) <= MOST_TASKS and len(self._mapped) <= MOST_GRAPHS:
                with suppress(CorruptData, MemoryError):
                    self._mapped[digest] = self._store.read_graph(digest)
        return self._mapped[digest]

    def _read(self, digest: str) -> list[str]:
        if self._allowance.left < 0:
            return []
        try:
            return self._store.read_task_names(digest, self._allowance)
        except (CorruptData, MemoryError):  # only names depend on the graph here
            return []


def _parents(
    store: ClientStore, names: _Names, failures: Sequence[Failure | CorruptData | None]
) -> dict[Parent, str]:
    """Return the names of the tasks that have called the runs of failed tasks.

    One round trip, none if none has.
    """
    parents = {
        failure.parent
        for failure in failures
        if isinstance(failure, Failure) and failure.parent is not None
    }
    if not parents:
        return {}
    graphs = store.read_graphs_of(sorted({parent.run for parent in parents}))
    return {
        parent: names.of(graphs[parent.run], parent.task)[0]
        if parent.run in graphs
        else f"number {parent.task}"
        for parent in parents
    }


def _below(letter: DeadLetter, parent: Parent | None, names: Mapping[Parent, str]) -> DeadLetter:
    if parent is None:
        return letter
    return replace(letter, parent_run=parent.run, parent_task=names[parent])


def _letter(run: str, task: str, failure: Failure, failed: float, label: str) -> DeadLetter:
    info, record = ErrorInfo.unpack(failure.error), failure.record
    return DeadLetter(
        run_id=run,
        dag_name=failure.dag_name,
        task=task,
        attempt=record.attempt,
        worker=record.lane,
        failed=failed,
        error_type=info.type,
        error_message=info.message,
        at_most_once=Flag.AT_MOST_ONCE in record.spent.flags,
        label=label,
    )
