"""The enforcer: ends attempts whose deadline has passed or whose run was cancelled, from outside.

No task can refuse, whatever it catches or blocks in: its process is killed, and every process
that it started. An async task of a cancelled run is asked first, through its child's control
pipe, since others run beside it; only if it does not end is its process ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from ..exceptions import TaskTimeout
from ..logging import FlowkitLogger, LogLevel
from ..protocol.records import ErrorInfo
from ..protocol.worker_store import Outcome, Pulse
from .board import Executing
from .children import Children, Kid
from .undertaker import Undertaker

STUBBORN_S = 2.0


class Enforcer:
    """Deadlines and cancels of one incarnation."""

    def __init__(
        self,
        undertaker: Undertaker,
        logger: FlowkitLogger,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._undertaker = undertaker
        self._log = logger
        self._monotonic = monotonic
        self._asked: dict[str, float] = {}

    def end_overdue(self, kids: Iterable[Kid]) -> None:
        """End each child that is executing an attempt past its deadline."""
        now = self._monotonic()
        for kid in kids:
            if self._undertaker.ending(kid) or not kid.board.overdue(now):
                continue
            with kid.stopped() as executing:
                late = next((one for one in executing if 0.0 < one.deadline < now), None)
                if late is not None:
                    error = ErrorInfo("TaskTimeout", str(TaskTimeout(late.name, late.limit)))
                    token = late.token or f"{late.task},{late.attempt},F"
                    outcome = Outcome(late.run, token, error.pack())
                    self._end(kid, late, outcome, "task_timeout", "took longer than its timeout")

    def stop_cancelled(self, pulse: Pulse, children: Children) -> None:
        """End the attempts that a heartbeat said to stop."""
        asked: dict[str, float] = {}
        for lane, attempts in pulse.stops.items():
            kid = children.kid_of(lane)
            if kid is None:
                continue
            for attempt in attempts:
                mark = f"{lane} {attempt}"
                asked[mark] = self._asked.get(mark, self._monotonic())
                if mark not in self._asked:
                    kid.tell(f"stop {mark}")
                patience = STUBBORN_S if lane.endswith("a") else 0.0
                if self._monotonic() - asked[mark] >= patience:
                    self._end_attempt(kid, attempt)
        self._asked = asked

    def _end_attempt(self, kid: Kid, attempt: str) -> None:
        if self._undertaker.ending(kid):
            return
        with kid.stopped() as executing:
            for one in executing:
                if f"{one.key},{one.attempt}" == attempt:
                    outcome = Outcome(one.run, f"{one.task},{one.attempt},C")
                    self._end(kid, one, outcome, "task_cancelled", "was cancelled")
                    return

    def _end(self, kid: Kid, one: Executing, outcome: Outcome, event: str, why: str) -> None:
        self._undertaker.end(kid, one, outcome)
        message = f"{one} {why}: its process was ended"
        self._log.event(
            LogLevel.WARNING,
            event,
            message[0].upper() + message[1:],
            run_id=one.run,
            task_name=one.name,
            attempt=one.attempt,
            worker=kid.lanes[0],
        )
