"""Events of the program that uses flowkit: its settings, its DAGs and its stores of state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..basics.log_level import LogLevel
from .event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsIgnored(Event):
    """A `pyproject.toml` is ignored, because another account could have written it."""

    event_name: ClassVar[str] = "settings_ignored"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"path", "reason"})

    path: str
    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        return (
            f"{self.path} is ignored, since another account could have written it: {self.reason}. "
            "To use it, become its owner, or set FLOWKIT_REDIS_URL and other settings in the "
            "environment."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DAGCoversModules(Event):
    """A DAG to which no task was added covers the tasks of several modules.

    ``modules``: how many, and the names of the first.
    """

    event_name: ClassVar[str] = "dag_covers_modules"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"dag_name", "total_tasks", "modules"})

    dag_name: str
    total_tasks: int
    modules: str

    def message(self) -> str:
        """Return the text of the line."""
        return (
            f"DAG {self.dag_name} covers all {self.total_tasks} registered tasks, of "
            f"{self.modules}. If that is not intended, draw it in a `with DAG(…):` block or give "
            "tasks=[…]"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultTypeMismatch(Event):
    """The annotation of a result contradicts that of the parameter that gets it.

    ``mismatch``: the sentence that names both.
    """

    event_name: ClassVar[str] = "result_type_mismatch"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"mismatch"})

    dag_name: str
    task_name: str
    mismatch: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"{self.mismatch} DAG(check_types=True) makes this an error"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateCorrupt(Event):
    """A state file was corrupt and has been renamed."""

    event_name: ClassVar[str] = "state_corrupt"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"path", "renamed_to"})

    path: str
    renamed_to: str
    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        return (
            f"State file {self.path} is corrupt; it was renamed to {self.renamed_to}, and the "
            "state starts empty"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StateUnreadable(Event):
    """A stored result cannot be rebuilt, so its task runs again."""

    event_name: ClassVar[str] = "state_unreadable"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"key"})

    key: str
    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"State {self.key!r} cannot be read, so it is computed again"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheNamesake(Event):
    """Two functions, or two versions of one, store their results under the same name.

    ``function``, ``other``: the functions; ``other`` is None for two versions of one.
    """

    event_name: ClassVar[str] = "cache_namesake"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"function", "key", "other"})

    key: str
    function: str
    other: str | None = None

    def message(self) -> str:
        """Return the text of the line."""
        if self.other is None:
            return (
                f"TaskCache: two versions of {self.function} store their results under one name, "
                f"{self.key!r}, in one store, so each may get results of the other; turn what "
                "differs into an argument, or use two stores"
            )
        return (
            f"TaskCache: {self.function} and {self.other} store their results under one name, "
            f"{self.key!r}, in one store, so each may get results of the other; rename one, or use "
            "two stores"
        )
