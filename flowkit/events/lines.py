"""Lines that are no event of flowkit: what tasks print and log, and what the program logs.

Their text and their level come from elsewhere, as records of the standard ``logging`` module. So
they are no classes; only their names are defined here, with what the documentation says of them.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class ForeignLine(NamedTuple):
    """A kind of line. ``level``, ``fields``, ``meaning``: for the documentation."""

    event_name: str
    level: str
    fields: tuple[str, ...]
    meaning: str


_ATTEMPT = ("run_id", "task_name", "attempt", "worker")

TASK_OUTPUT: Final = ForeignLine(
    "task_output",
    "INFO",
    (*_ATTEMPT, "stream"),
    "A task has printed a line. The line is the message.",
)
TASK_LOG: Final = ForeignLine(
    "task_log",
    "the record's",
    (*_ATTEMPT, "logger", "traceback"),
    "A task has logged a record. Fields from its `extra=` are added.",
)
MESSAGE: Final = ForeignLine(
    "message",
    "chosen by the program",
    (),
    "The program used the methods of flowkit's logger, and chose the fields too.",
)
LOG: Final = ForeignLine(
    "log",
    "the record's",
    ("traceback",),
    "Other code wrote to flowkit's logger.",
)

FOREIGN_LINES: Final = (TASK_OUTPUT, TASK_LOG, MESSAGE, LOG)
