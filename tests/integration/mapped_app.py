"""Tasks of runs with mapped tasks, for workers of the tests."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Any

from flowkit import DAG, Mapped, current_attempt, task


@task
def numbers(count: int = 3) -> list[int]:
    return list(range(count))


@task
def double(number: int) -> int:
    print(f"doubling {number}")
    return 2 * number


@task
async def asleep(number: int) -> int:
    await asyncio.sleep(0.01)
    return number


@task
async def listed_async(count: int = 3) -> list[int]:
    await asyncio.sleep(0)
    return list(range(count))


@task
def deadly(number: int) -> int:
    """Kill the process at the first attempt of one item."""
    if number == 1 and current_attempt().attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@task(timeout=0.2, retries=1, delay=0.0)
def slow_once(number: int) -> int:
    if number == 1 and current_attempt().attempt == 1:
        time.sleep(30)
    return number


@task
def total(found: list[int | None]) -> int:
    return sum(number or 0 for number in found)


@task
def spread(found: Mapped[int]) -> list[int]:
    return [len(found), found[0], sum(found), len(found.failures)]


@task
def calls(number: int) -> Any:
    """Have a run of another DAG for each item."""
    return inner.call(params={"number": number}, result="double")


with DAG("inner") as inner:
    dag_double = double.bind("double")
    inner.add(dag_double)


def doubles(name: str = "doubles") -> DAG:
    with DAG(name) as dag:
        numbers >> double.map(label="number {item}") >> total
    return dag


def kinds() -> DAG:
    """Draw items that sleep, die, take too long, and are read lazily."""
    with DAG("kinds") as dag:
        begin = listed_async.bind("begin", count=4)
        begin >> asleep.map() >> total.bind("total_asleep")
        begin >> deadly.map() >> total.bind("total_deadly")
        begin >> slow_once.map() >> spread
    return dag


def callers() -> DAG:
    with DAG("callers") as dag:
        numbers >> calls.map() >> total
    return dag


@task(delay=0)
def check(number: int) -> int:
    print(f"checking {number}")
    if number % 4 == 1:
        raise ValueError(f"bad number {number}")
    return number


def checks(name: str = "checks") -> DAG:
    with DAG(name) as dag:
        numbers >> check.map(label="number {item}", failures="collect") >> total
    return dag


def strict_checks(name: str = "strict") -> DAG:
    with DAG(name) as dag:
        numbers >> check.map(label="number {item}") >> total
    return dag


@task
def text() -> str:
    return "abc"


def of_text(name: str = "of_text") -> DAG:
    with DAG(name) as dag:
        text >> double.map() >> total
    return dag
