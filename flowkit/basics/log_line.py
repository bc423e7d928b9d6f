"""One line that a task printed or logged, as ``logs()`` of a run or of a test's result gives it.

It is the same for a run on workers and in this process. ``flowkit.protocol.log_chunks`` reads lines
from Redis; ``flowkit.logging.kept_lines`` keeps those of this process.
"""

from __future__ import annotations

from dataclasses import dataclass

from .log_level import LogLevel

LOG_STREAMS = ("stdout", "stderr", "log", "output")


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of an attempt.

    ``time``: seconds since 1970, by the clock of the machine that ran the task. ``level``: as in
    ``logging``; what a task prints is INFO (20). ``stream``: "stdout" or "stderr" for what Python
    code printed, "log" for a record of ``logging``, and "output" for what programs and C code
    wrote. ``text``: without the line end; a log record may have several lines. ``missing``: how
    many lines of the attempt before this one were not kept. ``number``: of the line in its attempt,
    from 1. ``label``: of an item of a mapped task, read from Redis when its attempt has ended.
    """

    time: float
    level: int
    task: str
    attempt: int
    stream: str
    text: str
    missing: int = 0
    number: int = 0
    label: str = ""

    @property
    def level_name(self) -> str:
        """The name of the level, its number if it has no name."""
        try:
            return LogLevel(self.level).name
        except ValueError:
            return "CRITICAL" if self.level == 50 else str(self.level)
