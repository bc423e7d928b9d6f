"""One run: its state, waiting for it, its results, stopping and resuming it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..arguments import check_timeout
from ..codec.packing import unpack
from ..codec.provenance import Provenance
from ..core.states import RunState, TaskState
from ..definition.task_names import numbers_of
from ..exceptions import FlowkitError, RunCancelled, TaskExecutionError
from .caller import caller
from .retrying import Retried, retry
from .run_errors import check_failed, error_of_scheduler, read_task_error, refuse_dropped
from .run_reader import RunReader
from .run_wait import Progress, RunWait
from .verified_results import read_verified

if TYPE_CHECKING:
    from ..core.compiled import CompiledDAG
    from .shard import ShardConnection


class RunHandle(RunReader):
    """One run of a DAG, known by its id.

    ``existed``: whether the run was there before the call that returned this handle. It is false
    only for a run that ``submit`` has started. (If ``submit`` had to repeat its call because the
    connection broke, it finds the run that it has started itself.)
    """

    def __init__(
        self,
        shard: ShardConnection,
        run_id: str,
        *,
        provenance: Provenance,
        max_result_bytes: int,
        accepted: bool = False,
        existed: bool = True,
        graph: CompiledDAG | None = None,
    ) -> None:
        """Programs get handles from ``Client.submit`` and ``Client.run``.

        ``provenance``, ``max_result_bytes``: those of the client. ``accepted``: Redis has accepted
        this run; if Redis no longer has it, the run is lost. ``existed``: the run was there before.
        ``graph``: its compiled DAG, if known.
        """
        self.run_id = run_id
        self.existed = existed
        self.shard = shard
        self.provenance = provenance
        self.max_result_bytes = max_result_bytes
        self.accepted = accepted
        self._accepted_at = time.monotonic() if accepted else None
        self._graph = graph

    def __repr__(self) -> str:
        return f"RunHandle({self.run_id!r})"

    def _repr_html_(self) -> str:
        from ..drawing.notebook import safe_html

        try:
            return self.status()._repr_html_()
        except FlowkitError as error:
            return f"<p>{safe_html(repr(self))}: {safe_html(str(error))}</p>"

    # -- waiting --------------------------------------------------------------------------------

    def wait(self, timeout: float | None = None, *, progress: Progress | None = None) -> RunState:
        """Wait until the run has ended and return its final state.

        ``timeout``: seconds, None for no limit. ``progress(counts, total)`` is called from time to
        time with the number of tasks in each state (none before a scheduler has seen the run).

        Raises WaitTimeout (the run continues), RunLost if Redis loses the run, RunNotFound, and
        RedisUnavailable if Redis cannot be reached for more than a minute, or when the timeout
        ends.
        """
        timeout = check_timeout(timeout)
        return self._waiting().for_end(timeout, progress, self._why_waiting)

    def wait_results(
        self, timeout: float | None = None, *, progress: Progress | None = None
    ) -> dict[str, object]:
        """Wait for success and return ``{task name: result}``.

        Raises TaskExecutionError for a failed run, RunCancelled, and what ``wait`` raises.
        """
        state = self.wait(timeout, progress=progress)
        if state is RunState.CANCELLED:
            raise RunCancelled(self.run_id)
        if state is RunState.FAILED:
            raise self.error()
        return self.results()

    def _why_waiting(self) -> str:
        """Return what an unfinished run waits for, if a user has to fix it, otherwise ""."""
        return self.status().waiting_for

    def _waiting(self) -> RunWait:
        return RunWait(self.shard, self.run_id, self._accepted_at)

    # -- its results ----------------------------------------------------------------------------

    def results(self, *, lenient: bool = False) -> dict[str, object]:
        """Return ``{task name: result}`` of the tasks that have succeeded so far.

        Hooks are left out, and tasks with ``keep_result=False``.
        ``lenient``: turn values of classes that this process does not know into plain data.
        Raises RunNotFound, BrokenValue, RunLost if Redis has lost the run or its results.
        """
        names, left_out = self.graph().graph.names, self.graph().hooks()
        left_out |= set(self.graph().not_kept())
        with self.shard.run_store(self.run_id) as store:
            records = store.read_records(self.run_id, range(len(names)))
            if any(record.state is TaskState.PENDING for record in records):
                self._waiting().progress()  # raises if the run is gone, with its records
            done = [
                at
                for at, record in enumerate(records)
                if record.state is TaskState.SUCCEEDED and at not in left_out
            ]
            packed = read_verified(store, self.provenance, self.run_id, done)
            limit = self.max_result_bytes
            return {
                names[task]: unpack(data, max_bytes=limit, lenient=lenient) if data else None
                for task, data in zip(done, packed, strict=True)
            }

    def result(self, task: str, *, lenient: bool = False) -> object:
        """Return the result of one task, None if it was skipped.

        Raises TaskNotFoundError for a name that the DAG does not have, TaskExecutionError if the
        task failed, RunNotFound, RunLost if Redis has lost the results, UntrustedValue, and
        FlowkitError if the task has not ended or its result was dropped (``keep_result=False``).
        """
        number = self._number(task)
        with self.shard.run_store(self.run_id) as store:
            record = store.read_records(self.run_id, [number])[0]
            if record.state is TaskState.SKIPPED:
                return None
            if record.state is TaskState.SUCCEEDED:
                provenance = self.provenance
                data = next(read_verified(store, provenance, self.run_id, [number]))
                if data is None:
                    refuse_dropped(store, self.run_id, self.graph(), number)
                limit = self.max_result_bytes
                return unpack(data, max_bytes=limit, lenient=lenient) if data else None
            if record.state is TaskState.FAILED:
                raise self._task_error(number)
            self._waiting().progress()  # raises if the run is gone, with its records
        raise FlowkitError(
            f"task {task!r} of run {self.run_id!r} is {record.state.value}: no result"
        )

    def error(self) -> TaskExecutionError:
        """Return the error that made the run fail.

        Raises FlowkitError for a run that has not failed, RunNotFound.
        """
        record = self.record()
        check_failed(record)
        if record.failed_task is None:
            return error_of_scheduler(record)
        return self._task_error(record.failed_task)

    def _task_error(self, task: int) -> TaskExecutionError:
        name = self.graph().graph.names[task]
        with self.shard.run_store(self.run_id) as store:
            return read_task_error(store, self.run_id, task, name)

    # -- stopping and resuming ------------------------------------------------------------------

    def cancel(self) -> None:
        """Request a stop of the run: no further task starts, and running tasks are ended.

        Returns at once; use ``wait`` to wait for the end. Raises RunNotFound, RunAlreadyOver.
        """
        with self.shard.run_store(self.run_id) as store:
            store.cancel(self.run_id, caller())

    def delete(self) -> bool:
        """Delete the run and all its data, before its TTL expires. It must be over.

        Return whether there was anything to delete. Deleting a run again does no harm. If the
        connection breaks, the call is repeated, and may return False although it has deleted the
        run. Raises RunNotOver; stop such a run first, with ``cancel`` and ``wait``.
        """
        with self.shard.run_store(self.run_id) as store:
            return store.delete(self.run_id)

    def resume(self, from_task: str | Sequence[str] | None = None) -> None:
        """Resume the run after a failure or a cancellation. Results of successful tasks are kept.

        ``from_task``: the name of a task, or several, to run again with everything downstream, even
        if it succeeded. With it, a run that succeeded can be resumed too.

        Raises RunNotFound, TaskNotFoundError for a name that the DAG does not have, RunAlreadyOver
        if the run succeeded and no task is named, RunNotOver if the run has not ended and a task
        is named.
        """
        numbers: list[int] = []
        if from_task is not None:
            names = self.graph().graph.names
            numbers = numbers_of(from_task, names, f"run {self.run_id!r}")
        with self.shard.run_store(self.run_id) as store:
            store.resume(self.run_id, numbers, caller())

    def retry(self, tasks: str | Sequence[str] | None = None) -> Retried:
        """Start tasks again at once: the named ones, or all that can be.

        In a run that is not over, a task that waits for a retry becomes due now. A run that is over
        is resumed from the tasks that failed for good, including at-most-once tasks: retrying them
        permits another start. Without names, all tasks that wait, or all that failed.

        Raises RunNotFound, TaskNotFoundError for a name that the DAG does not have, TaskNotFailed
        if a task is in another state or none can be retried, RunNotOver if a task has failed and
        its run is not over yet, RunAlreadyOver if the run succeeded.
        """
        return retry(self, tasks)
