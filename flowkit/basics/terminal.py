"""Writing text to standard streams: a terminal, a file or a pipe.

A file or a pipe gets what a task prints unchanged. A terminal obeys control characters, so text for
it is escaped. Standard output may be a file while standard error is a terminal, so each stream is
checked separately.
"""

from __future__ import annotations

import sys
import traceback
from types import TracebackType
from typing import TextIO

from .display_text import escape_lines


def is_terminal(stream: TextIO) -> bool:
    """Return whether a terminal shows what is written to ``stream``."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # not a complete file object, or closed
        return False


def write_text(stream: TextIO, text: str) -> None:
    """Write ``text`` and flush. Characters that the stream's encoding lacks are escaped.

    Raises OSError, and ValueError for a closed stream.
    """
    try:
        stream.write(text)
    except UnicodeEncodeError as error:
        stream.write(text.encode(error.encoding, "backslashreplace").decode(error.encoding))
    flush = getattr(stream, "flush", None)  # a program's stream may only have `write`
    if flush is not None:
        flush()


def write_output(stream: TextIO, line: str) -> None:
    """Write a line that a task printed: unchanged, or escaped if a terminal shows it.

    ``line`` has no line end. Raises what ``write_text`` raises.
    """
    write_text(stream, (escape_lines(line) if is_terminal(stream) else line) + "\n")


def show_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print the escaped traceback of an uncaught error. This is an excepthook."""
    text = "".join(traceback.format_exception(kind, error, trace))
    write_text(sys.stderr, escape_lines(text))
