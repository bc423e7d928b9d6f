"""``Mapped`` on workers: the results of items, read in parts when a task asks for them.

A task may ask in any thread, and after its attempt, so these reads have a connection of their own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flowkit.codec.packing import unpack
from flowkit.core.compiled import CompiledDAG
from flowkit.core.mapped_sequence import ItemFailure, Mapped
from flowkit.core.states import TaskState
from flowkit.protocol.blocked import why_blocked
from flowkit.protocol.decoding import in_parts
from flowkit.protocol.records import ErrorInfo
from flowkit.protocol.worker_store import Claim, WorkerStore

from .signed_values import SignedValues

_FAILED = (TaskState.FAILED, TaskState.UPSTREAM_FAILED)


class MappedResults:
    """Makes ``Mapped`` for the tasks of one lane."""

    def __init__(self, store: WorkerStore, signed: SignedValues, max_bytes: int) -> None:
        self._lane_store = store
        self._store: WorkerStore | None = None
        self.lock = threading.Lock()
        self.signed = signed
        self.max_bytes = max_bytes

    @property
    def store(self) -> WorkerStore:
        """The store to read from, by the holder of the lock."""
        if self._store is None:
            self._store = self._lane_store.twin("mapped")
        return self._store

    def mapped(self, claim: Claim, dag: CompiledDAG, numbers: range) -> Mapped[object]:
        """Return the results of these items, which are over, for the claimed task."""
        return Mapped(len(numbers), _Reader(self, claim, dag, numbers))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads items of the run of a claim. See ``core.mapped_sequence.ItemReader``."""

    shared: MappedResults
    claim: Claim
    dag: CompiledDAG
    numbers: range

    def values(self, start: int, stop: int) -> Sequence[object]:
        shared, numbers = self.shared, self.numbers[start:stop]
        with shared.lock:
            stored = [
                packed or b"" for packed in shared.store.read_results(self.claim.run, numbers)
            ]
        packed = shared.signed.open_results(self.claim, numbers, stored)
        limit = shared.max_bytes
        return [unpack(result, max_bytes=limit) if result else None for result in packed]

    def states(self) -> Sequence[TaskState]:
        states: list[TaskState] = []
        for part in in_parts(self.numbers):
            with self.shared.lock:
                records = self.shared.store.read_records(self.claim.run, part)
            states += [record.state for record in records]
        return states

    def failures(self) -> Sequence[ItemFailure]:
        states = self.states()
        failed = [index for index, state in enumerate(states) if state in _FAILED]
        return [failure for part in in_parts(failed) for failure in self._failures(part, states)]

    def _failures(
        self, indexes: Sequence[int], states: Sequence[TaskState]
    ) -> Iterable[ItemFailure]:
        numbers, run = [self.numbers[index] for index in indexes], self.claim.run
        blocked = [
            self.numbers[index] for index in indexes if states[index] is TaskState.UPSTREAM_FAILED
        ]
        with self.shared.lock:
            errors = self.shared.store.read_errors(run, numbers)
            labels = self.shared.store.read_labels(run, self.dag, numbers)
            texts = why_blocked(self.shared.store, run, self.dag, blocked)
        for index, number, error, label in zip(indexes, numbers, errors, labels, strict=True):
            text = "" if error is None else str(ErrorInfo.unpack(error))
            yield ItemFailure(index, label, texts.get(number, text))
