"""More tasks of the suite: of parameters, results that are dropped, and clients in tasks."""

from __future__ import annotations

import asyncio
import decimal
import enum
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from everywhere_app import PATIENCE_S, write

from flowkit import DAG, AsyncClient, current_attempt, task


@dataclass
class Window:
    first: date
    days: int = 7


class Mode(enum.Enum):
    FULL = "full"
    DELTA = "delta"


@task
def describes(
    dry_run: bool,
    day: date,
    folder: Path,
    price: decimal.Decimal,
    window: Window,
    modes: list[Mode],
    wait: timedelta,
    limits: dict[str, int] | None = None,
) -> list[str]:
    """Return the parameters as text that shows their types."""
    given = (dry_run, day, folder, price, window, modes, wait, limits)
    return [f"{type(value).__name__} {value}" for value in given]


@task(keep_result=False)
def bulky(size: int = 3) -> list[int]:
    return list(range(size))


@task(keep_result=False)
def nothing() -> None:
    return None


@task(retries=1, delay=0.01)
def sum_of(numbers: list[int], diary: str | None = None) -> int:
    if current_attempt().attempt == 1:
        raise RuntimeError("the next attempt needs the numbers too")
    write(diary, numbers)
    return sum(numbers)


@task
def length_of(numbers: list[int], unlucky: bool = False) -> int:
    if unlucky and current_attempt().attempt == 1:
        raise ValueError("no luck")
    return len(numbers)


@task(queue="nobody-serves-it")
def elsewhere() -> None:
    return None


@task
def answer() -> int:
    return 42


inner = DAG("inner", tasks=[answer])


@task(timeout=PATIENCE_S)
async def asks_others() -> list[object]:
    async with AsyncClient.connect() as client:
        runs = [await client.submit(inner) for _ in range(2)]
        await asyncio.gather(*(run.wait() for run in runs))
        again = [await run.result("answer") for run in runs]
        return [*again, runs[0].run_id != runs[1].run_id]


@task(timeout=PATIENCE_S)
def asks_in_a_loop_of_its_own() -> list[object]:
    return asyncio.run(asks_others.func())
