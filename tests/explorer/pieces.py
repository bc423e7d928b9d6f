"""What several scripts of the model share, and how a call of one looks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from .model import LIST, RUN, Claim, Draft, Place, Record

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


def _wake_at(d: Draft, name: str, waiting: int, added: int) -> None:
    tokens = d.wake.get(name, 0)
    missing = max(waiting - tokens, added)
    d.wake[name] = tokens + max(0, min(missing, WAKE_BOUND - tokens))


def _wake(d: Draft, name: str, waiting: int, added: int) -> None:
    base, at, function = name.partition("@")
    if not at:
        _wake_at(d, name, waiting, added)
        return
    d.parked.add(function)
    d.levels.setdefault(f"{base}@", "1")
    for app, deadline in d.apps.items():
        if deadline >= d.now and function in d.functions.get(app, ()):
            _wake_at(d, f"{base}@{app}", waiting, added)


def _note_level(d: Draft, place: Place, sign: str = "") -> None:
    name, level = place
    if sign:
        d.levels.setdefault(name + sign, "1")
    known = d.levels.get(name, "")
    if level not in known:
        d.levels[name] = "".join(sorted(known + level, key=lambda item: (item != "!", -ord(item))))


def push_ready(
    d: Draft, place: Place, entries: Iterable[tuple[int, int]], *, front: bool = False
) -> None:
    entries = list(entries)
    if not entries:
        return
    _note_level(d, place)
    waiting = d.ready.setdefault(place, [])
    for entry in entries:
        waiting.insert(0 if front else len(waiting), entry)
    _wake(d, place[0], len(waiting), len(entries))


def push_backlog(
    d: Draft, place: Place, entries: Iterable[tuple[int, int]], *, again: bool = False
) -> None:
    """``again``: the entries are restored, so the turn may be missing as well."""
    entries = list(entries)
    if not entries:
        return
    _note_level(d, place, "+")
    backlog = d.backlogs.setdefault(place, [])
    backlog += entries
    turns = d.turns.get(place, 0)
    if not turns if again else len(backlog) == len(entries):
        turns += 1
    d.turns[place] = turns
    _wake(d, place[0], len(backlog) + turns - 1, len(entries))


def note_ran(d: Draft, lane: str) -> None:
    """Note the version that the worker runs, which an attempt has ended on."""
    child = "@" + lane.removesuffix("a")
    about, ran = d.field(child) or d.field(child.partition(".")[0]), d.field("ran")
    if not about or d.run is None:
        return
    d.run.setdefault("ran", about)
    if ran and ran.partition("=")[2] != about.partition("=")[2] and "mixed" not in d.run:
        d.run["mixed"] = about
        d.add_event(("versions", f"{RUN} {ran} {about}"))


def end_attempt(d: Draft, task: int, record: Record, code: str, spent: str) -> None:
    ended = d.now - d.submitted
    d.tasks[task] = record._replace(code=code, spent=spent, ended=ended)
    if code == "F":
        d.dead[task] = d.now
    d.add_event((code, f"{RUN} {task}"))


def queue_again(
    d: Draft, task: int, attempt: int, spent: str, claim: Claim, function: str = ""
) -> None:
    """``function``: the one that the lane lacks, '' if it lacks none."""
    place = (f"{LIST}@{function}" if function else claim.list, "!" if "!" in spent else claim.level)
    d.tasks[task] = queued(d, attempt, spent)
    if function and place[1] != "!":
        push_backlog(d, place, [(task, attempt)])
    else:
        push_ready(d, place, [(task, attempt)], front=True)


def queued(d: Draft, attempt: int, spent: str) -> Record:
    return Record("Q", attempt, "", spent, queued=d.now - d.submitted)


def running_on(d: Draft, lane: str, task: int) -> Record | None:
    record = d.tasks.get(task)
    return record if record and record.code == "R" and record.lane == lane else None
