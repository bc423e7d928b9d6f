"""The scripts that workers call, and those that take back what they held; see ``scripts``."""

from __future__ import annotations

import re
from typing import Any

from .model import OVER, RUN, Claim, Draft, Record
from .pieces import Deaths, Reply, end_attempt, leads, note_ran, queue_again, running_on, stopped
from .taking import take_once


def heartbeat(
    d: Draft, worker: str, lease: int, about: str, app: str, lanes: tuple[str, ...]
) -> Reply:
    """``about``: a description registers; '=' and a description, or '', renews."""
    renews = not about or about[0] == "="
    if renews and worker not in d.workers:
        return ("DEAD",)
    if about.lstrip("="):
        d.abouts[worker] = about.lstrip("=")
    d.workers[worker], d.lanes[worker] = d.now + lease, lanes
    known = 1
    if app:
        d.apps = {name: until for name, until in d.apps.items() if until >= d.now}
        d.apps[app] = max(d.now + lease, d.apps.get(app, 0))
        known = int(app in d.functions)
    reply: list[Any] = ["OK", len(d.workers), known]
    for lane in lanes:
        d.calls.setdefault(lane, 0)
        held = d.claims.setdefault(lane, {})
        stops = sorted(d.stops.get(lane, ()))
        reply += [lane, len(held), " ".join(f"{RUN},{task},{number}" for task, number in stops)]
    return tuple(reply)


def register_app(d: Draft, app: str, version: str, lease: int, functions: tuple[str, ...]) -> Reply:
    if version:
        d.versions[app] = version
    if functions:
        d.functions[app] = tuple(sorted({*d.functions.get(app, ()), *functions}))
    d.apps[app] = max(d.now + lease, d.apps.get(app, 0))
    return ("OK",)


def store_items(
    d: Draft, lane: str, task: int, attempt: int, first: int, blocks: tuple[str, ...]
) -> Reply:
    record = d.tasks.get(task)
    if record is None or (record.code, record.attempt, record.lane) != ("R", attempt, lane):
        return ("STALE",)
    d.blocks.update({f"{task}.{first + at}": block for at, block in enumerate(blocks)})
    assert d.run is not None
    d.run["inputs"] = "1"
    return ("OK",)


def claim(d: Draft, lane: str, call: int, limit: int, share: int, app: str) -> Reply:
    if lane not in d.claims:
        return ("UNKNOWN",)
    taken = take_once(d, lane, call, limit, share, app)
    return ("OK", len(d.claims[lane]), *taken)


def complete(
    d: Draft,
    lane: str,
    call: int,
    limit: int,
    share: int,
    app: str,
    outcomes: tuple[tuple[str, str], ...],
) -> Reply:
    if lane not in d.claims:
        return ("UNKNOWN",)
    stale = _record_outcomes(d, lane, outcomes)
    taken = take_once(d, lane, call, limit, share, app)
    return ("OK", " ".join(stale), len(d.claims[lane]), *taken)


def _record_outcomes(d: Draft, lane: str, outcomes: tuple[tuple[str, str], ...]) -> list[str]:
    stop, stale, ended = d.field("stop"), [], {}
    before = dict(d.tasks)
    for token, payload in outcomes:
        number, of, code, *later = token.split(",")
        task, attempt = int(number), int(of)
        record = before.get(task)
        anew = record and (record.code, record.lane) == ("R", lane) and record.attempt != attempt
        held = None if anew else d.claims[lane].pop(task, None)
        if record is None or (record.attempt, record.lane) != (attempt, lane):
            stale.append(f"{RUN},{task}")
        elif record.code == "R":
            written = _settle(d, task, record, code, later, payload, held)
            if payload and code != "A":
                (d.results if written == "S" else d.errors)[task] = payload
            if payload and written == "S":
                d.count_results()
            items = later[0].removeprefix("#") if code == "S" and later else ""
            if items:
                d.tasks[task] = d.tasks[task]._replace(items=items)
            told = f"{task}={items.partition('/')[0]}" if items else str(task)
            ended.setdefault(written, []).append(told)
            if stop:
                d.stops.get(lane, set()).discard((task, attempt))
    if ended:
        note_ran(d, lane)
    d.dead.update((int(task), d.now) for task in ended.get("F", ()))
    if ended:
        d.add_event(*((kind, " ".join([RUN, *tasks])) for kind, tasks in ended.items()))
    return stale


# Why a task waits after such an outcome, and how the history calls it.
WAITS = {"W": ("retry", "retry"), "D": ("worker", "put_off"), "A": ("again", "again")}


def _settle(
    d: Draft,
    task: int,
    record: Record,
    asked: str,
    later: list[str],
    payload: str,
    held: Claim | None,
) -> str:
    """Write the record of an outcome; return its code. ``held``: the claim of the attempt."""
    code, when, spent = asked, d.now, record.spent
    if asked in "WD":
        code = "F" if stopped(d.field("stop"), spent) else "W"
    if asked == "A":
        code = "C" if stopped(d.field("stop"), spent) else "F" if "=" in spent else "W"
    if asked == "W" and "=" in spent:
        code = "F"
    if code == "W":
        when = d.now + int(later[0])
        name = later[1]
        if held and held.list.startswith(f"{name}@"):
            name = held.list
        d.delayed[task, record.attempt + 1, name, later[2]] = when
    if asked == "D":
        head, count, tail = re.fullmatch(r"([\d/]*)\*?(\d*)(.*)", spent).groups()  # type: ignore[union-attr]
        spent = f"{head}*{int(count or 0) + 1}{tail}"
    if asked == "A" and code == "W":
        spent = f"0/{record.attempt}{spent.lstrip('0123456789/*').replace('^', '')}^"
        d.memories[task] = payload
        if d.run is not None:
            d.run["inputs"] = "1"
    now = d.now - d.submitted
    ended = record._replace(code=code, spent=spent, ended=when - d.submitted)
    if code == "W":
        reason, verb = WAITS[asked]
        ended = ended._replace(reason=reason, since=now)
        d.remember(verb, f"{task} {ended.text()}", "" if asked == "A" else payload)
    d.tasks[task] = ended
    return code


def release(d: Draft, lane: str, once: str, tasks: tuple[int, ...], function: str = "") -> Reply:
    """``once``: the error of what may have started and must not do so twice, '' if none has.
    ``function``: the one of these tasks, if the lane lacks it."""
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
            if once:
                d.remember("released", _attempt(d, task, record))
            queue_again(d, task, record.attempt, record.spent, given, function)
        released += 1
    return ("OK", released)


def _attempt(d: Draft, task: int, record: Record) -> str:
    """Return an attempt that its lane did not finish, as the history has it."""
    return f"{task} {record._replace(ended=d.now - d.submitted).text()}"


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
    for task, item in held.items():
        record = running_on(d, lane, task)
        if record is None:
            continue
        fate, spent, error = _fate(task, record.spent, d.field("stop"), deaths, len(held))
        if fate not in "QC":
            note_ran(d, lane)
        if fate in OVER:
            end_attempt(d, task, record, fate, spent)
            if error:
                d.errors[task] = error
        else:
            if fate != "Q":
                verb = {"D": "died", "!": "suspect", "?": "lost"}[fate]
                d.remember(verb, _attempt(d, task, record))
            queue_again(d, task, record.attempt + (fate != "Q"), spent, item)
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
    d.abouts.pop(worker, None)
    return ("OK",)
