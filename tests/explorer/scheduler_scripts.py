"""The scripts that only a leading scheduler's writes go through; see ``scripts``."""

from __future__ import annotations

from typing import Any

from .model import OVER, Draft, Place, Record
from .pieces import Reply, leads, push_backlog, push_ready, queued, stopped


def acquire_lease(
    d: Draft, scheduler: str, lease: int, shards: int | None = None, shard_position: str = "0/1"
) -> Reply:
    """``shards``: that its process leads, None for a process of one."""
    holder, term, deadline = d.leader or ("", 0, 0)
    if holder == scheduler:
        d.leader = (scheduler, term, d.now + lease)
        other = None if shards is None else _standby_of(d, scheduler)
        return ("OK", term, other[1] if other else -1)
    held = bool(holder) and deadline > d.now
    position, count = shard_position.split("/")
    was, before, first = (d.shard_position or f"{shard_position}/{count}").split("/")
    grows = was == position and int(count) > int(before)
    if (was, before) != (position, count) and (held or not grows):
        return ("OTHER", f"{was}/{before}")
    if held:
        if shards is not None:
            other = _standby_of(d, scheduler)
            if other is None or other[1] >= shards:
                d.standby = (scheduler, shards, d.now + lease)
        return ("HELD", holder, deadline - d.now)
    if lease == 0:
        return ("OK", term, -1)
    d.leader, d.shard_position = (scheduler, term + 1, d.now + lease), f"{shard_position}/{first}"
    d.terms.append((str(term + 1), scheduler))
    return ("TAKEN", term + 1, d.cursor)


def hand_over_lease(d: Draft, scheduler: str, term: int, lease: int, most: int) -> Reply:
    if not leads(d, scheduler, term):
        return ("FENCED",)
    other = _standby_of(d, scheduler)
    if other is None or other[1] > most:
        return ("NOBODY",)
    d.leader, d.standby = (other[0], term + 1, d.now + lease), None
    d.terms.append((str(term + 1), other[0]))
    return ("OK", other[0])


def _standby_of(d: Draft, scheduler: str) -> tuple[str, int, int] | None:
    result = d.standby
    return result if result and result[0] != scheduler and result[2] > d.now else None


def stop_run(d: Draft, scheduler: str, term: int, outcome: str, failed: str) -> Reply:
    if not leads(d, scheduler, term):
        return ("FENCED",)
    if d.run is not None and d.run["state"] == "running":
        if outcome != "cancelled" and "stop" not in d.run:
            d.remember("stop", failed)
        if outcome == "cancelled" or "stop" not in d.run:
            d.run["stop"] = outcome
        if failed:
            d.run["failed"] = failed
    return ("OK",)


def end_tasks(
    d: Draft, scheduler: str, term: int, code: str, notify: bool, tasks: tuple[int, ...]
) -> Reply:
    if not leads(d, scheduler, term):
        return ("FENCED",)
    over: list[str] = []
    running: list[str] = []
    if d.field("state") == "running":
        for task in tasks:
            record = d.tasks.get(task) or Record("P", 0, "", "0")
            if record.code == "R":
                running.append(str(task))
                if notify:
                    d.stops.setdefault(record.lane, set()).add((task, record.attempt))
            elif record.code == "P" or (code == "C" and record.code in "QW"):
                ended = d.now - d.submitted
                d.tasks[task] = Record(code, record.attempt, "", record.spent, ended=ended)
                over.append(str(task))
            elif record.code == code:
                over.append(str(task))
    return ("OK", " ".join(over), " ".join(running), "")  # no task here waits for runs


def apply(
    d: Draft, scheduler: str, term: int, cursor: int, commands: tuple[tuple[Any, ...], ...]
) -> Reply:
    """``cursor``: 0 leaves it. Commands: (queue or line, list, level, flags, tasks), (drop, tasks),
    (mapped, task, code, items, error), (finish, outcome, failed task or '', counts)."""
    if not leads(d, scheduler, term):
        return ("FENCED",)
    for verb, *args in commands:
        if d.run is not None and d.run["state"] == "running":
            if verb == "finish":
                _finish(d, *args)
            elif verb == "drop":
                _drop(d, *args)
            elif verb == "mapped":
                _end_map(d, *args)
            else:
                _queue(d, verb, *args)
    if cursor:
        d.cursor = cursor
        d.events = [event for event in d.events if event[0] >= cursor]
    return ("OK",)


