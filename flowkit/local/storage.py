"""What a run in this process needs from the places where it stores results.

Most runs store nothing. So the loop of a run and its attempts know only these protocols, and run.py
imports their implementations (persistence.py, cache.py) if a run needs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..core.commands import DropResults, MarkTasks
from ..core.states import TaskState
from .outcome import LocalOutcome

if TYPE_CHECKING:
    from .call_records import CallRecording


class CachedResult(NamedTuple):
    """A cached result. Its value may be None."""

    value: Any


class CallCache(Protocol):
    """The cached results of calls."""

    def find(
        self, index: int, args: Sequence[Any], kwargs: Mapping[str, Any], *, reads: bool = True
    ) -> CachedResult | None:
        """Return the result of an earlier equal call, None if there is none or it must not be used.

        ``index``: the number of the task. ``reads``: False to note only where a success stores its
        result. Any thread may call this; it may wait for the store.
        """

    def was_found(self, index: int) -> bool:
        """Return whether the result of the task with that number came from the cache."""


class ResultStore(Protocol):
    """The results of one run. Only the thread of the runner uses it."""

    def prepare(self) -> None:
        """Read and delete what earlier runs have recorded, before the run begins.

        Raises what the store raises. A run that does not call this does so in ``begin``.
        """

    def begin(self) -> Mapping[int, tuple[TaskState, Any, int | None]]:
        """Return the ends reused from an earlier run, by task number.

        Each has its result, and the number of its elements if other tasks are mapped over it.
        """

    def record(self, outcomes: Sequence[LocalOutcome]) -> list[LocalOutcome]:
        """Store the results; an outcome that cannot be recorded is returned as a failure."""

    def record_marked(self, command: MarkTasks) -> None:
        """Record that triggers skipped these tasks, so that a resume can reuse what follows."""

    def expanded(self, task: int, length: int) -> None:
        """Record how many items a mapped task has, before any of them starts."""

    def record_calls(self, task: int, attempt: int) -> CallRecording | None:
        """Record that an attempt calls runs. Return what these record, None for nothing."""

    def drop(self, command: DropResults) -> None:
        """Delete the stored results of these tasks."""
