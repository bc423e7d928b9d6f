"""Each Lua script of a run's life as a function: it writes on a draft and returns its reply.

Written from the scripts' headers and rules. A function takes what the script takes behind the
time, and replies with the same words and numbers; ``play`` makes one call of it on a value.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from .model import BY, DIGEST, RUN, Draft, Keys
from .pieces import REMEMBERED, Call, Reply, stopped
from .scheduler_scripts import (
    acquire_lease,
    apply,
    end_tasks,
    hand_over_lease,
    promote,
    requeue,
    reset,
    stop_run,
)
from .worker_scripts import (
    claim,
    complete,
    heartbeat,
    reap,
    register_app,
    release,
    retire,
    store_items,
)


@lru_cache(maxsize=REMEMBERED)
def play(keys: Keys, call: Call) -> tuple[Keys, Reply]:
    """Return the keys behind a call, and its reply."""
    draft = Draft(keys)
    reply = SCRIPTS[call.name](draft, *call.args)
    return draft.freeze(), reply


# -- clients ----------------------------------------------------------------------------------


def submit(d: Draft) -> Reply:
    if d.run is not None:
        return ("EXISTS", d.run["state"])
    d.run, d.submitted = {"state": "running", "by": BY}, d.now
    d.graph, d.users, d.active = "held", d.users + 1, True
    d.add_event(("submit", f"{RUN} {DIGEST}"))
    return ("OK",)


def cancel(d: Draft) -> Reply:
    if d.run is None:
        return ("UNKNOWN",)
    if d.run["state"] != "running":
        return ("OVER", d.run["state"])
    if d.field("stop") != "cancelled":
        d.run["stop"] = "cancelled"
        d.remember("cancel", BY)
        d.add_event(("cancel", RUN))
    return ("OK",)


def hasten(d: Draft, task: int, attempt: int, level: str, lists: tuple[str, ...]) -> Reply:
    if d.run is None:
        return ("UNKNOWN",)
    if d.run["state"] != "running":
        return ("OVER", d.run["state"])
    record = d.tasks.get(task)
    if record is None or record.code != "W" or record.attempt != attempt:
        return ("OK", 0)
    if stopped(d.field("stop"), record.spent) or d.submitted + record.ended <= d.now:
        return ("OK", 0)
    d.tasks[task] = record._replace(ended=d.now - d.submitted)
    entries = [(task, attempt + 1, name, at) for name in lists for at in (level, "!")]
    there = [entry for entry in entries if entry in d.delayed]
    for entry in there or entries[:1]:
        d.delayed[entry] = d.now
    d.remember("hasten", f"{task} {BY}")
    d.add_event(("W", f"{RUN} {task}"))
    return ("OK", 1)


def resume(d: Draft, request: str, named: str) -> Reply:
    if d.run is None:
        return ("UNKNOWN",)
    if d.field("resumed_by") == request:
        return ("OK",)
    state = d.run["state"]
    if state == "running":
        return ("BUSY",) if named else ("RUNNING",)
    if state == "succeeded" and not named:
        return ("OVER", state)
    ended = int(d.run["finished"]) - d.submitted
    d.remember("finish", f"{state} {ended} {d.field('failed')}")
    d.remember("resume", f"{named.replace(' ', ',')} {BY}")
    for gone in ("stop", "finished", "failed", "counts"):
        d.run.pop(gone, None)
    d.run["state"], d.run["resumed_by"] = "running", request
    d.run["resuming"] = f"from {named}" if named else "1"
    d.run["resumes"] = str(int(d.field("resumes") or 0) + 1)
    d.expiring = False
    d.kept_longer = d.kept_longer or d.graph == "going"
    d.graph, d.users, d.active = "held", d.users + 1, True
    d.add_event(("resume", RUN))
    return ("OK",)


def lose_hints(d: Draft, which: str = "") -> Reply:
    """Not a script: a user deletes the queues, or of all of them the ``turns`` or what is
    ``parked``."""
    if which in ("", "turns"):
        d.turns = {}
    if which in ("", "parked"):
        d.parked = set()
    if not which:
        d.ready, d.backlogs, d.delayed, d.wake = {}, {}, {}, {}
    return ("OK",)


SCRIPTS: dict[str, Callable[..., Reply]] = {
    item.__name__: item
    for item in (
        submit, cancel, hasten, resume, heartbeat, register_app, claim, complete, release, reap,
        retire, acquire_lease, store_items,
        hand_over_lease, stop_run, end_tasks, apply, promote, requeue, reset, lose_hints,
    )
}  # fmt: skip
