"""``Mapped`` on workers: the results of items, read in parts when a task asks for them.

A task may ask in any thread, and after its attempt, so these reads have a connection of their own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from flowkit.codec.packing import unpack
from flowkit.core.compiled import CompiledDAG
from flowkit.core.mapped_sequence import Mapped
from flowkit.protocol.mapped_reads import MappedReads
from flowkit.protocol.worker_store import Claim, WorkerStore

from .signed_values import SignedValues


class MappedResults:
    """Makes ``Mapped`` for the tasks of one lane."""

    def __init__(self, store: WorkerStore, signed: SignedValues, max_bytes: int) -> None:
        self._lane_store = store
        self._store: WorkerStore | None = None
        self._lock = threading.Lock()
        self.signed = signed
        self.max_bytes = max_bytes

    @contextmanager
    def open(self) -> Iterator[WorkerStore]:
        """Lock the store for the reads within a ``with`` block."""
        with self._lock:
            if self._store is None:
                self._store = self._lane_store.twin("mapped")
            yield self._store

    def mapped(self, claim: Claim, dag: CompiledDAG, numbers: range) -> Mapped[object]:
        """Return the results of these items, which are over, for the claimed task."""
        return Mapped(len(numbers), _Reader(self.open, claim.run, dag, numbers, self, claim))


@dataclass(frozen=True, slots=True)
class _Reader(MappedReads):
    """Reads items of the run of a claim. See ``core.mapped_sequence.ItemReader``."""

    shared: MappedResults
    claim: Claim

    def values(self, start: int, stop: int) -> Sequence[object]:
        shared, numbers = self.shared, self.numbers[start:stop]
        with self.open_store() as store:
            stored = [packed or b"" for packed in store.read_results(self.run, numbers)]
        packed = shared.signed.open_results(self.claim, numbers, stored)
        limit = shared.max_bytes
        return [unpack(result, max_bytes=limit) if result else None for result in packed]
