"""Turning what tasks print and log into events: ``task_output`` and ``task_log``.

This is the third part of ``flowkit.logging``. ``log_streams`` captures the streams; this module
makes events of their lines, and of the records that tasks log through the standard ``logging``
module. Capturing changes the format of what is written, but never whether it is written:

- What a task prints is logged at every level of the log: users do not expect a level to silence
  ``print``.
- A user's handler that writes to a standard stream still decides, by its level and its filters,
  which records are written. Within an attempt, its record becomes a ``task_log`` instead of its
  line. Handlers that write elsewhere (to a file, to a server) are not changed.
- A record that no such handler accepts is logged if flowkit's logger is enabled for its level. For
  that, one handler is added to the root logger. It does not disable ``logging``'s last resort:
  outside of attempts, a warning that no other handler accepts still goes to standard error.
- If the root logger is in its default state (no handler, at WARNING), its level follows flowkit's
  while records are captured. Otherwise a task's ``logging.getLogger(...).info(...)`` would write
  nothing.
- Such a handler of the root logger does not write flowkit's events a second time.
- A ``task_log`` only goes to the handlers of flowkit's logger: handlers of its ancestors have
  already received the record itself.
"""

from __future__ import annotations

import copy
import logging
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from ..context import attempt_fields
from ..events.lines import TASK_LOG
from . import streams as log_streams
from .output import plain
from .records import log_line, report_broken, write_to
from .streams import CapturedStream, Who, note_printed, passing_through
from .task_lines import clean, end_of, is_filtered, pass_on, report_with

# Attributes of every record, and those that formatters and flowkit's filter add. The rest is
# from `extra=`.
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {
    "asctime",
    "message",
    "taskName",
    "run_id",
    "task_name",
    "attempt",
    "flowkit_logged",
}
_LINE_FIELDS = ("timestamp", "level", "message", "event", "traceback")


class Capture:
    """Logs what tasks print and log as events of ``logger``, with the ``more`` fields on each."""

    def __init__(self, logger: logging.Logger, more: Mapping[str, object]) -> None:
        self._logger = logger
        self._more = dict(more)
        self._root_handler = _RootHandler(self)
        self._in_its_place = _InItsPlace(self)
        self._quieted: list[logging.Handler] = []
        self._level_set: int | None = None

    # -- on and off ------------------------------------------------------------------------------

    def start(self) -> None:
        """Capture standard output and error."""
        report_with(report_broken)
        log_streams.start(self._log_line, end_of)

    def start_records(self) -> None:
        """Capture what tasks log.

        Call this after ``start``, and after the user's set-up of logging, since
        ``logging.basicConfig`` does nothing if the root logger has a handler.
        """
        root = logging.getLogger()
        if root.level == logging.WARNING and not root.handlers:
            self._level_set = min(self._logger.level, logging.WARNING)
            root.setLevel(self._level_set)
        root.addHandler(self._root_handler)
        for logger in (root, *list(root.manager.loggerDict.values())):
            for handler in logger.handlers if isinstance(logger, logging.Logger) else ():
                self.replaces(handler)

    def stop(self) -> None:
        """Report incomplete lines, and undo ``start`` and ``start_records``."""
        log_streams.stop()
        root = logging.getLogger()
        root.removeHandler(self._root_handler)
        for handler in self._quieted:
            handler.removeFilter(self._in_its_place)
        self._quieted.clear()
        if self._level_set is not None and root.level == self._level_set:
            root.setLevel(logging.WARNING)
        self._level_set = None

    def replaces(self, handler: logging.Handler) -> bool:
        """Return whether a handler writes to a standard stream; if so, capture its records.

        A handler on flowkit's logger is not captured, since it writes flowkit's events.
        """
        if handler in self._logger.handlers or not _writes_to_standard_stream(handler):
            return False
        if self._in_its_place not in handler.filters:
            handler.addFilter(self._in_its_place)
            self._quieted.append(handler)
        return True

    # -- writing events --------------------------------------------------------------------------

    def _log_line(self, whose: Who, stream: str, line: str) -> None:
        passed = pass_on(whose, logging.INFO, stream, line)
        if passed is not None:
            log_line(self._logger, whose, self._more, stream, passed)

    def log_record(self, whose: Who, record: logging.LogRecord) -> None:
        """Log a record of an attempt, once."""
        if hasattr(record, "flowkit_logged"):
            return
        record.flowkit_logged = True
        note_printed(whose)
        event_record = copy.copy(record)
        text = _message_of(record)
        trace = _traceback_of(record)
        passed = pass_on(whose, record.levelno, "log", f"{text}\n{trace}" if trace else text)
        if passed is None:
            return
        fields = {**self._fields(whose), "logger": record.name}
        extra = _extra_of(record, {*_LINE_FIELDS, *fields})
        if is_filtered():
            # What the filters returned has the traceback too, so the line needs no other.
            text, event_record.exc_info = passed, None
            extra = {name: _cleaned(value) for name, value in extra.items()}
        fields |= extra
        event_record.name, event_record.msg, event_record.args = self._logger.name, text, None
        context = {name: fields[name] for name in fields if name != "task_name"}
        vars(event_record).update(
            event=TASK_LOG.event_name,
            fields=fields,
            context=context,
            flowkit_lead=f"{whose[1]}: ",
        )
        with passing_through():
            for handler in self._logger.handlers:
                if event_record.levelno >= handler.level:
                    write_to(handler, event_record)

    def accepts(self, level: int) -> bool:
        """Return whether to log a record that no handler of the user accepts."""
        return self._logger.isEnabledFor(level)

    def is_own(self, record: logging.LogRecord) -> bool:
        """Return whether flowkit has logged this: it is an event, or the copy of a record."""
        own = self._logger.name
        of_own = record.name == own or record.name.startswith(f"{own}.")
        return of_own or hasattr(record, "flowkit_written")

    def _fields(self, whose: Who) -> dict[str, object]:
        run_id, task_name, attempt = whose
        return {"run_id": run_id, "task_name": task_name, "attempt": attempt, **self._more}


