"""The DAGs that are measured. Their tasks do almost nothing, so the figures show flowkit's cost."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sized

from flowkit import DAG, Task, task

BURN_S = 0.010
SNOOZE_S = 1.0
WIDTH = 100  # tasks in a layer
SEED = 20_240_229


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
async def snooze() -> None:
    """Sleep for a second."""
    await asyncio.sleep(SNOOZE_S)


@task
def burn() -> None:
    """Take ten milliseconds of processor time."""
    end = time.thread_time() + BURN_S
    while time.thread_time() < end:
        pass


@task
def pause() -> None:
    """Sleep for 10 ms, in a process that does nothing else meanwhile."""
    time.sleep(0.010)


@task
def node(*above: int) -> int:
    """A no-op of the layered DAG. Returns the number of its layer, from 1."""
    return 1 + max(above, default=0)


@task
def payload(size: int) -> bytes:
    """Return a result of that size."""
    return bytes(size)


@task
def count(*results: object) -> int:
    return len(results)


@task
def numbers(count: int) -> range:
    """Return a list for maps. As a result it takes three numbers, and each element two bytes."""
    return range(count)


@task
def count_list(results: Sized) -> int:
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


def mapped(items: int, maps: int, name: str) -> DAG:
    """Return a list, this many maps one behind the other, and a task that takes all results."""
    with DAG(name) as dag:
        last: Task = numbers.bind("numbers", count=items)
        for number in range(maps):
            following = hop.map(name=f"map_{number}")
            last >> following
            last = following
        last >> count_list
    return dag


def wide(tasks: int, of: Task, name: str) -> DAG:
    """Return this many independent tasks."""
    with DAG(name) as dag:
        for number in range(tasks):
            dag.add(of.bind(f"{of.name}_{number}"))
    return dag


def chain(tasks: int) -> DAG:
    """Return a chain of this many tasks."""
    with DAG("chain") as dag:
        last = hop.bind("hop_0")
        dag.add(last)
        for number in range(1, tasks):
            following = hop.bind(f"hop_{number}")
            last >> following
            last = following
    return dag


def layered(tasks: int, name: str) -> DAG:
    """Return this many tasks in layers, each downstream of one to three tasks of the previous
    layer, and ``end``, downstream of the whole last layer. The edges are the same in each run.
    """
    draw = random.Random(SEED)
    before: list[Task] = []
    with DAG(name) as dag:
        for first in range(0, tasks, WIDTH):
            numbers = range(first, min(tasks, first + WIDTH))
            layer = [node.bind(f"node_{number}") for number in numbers]
            for item in layer:
                dag.add(item)
                if before:
                    draw.sample(before, draw.randint(1, 3)) >> item
            before = layer
        before >> node.bind("end")
    return dag


def single() -> DAG:
    """Return a DAG of one task."""
    with DAG("single") as dag:
        dag.add(begin)
    return dag
