"""The shelf of compiled DAGs: the newest stay, within two bounds."""

from __future__ import annotations

from array import array
from dataclasses import replace

from flowkit.core.compiled import CompiledDAG
from flowkit.core.graph import Graph
from flowkit.core.retry import Policy
from flowkit.core.shelf import Shelf


def dag(tasks: int) -> CompiledDAG:
    zeros = array("i", [0] * tasks)
    graph = Graph.build([f"t{at}" for at in range(tasks)], [])
    return CompiledDAG("etl", graph, (Policy(),), zeros, ("app:f",), zeros)


def kept(shelf: Shelf, digests: str) -> str:
    return "".join(one for one in digests if shelf.get(one) is not None)


def test_what_was_put_there_is_there() -> None:
    shelf, one = Shelf(), dag(1)
    assert shelf.get("a") is None
    shelf.put("a", one)
    assert shelf.get("a") is one


def test_the_first_ones_go_when_there_are_too_many() -> None:
    shelf = Shelf(most_dags=2)
    for digest in "abc":
        shelf.put(digest, dag(1))
    assert kept(shelf, "abc") == "bc"


def test_the_first_ones_go_when_they_have_too_many_tasks() -> None:
    """Sixty-four DAGs of a million tasks each would fill a machine."""
    shelf = Shelf(most_tasks=10)
    for digest in "abc":
        shelf.put(digest, dag(4))
    assert kept(shelf, "abc") == "bc"


def test_the_first_ones_go_when_they_have_large_fixed_arguments() -> None:
    """A DAG of one task may have 256 MiB of them."""
    shelf = Shelf(most_tasks=10)
    for digest in "abc":
        shelf.put(digest, replace(dag(1), kwargs={0: bytes(300)}))
    assert kept(shelf, "abc") == "bc"


def test_one_that_is_too_large_by_itself_stays_until_the_next() -> None:
    shelf = Shelf(most_tasks=10)
    shelf.put("a", dag(2))
    shelf.put("b", dag(11))
    assert kept(shelf, "ab") == "b"
    shelf.put("c", dag(3))
    assert kept(shelf, "abc") == "c"


def test_the_same_one_put_there_again_counts_once() -> None:
    shelf = Shelf(most_tasks=10)
    for _ in range(4):
        shelf.put("a", dag(4))
    shelf.put("b", dag(4))
    assert kept(shelf, "ab") == "ab"


def test_the_same_one_put_there_again_is_the_last_one() -> None:
    shelf = Shelf(most_dags=2)
    for digest in "abac":
        shelf.put(digest, dag(1))
    assert kept(shelf, "abc") == "ac"


def test_what_somebody_uses_is_not_read_anew_for_each_who_asks() -> None:
    """Two large DAGs that pushed each other off were in memory once for each of their runs."""
    shelf, used = Shelf(most_tasks=10), dag(8)
    shelf.put("a", used)
    shelf.put("b", dag(8))
    assert shelf.get("a") is used
    del used
    assert kept(shelf, "ab") == "b"
