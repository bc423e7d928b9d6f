"""Dead letters of a family of runs: one line, for the task on top.

A failure deep in a tree of child runs fails the task that has called each of them, up to the top.
All of these are dead letters, with the same cause. The one on top names the way down to it, and is
the one to retry.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..core.called_run import MOST_DEPTH
from ..core.run_record import Parent
from ..exceptions import ChildRunFailed
from ..protocol.decoding import CorruptData
from ..protocol.list_reads import DeadEntry, Failure
from ..protocol.records import ErrorInfo

Task = tuple[str, int]  # its run, and its number in it
Found = Failure | CorruptData | None


class Families:
    """The tasks in a listing that failed because of runs which they have called."""

    def __init__(self) -> None:
        self._above: dict[Task, Task | None] = {}  # task → the task that has called its run

    def add(self, entries: Iterable[DeadEntry], failures: Iterable[Found], dag: str | None) -> None:
        """Note which of these tasks failed because of runs that they have called.

        ``dag``: the name of the DAGs that are listed, None for all.
        """
        for entry, failure in zip(entries, failures, strict=True):
            if not isinstance(failure, Failure) or dag not in (None, failure.dag_name):
                continue
            if ErrorInfo.unpack(failure.error).type == ChildRunFailed.__name__:
                self._above[entry.run, entry.task] = _task_of(failure.parent)

    def top(self, failure: Found) -> Task | None:
        """Return the task on top that failed because of the run of this failure, None without one.

        Whoever writes to Redis may have made a circle of runs: then it is some task of the circle.
        """
        above = _task_of(failure.parent) if isinstance(failure, Failure) else None
        if above is None or above not in self._above:
            return None
        for _ in range(MOST_DEPTH):
            higher = self._above[above]
            if higher is None or higher not in self._above:
                break
            above = higher
        return above

    def tops_first(
        self, entries: Iterable[DeadEntry], failures: Sequence[Found]
    ) -> list[tuple[DeadEntry, Found]]:
        """Return entries with their failures, those that have a task on top behind the others."""
        pairs = list(zip(entries, failures, strict=True))
        return sorted(pairs, key=lambda pair: self.top(pair[1]) is not None)


def _task_of(parent: Parent | None) -> Task | None:
    return None if parent is None else (parent.run, parent.task)
