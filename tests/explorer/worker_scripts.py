"""The scripts that workers call, and those that take back what they held; see ``scripts``."""

from __future__ import annotations

import re
from math import ceil
from typing import Any

from .model import DIGEST, OVER, RUN, Claim, Draft, Record
from .pieces import Deaths, Reply, end_attempt, leads, queue_again, running_on, stopped


def heartbeat(d: Draft, worker: str, lease: int, about: str, lanes: tuple[str, ...]) -> Reply:
    if not about and worker not in d.workers:
        return ("DEAD",)
    d.workers[worker], d.lanes[worker] = d.now + lease, lanes
    reply: list[Any] = ["OK", len(d.workers)]
    for lane in lanes:
        d.calls.setdefault(lane, 0)
        held = d.claims.setdefault(lane, {})
        stops = sorted(d.stops.get(lane, ()))
        reply += [lane, len(held), " ".join(f"{RUN},{task},{number}" for task, number in stops)]
    return tuple(reply)


def claim(d: Draft, lane: str, call: int, limit: int, share: int) -> Reply:
    if lane not in d.claims:
        return ("UNKNOWN",)
    taken = _take_once(d, lane, call, limit, share)
    return ("OK", len(d.claims[lane]), *taken)


def complete(
    d: Draft,
    lane: str,
    call: int,
    limit: int,
    share: int,
    outcomes: tuple[tuple[str, str], ...],
) -> Reply:
    if lane not in d.claims:
        return ("UNKNOWN",)
    stale = _record_outcomes(d, lane, outcomes)
    taken = _take_once(d, lane, call, limit, share)
    return ("OK", " ".join(stale), len(d.claims[lane]), *taken)


def _record_outcomes(d: Draft, lane: str, outcomes: tuple[tuple[str, str], ...]) -> list[str]:
    stop, stale, ended = d.field("stop"), [], {}
    before = dict(d.tasks)
    for token, payload in outcomes:
        number, of, code, *later = token.split(",")
        task, attempt = int(number), int(of)
        record = before.get(task)
        anew = record and (record.code, record.lane) == ("R", lane) and record.attempt != attempt
        if not anew:
            d.claims[lane].pop(task, None)
        if record is None or (record.attempt, record.lane) != (attempt, lane):
            stale.append(f"{RUN},{task}")
        elif record.code == "R":
            written = _settle(d, task, record, code, later)
            if payload:
                (d.results if written == "S" else d.errors)[task] = payload
            if payload and written == "S":
                d.count_results()
            ended.setdefault(written, []).append(str(task))
            if stop:
                d.stops.get(lane, set()).discard((task, attempt))
    d.dead.update((int(task), d.now) for task in ended.get("F", ()))
    if ended:
        d.add_event(*((kind, " ".join([RUN, *tasks])) for kind, tasks in ended.items()))
    return stale


def _settle(d: Draft, task: int, record: Record, asked: str, later: list[str]) -> str:
    """Write the record of an outcome; return its code."""
    code, when, spent = asked, d.now, record.spent
    if asked in "WD":
        code = "F" if stopped(d.field("stop"), spent) else "W"
    if asked == "W" and "=" in spent:
        code = "F"
    if code == "W":
        when = d.now + int(later[0])
        d.delayed[task, record.attempt + 1, later[2]] = when
    if asked == "D":
        head, count, tail = re.fullmatch(r"([\d/]*)\*?(\d*)(.*)", spent).groups()  # type: ignore[union-attr]
        spent = f"{head}*{int(count or 0) + 1}{tail}"
    d.tasks[task] = Record(
        code, record.attempt, record.lane, spent, record.started, when - d.submitted
    )
    return code


def _take_once(d: Draft, lane: str, call: int, limit: int, share: int) -> list[Any]:
    if limit == 0:
        return []
    if d.calls[lane] == call:
        taken = [
            (task, one.attempt, _spent_now(d, task))
            for task, one in d.claims[lane].items()
            if one.call == call
        ]
        return _describe(d, taken)
    d.calls[lane] = call
    return _take(d, lane, limit, share)


def _spent_now(d: Draft, task: int) -> str:
    record = d.tasks.get(task)
    return record.spent if record and record.code == "R" else "0"


def _describe(d: Draft, taken: list[tuple[int, int, str]]) -> list[Any]:
    if not taken:
        return []
    resumes = d.field("resumes")
    life = f"{d.submitted}/{resumes}" if resumes else str(d.submitted)
    return [RUN, DIGEST, life, "", " ".join(",".join(map(str, one)) for one in taken)]


def _take(d: Draft, lane: str, limit: int, share: int) -> list[Any]:
    reply: list[Any] = []
    taken, drained = 0, True
    for level in d.levels:
        waiting = d.ready.setdefault(level, [])
        look = _may_look(d, lane, level, taken)
        if look == "wait":
            return reply
        while look == "yes" and taken < limit and waiting:
            want = 1 if level == "!" else limit - taken
            if share > 1 and want > 1:
                want = min(want, max(1, ceil(len(waiting) / share)))
            popped, waiting[:] = waiting[:want], waiting[want:]
            got = _take_popped(d, lane, popped, level)
            taken += len(got)
            reply += _describe(d, got)
            if level == "!" and taken:
                return reply
            if share > 1 and taken:
                break
        drained = drained and taken < limit and not waiting
    if drained:
        d.wake = 0
    return reply


