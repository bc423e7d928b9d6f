"""The measurements of Prefect: ``python with_prefect.py FORM WORKLOAD SIZE``.

Prefect's form for one machine: tasks submitted to the default task runner, which is a thread pool,
inside a flow, with the temporary server that Prefect starts by itself. The first, uncounted run
starts that server.
"""

from __future__ import annotations

from collections.abc import Callable

import noops
from prefect import flow, task

begin, leaf, count, hop = map(task, (noops.begin, noops.leaf, noops.count, noops.hop))
items, count_list = map(task, (noops.items, noops.count_list))


@flow
def fan_out(size: int) -> int:
    seed = begin.submit()
    return count.submit(*[leaf.submit(seed) for _ in range(size)]).result()


@flow
def chain(size: int) -> int:
    last = hop.submit()
    for _ in range(1, size):
        last = hop.submit(last)
    return last.result()


@flow
def mapped(size: int) -> int:
    return count_list.submit(leaf.map(items.submit(size))).result()


def run(one: Callable[[int], int]) -> noops.Preparation:
    """Return a function that prepares a call of this flow."""
    return lambda size: lambda: one(size)


if __name__ == "__main__":
    flows = {"fan-out": fan_out, "chain": chain, "map": mapped}
    noops.measure({f"submit {name}": run(one) for name, one in flows.items()})
