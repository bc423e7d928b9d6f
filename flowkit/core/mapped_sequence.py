"""``Mapped``: the results of a mapped task's items, as a sequence that reads what is asked for.

A task behind a mapped one gets a list. If its parameter is annotated ``Mapped``, it gets this
instead: a list of a million results would have to be in memory before the first one is used.

It does not know where the results are. A run in this process passes a reader of its memory, a
worker and a client pass one that reads from Redis. By the time it is made, the items are over, so
what it reads does not change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import index as as_index
from typing import Generic, Protocol, TypeVar, overload

from .states import TaskState

PART = 100  # results that iterating reads at a time
UPSTREAM_FAILED = "its upstream item failed"  # of an item that did not run, if no more is known
TASK_ABOVE_FAILED = "a task above it failed"  # the same, of a task that is no item

R = TypeVar("R", covariant=True)


@dataclass(frozen=True, slots=True)
class ItemFailure:
    """An item that failed for good, or that could not run because its upstream item failed.

    ``index``: its place, from 0. ``label``: what its task's ``label`` made of it, "" without one.
    ``error``: the class and the message of the error.
    """

    index: int
    label: str
    error: str


def upstream_failure(name: str, error: str, *, is_item: bool) -> str:
    """Return why a task or an item did not run. ``name``: of what failed, with its label."""
    text = f"upstream {'item' if is_item else 'task'} {name} failed"
    return f"{text}: {error}" if error else text


class ItemReader(Protocol[R]):
    """Where a ``Mapped`` reads from. ``start`` and ``stop`` are within its length.

    Any thread may call it.
    """

    def values(self, start: int, stop: int) -> Sequence[R]:
        """Return the results of these items, None for one without a result."""
        ...

    def states(self) -> Sequence[TaskState]:
        """Return the final states of all items."""
        ...

    def failures(self) -> Sequence[ItemFailure]:
        """Return the items that failed, in their order."""
        ...


class Mapped(Sequence[R], Generic[R]):
    """The results of all items of a mapped task, in the order of the items.

    An item that was skipped or has failed counts as None, as in the list that other tasks get. Type
    checkers are not told of this None, nor of that of a skipped task.
    """

    __slots__ = ("_length", "_part", "_reader")

    def __init__(self, length: int, reader: ItemReader[R]) -> None:
        """``length``: the number of items."""
        self._length, self._reader = length, reader
        self._part: tuple[int, Sequence[R]] = 0, ()  # the part that was read last, and its start

    @property
    def values(self) -> list[R]:
        """All results as a list. Reads them at once."""
        return list(self._reader.values(0, self._length)) if self._length else []

    @property
    def states(self) -> list[TaskState]:
        """The final state of each item."""
        return list(self._reader.states()) if self._length else []

    @property
    def failures(self) -> list[ItemFailure]:
        """The items that failed, each with its index, label and error."""
        return list(self._reader.failures()) if self._length else []

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[R]:
        """Yield the results, ``PART`` of which are in memory at a time."""
        for start in range(0, self._length, PART):
            yield from self._reader.values(start, min(start + PART, self._length))

    @overload
    def __getitem__(self, at: int) -> R: ...
    @overload
    def __getitem__(self, at: slice) -> list[R]: ...
    def __getitem__(self, at: int | slice) -> R | list[R]:
        """Return one result, or a list of those in a slice. Reads no others outside its range."""
        if isinstance(at, slice):
            chosen = range(*at.indices(self._length))
            if not chosen:
                return []
            first = min(chosen[0], chosen[-1])
            found = self._reader.values(first, max(chosen[0], chosen[-1]) + 1)
            return [found[number - first] for number in chosen]
        number = as_index(at)
        if not -self._length <= number < self._length:
            raise IndexError(f"there are {self._length} items, and no item {number}")
        return self._one(number % self._length)

    def _one(self, number: int) -> R:
        """Return one result. Reads those around it too, for the next call."""
        start, part = self._part
        if not start <= number < start + len(part):
            start = number - number % PART
            part = self._reader.values(start, min(start + PART, self._length))
            self._part = start, part
        return part[number - start]

    def __repr__(self) -> str:
        return f"Mapped(items={self._length})"

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with all values: another process may not be able to read them."""
        reader = StoredItems(self.values, self.states, self.failures)
        return Mapped, (self._length, reader)


@dataclass(frozen=True, slots=True)
class StoredItems(Generic[R]):
    """A reader of items that are in memory."""

    found: Sequence[R]
    ended: Sequence[TaskState]
    failed: Sequence[ItemFailure]

    def values(self, start: int, stop: int) -> Sequence[R]:
        """See ItemReader."""
        return self.found[start:stop]

    def states(self) -> Sequence[TaskState]:
        """See ItemReader."""
        return self.ended

    def failures(self) -> Sequence[ItemFailure]:
        """See ItemReader."""
        return self.failed
