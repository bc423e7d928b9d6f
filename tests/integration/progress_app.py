"""Tasks that report how far they are, and then wait until a file is there."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from flowkit import current_attempt, progress, task, track

FLOOD = 200_000


def is_open(gate: str) -> bool:
    return Path(gate).exists()


def wait(gate: str) -> None:
    while not is_open(gate):
        time.sleep(0.01)


@task
def rows(gate: str) -> int:
    """Finish four of ten rows, and wait in the fifth."""
    done = 0
    for row in track(range(10)):
        done += 1
        if row == 4:
            wait(gate)
    return done


@task
def flood(gate: str) -> int:
    """Report far more often than anybody can be told."""
    for number in range(1, FLOOD + 1):
        progress(number, FLOOD, "reports")
    wait(gate)
    return FLOOD


@task
async def pages(gate: str, count: int) -> int:
    async def numbers() -> AsyncIterator[int]:
        for number in range(count):
            yield number

    async for _ in track(numbers(), "pages"):
        await asyncio.sleep(0)
    while not is_open(gate):
        await asyncio.sleep(0.01)
    return count


@task
def hostile(gate: str) -> None:
    progress(1, 2, "\x1b[2J\nRun 7 succeeded\u202e" + "x" * 1000)
    wait(gate)


@task
def quiet(gate: str) -> None:
    wait(gate)


@task(retries=2, delay=0.01)
def dies(gate: str) -> int:
    """Report once, then die; the next attempt reports nothing."""
    attempt = current_attempt().attempt
    if attempt == 1:
        progress(5, 10)
        wait(gate)
        os._exit(9)
    wait(gate + "-2")
    return attempt
