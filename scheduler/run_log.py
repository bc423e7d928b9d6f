"""The log lines about runs: one when a run starts and one when it is over.

Writing a line costs as much as scheduling a small run. So at thousands of runs a second, only
``LINES_A_SECOND`` of them are written and the rest are counted. A run that failed or was cancelled
always gets its line. A run that cannot be read does not: a client may submit a million of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from flowkit.core.compiled import CompiledDAG
from flowkit.core.states import RunState
from flowkit.logging.logger import FlowkitLogger, LogLevel

from .active import Active

LINES_A_SECOND = 20


class RunLog:
    """Writes lines about runs, with the event names and levels of runs in one process."""

    def __init__(
        self, logger: FlowkitLogger, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = logger
        self._monotonic = monotonic
        self._second = 0
        self._written = 0
        self._left_out = 0

    def started(self, active: Active) -> None:
        """A run was started."""
        if self._may_write():
            tasks = len(active.dag.graph)
            message = f"Run started: {active.run} of DAG {active.dag.name} ({tasks} tasks)"
            self._write(LogLevel.SYSTEM, "dag_start", message, active, total_tasks=tasks)

    def over(self, active: Active, outcome: RunState, failed: int | None) -> None:
        """A run has ended. ``failed``: the first task that failed, None if none did."""
        if outcome is RunState.SUCCEEDED and not self._may_write():
            return
        message = f"Run {outcome.value}: {active.run} of DAG {active.dag.name}"
        fields = {} if failed is None else {"task_name": active.dag.graph.names[failed]}
        if outcome is RunState.FAILED:
            self._write(LogLevel.ERROR, "dag_failure", message, active, **fields)
        elif outcome is RunState.CANCELLED:
            self._write(LogLevel.WARNING, "dag_cancel", message, active, **fields)
        else:
            tasks = len(active.dag.graph)
            self._write(LogLevel.SYSTEM, "dag_complete", message, active, total_tasks=tasks)

    def broken(self, run: str, error: Exception) -> None:
        """A run was ended because its data in Redis cannot be read."""
        if not self._may_write(LogLevel.ERROR):
            return
        message = f"Run {run} cannot continue and was ended as failed: {error}"
        why = {"error_type": type(error).__name__, "error_message": str(error)}
        self._log.event(LogLevel.ERROR, "run_broken", message, run_id=run, **why)

    def waits(self, run: str, dag: CompiledDAG) -> None:
        """A run has to wait: active runs fill the memory that runs may use."""
        if not self._may_write(LogLevel.WARNING):
            return
        message = (
            f"Run {run} of DAG {dag.name} ({len(dag.graph)} tasks) waits: other large runs fill "
            "the memory for runs. It starts when one of them is over or cancelled"
        )
        self._log.event(LogLevel.WARNING, "run_waits", message, run_id=run, dag_name=dag.name)

    def lacks_memory(self, run: str, pause: float) -> None:
        """A run has to wait: this process has not enough memory for it."""
        if not self._may_write(LogLevel.WARNING):
            return
        message = (
            f"Run {run} waits: there is not enough memory to read it. The scheduler tries again in "
            f"{pause:g} s. Give it more memory, or submit smaller DAGs"
        )
        self._log.event(LogLevel.WARNING, "run_lacks_memory", message, run_id=run)

    def lost(self, active: Active) -> None:
        """An active run is no longer in Redis."""
        message = (
            f"Run {active.run} of DAG {active.dag.name} is lost: its data is gone from Redis, "
            "unless it has ended in the meantime and its TTL has expired. Submit it again, and "
            "check the persistence of that Redis"
        )
        self._write(LogLevel.ERROR, "run_lost", message, active)

    def _write(
        self, level: LogLevel, event: str, message: str, active: Active, **fields: object
    ) -> None:
        named = {"run_id": active.run, "dag_name": active.dag.name, **fields}
        self._log.event(level, event, message, **named)

    def _may_write(self, level: LogLevel = LogLevel.SYSTEM) -> bool:
        if not self._log.enabled(level):
            return False
        second = int(self._monotonic())
        if second != self._second:
            if self._left_out:
                message = f"{self._left_out} more lines about runs were left out"
                self._log.event(LogLevel.SYSTEM, "runs_left_out", message, lines=self._left_out)
            self._second, self._written, self._left_out = second, 0, 0
        if self._written >= LINES_A_SECOND:
            self._left_out += 1
            return False
        self._written += 1
        return True
