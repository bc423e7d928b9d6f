"""What tasks print and log becomes events: ``task_output`` and ``task_log``.

The third part of ``flowkit.logging``. Streams are captured by ``log_streams``; this module makes
events of their lines, and of the records that tasks log through the standard ``logging`` module.
Capturing changes the form of what is written, and never whether it is written:

- What a task prints is told at any level of the log: nobody expects a level to silence ``print``.
- A handler of the user's that writes to a standard stream goes on deciding, by its level and its
  filters, what is told; in an attempt its record becomes a ``task_log`` instead of its line.
  Handlers that write elsewhere (to a file, to a server) are left alone.
- A record that no such handler takes is told from the level of flowkit's logger on. For that, one
  handler is added to the root logger. It takes nothing from ``logging``'s last resort: outside of
  attempts a warning that no other handler takes still goes to standard error.
- If the root logger was left as it comes (no handler, at WARNING), its level follows flowkit's
  while records are captured, or a task's ``logging.getLogger(...).info(...)`` would say nothing.
- Flowkit's own events are not written a second time by such a handler of the root logger.
- A ``task_log`` goes to the handlers of flowkit's logger, and no further: those above have had the
  record itself.
"""

from __future__ import annotations

import copy
import logging
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from . import log_streams
from .context import attempt_fields
from .log_output import plain
from .log_records import make_record, write_record, write_to
from .log_streams import CapturedStream, Who, passing_through

# What every record has, and what formatters and flowkit's own filter add: the rest is `extra=`.
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {
    "asctime",
    "message",
    "taskName",
    "run_id",
    "task_name",
    "attempt",
    "flowkit_told",
}
_LINE_FIELDS = ("timestamp", "level", "message", "event", "traceback")


class Capture:
    """Tells the words of tasks as events of ``logger``, with ``more`` fields on each."""

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
        log_streams.start(self._tell_line)

    def start_records(self) -> None:
        """Capture what is logged. After ``start``; and after the user's own set-up of logging,
        since ``logging.basicConfig`` does nothing once the root logger has a handler.
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
        """Undo both, telling first what is held."""
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
        """Return whether a handler writes to a standard stream, and from now on have its records
        told in its place. One on flowkit's own logger is there to write flowkit's events.
        """
        if handler in self._logger.handlers or not _writes_to_standard_stream(handler):
            return False
        if self._in_its_place not in handler.filters:
            handler.addFilter(self._in_its_place)
            self._quieted.append(handler)
        return True

    # -- telling ---------------------------------------------------------------------------------

    def _tell_line(self, whose: Who, stream: str, line: str) -> None:
        fields = {**self._fields(whose), "stream": stream}
        context = {name: fields[name] for name in fields if name != "task_name"}
        if stream == "stdout":
            del context["stream"]
        extra = {
            "event": "task_output",
            "fields": fields,
            "context": context,
            "flowkit_lead": f"{whose[1]}: ",
        }
        place = (f"<{stream}>", 0, None)
        record = make_record(self._logger, logging.INFO, line, extra, place)
        with passing_through():  # a handler may print
            if self._logger.disabled:  # as logging.config does to loggers that it does not know
                getattr(sys, stream).write(line + "\n")
            write_record(self._logger, record)

    def tell_record(self, whose: Who, record: logging.LogRecord) -> None:
        """Tell a record that was logged within an attempt, once."""
        if hasattr(record, "flowkit_told"):
            return
        record.flowkit_told = True
        fields = {**self._fields(whose), "logger": record.name}
        fields |= _extra_of(record, {*_LINE_FIELDS, *fields})
        told = copy.copy(record)
        told.name, told.msg, told.args = self._logger.name, _message_of(record), None
        context = {name: fields[name] for name in fields if name != "task_name"}
        vars(told).update(
            event="task_log", fields=fields, context=context, flowkit_lead=f"{whose[1]}: "
        )
        with passing_through():
            for handler in self._logger.handlers:
                if told.levelno >= handler.level:
                    write_to(handler, told)

    def would_tell(self, level: int) -> bool:
        """Return whether a record that no handler of the user's takes is worth a line."""
        return self._logger.isEnabledFor(level)

    def is_own(self, record: logging.LogRecord) -> bool:
        """Return whether flowkit has told this already: it is an event, or the copy of a record."""
        own = self._logger.name
        of_own = record.name == own or record.name.startswith(f"{own}.")
        return of_own or hasattr(record, "flowkit_written")

    def _fields(self, whose: Who) -> dict[str, object]:
        run_id, task_name, attempt = whose
        return {"run_id": run_id, "task_name": task_name, "attempt": attempt, **self._more}


class _RootHandler(logging.Handler):
    """Sees every record that is not kept from the root logger."""

    def __init__(self, capture: Capture) -> None:
        super().__init__()
        self._capture = capture

    def handle(self, record: logging.LogRecord) -> bool:
        """Take a record without a lock: there is nothing here to guard."""
        try:
            self.emit(record)
        except Exception:
            self.handleError(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Tell a record that is an attempt's and that no other handler will tell."""
        others = [handler for handler in _handlers(record.name) if handler is not self]
        attempt = attempt_fields()
        if attempt is None:
            last = logging.lastResort
            if not others and last is not None and record.levelno >= last.level:
                last.handle(record)
            return
        # Each of them is asked, since the answer also takes charge of one that is new.
        replaced = [handler for handler in others if self._capture.replaces(handler)]
        told = replaced or self._capture.is_own(record)
        if not told and self._capture.would_tell(record.levelno):
            self._capture.tell_record(attempt[:3], record)


class _InItsPlace(logging.Filter):
    """On a handler that writes to a standard stream: keeps from it what is told already."""

    def __init__(self, capture: Capture) -> None:
        super().__init__()
        self._capture = capture

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell an attempt's record here; else let the handler write what is not written yet."""
        if self._capture.is_own(record):
            return False
        attempt = attempt_fields()
        if attempt is None:
            return True
        self._capture.tell_record(attempt[:3], record)
        return False


def _handlers(name: str) -> Iterator[logging.Handler]:
    """Yield all handlers that a record of the logger of that name comes to."""
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
    captured = [one for one in (sys.stdout, sys.stderr) if isinstance(one, CapturedStream)]
    beneath = stream in (sys.__stdout__, sys.__stderr__)
    beneath = beneath or any(stream is one.beneath() for one in captured)
    return beneath or isinstance(stream, CapturedStream)


def _message_of(record: logging.LogRecord) -> str:
    """Return a record's message; arguments that do not fit its format must not lose it."""
    try:
        return record.getMessage()
    except Exception:
        return f"{plain(record.msg)} {plain(record.args)}"


def _extra_of(record: logging.LogRecord, taken: set[str]) -> dict[str, Any]:
    """Return what was logged with ``extra=``; what a line has anyway becomes ``context_NAME``."""
    extra = {name: value for name, value in vars(record).items() if name not in _USUAL}
    return {f"context_{name}" if name in taken else name: extra[name] for name in extra}


_current: Capture | None = None


def start_capture(logger: logging.Logger, more: Mapping[str, object], *, records: bool) -> None:
    """Capture the output of tasks from now on, in place of any capture before; see ``Capture``.

    ``records``: also what they log.
    """
    global _current
    stop_capture()
    _current = Capture(logger, more)
    _current.start()
    if records:
        _current.start_records()


def is_capturing() -> bool:
    """Return whether output is captured in this process, so that a child may do the same."""
    return _current is not None


def stop_capture() -> None:
    """Capture no more. Nothing happens if nothing is captured."""
    global _current
    if _current is not None:
        _current.stop()
    _current = None
