"""The mapped tasks of the suite. Workers load this file, child processes import it."""

from __future__ import annotations

import time
from pathlib import Path

from everywhere_app import write

from flowkit import HookEvent, Mapped, current_attempt, task

PATIENCE_S = 20.0


@task
def source(value: object) -> object:
    return value


@task(when=bool)
def skipped(value: object) -> object:
    return value


@task
def ten_times(number: int) -> int:
    return 10 * number


@task
def pair(item: object, whole: object) -> list[object]:
    return [item, whole]


@task
def listed(number: int) -> list[int]:
    return list(range(number))


@task
def named(item: object, diary: str | None = None) -> str:
    write(diary, "started")
    return current_attempt().task


@task
def gathered(results: list[object]) -> list[object]:
    return [type(results).__name__, *results]


@task
def not_two(number: int) -> int:
    if number == 2:
        raise ValueError("it is two")
    return number


@task(when=lambda number: number != 2)
def unless_two(number: int) -> int:
    return number


@task
def read(results: Mapped[int]) -> list[object]:
    states = [state.value for state in results.states]
    failures = [[one.index, one.label, one.error] for one in results.failures]
    return [type(results).__name__, len(results), list(results), results.values, states, failures]


def alert(event: HookEvent, diary: str | None = None) -> None:
    write(diary, [event.event, event.task, event.error_message, event.attempt])


@task(retries=1, delay=0.01, on_failure=alert)
def twice_if_two(number: int, diary: str | None = None) -> int:
    write(diary, number)
    if number == 2:
        raise ValueError("it is two")
    return number


@task
def waits_for_next(number: int, diary: str) -> int:
    """Item 1 ends only when the item behind item 0 has written its line."""
    deadline = time.monotonic() + PATIENCE_S
    while number == 1 and not Path(diary).exists():
        assert time.monotonic() < deadline, "the item behind item 0 did not start"
        time.sleep(0.01)
    return number


@task
def writes(number: int, diary: str | None = None) -> int:
    write(diary, number)
    return number


@task
def alone(number: int, diary: str) -> int:
    """Writes 1 if it began while another item ran."""
    lock = Path(f"{diary}.running")
    write(diary, int(lock.exists()))
    lock.touch()
    time.sleep(0.02)
    lock.unlink()
    return number