def _may_look(d: Draft, lane: str, level: str, taken: int) -> str:
    if level != "!":
        return "yes"
    other = lane[:-1] if lane.endswith("a") else lane + "a"
    beside = list(d.claims.get(other, {}).values())
    if not d.ready["!"] or (len(beside) == 1 and beside[0].level == "!"):
        return "no"
    return "wait" if taken or d.claims[lane] else "yes"


def _take_popped(
    d: Draft, lane: str, popped: list[tuple[int, int]], level: str
) -> list[tuple[int, int, str]]:
    taken: list[tuple[int, int, str]] = []
    if d.field("state") != "running":
        return taken
    first: dict[int, int] = {}  # an entry that names a task again is dropped
    for task, attempt in popped:
        first.setdefault(task, attempt)
    for task, attempt in first.items():
        record = d.tasks.get(task)
        if not record or (record.code, record.attempt) != ("Q", attempt):
            continue
        if not stopped(d.field("stop"), record.spent):
            d.tasks[task] = Record("R", attempt, lane, record.spent, d.now - d.submitted)
            d.claims[lane][task] = Claim(attempt, d.calls[lane], level)
            taken.append((task, attempt, record.spent))
    return taken


def release(d: Draft, lane: str, once: str, tasks: tuple[int, ...]) -> Reply:
    """``once``: the error of what may have started and must not do so twice, '' if none has."""
    released = 0
    for task in tasks:
        given = d.claims.get(lane, {}).pop(task, None)
        record = running_on(d, lane, task)
        if given is None or record is None:
            continue
        if "=" in record.spent and once:
            end_attempt(d, task, record, "F", record.spent)
            d.errors[task] = once
        elif stopped(d.field("stop"), record.spent):
            where = "" if "=" in record.spent else lane
            end_attempt(d, task, record._replace(lane=where), "C", record.spent)
            d.stops.get(lane, set()).discard((task, record.attempt))
        else:
            queue_again(d, task, record.attempt, record.spent, given)
        released += 1
    return ("OK", released)


def reap(d: Draft, lane: str, deaths: Deaths) -> Reply:
    if deaths.by is not None:
        if not leads(d, *deaths.by):
            return ("FENCED",)
        if d.workers.get(lane.partition(".")[0], 0) > d.now:
            return ("ALIVE",)
    if lane not in d.claims:
        return ("UNKNOWN",)
    reply: list[Any] = ["OK"]
    held = d.claims.pop(lane)
    for task, one in held.items():
        record = running_on(d, lane, task)
        if record is None:
            continue
        fate, spent, error = _fate(task, record.spent, d.field("stop"), deaths, len(held))
        if fate in OVER:
            end_attempt(d, task, record, fate, spent)
            if error:
                d.errors[task] = error
        else:
            queue_again(d, task, record.attempt + (fate != "Q"), spent, one)
        reply += [RUN, str(task), fate]
    d.calls.pop(lane)
    d.stops.pop(lane, None)
    return tuple(reply)


def _fate(task: int, spent: str, stop: str, deaths: Deaths, held: int) -> tuple[str, str, str]:
    """Return what becomes of an attempt that its lane held, what it has spent, and an error."""
    unknown, executing = deaths.flag == "?", task in deaths.executing
    if "=" in spent and (unknown or executing):
        return "F", spent, "once"
    if stopped(stop, spent):
        return "C", spent, ""
    alone = deaths.flag != "-" and deaths.executing == (task,)
    idle = deaths.flag == "" and not deaths.executing
    lone_suspect = (unknown or idle) and held == 1 and "!" in spent
    if alone or deaths.flag == f"{RUN},{task}" or lone_suspect:
        count, rest = re.fullmatch(r"(\d+)(.*)", spent).groups()  # type: ignore[union-attr]
        number = int(count) + 1
        return "F" if number >= deaths.most else "D", f"{number}{rest}", "lost"
    if (executing and deaths.flag != "-") or (unknown and "?" in spent):
        return "!", _uncounted(spent) + ("" if "!" in spent else "!"), ""
    if idle and "!" not in spent:
        return "Q", spent + ("!" if "?" in spent else "?"), ""
    return ("?", _uncounted(spent) + "?", "") if unknown else ("Q", spent, "")


def _uncounted(spent: str) -> str:
    count, base, rest = re.fullmatch(r"(\d+)/?(\d*)(.*)", spent).groups()  # type: ignore[union-attr]
    return f"{count}/{int(base or 0) + 1}{rest}"


def retire(d: Draft, worker: str, lanes: tuple[str, ...]) -> Reply:
    lanes = tuple(dict.fromkeys([*lanes, *d.lanes.get(worker, ())]))
    for lane in lanes:
        if d.claims.get(lane):
            return ("HOLDS", lane)
    for lane in lanes:
        for table in (d.claims, d.calls, d.stops):
            table.pop(lane, None)
    d.workers.pop(worker, None)
    d.lanes.pop(worker, None)
    return ("OK",)
