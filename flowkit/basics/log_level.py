"""The levels of flowkit's log."""

from __future__ import annotations

from enum import IntEnum

from .suggestions import unknown_name


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

    @classmethod
    def parse(cls, value: int | str) -> int:
        """Return the number of a level given as a ``LogLevel``, a number or a name in any case.

        Raises ValueError that lists the names for anything else.
        """
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return int(value)
        if isinstance(value, str) and value.strip().upper() in cls.__members__:
            return int(cls[value.strip().upper()])
        raise ValueError(unknown_name("log level", value, list(cls.__members__)))
