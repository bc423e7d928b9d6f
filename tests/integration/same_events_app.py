"""Tasks that end in each way, for the test that compares the events of all ways to run them."""

from __future__ import annotations

import asyncio

from flowkit import again, current_attempt, task


@task
def succeeds() -> int:
    return 1


@task(retries=1, delay=0)
def is_retried() -> None:
    if current_attempt().attempt == 1:
        raise OSError("again")


@task
def comes_again() -> object:
    return 1 if current_attempt().times else again(0.5, memory="kept")


@task
def fails() -> None:
    raise ValueError("no good")


@task(when=lambda value: False)
def is_skipped(value: int) -> None: ...


@task(timeout=0.2, trigger="all_over")
async def times_out() -> None:
    await asyncio.sleep(60)


@task(cache_ttl=60)
def is_cached() -> int:
    return 1


@task
async def waits() -> None:
    await asyncio.sleep(60)
