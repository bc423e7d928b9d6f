"""The log lines about runs: one when a run starts and one when it is over.

Writing a line costs as much as scheduling a small run. So at thousands of runs a second, only
``LINES_A_SECOND`` of them are written and the rest are counted. A run that failed or was cancelled
always gets its line. A run that cannot be read does not: a client may submit a million of them.

The limit applies to the log only. Other listeners hear all events.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from flowkit.events.event import Event
from flowkit.events.runs import (
    RunBroken,
    RunLacksMemory,
    RunMixed,
    RunStarted,
    RunSucceeded,
    RunWaits,
)
from flowkit.events.schedulers import RunLinesLeftOut
from flowkit.logging.event_log import EventLog
from flowkit.logging.logger import FlowkitLogger

LINES_A_SECOND = 20
_LIMITED = frozenset({RunStarted, RunSucceeded, RunBroken, RunWaits, RunLacksMemory, RunMixed})


class RunLog:
    """The log of a scheduler: writes the lines of all events, and a part of those about runs."""

    def __init__(
        self, logger: FlowkitLogger, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._lines = EventLog(logger)
        self._monotonic = monotonic
        self._second = 0
        self._written = 0
        self._left_out = 0

    def wants(self, kind: type[Event], /) -> bool:
        """Return whether a line of this kind would be written, if there are not too many."""
        return self._lines.wants(kind)

    def hear(self, event: Event, /) -> None:
        """Write the event's line, or count it."""
        kind = type(event)
        if kind not in _LIMITED or (self._lines.wants(kind) and self._may_write()):
            self._lines.hear(event)

    def _may_write(self) -> bool:
        second = int(self._monotonic())
        if second != self._second:
            if self._left_out:
                self._lines.hear(RunLinesLeftOut(lines=self._left_out))
            self._second, self._written, self._left_out = second, 0, 0
        if self._written >= LINES_A_SECOND:
            self._left_out += 1
            return False
        self._written += 1
        return True
