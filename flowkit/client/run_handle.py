"""One run: its state, waiting for it, its results, stopping and resuming it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from ..arguments import check_limit, check_start, check_timeout
from ..basics.log_line import LogLine
from ..codec.provenance import Provenance
from ..core.explain import Explanation
from ..core.run_record import RunRecord
from ..core.states import RunState, TaskState
from ..exceptions import FlowkitError, RunCancelled, RunLost
from ..protocol.listings import Listing
from .caller import caller
from .explaining import leading_cause, read_explanation, read_leading_cause
from .families import RunFamily, read_family
from .handle_export import RunExport
from .handle_results import RunResults
from .history import HistoryEvent
from .retrying import Retried, retry
from .run_history import read_history
from .run_logs import LogCursor, LogQuery, check_number, log_query, read_logs
from .run_shape import read_shape
from .run_tasks import read_tasks
from .run_wait import Progress, RunWait
from .status import RunStatus, TaskStatus
from .status_reader import read_items, read_status

if TYPE_CHECKING:
    from ..core.compiled import CompiledDAG
    from ..protocol.client_store import ClientStore
    from .shard import ShardConnection


class RunHandle(RunResults, RunFamily, RunExport):
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

    def _store(self) -> AbstractContextManager[ClientStore]:
        return self.shard.run_store(self.run_id)

    def _of_run(self, run_id: str) -> RunHandle:
        limit = self.max_result_bytes
        return RunHandle(self.shard, run_id, provenance=self.provenance, max_result_bytes=limit)

    def __repr__(self) -> str:
        return f"RunHandle({self.run_id!r})"

    def _repr_html_(self) -> str:
        from ..drawing.notebook import safe_html

        try:
            return self.status()._repr_html_()
        except FlowkitError as error:
            return f"<p>{safe_html(repr(self))}: {safe_html(str(error))}</p>"

    # -- its state ------------------------------------------------------------------------------

    def record(self) -> RunRecord:
        """Return the run's record in one round trip. Raises RunNotFound, RunDamaged."""
        with self.shard.run_store(self.run_id) as store:
            return store.read_run(self.run_id)

    def status(self) -> RunStatus:
        """Return the state of the run and of each task, and what the run waits for.

        Raises RunNotFound, RunDamaged.
        """
        with self.shard.run_store(self.run_id) as store:
            run = store.read_run(self.run_id)
            dag = self.graph(run)
            tasks = read_tasks(store, self.run_id, dag)
            waiting, _ = leading_cause(store, run, dag, tasks)
            status = read_status(store, run, dag, tasks, waiting)
            family = read_family(store, run, dag)
        return replace(status, **family._asdict())

    def items(
        self,
        task: str | None = None,
        *,
        states: Iterable[TaskState | str] | None = None,
        limit: int = 100,
        start: int = 0,
        retried: bool = False,
    ) -> Listing[TaskStatus]:
        """Return items of mapped tasks, in their order: each with its label, attempt and error.

        ``task``: of this mapped task only. ``states``: only items in these states. ``limit``: how
        many; ``more`` of the list says whether there are others. ``start``: leave out the items
        before this index. ``retried``: only items that made more than one attempt. ``status``
        counts them.

        Raises RunNotFound, RunDamaged, TaskNotFoundError for a name that the run does not have,
        FlowkitError for a task that is not mapped, TypeError and ValueError for invalid arguments.
        """
        wanted, most = frozenset(map(TaskState, states or TaskState)), check_limit(limit)
        first = check_start(start)
        with self.shard.run_store(self.run_id) as store:
            run = store.read_run(self.run_id)
            shape = read_shape(store, self.run_id, self.graph(run))
            chosen = sorted(shape.lengths) if task is None else [shape.mapped(task, self._whose)]
            given = (store, run, shape, chosen, wanted, most, first)
            return read_items(*given, retried=retried)

    def explain(self, task: str | None = None) -> Explanation:
        """Return why the run, or a task of it, is not over, or how it ended.

        ``task``: its name, None for the run. Raises RunNotFound, RunDamaged, TaskNotFoundError for
        a name that the DAG does not have.
        """
        number = None if task is None else self._number(task)
        with self.shard.run_store(self.run_id) as store:
            run = store.read_run(self.run_id)
            return read_explanation(store, run, self.graph(run), number)

    def _leading_cause(self) -> tuple[str, bool]:
        """Return what an unfinished run waits for, and whether a user has to act."""
        with self.shard.run_store(self.run_id) as store:
            return read_leading_cause(store, self.run_id, self.graph)

    def graph(self, record: RunRecord | None = None) -> CompiledDAG:
        """Return the compiled DAG that the run follows. Raises RunLost if it is gone."""
        if self._graph is None:
            with self.shard.run_store(self.run_id) as store:
                self._graph = store.read_graph((record or self.record()).digest)
            if self._graph is None:
                raise RunLost(
                    self.run_id, f"run {self.run_id!r} has lost its graph; submit it again"
                )
        return self._graph

    def history(self, task: str | None = None, *, since: float | None = None) -> list[HistoryEvent]:
        """Return what happened to the run, oldest first, earlier attempts included.

        ``task``: leave out the attempts of other tasks. ``since``: seconds; only what happened
        within this time. Raises RunNotFound, RunDamaged, TaskNotFoundError.
        """
        with self.shard.run_store(self.run_id) as store:
            run = store.read_run(self.run_id)
            number = None if task is None else self._number(task)
            return read_history(store, run, self.graph(run), number, since)

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
        return self._waiting().for_end(timeout, progress, lambda: self._leading_cause()[0])

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

    def _waiting(self) -> RunWait:
        return RunWait(self.shard, self.run_id, self._accepted_at)

    # -- what its tasks printed -----------------------------------------------------------------

    def logs(
        self,
        task: str | None = None,
        attempt: int | None = None,
        *,
        follow: bool = False,
        level: int | str | None = None,
        since: float | None = None,
        tail: int | None = None,
    ) -> Iterator[LogLine]:
        """Yield what the tasks of the run printed and logged, each attempt in order.

        ``task``, ``attempt``: only of this task or item, of this attempt; of a mapped task, of all
        its items. ``follow``: also yield lines that come, until the run has ended. ``level``: only
        lines of at least this level, a name or a number; what a task prints is INFO. ``since``:
        seconds; only lines of this time until now. ``tail``: only the last so many of those that
        are stored now.

        Lines of tasks that run at the same time come in groups, since workers send them every half
        second. Raises TaskNotFoundError for a name that the DAG does not have, RunNotFound,
        RunLost, and TypeError and ValueError for invalid arguments.
        """
        number = None if task is None else self._number(task)
        query = log_query(number, attempt, level, since)
        return read_logs(self.log_cursor(query, follow=follow), tail=check_number("tail", tail))

    def log_cursor(self, query: LogQuery, *, follow: bool, after: str = "") -> LogCursor:
        """Return a cursor at the first line of the run, or at the ``position`` of another one."""
        return LogCursor(self.shard, self.run_id, self.graph, query, follow=follow, after=after)

    # -- stopping and resuming ------------------------------------------------------------------

    def cancel(self) -> None:
        """Request a stop of the run: no further task starts, and running tasks are ended.

        Returns at once; use ``wait`` to wait for the end. Raises RunNotFound, RunAlreadyOver.
        """
        with self.shard.run_store(self.run_id) as store:
            store.cancel(self.run_id, caller())

    def retry(self, tasks: str | Sequence[str] | None = None) -> Retried:
        """Start tasks again at once: the named ones, or all that can be.

        In a run that is not over, a task that waits for a retry becomes due now. A run that is over
        is resumed from the tasks that failed for good, including at-most-once tasks: retrying them
        permits another start. Other failed tasks start again too, as in each resume, unless they
        are at-most-once. Without names, all tasks that wait, or all that failed.

        Raises RunNotFound, TaskNotFoundError for a name that the DAG does not have, TaskNotFailed
        if a task is in another state, waits for runs that it has called, or none can be retried,
        RunNotOver if a task has failed and its run is not over yet, RunAlreadyOver if the run
        succeeded.
        """
        return retry(self, tasks)
