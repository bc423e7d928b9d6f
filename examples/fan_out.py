"""Fan-out and fan-in: eight tasks of one function work in parallel, and one task adds up.

Shows `bind`, which makes more tasks from a function, each with its own name and arguments.

    cut ─▶ count_1 … count_8 ─▶ total

    flowkit run examples/fan_out.py
    python examples/fan_out.py

Run parameter: `below` (default 100000). `total` returns the number of primes below it: 9592 for
100000. Counting keeps a core busy. The first command counts in worker processes, on all cores at
once. The second command counts in the threads of one process, which take turns.
"""

from __future__ import annotations

from itertools import pairwise
from math import isqrt

from flowkit import DAG, task

PARTS = 8


@task()
def cut(below: int = 100_000) -> list[tuple[int, int]]:
    """Cut 0 … `below` into PARTS adjacent ranges."""
    if below < 0:
        raise ValueError(f"below: {below} is negative. Give 0 or more.")
    edges = [below * part // PARTS for part in range(PARTS + 1)]
    return list(pairwise(edges))


@task()
def count(ranges: list[tuple[int, int]], part: int) -> int:
    """Count the primes in range number `part`, counted from 1."""
    first, end = ranges[part - 1]
    return sum(is_prime(number) for number in range(first, end))


def is_prime(number: int) -> bool:
    """Try every divisor. This is slow on purpose, so that there is work to do."""
    return number > 1 and all(number % divisor for divisor in range(2, isqrt(number) + 1))


@task()
def total(*counts: int) -> int:
    """Add up the counts."""
    return sum(counts)


with DAG("fan_out") as dag:
    counts = [count.bind(f"count_{part}", part=part) for part in range(1, PARTS + 1)]
    cut >> counts >> total


if __name__ == "__main__":
    print(dag.run(executor="thread")["total"])
