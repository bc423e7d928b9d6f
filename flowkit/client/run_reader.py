"""Reading one run: its record, its state, its history, and what its tasks printed.

``RunHandle`` adds waiting, results and changes. Nothing here changes a run, or waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..basics.log_line import LogLine
from ..core.run_record import RunRecord
from ..definition.task_names import number_of
from ..exceptions import RunLost
from .history import HistoryEvent
from .run_history import read_history
from .run_logs import LogCursor, LogQuery, check_tail, level_number, read_logs
from .status import RunStatus
from .status_reader import read_status
from .waiting_for import waiting_for

if TYPE_CHECKING:
    from ..core.compiled import CompiledDAG
    from .shard import ShardConnection


class RunReader:
    """What can be read of a run. ``RunHandle`` sets the attributes."""

    run_id: str
    shard: ShardConnection
    _graph: CompiledDAG | None

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
            records = store.read_records(self.run_id, range(len(dag.graph)))
            waiting = waiting_for(store, run, dag, records)
            return read_status(store, run, dag, records, waiting)

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
        """Return what happened to the run, oldest first.

        Attempts that were retried, lost or run again by a resume are kept too: the latest 5,000
        at least. ``task``: only the attempts of this task, beside what happened to the run as a
        whole. ``since``: seconds; only what happened within this time.

        Raises RunNotFound, RunDamaged, TaskNotFoundError for a name that the DAG does not have.
        """
        with self.shard.run_store(self.run_id) as store:
            run = store.read_run(self.run_id)
            dag = self.graph(run)
            tasks = range(len(dag.graph)) if task is None else [self._number(task)]
            events = read_history(store, run, dag, tasks)
            since_ms = store.ms_before(since)
            return [event for event in events if since_ms is None or event.at * 1000 >= since_ms]

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

        ``task``, ``attempt``: only of this task, of this attempt. ``follow``: also yield lines that
        come, until the run has ended. ``level``: only lines of at least this level, a name or a
        number; what a task prints is INFO. ``since``: only lines since this time (seconds since
        1970). ``tail``: only the last so many of those that are stored now.

        Lines of tasks that run at the same time come in groups, since workers send them every half
        second. Raises TaskNotFoundError for a name that the DAG does not have, RunNotFound and
        RunLost.
        """
        number = None if task is None else self._number(task)
        query = LogQuery(number, attempt, level_number(level), since or 0.0)
        return read_logs(self.log_cursor(query, follow=follow), tail=check_tail(tail))

    def log_cursor(self, query: LogQuery, *, follow: bool) -> LogCursor:
        """Return a cursor at the first line of the run. ``logs`` and the async handle use it."""
        return LogCursor(self.shard, self.run_id, self._names, query, follow=follow)

    def _names(self) -> list[str]:
        return self.graph().graph.names

    def _number(self, task: str) -> int:
        return number_of(task, self.graph().graph.names, f"run {self.run_id!r}")
