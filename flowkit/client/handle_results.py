"""The part of a run handle that reads results, of tasks and of items of mapped tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from ..codec.provenance import Provenance
from ..core.mapped_sequence import Mapped
from ..core.numbering import split_name
from ..core.states import TASK_OVER, TaskState
from ..exceptions import FlowkitError, TaskExecutionError
from ..protocol.blocked import why_blocked
from ..protocol.mapped_reads import MappedReads
from .run_params import read_params
from .run_results import ResultReader
from .run_shape import RunShape, read_shape

if TYPE_CHECKING:
    from ..core.compiled import CompiledDAG
    from ..core.run_record import RunRecord
    from ..protocol.client_store import ClientStore
    from .run_wait import RunWait

MOST_NAMES = 1000


class RunResults:
    """What ``RunHandle`` does with the results of a run."""

    run_id: str
    provenance: Provenance
    max_result_bytes: int

    if TYPE_CHECKING:

        def _store(self) -> AbstractContextManager[ClientStore]: ...

        def record(self) -> RunRecord:
            """Return the record of the run."""

        def graph(self, record: RunRecord | None = None) -> CompiledDAG:
            """Return the compiled DAG."""

        def _waiting(self) -> RunWait: ...

    def params(self, *, lenient: bool = False) -> Mapping[str, object]:
        """Return the parameters that the run was submitted with, {} for none.

        ``lenient``: turn values of classes that this process does not know into plain data. Raises
        RunNotFound, BrokenValue, and UntrustedValue if they are not signed as the settings demand.
        """
        run, limit = self.record(), self.max_result_bytes
        with self._store() as store:
            return read_params(store, run, self.provenance, limit, lenient=lenient)

    def results(self, *, lenient: bool = False) -> dict[str, object]:
        """Return ``{task name: result}`` of the tasks that have succeeded so far.

        The result of a mapped task is the list of those of its items, in their order, with None for
        one that was skipped or has failed. Hooks are left out, and tasks with
        ``keep_result=False``. ``lenient``: turn values of classes that this process does not know
        into plain data.
        Raises RunNotFound, BrokenValue, RunLost if Redis has lost the run or its results.
        """
        with self._store() as store:
            records = store.read_records(self.run_id, range(len(self.graph().graph)))
            if any(record.state is TaskState.PENDING for record in records):
                self._waiting().progress()  # raises if the run is gone, with its records
            return self._reader(lenient=lenient).all(store, records)

    def result(self, task: str, *, lenient: bool = False) -> object:
        """Return the result of one task or item (``parse[7]``), None if it was skipped.

        For a mapped task, return the list of the results of its items, as ``results`` does.

        Raises TaskNotFoundError for a name that the run does not have, TaskExecutionError if the
        task failed, RunNotFound, RunLost if Redis has lost the results, UntrustedValue, and
        FlowkitError if the task has not ended or its result was dropped (``keep_result=False``).
        """
        number, dag = self._number(task), self.graph()
        with self._store() as store:
            record = store.read_records(self.run_id, [number])[0]
            reader = self._reader(lenient=lenient)
            if record.state is TaskState.SKIPPED:
                return None
            if record.state is TaskState.SUCCEEDED and number in dag.maps:
                items = read_shape(store, self.run_id, dag).items(number)
                return reader.list_of(store, number, items)
            if record.state is TaskState.SUCCEEDED:
                return reader.one(store, number)
            if record.state is TaskState.FAILED:
                raise reader.error(store, number)
            self._waiting().progress()  # raises if the run is gone, with its records
            why = "no result"
            if record.state is TaskState.UPSTREAM_FAILED:
                why = why_blocked(store, self.run_id, dag, [number])[number]
        raise FlowkitError(f"task {task!r} of run {self.run_id!r} is {record.state.value}: {why}")

    def mapped(self, task: str, *, lenient: bool = False) -> Mapped[object]:
        """Return the results of a mapped task as a sequence that reads them in parts, when asked.

        It also has the ``states`` of the items and their ``failures``, so it is of use for a task
        that has failed too. ``lenient``: as for ``results``.

        Raises TaskNotFoundError for a name that the run does not have, FlowkitError if the task is
        not mapped or not over, RunNotFound, RunLost. Its reads raise what ``results`` raises.
        """
        dag = self.graph()
        number = RunShape(dag).mapped(task, self._whose)
        with self._store() as store:
            record = store.read_records(self.run_id, [number])[0]
            if record.state not in TASK_OVER:
                self._waiting().progress()  # raises if the run is gone, with its records
                raise FlowkitError(
                    f"task {task!r} of run {self.run_id!r} is {record.state.value}: its items are "
                    "not all over. Call wait() first, or read the items with items()"
                )
            items = read_shape(store, self.run_id, dag).items(number)
        reader = self._reader(lenient=lenient)
        return Mapped(len(items), _Items(self._store, self.run_id, dag, items, reader))

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of the tasks that begin so, and of the items: ``parse[`` finds them.

        At most 1,000 items. Raises RunNotFound, RunLost, RunDamaged.
        """
        dag = self.graph()
        names = [name for name in dag.graph.names if name.startswith(prefix)]
        if dag.maps and "[" in prefix:
            with self._store() as store:
                names += islice(read_shape(store, self.run_id, dag).item_names(prefix), MOST_NAMES)
        return names

    def error(self) -> TaskExecutionError:
        """Return the error that made the run fail.

        Raises FlowkitError for a run that has not failed, RunNotFound.
        """
        record = self.record()
        with self._store() as store:
            return self._reader().error_of_run(store, record)

    def _reader(self, *, lenient: bool = False) -> ResultReader:
        limit = self.max_result_bytes
        return ResultReader(self.run_id, self.graph(), self.provenance, limit, lenient)

    @property
    def _whose(self) -> str:
        """The run as errors name it."""
        return f"run {self.run_id!r}"

    def task_number(self, task: str) -> int:
        """Return the number of a task or an item in the graph of the run, and in its data.

        Raises TaskNotFoundError for a name that the run does not have, RunNotFound, RunLost.
        """
        return self._number(task)

    def _number(self, task: str) -> int:
        """Return the number of a task or an item. Raises TaskNotFoundError."""
        return self._numbers([task])[0]

    def _numbers(self, tasks: Sequence[str]) -> list[int]:
        """Return the numbers of tasks and items. Raises TaskNotFoundError."""
        dag, whose = self.graph(), self._whose
        shape = RunShape(dag)
        if dag.maps and any(isinstance(task, str) and split_name(task) for task in tasks):
            with self._store() as store:
                shape = read_shape(store, self.run_id, dag)
        return [shape.number(task, whose) for task in tasks]


@dataclass(frozen=True, slots=True)
class _Items(MappedReads):
    """Reads items of one mapped task. See ``core.mapped_sequence.ItemReader``."""

    open_store: Callable[[], AbstractContextManager[ClientStore]]
    reader: ResultReader

    def values(self, start: int, stop: int) -> list[object]:
        """Return the results of these items."""
        with self.open_store() as store:
            return list(self.reader.of_items(store, self.numbers[start:stop]))