class _RootHandler(logging.Handler):
    """Receives every record that reaches the root logger."""

    def __init__(self, capture: Capture) -> None:
        super().__init__()
        self._capture = capture

    def handle(self, record: logging.LogRecord) -> bool:
        """Handle a record without a lock, since there is nothing to guard."""
        try:
            self.emit(record)
        except Exception:
            self.handleError(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record of an attempt that no other handler will log."""
        others = [handler for handler in _handlers(record.name) if handler is not self]
        attempt = attempt_fields()
        if attempt is None:
            last = logging.lastResort
            if not others and last is not None and record.levelno >= last.level:
                last.handle(record)
            return
        # Ask all of them, since `replaces` also captures handlers that are new.
        replaced = [handler for handler in others if self._capture.replaces(handler)]
        is_logged = replaced or self._capture.is_own(record)
        if not is_logged and self._capture.accepts(record.levelno):
            self._capture.log_record(attempt[:3], record)


class _InItsPlace(logging.Filter):
    """A filter on a handler for a standard stream: drops records that are already logged."""

    def __init__(self, capture: Capture) -> None:
        super().__init__()
        self._capture = capture

    def filter(self, record: logging.LogRecord) -> bool:
        """Log a record of an attempt; let the handler write other records, if not yet written."""
        if self._capture.is_own(record):
            return False
        attempt = attempt_fields()
        if attempt is None:
            return True
        self._capture.log_record(attempt[:3], record)
        return False


def _handlers(name: str) -> Iterator[logging.Handler]:
    """Yield all handlers that receive records of the logger with that name."""
    logger: logging.Logger | None = logging.getLogger(name)
    while logger is not None:
        yield from logger.handlers
        logger = logger.parent if logger.propagate else None


def _writes_to_standard_stream(handler: logging.Handler) -> bool:
    # rich's handler has a console with a file instead of a stream.
    stream = getattr(handler, "stream", None)
    stream = stream or getattr(getattr(handler, "console", None), "file", None)
    if stream is None:
        return False
    captured = [item for item in (sys.stdout, sys.stderr) if isinstance(item, CapturedStream)]
    beneath = stream in (sys.__stdout__, sys.__stderr__)
    beneath = beneath or any(stream is item.beneath() for item in captured)
    return beneath or isinstance(stream, CapturedStream)


def _message_of(record: logging.LogRecord) -> str:
    """Return a record's message, even if its arguments do not fit its format."""
    try:
        return record.getMessage()
    except Exception:
        return f"{plain(record.msg)} {plain(record.args)}"


def _traceback_of(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[0] is None:
        return ""
    return logging.Formatter().formatException(record.exc_info)


def _cleaned(value: Any) -> Any:
    return clean(value) if isinstance(value, str) else value


def _extra_of(record: logging.LogRecord, taken: set[str]) -> dict[str, Any]:
    """Return what was logged with ``extra=``. A name that the line has becomes ``context_NAME``."""
    extra = {name: value for name, value in vars(record).items() if name not in _USUAL}
    return {f"context_{name}" if name in taken else name: extra[name] for name in extra}


_current: Capture | None = None


def start_capture(logger: logging.Logger, more: Mapping[str, object], *, records: bool) -> None:
    """Capture the output of tasks from now on, replacing any earlier capture. See ``Capture``.

    ``records``: also capture what they log.
    """
    global _current
    stop_capture()
    _current = Capture(logger, more)
    _current.start()
    if records:
        _current.start_records()


def is_capturing() -> bool:
    """Return whether output is captured in this process, so that a child can do the same."""
    return _current is not None


def stop_capture() -> None:
    """Stop capturing. Does nothing if nothing is captured."""
    global _current
    if _current is not None:
        _current.stop()
    _current = None
