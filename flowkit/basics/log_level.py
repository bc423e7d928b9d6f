"""The levels of flowkit's log."""

from __future__ import annotations

from enum import IntEnum


class LogLevel(IntEnum):
    """The levels of the standard module, and two more between INFO and WARNING."""

    DEBUG = 10
    INFO = 20
    SUCCESS = 25
    """A task has succeeded."""
    SYSTEM = 26
    """Events of a whole DAG, or of a daemon."""
    WARNING = 30
    ERROR = 40
