"""The log as a listener of events: each event becomes a line of a logger."""

from __future__ import annotations

import sys

from ..basics.log_level import LogLevel
from ..events.event import Event
from .logger import FlowkitLogger
from .records import make_record, write_record
from .streams import passing_through


class EventLog:
    """Writes the line of each event that it hears.

    ``on_worker``: use the levels of workers, which run many more tasks than one process does.
    """

    def __init__(self, logger: FlowkitLogger, *, on_worker: bool = False) -> None:
        self._logger = logger.logger
        self._on_worker = on_worker

    def wants(self, kind: type[Event], /) -> bool:
        """Return whether a line of this kind would be written now."""
        return self._logger.isEnabledFor(self._level(kind))

    def hear(self, event: Event, /) -> None:
        """Write the event's line, unless its level is too low."""
        level = self._level(event)
        if not self._logger.isEnabledFor(level):
            return
        fields, messages = event.fields(), event.told
        context = {name: value for name, value in fields.items() if name not in messages}
        own = {"event": event.event_name, "fields": fields, "context": context}
        # The record points at the caller, which has created the event or passes it on.
        frame = sys._getframe(1)
        place = frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name
        with passing_through():  # output of the user's handler is not output of a task
            record = make_record(self._logger, level, event.message(), own, place)
            write_record(self._logger, record)

    def _level(self, kind: Event | type[Event]) -> LogLevel:
        on_workers = kind.level_on_workers
        return on_workers if self._on_worker and on_workers is not None else kind.level
