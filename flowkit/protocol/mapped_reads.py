"""The states and the failures of a mapped task's items, for ``Mapped`` on workers and in clients.

They are read a thousand at a time, and others may use the connection between two parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ..core.compiled import CompiledDAG
from ..core.mapped_sequence import ItemFailure
from ..core.states import TASK_FAILURES, TaskState
from .blocked import Blocked
from .decoding import in_parts
from .records import ErrorInfo
from .store import Store


@dataclass(frozen=True, slots=True)
class MappedReads:
    """Reads items of one mapped task, all but their values. See ``core.mapped_sequence``.

    ``open_store``: locks a store for the calls within a ``with`` block.
    """

    open_store: Callable[[], AbstractContextManager[Store]]
    run: str
    dag: CompiledDAG
    numbers: range

    def states(self) -> list[TaskState]:
        """Return the states of all items."""
        states: list[TaskState] = []
        for part in in_parts(self.numbers):
            with self.open_store() as store:
                states += [record.state for record in store.read_records(self.run, part)]
        return states

    def failures(self) -> list[ItemFailure]:
        """Return the items that failed, or that could not run because of another that failed."""
        states, blocked = self.states(), Blocked(self.run, self.dag)
        failed = [index for index, state in enumerate(states) if state in TASK_FAILURES]
        return [
            failure
            for part in in_parts(failed)
            for failure in self._failures(part, states, blocked)
        ]

    def _failures(
        self, indexes: Sequence[int], states: Sequence[TaskState], blocked: Blocked
    ) -> Iterator[ItemFailure]:
        numbers = [self.numbers[index] for index in indexes]
        not_run = [
            number
            for number, index in zip(numbers, indexes, strict=True)
            if states[index] is TaskState.UPSTREAM_FAILED
        ]
        with self.open_store() as store:
            errors = store.read_errors(self.run, numbers)
            labels = store.read_labels(self.run, self.dag, numbers)
            why = blocked.why(store, not_run)
        for index, number, error, label in zip(indexes, numbers, errors, labels, strict=True):
            text = str(ErrorInfo.unpack(error)) if error else ""
            yield ItemFailure(index, label, why.get(number, text))