def _queue(d: Draft, verb: str, name: str, level: str, flags: str, tasks: tuple[int, ...]) -> None:
    entries = []
    for task in tasks:
        record, attempt, spent = d.tasks.get(task), 1, "0" + flags
        if record is not None:
            if record.code != "P":
                continue
            attempt, spent = record.attempt + 1, f"0/{record.attempt}{flags}"
        d.tasks[task] = queued(d, attempt, spent)
        entries.append((task, attempt))
    (push_ready if verb == "queue" else push_backlog)(d, (name, level), entries)


def _end_map(d: Draft, task: int, code: str, items: int, error: str) -> None:
    record = d.tasks.get(task) or Record("P", 0, "", "0")
    if record.code != "P":
        return
    ended, counted = d.now - d.submitted, "" if error else str(items)
    d.tasks[task] = Record(code, record.attempt, "", record.spent, ended=ended, items=counted)
    if error:
        d.errors[task], d.dead[task] = error, d.now


def _drop(d: Draft, tasks: tuple[int, ...]) -> None:
    for task in tasks:
        record = d.tasks.get(task)
        if record is not None and record.code == "S":
            d.results.pop(task, None)
    d.count_results()


def _finish(d: Draft, outcome: str, failed: str, counts: str) -> None:
    assert d.run is not None
    if counts and ("resuming" in d.run or not d.tasks):
        return
    d.run |= {"state": outcome, "failed": failed, "counts": counts, "finished": str(d.now)}
    d.active, d.expiring = False, True
    d.users -= 1
    d.kept_longer, d.graph = False, "going"


def promote(
    d: Draft, scheduler: str, term: int, limit: int, without_turns: tuple[str, ...] = ()
) -> Reply:
    if not leads(d, scheduler, term):
        return ("FENCED",)
    due = sorted((when, item) for item, when in d.delayed.items() if when <= d.now)[:limit]
    promoted = 0
    for _, entry in due:
        task, attempt, name, level = entry
        record = d.tasks.get(task)
        waits = record and record.code == "W" and record.attempt + 1 == attempt
        if waits and not stopped(d.field("stop"), record.spent):
            d.tasks[task] = queued(d, attempt, record.spent)
            plain = level == "!" or name in without_turns
            (push_ready if plain else push_backlog)(d, (name, level), [(task, attempt)])
            promoted += 1
        del d.delayed[entry]
    first = min(d.delayed.values(), default=None)
    return ("OK", promoted, -1 if first is None else max(0, first - d.now))


def requeue(
    d: Draft, scheduler: str, term: int, verb: str, entries: tuple[tuple[int, str, str], ...]
) -> Reply:
    """``entries``: task, ready list, level."""
    if not leads(d, scheduler, term):
        return ("FENCED",)
    written, backlogs = 0, dict[Place, list[tuple[int, int]]]()
    for task, name, level in entries:
        record = d.tasks.get(task)
        if record is not None and record.code == "Q":
            place = (name, "!" if "!" in record.spent else level)
            if verb == "line" and place[1] != "!":
                backlogs.setdefault(place, []).append((task, record.attempt))
            else:
                push_ready(d, place, [(task, record.attempt)])
            written += 1
        elif record is not None and record.code == "W":
            d.delayed[task, record.attempt + 1, name, level] = d.submitted + record.ended
            written += 1
    for place, some in backlogs.items():
        push_backlog(d, place, some, again=True)
    return ("OK", written)


def reset(d: Draft, scheduler: str, term: int, last: bool, tasks: tuple[int, ...]) -> Reply:
    if not leads(d, scheduler, term):
        return ("FENCED",)
    if d.run is None or "resuming" not in d.run:
        return ("OK",)
    named = d.run["resuming"].split(" ")[1:]
    for task in tasks:
        record = d.tasks.get(task)
        if record is None or record.code not in OVER:
            continue
        may_have_started = record.code in "FCS" and record.lane and "=" in record.spent
        if may_have_started and str(task) not in named:
            if record.code == "C":
                d.tasks[task], d.errors[task] = record._replace(code="F"), "once"
                d.dead[task] = d.now
            continue
        if record.lane:
            error = d.errors.get(task, "") if record.code == "F" else ""
            d.remember("rerun", f"{task} {record.text()}", error)
        if record.code == "F":
            d.dead.pop(task, None)
        d.tasks[task] = Record("P", record.attempt, "", "0")
        d.results.pop(task, None)
        d.errors.pop(task, None)
        d.memories.pop(task, None)
    d.count_results()
    if last:
        del d.run["resuming"]
    return ("OK",)
