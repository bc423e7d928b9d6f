"""The labels that one lane has made or read, for log lines of items that make none now.

These are items behind other items, which have the labels of those, and items whose runs are over:
their functions have made the labels in an earlier attempt.

They are read for many claims in one round trip, unless the lane has made them. Not thread-safe.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from flowkit.core.compiled import CompiledDAG
from flowkit.exceptions import RedisUnavailable, StoreError
from flowkit.protocol.spent import Flag
from flowkit.protocol.worker_store import Claim, WorkerStore

from .results import Life

LABELS_KEPT = 10_000


class KnownLabels:
    """The labels that one lane has made or read, as far as there is room."""

    def __init__(self, store: WorkerStore) -> None:
        self._store = store
        self._known: OrderedDict[tuple[Life, int], str] = OrderedDict()

    def forget(self) -> None:
        """Drop what was read from Redis, which may have lost it."""
        self._known.clear()

    def keep(self, claim: Claim, number: int, label: str) -> None:
        """Keep the label of an item of the claim's run."""
        self._known[claim.life, number] = label
        if len(self._known) > LABELS_KEPT:
            self._known.popitem(last=False)

    def of(self, claim: Claim, dag: CompiledDAG) -> str:
        """Return the label that is stored for the claimed item or one before it, "" for none."""
        number = dag.label_number(claim.task)
        if number is None:
            return ""
        if (claim.life, number) not in self._known:
            self._read(claim, dag, [number])
        return self._known[claim.life, number]

    def prefetch(self, claims: Iterable[tuple[Claim, CompiledDAG]]) -> None:
        """Read the labels that several claims need, in one round trip per run."""
        wanted: dict[Life, tuple[Claim, CompiledDAG, dict[int, None]]] = {}
        for claim, dag in claims:
            number = dag.label_number(claim.task)
            if number is None or (claim.life, number) in self._known:
                continue
            if number != claim.task or Flag.CALLED in claim.spent.flags:
                wanted.setdefault(claim.life, (claim, dag, {}))[2][number] = None
        for claim, dag, numbers in wanted.values():
            self._read(claim, dag, list(numbers))

    def _read(self, claim: Claim, dag: CompiledDAG, numbers: Sequence[int]) -> None:
        """Read labels. What cannot be read is no label: it must not fail an item."""
        try:
            labels = self._store.read_labels(claim.run, dag, numbers)
        except RedisUnavailable:
            raise
        except StoreError:
            labels = [""] * len(numbers)
        for number, label in zip(numbers, labels, strict=True):
            self.keep(claim, number, label)
