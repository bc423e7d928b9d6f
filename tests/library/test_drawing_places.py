"""Where boxes and edges of a drawing stand: right of what they need, apart, and untangled."""

from __future__ import annotations

from itertools import combinations

import pytest
from drawn import Box, Drawn, make, read
from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.drawing.places import _settled


@st.composite
def chains(draw: st.DrawFn) -> list[str]:
    """DAGs as edges from lower to higher numbers, and tasks without any."""
    count = draw(st.integers(1, 14))
    numbers = st.integers(0, count - 1)
    pairs = draw(st.lists(st.tuples(numbers, numbers), max_size=30, unique=True))
    edges = [f"n{low} n{high}" for low, high in pairs if low < high]
    return draw(st.permutations([*edges, *(f"n{number}" for number in range(count))]))


def apart(one: Box, other: Box) -> bool:
    beside = one.right < other.left or other.right < one.left
    return beside or one.bottom < other.top or other.bottom < one.top


def within(drawn: Drawn, box: Box) -> bool:
    inside = min(box.left, box.top) >= 0
    return inside and box.right < drawn.width and box.bottom < drawn.height


@settings(deadline=None, max_examples=150)
@given(chains())
def test_any_dag_is_drawn_without_overlaps_from_left_to_right(given_chains: list[str]):
    drawn = read(make("any", *given_chains).to_svg())
    assert all(within(drawn, box) for box in drawn.boxes)
    assert all(apart(item, other) for item, other in combinations(drawn.boxes, 2))
    for edge in drawn.edges:
        upstream, downstream = map(drawn.box, edge.name.split(" → "))
        assert upstream.right == pytest.approx(edge.begin[0], abs=0.2)
        assert upstream.top < edge.begin[1] < upstream.bottom
        assert downstream.left == pytest.approx(edge.end[0] + 6, abs=0.2)
        assert downstream.top < edge.end[1] < downstream.bottom


@settings(deadline=None, max_examples=150)
@given(chains())
def test_no_edge_runs_through_a_box(given_chains: list[str]):
    """Edges are level where there are boxes, and curved in the gaps between columns only."""
    drawn = read(make("any", *given_chains).to_svg())
    for edge in drawn.edges:
        for (begin, y), (end, _) in edge.level:
            in_the_way = [
                box
                for box in drawn.boxes
                if box.top < y < box.bottom and box.left < end - 1 and begin + 1 < box.right
            ]
            assert in_the_way == []


def test_edges_that_would_cross_are_untangled():
    drawn = read(make("crossed", "a", "b", "c", "d", "a d", "b c").to_svg())
    assert drawn.box("a").top < drawn.box("b").top
    assert drawn.box("d").top < drawn.box("c").top


def test_a_chain_is_one_straight_line():
    drawn = read(make("chain", "a b c d", "a x").to_svg())
    assert len({drawn.box(name).top for name in "bcd"}) == 1


def test_a_task_is_level_with_the_middle_of_its_fan():
    drawn = read(make("fan", *(f"cut p{at} total" for at in range(5))).to_svg())
    assert drawn.box("cut").top == drawn.box("p2").top == drawn.box("total").top


def test_a_first_task_is_next_to_its_downstream_task():
    drawn = read(make("late", "a b c d", "config d").to_svg())
    assert drawn.box("config").left == drawn.box("c").left


def test_a_cycle_is_drawn_with_the_edge_that_closes_it_backwards():
    drawn = read(make("cycle", "a b c a", "c d").to_svg())
    assert {edge.name: edge.back for edge in drawn.edges} == {
        "a → b": False,
        "b → c": False,
        "c → a": True,
        "c → d": False,
    }
    assert drawn.box("a").right < drawn.box("b").left < drawn.box("c").left


def test_a_task_that_waits_for_itself_has_a_loop():
    drawn = read(make("self", "a a b").to_svg())
    assert {edge.name: edge.back for edge in drawn.edges} == {"a → a": True, "a → b": False}


def test_a_loop_at_the_edge_lies_within_the_drawing():
    drawn = read(make("self", "a a").to_svg())
    assert drawn.box("a").right + 22 <= drawn.width


@pytest.mark.parametrize(
    ("wishes", "offsets", "levels"),
    [
        ([], [], []),
        ([(5, 1)], [0], [5]),
        ([(0, 1), (100, 1)], [0, 10], [0, 100]),
        ([(0, 1), (0, 1)], [0, 10], [-5, 5]),
        ([(0, 3), (0, 1)], [0, 10], [-2.5, 7.5]),
        ([(50, 1), (0, 1), (0, 1)], [0, 10, 20], [20 / 3, 50 / 3, 80 / 3]),
    ],
    ids=["none", "alone", "room", "too near", "stronger", "out of order"],
)
def test_positions_are_as_close_as_room_and_order_allow(wishes, offsets, levels):
    assert _settled(wishes, offsets) == pytest.approx(levels)
