"""What is rerun with a task or an item: what needs it, item by item."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from flowkit.core.compiled import CompiledDAG
from flowkit.core.graph import Graph
from flowkit.core.lineage import Lineage
from flowkit.core.map_spec import MapSpec
from flowkit.core.retry import Policy

# list >> parse.map() >> store.map() >> merge, and lines = flatten of store, behind key too.
NAMES = ["list", "parse", "store", "merge", "lines", "key", "end"]
EDGES = [(0, 1), (1, 2), (2, 3), (2, 4), (5, 4), (4, 6)]
MAPS = {1: MapSpec((0,)), 2: MapSpec((1,)), 4: MapSpec((2,), flatten=True)}
DAG = CompiledDAG(
    "shape",
    Graph.build(NAMES, EDGES),
    (Policy(),),
    array("i", [0] * 7),
    ("app:work",),
    array("i", [0] * 7),
    maps=MAPS,
)
ITEMS = [
    DAG.numbering.item(task, index)
    for task, length in ((1, 2), (2, 2), (4, 3))
    for index in range(length)
]
LINEAGE = Lineage(DAG, [*range(7), *ITEMS])


def numbers(names: str) -> list[int]:
    found = [DAG.numbering.number(NAMES, name) for name in names.split()]
    return [number for number in found if number is not None]


def names(some: Iterable[int]) -> set[str]:
    return set(map(DAG.task_name, some))


ALL = names([*range(7), *ITEMS])
BEHIND_STORE = {"store", "merge", "lines", "end", "lines[0]", "lines[1]", "lines[2]"}


def test_an_item_takes_the_items_behind_it_and_their_tasks() -> None:
    again = names(LINEAGE.rerun(numbers("parse[1]")))
    assert again == {"parse[1]", "parse", "store[1]"} | BEHIND_STORE


def test_a_mapped_task_that_failed_does_not_take_its_other_items() -> None:
    again = names(LINEAGE.rerun(numbers("store store[0]")))
    assert again == {"store[0]"} | BEHIND_STORE


def test_a_named_mapped_task_takes_all_its_items() -> None:
    again = names(LINEAGE.rerun([], numbers("store")))
    assert again == {"store[0]", "store[1]"} | BEHIND_STORE


def test_the_task_that_is_mapped_over_takes_everything_behind_it() -> None:
    assert names(LINEAGE.rerun(numbers("list"))) == ALL - {"key"}


def test_a_task_that_goes_whole_to_each_item_takes_them_all() -> None:
    again = names(LINEAGE.rerun(numbers("key")))
    assert again == {"key", "lines", "lines[0]", "lines[1]", "lines[2]", "end"}


def test_a_dropped_result_of_an_item_is_made_again_for_the_item_that_takes_it() -> None:
    gone = set(numbers("parse[0] parse[1]"))
    again = names(LINEAGE.rerun(numbers("store[1]"), gone=gone))
    assert again == {"store[1]", "parse[1]", "parse"} | BEHIND_STORE


def test_dropped_results_of_all_items_are_made_again_for_a_task_that_takes_the_list() -> None:
    gone = set(numbers("store[0] store[1]"))
    again = names(LINEAGE.rerun(numbers("merge"), gone=gone))
    assert again == {"merge", "store[0]", "store[1]"} | BEHIND_STORE


def test_what_stays_needs_nothing() -> None:
    gone = set(numbers("parse[1]"))
    again = names(LINEAGE.rerun(numbers("store[1]"), gone=gone, stay=set(numbers("store[1]"))))
    assert again == {"store[1]"} | BEHIND_STORE
