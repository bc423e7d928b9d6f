"""Turning log records into lines: the handler on standard output, and the text and JSON formats.

This is the private half of ``flowkit.logging``, which states the rules. A record made there has
``event``, ``fields`` (all of them) and ``context`` (those that the message does not contain). A
record of a task's output also has ``flowkit_lead``, which the text format writes in front of the
message. Records that other code writes to the same logger have none of these, and are written too.

Invariant: each record is one line and one ``write``, in an encoding that the stream supports.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
import time
from datetime import UTC, datetime
from typing import TextIO

from ..basics.display_text import escape_text, text_of
from ..basics.environment import LOG_MARK, variables
from ..basics.shorten import shorten
from ..basics.terminal import is_terminal, write_text
from ..events.lines import LOG
from ..exceptions import TaskExecutionError
from .streams import stream_beneath

_WRITE_LOCK = threading.RLock()
_NEEDS_QUOTES = re.compile(r'[\s"=\\]')
_RESET = "\x1b[0m"
_DIM = "\x1b[2m"
_OWN_LEVELS = {25: "SUCCESS", 26: "SYSTEM"}
_COLORS = {
    "DEBUG": "\x1b[90m",
    "INFO": "\x1b[36m",
    "SUCCESS": "\x1b[32m",
    "SYSTEM": "\x1b[35m",
    "WARNING": "\x1b[33m",
    "ERROR": "\x1b[31m",
    "CRITICAL": "\x1b[31m",
}


class StdoutHandler(logging.Handler):
    """Writes whole lines to the current standard output."""

    def createLock(self) -> None:  # noqa: N802 - named by the standard module
        """Use the lock that all loggers share."""
        # The base class registers the handler, so that the shared lock is renewed after a fork.
        super().createLock()
        self.lock = _WRITE_LOCK

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record's line, unless a descendant logger has already written it."""
        stream = _open_stream()
        if stream is None or hasattr(record, "flowkit_written"):
            return
        record.flowkit_written = True
        try:
            write_text(stream, self.format(record) + "\n")
        except BrokenPipeError:
            return
        except Exception:
            self.handleError(record)


def _open_stream() -> TextIO | None:
    """Return standard output, or standard error if a task has closed it."""
    stream: TextIO | None = stream_beneath(sys.stdout)
    if not getattr(stream, "closed", False):
        return stream
    stream = stream_beneath(sys.stderr)
    return None if getattr(stream, "closed", False) else stream


def has_own_handler(logger: logging.Logger) -> bool:
    """Return whether a logger has this module's handler."""
    return any(isinstance(handler, StdoutHandler) for handler in logger.handlers)


def own_handler(logger: logging.Logger) -> StdoutHandler:
    """Return this module's handler of a logger. The first call adds it."""
    with _WRITE_LOCK:
        for handler in logger.handlers:
            if isinstance(handler, StdoutHandler):
                return handler
        handler = StdoutHandler()
        logger.addHandler(handler)
        return handler


class TextFormatter(logging.Formatter):
    """``2025-11-22 06:10:02.123 INFO    message key=value``, in local time."""

    def __init__(self, use_colors: bool | None) -> None:
        super().__init__()
        self._use_colors = use_colors

    def format(self, record: logging.LogRecord) -> str:
        """Return a record's line, without the line end."""
        clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        message = escape_text(getattr(record, "flowkit_lead", "") + record.getMessage())
        context = {**getattr(record, "context", {}), **_exception_fields(record)}
        tail = escape_text("".join(f" {key}={_quoted(value)}" for key, value in context.items()))
        level = _level_of(record)
        head, shown = f"{clock}.{int(record.msecs):03d}", f"{escape_text(level):<7}"
        colors = _wants_colors(sys.stdout) if self._use_colors is None else self._use_colors
        if not colors:
            return f"{head} {shown} {message}{tail}"
        color = _COLORS.get(level, "")
        return f"{_DIM}{head}{_RESET} {color}{shown}{_RESET} {message}{_DIM}{tail}{_RESET}"


class JsonFormatter(logging.Formatter):
    """One JSON object, with the time in UTC.

    If the daemon was started with a token, each line begins with it.
    """

    def __init__(self) -> None:
        super().__init__()
        token = variables().get(LOG_MARK, "")
        self._mark = mark_of(token) if token.isalnum() else "{"

    def format(self, record: logging.LogRecord) -> str:
        """Return a record's line, without the line end."""
        stamp = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "timestamp": stamp,
            "level": _level_of(record),
            "message": record.getMessage(),
            "event": getattr(record, "event", LOG.event_name),
            **getattr(record, "fields", {}),
            **_exception_fields(record),
        }
        text = _as_json(line)
        if text is None:
            safe = {key: plain(v) if _as_json(v) is None else v for key, v in line.items()}
            text = json.dumps(safe, default=plain)
        text = self._mark + text[1:]
        return text.replace("\x7f", "\\u007f")  # the only control character that JSON leaves


def mark_of(token: str) -> str:
    """Return the beginning of each JSON line of a daemon with this token."""
    return f'{{"start": "{token}", '


def _level_of(record: logging.LogRecord) -> str:
    """Return the level's name: for flowkit's events its own, even if the program renames it."""
    if hasattr(record, "event"):
        return _OWN_LEVELS.get(record.levelno, record.levelname)
    return record.levelname


def _as_json(value: object) -> str | None:
    """Return strict JSON, or None if there is none: for NaN, a cycle or keys of other types."""
    try:
        return json.dumps(value, default=plain, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None


def _exception_fields(record: logging.LogRecord) -> dict[str, object]:
    """Return the exception that other code has logged, as one field of the line."""
    if not record.exc_info or record.exc_info[0] is None:
        return {}
    return {"traceback": logging.Formatter().formatException(record.exc_info)}


def _wants_colors(stream: TextIO) -> bool:
    environ = os.environ
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return environ.get("TERM") != "dumb" and is_terminal(stream)


def _quoted(value: object) -> str:
    text = str(round(value, 6)) if isinstance(value, float) else plain(value)
    quote = not text or _NEEDS_QUOTES.search(text)
    return json.dumps(text, ensure_ascii=False) if quote else text


def described(error: BaseException) -> tuple[str, str]:
    """Return an error's type and message, as they were in the process where it was raised.

    The message is shortened to fit a line.
    """
    if isinstance(error, TaskExecutionError):
        return error.error_type, shorten(error.error_message)
    return type(error).__name__, shorten(plain(error))


def plain(value: object) -> str:
    """Return a value's text. A value whose ``__str__`` raises must not fail the line."""
    return text_of(value, f"<{type(value).__name__} that cannot be printed>")
