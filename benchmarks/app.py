"""The DAGs that are measured. Their tasks do next to nothing: flowkit's own cost is left."""

from __future__ import annotations

import asyncio

from flowkit import DAG, Task, task


@task
def begin() -> int:
    return 1


@task
def leaf(seed: int) -> None:
    """A no-op whose result, None, takes no memory in Redis."""


@task
def answer(seed: int) -> int:
    """A no-op with a small result."""
    return 123_456


@task
def leaf_alone() -> None:
    """A no-op that needs nothing."""


@task
async def nap() -> None:
    """Sleep for 10 ms."""
    await asyncio.sleep(0.010)


@task
def payload(size: int) -> bytes:
    """Give a result of that size."""
    return bytes(size)


@task
def count(*results: object) -> int:
    return len(results)


@task
def hop(seed: object = None) -> None:
    """A no-op for chains."""


def fan_out(tasks: int, of: Task = leaf, name: str = "fan_out") -> DAG:
    """Return ``begin >> tasks × of >> count``."""
    with DAG(name) as dag:
        middle = [of.bind(f"{of.name}_{number}") for number in range(tasks)]
        begin >> middle >> count
    return dag


def wide(tasks: int, of: Task, name: str) -> DAG:
    """Return so many tasks that have nothing to do with each other."""
    with DAG(name) as dag:
        for number in range(tasks):
            dag.add(of.bind(f"{of.name}_{number}"))
    return dag


def chain(tasks: int) -> DAG:
    """Return so many tasks, one behind the other."""
    with DAG("chain") as dag:
        last = hop.bind("hop_0")
        dag.add(last)
        for number in range(1, tasks):
            following = hop.bind(f"hop_{number}")
            last >> following
            last = following
    return dag


def single() -> DAG:
    """Return a DAG of one task."""
    with DAG("single") as dag:
        dag.add(begin)
    return dag
