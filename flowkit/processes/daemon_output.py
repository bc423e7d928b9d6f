"""What daemons print, split into lines.

It is untrusted: a program that a task starts writes to the same stream as the daemon, and can write
anything there. So each start of a daemon has a random token, and only lines that begin with it are
log lines. Programs do not inherit the token (``flowkit.basics.environment``). A line that is not a
log line is passed on as text. The text is raw in a ``Line``.
"""

from __future__ import annotations

import json
import os
from collections import deque
from dataclasses import dataclass
from typing import IO

from ..basics.log_level import LogLevel
from ..logging.output import mark_of

LONGEST_LINE = 64 * 1024
LONGEST_RECORD = 4 * 1024 * 1024  # a log line contains the message of an error, twice
LEVELS = frozenset({*LogLevel.__members__, "CRITICAL"})


@dataclass(frozen=True, slots=True)
class Line:
    """A printed line. ``level``: the level of a log line, None for what tasks print.

    ``source``: the daemon's name. ``is_error``: whether it was printed on standard error. ``task``:
    the name of the task that printed it, "" if it is not known.
    """

    source: str
    text: str
    level: str | None = None
    is_error: bool = False
    task: str = ""


class Pipe:
    """One output stream of a daemon, split into lines."""

    def __init__(
        self, source: str, token: str, stream: IO[bytes], last_words: deque[str], *, is_error: bool
    ) -> None:
        """``source``: the daemon's name. ``token``: begins its log lines. ``last_words``: gets the
        lines that may say why the daemon ends.
        """
        self.stream = stream
        self.ended = False
        self._source = source
        self._mark = mark_of(token).encode()
        self._last_words = last_words
        self._is_error = is_error
        self._rest = b""

    def read(self) -> list[Line]:
        """Return the complete lines; at the end of the stream also an incomplete one."""
        data = os.read(self.stream.fileno(), LONGEST_LINE)
        self.ended = not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        limit = LONGEST_LINE if self._is_error or self._mark not in self._rest else LONGEST_RECORD
        if self._rest and (self.ended or len(self._rest) > limit):
            lines.append(self._rest)
            self._rest = b""
        read = [line for raw in lines for line in self._lines(raw)]
        for line in read:
            if line.level in ("WARNING", "ERROR") or line.is_error:
                self._last_words.append(line.text)
        return read

    def _lines(self, raw: bytes) -> list[Line]:
        """Separate a log line from what a task printed, also in the same line before it."""
        at = -1 if self._is_error else raw.find(self._mark)
        logged = self._logged(raw[at:]) if at >= 0 else None
        if logged is None:
            return [self._printed(raw)]
        return [self._printed(raw[:at]), logged] if at else [logged]

    def _printed(self, raw: bytes) -> Line:
        text = raw.decode("utf-8", "replace").removesuffix("\r")
        return Line(self._source, text, None, self._is_error)

    def _logged(self, raw: bytes) -> Line | None:
        try:
            record = json.loads(raw)
            text, level, event = str(record["message"]), record["level"], record["event"]
        # JSON that a task prints is passed on unchanged. JSON can be nested too deeply to parse.
        except (ValueError, KeyError, RecursionError):
            return None
        if event == "task_log":
            text = f"{record.get('task_name')}: {text}\n{record.get('traceback', '')}".rstrip()
        # JSON can contain lone surrogates, which no stream accepts.
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
        if event == "task_output":
            is_error, task = record.get("stream") == "stderr", str(record.get("task_name") or "")
            return Line(self._source, text, None, is_error, task)
        known = isinstance(level, str) and level in LEVELS
        return Line(self._source, text, level) if known else None
