"""The events of runs that the scheduler creates."""

from __future__ import annotations

from collections.abc import Iterable

from flowkit.core.compiled import CompiledDAG
from flowkit.core.states import RunState
from flowkit.events.event import Listener
from flowkit.events.runs import (
    RunBroken,
    RunDataLost,
    RunFailed,
    RunLacksMemory,
    RunMixed,
    RunStarted,
    RunSucceeded,
    RunWaits,
    RunWasCancelled,
)

from .active import Active


class RunReports:
    """Creates the events of runs: the same as those of runs in one process."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def started(self, active: Active) -> None:
        """A run was started."""
        if self._listener.wants(RunStarted):
            run, dag = active.run, active.dag
            self._listener.hear(
                RunStarted(run_id=run, dag_name=dag.name, total_tasks=len(dag.graph))
            )

    def over(self, active: Active, outcome: RunState, failed: int | None) -> None:
        """A run has ended. ``failed``: the first task that failed, None if none did."""
        run, dag = active.run, active.dag
        task = None if failed is None else dag.task_name(failed)
        if outcome is RunState.FAILED:
            self._listener.hear(RunFailed(run_id=run, dag_name=dag.name, task_name=task))
        elif outcome is RunState.CANCELLED:
            self._listener.hear(RunWasCancelled(run_id=run, dag_name=dag.name, task_name=task))
        elif self._listener.wants(RunSucceeded):
            self._listener.hear(
                RunSucceeded(run_id=run, dag_name=dag.name, total_tasks=active.state.total)
            )

    def broken(self, run: str, error: Exception) -> None:
        """A run was ended because its data in Redis cannot be read."""
        kind = type(error).__name__
        self._listener.hear(RunBroken(run_id=run, error_type=kind, error_message=str(error)))

    def waits(self, run: str, dag: CompiledDAG) -> None:
        """A run has to wait: active runs fill the memory that runs may use."""
        self._listener.hear(RunWaits(run_id=run, dag_name=dag.name, total_tasks=len(dag.graph)))

    def lacks_memory(self, run: str, pause: float) -> None:
        """A run has to wait: this process has not enough memory for it."""
        self._listener.hear(RunLacksMemory(run_id=run, delay=pause))

    def mixed(self, active: Active, versions: Iterable[str]) -> None:
        """Attempts of a run ran different versions of its app."""
        some = ", ".join(versions)
        name = active.dag.name
        self._listener.hear(RunMixed(run_id=active.run, dag_name=name, versions=some))

    def lost(self, active: Active) -> None:
        """An active run is no longer in Redis."""
        self._listener.hear(RunDataLost(run_id=active.run, dag_name=active.dag.name))
