"""Tasks that come again."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from everywhere_app import await_entry, write

import flowkit
from flowkit import current_attempt, task

SOON_S = 0.01


@dataclass(frozen=True)
class Cursor:
    page: int
    rows: tuple[str, ...] = ()


@task
def pages(diary: str | None = None) -> list[str]:
    """Read one page per attempt."""
    now = current_attempt()
    cursor = now.memory or Cursor(0)
    assert isinstance(cursor, Cursor)
    write(diary, [now.attempt, now.times, cursor.page])
    rows = (*cursor.rows, f"row {cursor.page}")
    if cursor.page == 2:
        return list(rows)
    return flowkit.again(SOON_S, memory=Cursor(cursor.page + 1, rows))  # type: ignore[return-value]


@task
async def pages_async(diary: str | None = None) -> object:
    now = current_attempt()
    write(diary, [now.attempt, now.times, now.memory])
    return "done" if now.times == 2 else flowkit.again(SOON_S, memory=now.attempt)


def only_first(value: object) -> bool:
    """Only the first attempt may ask."""
    return current_attempt().attempt == 1 and value == 1


@task(when=only_first)
def conditional(value: object) -> object:
    return current_attempt().times or flowkit.again(SOON_S)


@task(retries=1, delay=SOON_S)
def flaky(diary: str | None = None) -> object:
    """Fail in every other attempt, which one retry allows each time."""
    now = current_attempt()
    write(diary, [now.attempt, now.times, now.memory])
    if now.attempt % 2:
        raise ConnectionError("try once more")
    return "done" if now.times == 2 else flowkit.again(SOON_S, memory=f"kept {now.attempt}")


@task(retries=1, delay=SOON_S)
def fails_later(diary: str | None = None) -> object:
    now = current_attempt()
    write(diary, [now.attempt, now.memory])
    if now.times:
        raise ConnectionError("gone for good")
    return flowkit.again(SOON_S, memory="kept")


@task(retries=3, delay=SOON_S)
def impatient(diary: str | None = None) -> object:
    write(diary, current_attempt().times)
    return flowkit.again(SOON_S, times=2)


@task(retries=3, delay=SOON_S)
def keeps_a_lock(diary: str | None = None) -> object:
    write(diary, current_attempt().attempt)
    return flowkit.again(SOON_S, memory=threading.Lock())


@task(at_most_once=True)
def once() -> object:
    return flowkit.again(SOON_S)


def hook(event: Any, diary: str | None = None) -> object:
    write(diary, event.event)
    return flowkit.again(SOON_S)


@task(on_failure=hook)
def has_a_hook() -> None:
    raise KeyError("no such row")


@task
def waits_long(diary: str | None = None) -> object:
    write(diary, current_attempt().task)
    return flowkit.again(3600)


@task
def fails_beside(names: list[str], diary: str | None = None) -> None:
    """Fail when all of these have started."""
    for name in names:
        await_entry(name, diary)
    raise KeyError("no such row")


@task
def after(*values: object) -> list[object]:
    return list(values)


@task
def cleared(diary: str | None = None) -> object:
    """Forget the memory by coming again without one."""
    now = current_attempt()
    write(diary, now.memory)
    if now.times == 0:
        return flowkit.again(SOON_S, memory="first")
    return flowkit.again(SOON_S) if now.times == 1 else "done"


@task(cache_ttl=60)
def cached(key: str, diary: str | None = None) -> object:
    write(diary, current_attempt().times)
    return "done" if current_attempt().times else flowkit.again(SOON_S)


@task
def asks_in_a_list() -> list[object]:
    return [flowkit.again(SOON_S)]
