"""``Mapped`` reads what is asked for, in parts, and looks like a list of the results."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.core.mapped_sequence import PART, ItemFailure, Mapped, StoredItems
from flowkit.core.states import TaskState


class Reader:
    """A reader that notes what is read."""

    def __init__(self, values: Sequence[int | None]) -> None:
        self._values = values
        self.read: list[tuple[int, int]] = []

    def values(self, start: int, stop: int) -> Sequence[int | None]:
        assert 0 <= start < stop <= len(self._values)
        self.read.append((start, stop))
        return self._values[start:stop]

    def states(self) -> Sequence[TaskState]:
        return [TaskState.SUCCEEDED] * len(self._values)

    def failures(self) -> Sequence[ItemFailure]:
        return [ItemFailure(1, "eu", "ValueError: bad row")]


def test_nothing_is_read_before_it_is_asked_for() -> None:
    reader = Reader(range(1000))
    mapped = Mapped(1000, reader)
    assert (len(mapped), repr(mapped)) == (1000, "Mapped(items=1000)")
    assert reader.read == []


def test_iterating_reads_in_parts() -> None:
    reader = Reader(range(2 * PART + 1))
    assert list(Mapped(2 * PART + 1, reader)) == list(range(2 * PART + 1))
    assert reader.read == [(0, PART), (PART, 2 * PART), (2 * PART, 2 * PART + 1)]


def test_neighbours_are_read_together() -> None:
    reader = Reader(range(3 * PART))
    mapped = Mapped(3 * PART, reader)
    assert [mapped[PART + 1], mapped[PART + 2], mapped[-1]] == [PART + 1, PART + 2, 3 * PART - 1]
    assert reader.read == [(PART, 2 * PART), (2 * PART, 3 * PART)]


def test_a_slice_reads_only_its_range() -> None:
    reader = Reader(range(1000))
    assert Mapped(1000, reader)[700:690:-3] == [700, 697, 694, 691]
    assert reader.read == [(691, 701)]


@given(st.lists(st.none() | st.integers(), max_size=12), st.slices(12))
def test_it_has_the_elements_of_the_list(values: list[int | None], chosen: slice) -> None:
    mapped = Mapped(len(values), Reader(values))
    assert mapped[chosen] == values[chosen]
    assert list(mapped) == list(mapped[:]) == mapped.values == values
    assert list(reversed(mapped)) == values[::-1]
    for at in range(-len(values), len(values)):
        assert mapped[at] == values[at]
    for at in (len(values), -len(values) - 1):
        with pytest.raises(IndexError, match=f"no item {at}"):
            mapped[at]


def test_failures_and_states_are_those_of_the_reader() -> None:
    mapped = Mapped(2, Reader([1, None]))
    assert mapped.failures == [ItemFailure(1, "eu", "ValueError: bad row")]
    assert mapped.states == [TaskState.SUCCEEDED] * 2


def test_no_items_need_no_reader() -> None:
    mapped = Mapped[int](0, StoredItems((), (), ()))
    assert (mapped.values, mapped.states, mapped.failures, list(mapped)) == ([], [], [], [])


def test_a_pickled_one_has_all_values() -> None:
    copy = pickle.loads(pickle.dumps(Mapped(2, Reader([1, None]))))
    assert (copy.values, copy.states) == ([1, None], [TaskState.SUCCEEDED] * 2)
    assert copy.failures == [ItemFailure(1, "eu", "ValueError: bad row")]
