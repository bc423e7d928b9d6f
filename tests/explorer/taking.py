"""How a lane claims in the model: the scripts ``take_once``, ``take`` and their parts."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

from .model import DIGEST, LIST, RUN, Claim, Draft, Place
from .pieces import stopped

TURN = 32
Taken = list[tuple[int, int, str]]  # task, attempt, spent


@dataclass(frozen=True)
class Claimer:
    """Who claims. ``app``: '' for a worker that does not say what it has."""

    lane: str
    call: int
    share: int
    app: str


def take_once(d: Draft, lane: str, call: int, limit: int, share: int, app: str) -> list[Any]:
    if limit == 0:
        return []
    if d.calls[lane] == call:
        taken = [
            (task, item.attempt, _spent_now(d, task))
            for task, item in d.claims[lane].items()
            if item.call == call
        ]
        return _describe(d, taken)
    d.calls[lane] = call
    return _take(d, Claimer(lane, call, share, app), limit)


def _spent_now(d: Draft, task: int) -> str:
    record = d.tasks.get(task)
    return record.spent if record and record.code == "R" else "0"


def _describe(d: Draft, taken: Taken) -> list[Any]:
    if not taken:
        return []
    resumes = d.field("resumes")
    life = f"{d.submitted}/{resumes}" if resumes else str(d.submitted)
    return [RUN, DIGEST, life, "", " ".join(",".join(map(str, item)) for item in taken)]


def _take(d: Draft, claimer: Claimer, limit: int) -> list[Any]:
    reply: list[Any] = []
    taken, drained, waits = 0, True, dict[str, bool]()
    has_functions = f"{LIST}@" in d.levels
    for place in _places(d, claimer):
        look, more = _may_look(d, claimer.lane, place, taken), True
        if look == "wait":
            return reply
        if look == "no":
            more = bool(d.ready.get(place))
        if look == "yes" and taken < limit:
            got, more = _take_level(d, claimer, place, limit - taken, reply)
            taken += got
            if place[1] == "!" and got:
                return reply
        waits[place[0]] = waits.get(place[0], False) or more
        drained = drained and not more
    for name in [name for name, more in waits.items() if not more and name != LIST]:
        d.parked.discard(name.partition("@")[2])
        d.levels.pop(name, None)
        d.levels.pop(f"{name}+", None)
    if drained:
        d.wake.pop(LIST, None)
        if has_functions and claimer.app:
            d.wake.pop(f"{LIST}@{claimer.app}", None)
    return reply


def _places(d: Draft, claimer: Claimer) -> list[Place]:
    """Return the places to claim from, in order. More than one function is parked in no setup:
    several would come in an order that only the server knows."""
    mine = [(LIST, level) for level in d.levels.get(LIST, "")]
    functions = d.parked & set(d.functions.get(claimer.app, ()))
    if f"{LIST}@" not in d.levels:
        functions = set()
    if not functions:
        return mine
    (function,) = functions
    other = f"{LIST}@{function}"
    others = [(other, level) for level in d.levels.get(other, "")]
    if not others:
        d.parked.discard(function)
    both = others + mine if claimer.call % 2 else mine + others
    return sorted(both, key=lambda place: -10 if place[1] == "!" else -int(place[1]))


def _may_look(d: Draft, lane: str, place: Place, taken: int) -> str:
    if place[1] != "!":
        return "yes"
    other = lane[:-1] if lane.endswith("a") else lane + "a"
    beside = list(d.claims.get(other, {}).values())
    if not d.ready.get(place) or (len(beside) == 1 and beside[0].level == "!"):
        return "no"
    return "wait" if taken or d.claims[lane] else "yes"


def _take_level(
    d: Draft, claimer: Claimer, place: Place, want: int, reply: list[Any]
) -> tuple[int, bool]:
    """Return how many were taken, and whether there may be more."""
    waiting = d.ready.setdefault(place, [])
    before = len(waiting)
    if place[1] == "!":
        return _take_ready(d, claimer, place, 1, reply), before > 1
    turns = d.turns.get(place, 0) if f"{place[0]}+" in d.levels else 0
    part = ceil(before / claimer.share)
    half = (want + claimer.call % 2) // 2 if turns else want
    taken = _take_ready(d, claimer, place, min(part, half), reply)
    more = turns > 0
    if turns and taken < want:
        got, more = _take_turns(d, claimer, place, want - taken, reply)
        taken += got
    rest = min(part - before + len(waiting), want - taken)
    if turns and rest > 0:
        taken += _take_ready(d, claimer, place, rest, reply)
    return taken, bool(waiting) or more


def _take_ready(d: Draft, claimer: Claimer, place: Place, most: int, reply: list[Any]) -> int:
    waiting, taken = d.ready[place], 0
    while taken < most and waiting:
        count = most - taken
        popped, waiting[:] = waiting[:count], waiting[count:]
        taken += _take_run(d, claimer, place, popped, reply) or 0
    return taken


def _take_turns(
    d: Draft, claimer: Claimer, place: Place, want: int, reply: list[Any]
) -> tuple[int, bool]:
    """Take turns; all are of the one run. Return how many were taken, and whether some are left."""
    turns, taken, again = d.turns[place], 0, 0
    left = ceil(turns / claimer.share)
    most = max(TURN, ceil(want / left))
    most = ceil(want / ceil(want / most))
    while taken < want and left > 0:
        count = min(left, ceil((want - taken) / most))
        left, turns = left - count, turns - count
        for _ in range(count):
            got, more = 0, True
            if taken < want:
                got, more = _take_turn(d, claimer, place, min(most, want - taken), reply)
            taken += got
            again += more
    d.turns[place] = turns + again
    return taken, d.turns[place] > 0


def _take_turn(
    d: Draft, claimer: Claimer, place: Place, most: int, reply: list[Any]
) -> tuple[int, bool]:
    backlog = d.backlogs.setdefault(place, [])
    waiting = len(backlog)
    count = min(most, ceil(waiting / claimer.share))
    popped, backlog[:] = backlog[:count], backlog[count:]
    if not popped:
        return 0, False
    taken = _take_run(d, claimer, place, popped, reply)
    if taken is not None:
        return taken, waiting > count
    backlog.clear()
    return 0, False


def _take_run(
    d: Draft, claimer: Claimer, place: Place, popped: list[tuple[int, int]], reply: list[Any]
) -> int | None:
    """Return how many of these attempts were taken, None if the run is not running."""
    if d.field("state") != "running":
        return None
    taken: Taken = []
    first: dict[int, int] = {}  # an entry that names a task again is dropped
    for task, attempt in popped:
        first.setdefault(task, attempt)
    for task, attempt in first.items():
        record = d.tasks.get(task)
        if not record or (record.code, record.attempt) != ("Q", attempt):
            continue
        if not stopped(d.field("stop"), record.spent):
            lane = claimer.lane
            d.tasks[task] = record._replace(code="R", lane=lane, started=d.now - d.submitted)
            d.claims[lane][task] = Claim(attempt, claimer.call, place[1], place[0])
            taken.append((task, attempt, record.spent))
    if taken and claimer.app in d.versions:
        _note_version(d, claimer)
    reply += _describe(d, taken)
    return len(taken)


def _note_version(d: Draft, claimer: Claimer) -> None:
    """Note what the worker runs, unless that is noted already."""
    assert d.run is not None
    about, worker = f"{claimer.app}={d.versions[claimer.app]}", "@" + claimer.lane.partition(".")[0]
    noted = d.field(worker)
    if not noted.startswith(claimer.app):
        d.run["@" + claimer.lane.removesuffix("a") if noted else worker] = about
