"""The failures of items in a run in this process, for tasks that take results as ``Mapped``.

Only the thread of the runner notes errors. Those that are read are of items that are over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..basics.display_text import error_text
from ..core.blocking import failed_above
from ..core.mapped_sequence import UPSTREAM_FAILED, ItemFailure, upstream_failure
from ..core.run_edges import MappedShape, RunEdges
from ..core.states import TASK_FAILURES, TaskState
from .numbered import ItemNames


class ItemFailures:
    """What failed in one run. ``names``: with labels."""

    def __init__(
        self,
        shape: MappedShape,
        names: Sequence[str],
        state_of: Callable[[int], TaskState],
    ) -> None:
        self._edges, self._names = RunEdges(shape, {}), names
        self._state_of = state_of
        self._errors: dict[int, str] = {}

    def note(self, number: int, error: BaseException) -> None:
        """Keep the error of a task or an item that has failed for good."""
        self._errors[number] = error_text(error)

    def of(self, numbers: range, states: Sequence[TaskState]) -> list[ItemFailure]:
        """Return the failures among the items of a mapped task. ``states``: theirs."""
        names = self._names
        return [
            ItemFailure(
                index,
                names.label(number) if isinstance(names, ItemNames) else "",
                self._errors.get(number, "")
                if state is TaskState.FAILED
                else self._why_blocked(number),
            )
            for index, (number, state) in enumerate(zip(numbers, states, strict=True))
            if state in TASK_FAILURES
        ]

    def _why_blocked(self, number: int) -> str:
        """Return what failed above an item that did not run.

        That is an item: a mapped task behind one that failed as a whole has no results to read.
        """
        at = failed_above(self._edges, self._state_of, number)
        if self._state_of(at) is not TaskState.FAILED:
            return UPSTREAM_FAILED
        return upstream_failure(self._names[at], self._errors.get(at, ""), is_item=True)
