"""The tasks that every library runs, and the clock around them.

A measuring process sees nothing of the tree but this folder. It has a program for each library,
which imports only that library. A program maps ``FORM WORKLOAD`` to a function that takes a size,
prepares, and returns the call to be timed. That call returns the number of tasks that ran, so that
nothing is fast because it is wrong.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping

WARM_UP = 5  # tasks: what a library imports and starts with its first run is not measured

Preparation = Callable[[int], Callable[[], int]]


def begin() -> int:
    """The first task of a fan-out."""
    return 1


def items(size: int) -> list[int]:
    """The list that is mapped."""
    return list(range(size))


def leaf(seed: int) -> None:
    """The middle of a fan-out, and what is mapped."""


def count(*results: None) -> int:
    """The end of a fan-out."""
    return len(results)


def count_list(results: list[None]) -> int:
    """The end of a map."""
    return len(results)


def hop(before: int = 0) -> int:
    """A task of a chain."""
    return before + 1


def measure(preparations: Mapping[str, Preparation]) -> None:
    """Measure ``FORM WORKLOAD SIZE`` of the command line, and print the seconds as JSON.

    Exits with a message if the result is wrong.
    """
    form, workload, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
    prepare = preparations[f"{form} {workload}"]
    prepare(WARM_UP)()
    run = prepare(size)
    began = time.perf_counter()
    answer = run()
    seconds = time.perf_counter() - began
    if answer != size:
        sys.exit(f"{form} {workload}: the answer is {answer}, but {size} is right")
    print(json.dumps({"seconds": seconds}))
