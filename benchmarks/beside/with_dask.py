"""The measurements of Dask: ``python with_dask.py FORM WORKLOAD SIZE``.

Two forms: ``graph`` is a dict of tuples that is passed to a scheduler, the minimum that Dask has to
do; ``delayed`` is how users of Dask write programs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import noops
from dask import delayed, multiprocessing, threaded

begin, leaf, count, hop = map(delayed, (noops.begin, noops.leaf, noops.count, noops.hop))


def run_fan_out(get: Callable[..., Any]) -> noops.Preparation:
    """Return a function that prepares a graph for this scheduler."""

    def prepare(size: int) -> Callable[[], int]:
        graph: dict[str, Any] = {"begin": (noops.begin,)}
        leaves = [f"leaf_{number}" for number in range(size)]
        graph.update((name, (noops.leaf, "begin")) for name in leaves)
        graph["count"] = (noops.count, *leaves)
        return lambda: get(graph, "count")

    return prepare


def run_map(size: int) -> Callable[[], int]:
    """Dask maps over what a task returned only with the list in the caller: two graphs."""

    def run() -> int:
        seeds = threaded.get({"items": (noops.items, size)}, "items")
        graph: dict[str, Any] = {f"leaf_{seed}": (noops.leaf, seed) for seed in seeds}
        graph["count"] = (noops.count, *graph)
        answer: int = threaded.get(graph, "count")
        return answer

    return run


def run_chain(size: int) -> Callable[[], int]:
    graph: dict[str, Any] = {"hop_0": (noops.hop,)}
    for number in range(1, size):
        graph[f"hop_{number}"] = (noops.hop, f"hop_{number - 1}")
    return lambda: threaded.get(graph, f"hop_{size - 1}")


def delayed_fan_out(size: int) -> Any:
    seed = begin()
    # As one list, the results would cost Dask a search whose time grows with their square.
    return count(*[leaf(seed) for _ in range(size)])


def run_delayed_fan_out(size: int) -> Callable[[], int]:
    answer = delayed_fan_out(size)
    return lambda: answer.compute(scheduler="threads")


def run_delayed_chain(size: int) -> Callable[[], int]:
    last = hop()
    for _ in range(1, size):
        last = hop(last)
    return lambda: last.compute(scheduler="threads")


def build(size: int) -> Callable[[], int]:
    return lambda: len(delayed_fan_out(size).dask.layers) - 2


if __name__ == "__main__":
    noops.measure(
        {
            "graph fan-out": run_fan_out(threaded.get),
            "processes fan-out": run_fan_out(multiprocessing.get),
            "graph chain": run_chain,
            "graph map": run_map,
            "delayed fan-out": run_delayed_fan_out,
            "delayed chain": run_delayed_chain,
            "delayed build": build,
        }
    )
