"""Tasks that must never start twice. Each start is noted outside of Redis, see ``fault_app``."""

from __future__ import annotations

import asyncio
import time

from fault_app import is_open, note

from flowkit import task


@task(at_most_once=True)
def charge(*, cents: int) -> int:
    note()
    time.sleep(0.01)
    return cents


@task(at_most_once=True)
async def acharge(*, cents: int) -> int:
    note()
    await asyncio.sleep(0.02)
    return cents


@task(at_most_once=True)
def charge_slowly(*, gate: str) -> int:
    attempt = note()
    while not is_open(gate):
        time.sleep(0.01)
    return attempt


@task(at_most_once=True, timeout=0.4)
def charge_for_ever() -> None:
    note()
    time.sleep(600)


@task
def receipt(*values: object) -> int:
    note()
    return len(values)
