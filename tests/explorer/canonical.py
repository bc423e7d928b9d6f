"""One form for states that differ only in names and numbers which nobody can tell apart.

Taken away: absolute times, ids of events, terms, call numbers and incarnations of schedulers that
are over, wake tokens (workers look anyway), the lane in a record whose task does not run (only
words of a reply depend on it), and what is kept only for people: the history, and when and why a
task began to wait.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .model import Keys, Record
from .pieces import REMEMBERED, Call
from .state import Scheduler, State, Worker

STALE = 99


def canonical(state: State) -> State:
    keys = state.keys
    return State(
        _keys(
            keys,
            tuple(scheduler.id for scheduler in state.schedulers),
            tuple((worker.lane.name, worker.lane.call) for worker in state.workers if worker.lane),
        ),
        tuple(_scheduler(item, keys, f"s{at}-0") for at, item in enumerate(state.schedulers)),
        tuple(map(_worker, state.workers)),
        *state[3:],
    )


@lru_cache(maxsize=REMEMBERED)
def _keys(keys: Keys, schedulers: tuple[str, ...], lanes: tuple[tuple[str, int], ...]) -> Keys:
    now, base, calls = keys.now, keys.cursor, dict(lanes)
    current = {item: f"s{at}-0" for at, item in enumerate(schedulers)}
    leader = keys.leader
    if leader is not None:
        leader = (current.get(leader[0], "x"), 1, max(0, leader[2] - now))
    return keys._replace(
        now=0,
        submitted=0,
        tasks=tuple((task, _record(item, now - keys.submitted)) for task, item in keys.tasks),
        wake=(),
        history=(),
        terms=(),
        dead=tuple((task, 0) for task, _ in keys.dead),
        delayed=tuple((max(0, item[0] - now), *item[1:]) for item in keys.delayed),
        events=tuple((number - base, fields) for number, fields in keys.events if number > base),
        last_event=max(0, keys.last_event - base),
        cursor=0,
        leader=leader,
        workers=tuple((worker, max(0, deadline - now)) for worker, deadline in keys.workers),
        apps=tuple((app, max(0, deadline - now)) for app, deadline in keys.apps),
        claims=tuple(
            (
                lane,
                int(call == calls.get(lane)),
                tuple(
                    (task, item._replace(call=int(item.call == calls.get(lane))))
                    for task, item in held
                ),
            )
            for lane, call, held in keys.claims
        ),
    )


def _record(record: Record, now: int) -> Record:
    """``now``: the time since the submission, from which the due time of a waiting task counts."""
    plain = record._replace(queued="", reason="", since="")
    if record.code == "W":
        return plain._replace(lane="-", ended=max(0, record.ended - now))
    return plain if record.code == "R" or not record.lane else plain._replace(lane="-")


def _scheduler(scheduler: Scheduler, keys: Keys, name: str) -> Scheduler:
    if not scheduler.term:
        return scheduler if scheduler.id == name else Scheduler(name)
    base = keys.cursor
    leads = keys.leader is not None and keys.leader[:2] == (scheduler.id, scheduler.term)
    if not base and scheduler.id == name and scheduler.term == (1 if leads else STALE):
        return scheduler
    todo = tuple(
        ("flush", max(0, step[1] - base)) if step[0] == "flush" and step[1] else step
        for step in scheduler.todo
    )
    return scheduler._replace(
        id=name,
        term=1 if leads else STALE,
        cursor=max(0, scheduler.cursor - base),
        replay=max(0, scheduler.replay - base),
        todo=todo,
    )


def _worker(worker: Worker) -> Worker:
    lane = worker.lane
    if lane is None or (lane.call == 1 and lane.again is None):
        return worker
    again = lane.again
    if again is not None and again.name not in ("release", "store_items"):
        args: tuple[Any, ...] = again.args
        again = Call(again.name, (args[0], int(args[1] == lane.call), *args[2:]))
    return worker._replace(lane=lane._replace(call=1, again=again))
