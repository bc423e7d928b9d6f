"""The cache of compiled DAGs: the newest stay, within two bounds."""

from __future__ import annotations

from array import array
from dataclasses import replace

from flowkit.core.compiled import CompiledDAG
from flowkit.core.dag_cache import DAGCache
from flowkit.core.graph import Graph
from flowkit.core.retry import Policy


def dag(tasks: int) -> CompiledDAG:
    zeros = array("i", [0] * tasks)
    graph = Graph.build([f"t{at}" for at in range(tasks)], [])
    return CompiledDAG("etl", graph, (Policy(),), zeros, ("app:f",), zeros)


def kept(cache: DAGCache, digests: str) -> str:
    return "".join(one for one in digests if cache.get(one) is not None)


def test_what_was_put_there_is_there() -> None:
    cache, one = DAGCache(), dag(1)
    assert cache.get("a") is None
    cache.put("a", one)
    assert cache.get("a") is one


def test_the_first_ones_go_when_there_are_too_many() -> None:
    cache = DAGCache(most_dags=2)
    for digest in "abc":
        cache.put(digest, dag(1))
    assert kept(cache, "abc") == "bc"


def test_the_first_ones_go_when_they_have_too_many_tasks() -> None:
    """Sixty-four DAGs of a million tasks each would fill a machine."""
    cache = DAGCache(most_tasks=10)
    for digest in "abc":
        cache.put(digest, dag(4))
    assert kept(cache, "abc") == "bc"


def test_the_first_ones_go_when_they_have_large_fixed_arguments() -> None:
    """A DAG of one task may have 256 MiB of them."""
    cache = DAGCache(most_tasks=10)
    for digest in "abc":
        cache.put(digest, replace(dag(1), kwargs={0: bytes(300)}))
    assert kept(cache, "abc") == "bc"


def test_one_that_is_too_large_by_itself_stays_until_the_next() -> None:
    cache = DAGCache(most_tasks=10)
    cache.put("a", dag(2))
    cache.put("b", dag(11))
    assert kept(cache, "ab") == "b"
    cache.put("c", dag(3))
    assert kept(cache, "abc") == "c"


def test_the_same_one_put_there_again_counts_once() -> None:
    cache = DAGCache(most_tasks=10)
    for _ in range(4):
        cache.put("a", dag(4))
    cache.put("b", dag(4))
    assert kept(cache, "ab") == "ab"


def test_the_same_one_put_there_again_is_the_last_one() -> None:
    cache = DAGCache(most_dags=2)
    for digest in "abac":
        cache.put(digest, dag(1))
    assert kept(cache, "abc") == "ac"


def test_what_somebody_uses_is_not_read_anew_for_each_who_asks() -> None:
    """Two large DAGs that pushed each other off were in memory once for each of their runs."""
    cache, used = DAGCache(most_tasks=10), dag(8)
    cache.put("a", used)
    cache.put("b", dag(8))
    assert cache.get("a") is used
    del used
    assert kept(cache, "ab") == "b"
