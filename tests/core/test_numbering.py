"""Numbers of items: each is one item of one task, whatever the order of events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.core.numbering import MOST_ITEMS, MOST_NUMBERS, NODE, Numbering
from flowkit.protocol import limits

NAMES = ["list", "parse", "check", "store"]


def test_items_of_two_mapped_tasks_interleave_behind_the_graph() -> None:
    numbering = Numbering(4, [3, 1])
    assert list(numbering.items(1, 3)) == [4, 6, 8]
    assert list(numbering.items(3, 3)) == [5, 7, 9]


def test_a_number_has_the_name_of_its_task_and_its_index() -> None:
    numbering = Numbering(4, [1, 3])
    assert numbering.name(NAMES, 2) == "check"
    assert numbering.name(NAMES, 4) == "parse[0]"
    assert numbering.name(NAMES, 4 + 2 * 7 + 1) == "store[7]"


@pytest.mark.parametrize("name", ["check[0]", "parse[x]", "parse[01]", "parse[]", "other", "[0]"])
def test_a_name_that_no_number_has_gives_none(name: str) -> None:
    assert Numbering(4, [1, 3]).number(NAMES, name) is None


def test_an_index_beyond_the_last_number_gives_none() -> None:
    numbering = Numbering(4, [1, 3])
    assert numbering.number(NAMES, f"parse[{numbering.most_items - 1}]") is not None
    assert numbering.number(NAMES, f"parse[{numbering.most_items}]") is None


@pytest.mark.parametrize("number", [4, MOST_NUMBERS])
def test_a_graph_without_mapped_tasks_has_no_numbers_behind_its_tasks(number: int) -> None:
    with pytest.raises(IndexError):
        Numbering(4).split(number)


@given(st.data())
def test_numbers_and_items_are_one_to_one(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 50))
    mapped = data.draw(st.sets(st.integers(0, count - 1), min_size=1))
    numbering = Numbering(count, mapped)
    task = data.draw(st.sampled_from(sorted(mapped)))
    index = data.draw(st.integers(0, numbering.most_items - 1))
    number = numbering.item(task, index)
    assert count <= number < MOST_NUMBERS
    assert numbering.split(number) == (task, index)
    names = [f"t{at}" for at in range(count)]
    assert numbering.number(names, numbering.name(names, number)) == number


@given(st.integers(0, 99))
def test_a_task_of_the_graph_is_no_item(number: int) -> None:
    assert Numbering(100, [5]).split(number) == (number, NODE)


@pytest.mark.parametrize("mapped", [range(1), range(3), range(70)])
def test_a_run_has_no_more_items_than_a_graph_may_have_tasks(mapped: range) -> None:
    """Ten million took a scheduler minutes to cancel, in which it lost its lease."""
    assert Numbering(100, mapped).most_items == MOST_ITEMS // len(mapped)
    assert MOST_ITEMS == limits.MAX_TASKS
