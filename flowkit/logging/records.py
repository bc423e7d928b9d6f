"""Writing flowkit's log records, whatever the program has installed in ``logging``.

The user's record factory, filter or handler may raise, or set attributes that flowkit uses. That
must not fail a task, end a worker's process or lose a line of flowkit's log:

- Flowkit's attributes are set after the factory has run, so they win.
- If the factory raises, the standard one makes that record.
- If a filter or a handler raises, it is reported on standard error, once per kind of error.
  Flowkit's handler still writes the line, even if it comes after the handler that raised.

Only KeyboardInterrupt passes: it is the user's Ctrl-C.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress

from ..basics.display_text import escape_text
from ..events.lines import TASK_OUTPUT
from .output import StdoutHandler, plain
from .streams import Who, passing_through, stream_beneath

Place = tuple[str, int, str | None]  # file, line, function
_reported: set[tuple[str, str]] = set()


def make_record(
    logger: logging.Logger, level: int, message: str, own: Mapping[str, object], place: Place
) -> logging.LogRecord:
    """Return a new record with the attributes of ``own``."""
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
    """Pass a record to all handlers of a logger and of its ancestors."""
    try:
        logger.handle(record)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        report_broken("A filter or handler of the log", error)
        for handler in list(logger.handlers):
            if isinstance(handler, StdoutHandler) and record.levelno >= handler.level:
                handler.emit(record)  # it never writes a record twice


def log_line(
    logger: logging.Logger, whose: Who, more: Mapping[str, object], stream: str, line: str
) -> None:
    """Log a line that a task has printed. ``more``: fields besides those of its attempt."""
    run, task, attempt = whose
    context: dict[str, object] = {"run_id": run, "attempt": attempt, **more}
    if stream != "stdout":
        context["stream"] = stream
    fields = {"run_id": run, "task_name": task, "attempt": attempt, **more, "stream": stream}
    extra = {
        "event": TASK_OUTPUT.event_name,
        "fields": fields,
        "context": context,
        "flowkit_lead": f"{task}: ",
    }
    record = make_record(logger, logging.INFO, line, extra, (f"<{stream}>", 0, None))
    with passing_through():  # a handler may print
        if logger.disabled:  # logging.config disables loggers that it does not know
            (sys.stderr if stream == "stderr" else sys.stdout).write(line + "\n")
        write_record(logger, record)


def write_to(handler: logging.Handler, record: logging.LogRecord) -> None:
    """Pass a record to one handler."""
    try:
        handler.handle(record)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        report_broken("A filter or handler of the log", error)


def report_broken(what: str, error: BaseException) -> None:
    """Report on standard error that something the program installed in ``logging`` raised."""
    kind = type(error).__name__
    if (what, kind) in _reported:
        return
    _reported.add((what, kind))
    text = f"{what} raised {kind}: {plain(error)}. Lines may be missing where it writes. A handler "
    text += "must not raise: let it call handleError(). Further errors of this kind are not shown."
    # If standard error is closed, there is nowhere to report it.
    with suppress(Exception), passing_through():
        trace = "".join(traceback.format_exception(error)).splitlines()
        lines = "".join(f"{escape_text(line)}\n" for line in (f"flowkit: {text}", *trace))
        stream_beneath(sys.stderr).write(lines)
