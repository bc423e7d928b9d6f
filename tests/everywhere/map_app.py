"""The mapped tasks of the suite. Workers load this file, child processes import it."""

from __future__ import annotations

import time
from pathlib import Path

from everywhere_app import await_entry, is_written, write

from flowkit import DAG, HookEvent, Mapped, current_attempt, task

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
    """Item 0 ends when the task ``behind`` has ended. Each item writes what it came before."""
    write(diary, f"item {number} {'after' if is_written('behind', diary) else 'before'}")
    if number == 0:
        await_entry("behind", diary)
    return number


@task
def holds(number: int, diary: str) -> int:
    write(diary, f"item {number}")
    await_entry("go on", diary)
    return number


@task(when=lambda how: how != "skip")
def other(how: str) -> str:
    if how == "bad":
        raise ValueError("it is bad")
    return how


@task
def unless_failed(number: int, value: object = None, diary: str | None = None) -> int:
    write(diary, [current_attempt().task, number, value])
    return number


@task(trigger="all_succeeded")
def if_all(number: int, value: object = None, diary: str | None = None) -> int:
    return unless_failed.func(number, value, diary)


@task(trigger="any_succeeded")
def if_any(number: int, value: object = None, diary: str | None = None) -> int:
    return unless_failed.func(number, value, diary)


@task(trigger="all_over")
def in_any_case(number: int, value: object = None, diary: str | None = None) -> int:
    return unless_failed.func(number, value, diary)


@task(when=lambda number: number != 1)
def skips_one_fails_two(number: int) -> int:
    return not_two.func(number)


@task
def listed_in(diary: str) -> list[int]:
    """Three elements, or four when the diary says that the list is longer."""
    write(diary, "listed")
    return list(range(4 if is_written("longer", diary) else 3))


@task
def broken_once(number: int, diary: str) -> int:
    """Item 1 fails until the diary says that it is repaired."""
    write(diary, f"item {number}")
    if number == 1 and not is_written("repaired", diary):
        raise ValueError("it is one")
    return 10 * number


@task(timeout=0.05)
def hangs(number: int) -> int:
    time.sleep(2.0)
    return number


@task(cache_ttl=60)
def cached(item: tuple[str, int]) -> int:
    """Write the number into the file."""
    path, number = item
    write(path, number)
    return number


@task(trigger="all_over")
def after_all(results: object, diary: str | None = None) -> None:
    write(diary, ["after", results])


def no_label(number: int) -> str:
    raise KeyError(f"none for {number}")


with DAG("unlabelled") as unlabelled:
    source.bind("numbers", value=[3]) >> ten_times.map(label=no_label) >> gathered
