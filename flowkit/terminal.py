"""Writing text to standard streams, whatever they are: a terminal, a file or a pipe.

What a task prints belongs to the user: a file or a pipe gets it as it is. A terminal obeys what it
is sent, so there it is escaped. Standard output may be a file while standard error is a terminal,
so each stream is asked for itself.
"""

from __future__ import annotations

import sys
import traceback
from types import TracebackType
from typing import TextIO

from .core.display_text import escape_lines


def is_terminal(stream: TextIO) -> bool:
    """Return whether a terminal shows what is written to ``stream``."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # not a whole file object, or closed
        return False


def write_text(stream: TextIO, text: str) -> None:
    """Write ``text`` at once; what the encoding of the stream cannot hold becomes an escape.

    Raises OSError, and ValueError for a closed stream.
    """
    try:
        stream.write(text)
    except UnicodeEncodeError as error:
        stream.write(text.encode(error.encoding, "backslashreplace").decode(error.encoding))
    flush = getattr(stream, "flush", None)  # a program's own stream may have no more than write
    if flush is not None:
        flush()


def write_output(stream: TextIO, line: str) -> None:
    """Write a line that a task printed: as it is, or escaped if a terminal shows it.

    ``line`` comes without its line end. Raises what ``write_text`` raises.
    """
    write_text(stream, (escape_lines(line) if is_terminal(stream) else line) + "\n")


def show_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print the traceback of an error that nothing caught, escaped: an excepthook."""
    text = "".join(traceback.format_exception(kind, error, trace))
    write_text(sys.stderr, escape_lines(text))
