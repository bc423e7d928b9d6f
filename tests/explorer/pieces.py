"""What several scripts of the model share, and how a call of one looks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from .model import RUN, Claim, Draft, Record

Reply = tuple[Any, ...]
WAKE_BOUND = 32
REMEMBERED = 100_000  # calls, of which the same ones are made in many states


class Call(NamedTuple):
    """One call of a script, as a process makes it."""

    name: str
    args: tuple[Any, ...]


class Deaths(NamedTuple):
    """What a reap says beside the lane. ``flag`` and the errors: as the script's."""

    by: tuple[str, int] | None  # scheduler and term, None for the lane's own parent
    most: int
    flag: str
    executing: tuple[int, ...] = ()


def stopped(stop: str, spent: str) -> bool:
    return stop == "cancelled" or (stop != "" and "+" not in spent)


def leads(d: Draft, scheduler: str, term: int) -> bool:
    return d.leader is not None and d.leader[:2] == (scheduler, term)


def push_ready(
    d: Draft, level: str, entries: Iterable[tuple[int, int]], *, front: bool = False
) -> None:
    entries = list(entries)
    if not entries:
        return
    if level not in d.levels:
        d.levels = "".join(sorted(d.levels + level, key=lambda one: (one != "!", -ord(one))))
    waiting = d.ready.setdefault(level, [])
    for entry in entries:
        waiting.insert(0 if front else len(waiting), entry)
    d.wake += max(0, min(len(waiting), WAKE_BOUND) - d.wake)


def end_attempt(d: Draft, task: int, record: Record, code: str, spent: str) -> None:
    d.tasks[task] = Record(
        code, record.attempt, record.lane, spent, record.started, d.now - d.submitted
    )
    if code == "F":
        d.dead[task] = d.now
    d.add_event((code, f"{RUN} {task}"))


def queue_again(d: Draft, task: int, attempt: int, spent: str, claim: Claim) -> None:
    level = "!" if "!" in spent else claim.level
    d.tasks[task] = Record("Q", attempt, "", spent)
    push_ready(d, level, [(task, attempt)], front=True)


def running_on(d: Draft, lane: str, task: int) -> Record | None:
    record = d.tasks.get(task)
    return record if record and record.code == "R" and record.lane == lane else None
