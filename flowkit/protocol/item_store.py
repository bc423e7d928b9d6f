"""A worker's calls about the elements of results that are mapped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .outcomes import Outcome
from .store import Store

MOST_BLOCKS = 500  # in one call
CALL_BYTES = 512 * 1024  # of one call, unless it has a single block


class ItemStore(Store):
    """Stores and reads blocks of elements."""

    def store_items(self, lane: str, outcome: Outcome) -> bool:
        """Store the blocks of an outcome; return False if its attempt is no longer running.

        A round trip per ``MOST_BLOCKS``, or per ``CALL_BYTES``. It may be repeated.
        """
        fence = (lane, outcome.run, outcome.task, outcome.attempt)
        for first, blocks in _in_calls(outcome.blocks):
            if self._script("store_items", *fence, first, *blocks)[0] == b"STALE":
                return False
        return True

    def read_blocks(self, run: str, blocks: Iterable[tuple[int, int]]) -> list[bytes | None]:
        """Return blocks of elements by (task, number of the block), None for a missing one."""
        names = [f"{task}.{block}" for task, block in blocks]
        return list(self._read_fields(self.keys.inputs(run), names))


def _in_calls(blocks: Sequence[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Split blocks into calls; yield the number of the first block of each, and the blocks."""
    first, size = 0, 0
    for at, block in enumerate(blocks):
        if at > first and (at - first >= MOST_BLOCKS or size + len(block) > CALL_BYTES):
            yield first, blocks[first:at]
            first, size = at, 0
        size += len(block)
    if first < len(blocks):
        yield first, blocks[first:]
