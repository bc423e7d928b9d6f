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
    return "".join(digest for digest in digests if cache.get(digest) is not None)


def test_a_stored_dag_is_returned() -> None:
    cache, item = DAGCache(), dag(1)
    assert cache.get("a") is None
    cache.put("a", item)
    assert cache.get("a") is item


def test_the_oldest_dags_are_dropped_when_there_are_too_many() -> None:
    cache = DAGCache(most_dags=2)
    for digest in "abc":
        cache.put(digest, dag(1))
    assert kept(cache, "abc") == "bc"


def test_the_oldest_dags_are_dropped_when_they_have_too_many_tasks() -> None:
    """Sixty-four DAGs of a million tasks each would fill a machine."""
    cache = DAGCache(most_tasks=10)
    for digest in "abc":
        cache.put(digest, dag(4))
    assert kept(cache, "abc") == "bc"


def test_the_oldest_dags_are_dropped_when_fixed_arguments_are_large() -> None:
    """A DAG of one task may have 256 MiB of them."""
    cache = DAGCache(most_tasks=10)
    for digest in "abc":
        cache.put(digest, replace(dag(1), kwargs={0: bytes(300)}))
    assert kept(cache, "abc") == "bc"


def test_an_oversized_dag_stays_until_the_next_one() -> None:
    cache = DAGCache(most_tasks=10)
    cache.put("a", dag(2))
    cache.put("b", dag(11))
    assert kept(cache, "ab") == "b"
    cache.put("c", dag(3))
    assert kept(cache, "abc") == "c"


def test_a_dag_stored_twice_counts_once() -> None:
    cache = DAGCache(most_tasks=10)
    for _ in range(4):
        cache.put("a", dag(4))
    cache.put("b", dag(4))
    assert kept(cache, "ab") == "ab"


def test_a_dag_stored_again_becomes_the_newest() -> None:
    cache = DAGCache(most_dags=2)
    for digest in "abac":
        cache.put(digest, dag(1))
    assert kept(cache, "abc") == "ac"


def test_a_dag_in_use_is_not_read_again() -> None:
    """Two large DAGs that pushed each other off were in memory once for each of their runs."""
    cache, used = DAGCache(most_tasks=10), dag(8)
    cache.put("a", used)
    cache.put("b", dag(8))
    assert cache.get("a") is used
    del used
    assert kept(cache, "ab") == "b"
