"""Writing a record of flowkit's own, whatever the program has installed in ``logging``.

A record factory, a filter or a handler of the user's may raise, or set attributes that flowkit
uses. None of that may fail a task, end a worker's process or lose a line of flowkit's log:

- Flowkit's attributes are set after the factory has run, so they win.
- A factory that raises is replaced by the standard one for that record.
- A filter or a handler that raises is reported on standard error, once for each kind of error.
  Flowkit's own handler writes the line, even if it would have come after the one that raised.

KeyboardInterrupt alone passes: it is the user's Ctrl-C.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress

from .core.display_text import escape_text
from .log_output import StdoutHandler, plain
from .log_streams import passing_through, stream_beneath

Place = tuple[str, int, str | None]  # file, line, function
_reported: set[tuple[str, str]] = set()


def make_record(
    logger: logging.Logger, level: int, message: str, own: Mapping[str, object], place: Place
) -> logging.LogRecord:
    """Return a new record with the attributes ``own``."""
    path, line, function = place
    try:
        record = logger.makeRecord(logger.name, level, path, line, message, (), None, function)
        vars(record).update(own)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        report_broken("The log record factory", error)
        record = logging.LogRecord(logger.name, level, path, line, message, (), None, function)
        vars(record).update(own)
    return record


def write_record(logger: logging.Logger, record: logging.LogRecord) -> None:
    """Give a record to all handlers of a logger and of those above it."""
    try:
        logger.handle(record)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        report_broken("A filter or handler of the log", error)
        for handler in list(logger.handlers):
            if isinstance(handler, StdoutHandler) and record.levelno >= handler.level:
                handler.emit(record)  # which writes no record twice


def write_to(handler: logging.Handler, record: logging.LogRecord) -> None:
    """Give a record to one handler."""
    try:
        handler.handle(record)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        report_broken("A filter or handler of the log", error)


def report_broken(what: str, error: BaseException) -> None:
    """Say on standard error that something the program has installed in ``logging`` raised."""
    kind = type(error).__name__
    if (what, kind) in _reported:
        return
    _reported.add((what, kind))
    text = f"{what} raised {kind}: {plain(error)}. Lines may be missing where it writes. A handler "
    text += "must not raise: let it call handleError(). Further errors of this kind are not shown."
    # With standard error closed there is nowhere left to say it.
    with suppress(Exception), passing_through():
        trace = "".join(traceback.format_exception(error)).splitlines()
        lines = "".join(f"{escape_text(line)}\n" for line in (f"flowkit: {text}", *trace))
        stream_beneath(sys.stderr).write(lines)
