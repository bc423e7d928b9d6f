"""The attempt killer: ends attempts whose deadline has passed or whose run was cancelled.

It works from outside the child, so no task can refuse, whatever it catches or blocks in: its
process is killed, together with every process that it started. An async task of a cancelled run is
first asked to stop, through the control pipe of its child, because other tasks share the process.
The process is killed only if the task does not stop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from flowkit.core.lanes import is_async_lane
from flowkit.events.attempts import TaskCancelled, TaskTimedOut
from flowkit.events.event import Listener
from flowkit.exceptions import TaskTimeout
from flowkit.protocol.outcomes import Outcome, OutcomeCode
from flowkit.protocol.records import ErrorInfo
from flowkit.protocol.worker_store import Pulse

from .children import ChildPool, ChildProcess
from .death_reporter import DeathReporter
from .execution_slots import Executing

STUBBORN_S = 2.0


class AttemptKiller:
    """Enforces the deadlines and cancellations of one incarnation."""

    def __init__(
        self,
        death_reporter: DeathReporter,
        listener: Listener,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._death_reporter = death_reporter
        self._listener = listener
        self._monotonic = monotonic
        self._asked: dict[str, float] = {}

    def end_overdue(self, children: Iterable[ChildProcess]) -> None:
        """Kill each child that is executing an attempt past its deadline."""
        now = self._monotonic()
        for child in children:
            if self._death_reporter.ending(child) or not child.slots.overdue(now):
                continue
            with child.stopped() as executing:
                late = next((item for item in executing if 0.0 < item.deadline < now), None)
                if late is not None:
                    error = ErrorInfo("TaskTimeout", str(TaskTimeout(late.name, late.limit)))
                    outcome = late.outcome or _outcome(late, OutcomeCode.FAILED)
                    outcome = replace(outcome, payload=error.pack())
                    self._end(child, late, outcome, TaskTimedOut)

    def stop_cancelled(self, pulse: Pulse, pool: ChildPool) -> None:
        """End the attempts that the reply to a heartbeat lists."""
        asked: dict[str, float] = {}
        for lane, attempts in pulse.stops.items():
            child = pool.child_of(lane)
            if child is None:
                continue
            for attempt in attempts:
                mark = f"{lane} {attempt}"
                asked[mark] = self._asked.get(mark, self._monotonic())
                if mark not in self._asked:
                    child.tell(f"stop {mark}")
                patience = STUBBORN_S if is_async_lane(lane) else 0.0
                if self._monotonic() - asked[mark] >= patience:
                    self._end_attempt(child, attempt)
        self._asked = asked

    def _end_attempt(self, child: ChildProcess, attempt: str) -> None:
        if self._death_reporter.ending(child):
            return
        with child.stopped() as executing:
            for running in executing:
                if f"{running.key},{running.attempt}" == attempt:
                    outcome = _outcome(running, OutcomeCode.CANCELLED)
                    self._end(child, running, outcome, TaskCancelled)
                    return

    def _end(
        self,
        child: ChildProcess,
        running: Executing,
        outcome: Outcome,
        kind: type[TaskTimedOut] | type[TaskCancelled],
    ) -> None:
        self._death_reporter.end(child, running, outcome)
        self._listener.hear(
            kind(
                task_name=running.name,
                run_id=running.run,
                attempt=running.attempt,
                worker=child.lanes[0],
            )
        )


def _outcome(attempt: Executing, kind: OutcomeCode) -> Outcome:
    return Outcome(attempt.run, attempt.task, attempt.attempt, kind)
