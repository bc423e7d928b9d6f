"""A cause in words: one sentence for a task, one for a group of tasks.

Times are said as spans ("for 5 min", "in 59 min"), so the text needs no time zone. Names and errors
come from users and from Redis: code that prints a sentence escapes it.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..basics.counted import counted
from ..basics.shorten import shorten
from .causes import Cause, Kind
from .spans import span

MOST_ERROR = 300  # characters of an error in a sentence


@dataclass(frozen=True, slots=True)
class Named:
    """What a sentence and a command need. ``task``, ``root``: shown, with labels; ``name``: not."""

    task: str
    now_ms: int
    pinned: str = ""
    run: str = ""
    root: str = ""
    name: str = ""


def sentence(cause: Cause, named: Named) -> str:
    """Return why a task is not over, in one sentence or two, on one line.

    A worker may describe itself with line ends, which could imitate other lines of a terminal.
    """
    return " ".join(_TEXTS[cause.kind](cause, named).split())


def command(cause: Cause, named: Named) -> str:
    """Return the command that helps, "" if there is none."""
    words = {
        "run": named.run,
        "task": shlex.quote(named.name),
        "queue": cause.place,
        "version": named.pinned,
        "holder": cause.holder,
    }
    return cause.row.command.format_map(words)


def why_leaderless(left_ms: int | None) -> str:
    """Return why no run proceeds, without a remedy; "" while a scheduler leads.

    ``left_ms``: what is left of its lease, None without one. Either no scheduler runs, or it cannot
    renew its lease. A client cannot distinguish the two: a Redis that is full or read-only refuses
    a lease, and a scheduler that has stopped leaves an expired one.
    """
    if left_ms is None:
        return "No scheduler is running"
    if left_ms > 0:
        return ""
    return (
        "No scheduler is running, or it cannot renew its lease, which ended "
        f"{-left_ms / 1000:.0f} s ago (then its log says why: is Redis full, or read-only?)"
    )


def _since(cause: Cause, named: Named) -> str:
    """Return " for 5 min", or "" if it is unknown."""
    return "" if cause.since_ms is None else f" for {span(named.now_ms - cause.since_ms)}"


def _many(number: int | None, noun: str) -> str:
    return counted(number or 0, noun)


# -- one text per kind ----------------------------------------------------------------------------


def _redis_refuses(cause: Cause, named: Named) -> str:
    return (
        f"Redis refuses writes, so nothing proceeds: {shorten(cause.detail, MOST_ERROR)}. "
        "'flowkit doctor' says more, and 'flowkit purge' deletes runs that are over."
    )


def _no_scheduler(cause: Cause, named: Named) -> str:
    left = None if cause.since_ms is None else cause.since_ms - named.now_ms
    return f"{why_leaderless(left)}: start flowkit-scheduler on this Redis and namespace."


def _stopping(cause: Cause, named: Named) -> str:
    by = f" by {cause.holder}" if cause.holder else ""
    why = f"it was cancelled{by}" if cause.detail == "cancelled" else "a task failed"
    waits = f"; it waits for {_many(cause.number, 'running task')}" if cause.number else ""
    return f"The run is stopping, since {why}{waits}."


def _no_worker(cause: Cause, named: Named) -> str:
    return (
        f"No live worker serves queue {cause.place!r}, in which task {named.task!r} waits"
        f"{_since(cause, named)}: start flowkit-worker --app … --queues {cause.place}."
    )


def _no_version(cause: Cause, named: Named) -> str:
    return (
        f"Task {named.task!r} waits{_since(cause, named)}: the run is pinned to version "
        f"{named.pinned} of the code, and no live worker of queue {cause.place!r} has it with the "
        f"function {cause.function!r}; there are {cause.detail}. Start a worker of version "
        f"{named.pinned}, or cancel the run and submit it again."
    )


def _no_function(cause: Cause, named: Named) -> str:
    return (
        f"Task {named.task!r} waits{_since(cause, named)}: no live worker of queue "
        f"{cause.place!r} has its function {cause.function!r}; the versions of their apps are "
        f"{cause.detail}. Start a worker whose --app imports the module that defines it, in the "
        "version that was submitted."
    )


def _put_off(cause: Cause, named: Named) -> str:
    apps = f"; live workers of queue {cause.place!r} have {cause.detail}" if cause.detail else ""
    return (
        f"Task {named.task!r} was put off, since a worker did not have its function "
        f"{cause.function!r}{apps}. It is queued again{_until(cause, named)}."
    )


def _all_wait(cause: Cause, named: Named) -> str:
    return (
        f"Task {named.task!r} waits in queue {cause.place!r}, and every process that serves it "
        "executes a task that itself waits for a run: start flowkit-worker --app … "
        f"--queues {cause.place}, or cancel one of those runs."
    )


def _waits_for_run(cause: Cause, named: Named) -> str:
    return (
        f"Task {named.task!r} waits for a run, as every task on its worker does. If that run needs "
        "this worker, it never ends: start more workers, or submit such runs without waiting for "
        "them in a task."
    )


def _not_ready(cause: Cause, named: Named) -> str:
    serve = "serves" if cause.number == 1 else "serve"
    return (
        f"Task {named.task!r} waits in queue {cause.place!r}: {_many(cause.number, 'worker')} "
        f"{serve} it, such as {cause.holder}, and none has loaded its app yet. If that takes long, "
        "see the log of the worker."
    )


def _worker_lost(cause: Cause, named: Named) -> str:
    ago = "" if cause.since_ms is None else f" {span(named.now_ms - cause.since_ms)} ago"
    return (
        f"Worker {cause.holder}, which executes task {named.task!r}, seems dead: its lease ended"
        f"{ago}. The scheduler takes its tasks back within a few seconds."
    )


def _not_listed(cause: Cause, named: Named) -> str:
    return (
        f"Task {named.task!r} has no entry in queue {cause.place!r}: either a worker has just "
        "taken it, or the entry was lost, and the scheduler restores it within a few seconds."
    )


def _suspect(cause: Cause, named: Named) -> str:
    return (
        f"Task {named.task!r} may have killed the process that executed it, so it runs alone next, "
        f"as soon as a process of queue {cause.place!r} is free."
    )


def _busy(cause: Cause, named: Named) -> str:
    example = "" if cause.number == 1 else ", for example"
    held = f"{example} with {cause.holder}" if cause.holder else ""
    which = (
        "the only process is" if cause.number == 1 else f"all {cause.number or 0:,} processes are"
    )
    others = (cause.ahead or 1) - 1
    ahead = f"; up to {_many(others, 'other')} are before it" if others else ""
    return (
        f"Task {named.task!r} waits in queue {cause.place!r}{_since(cause, named)}: workers serve "
        f"it, and {which} busy{held}{ahead}. More workers help: flowkit-worker --app … --queues "
        f"{cause.place}."
    )


def _queued(cause: Cause, named: Named) -> str:
    if not cause.ahead:
        waits = "" if cause.ahead is None else ", next in line"
        return (
            f"Task {named.task!r} is queued in queue {cause.place!r}{waits}{_since(cause, named)}."
        )
    text = (
        f"Task {named.task!r} is queued behind up to {_many(cause.ahead, 'other')} in queue "
        f"{cause.place!r}{_since(cause, named)}"
    )
    if not cause.rate:
        return f"{text}."
    left = span(round(cause.ahead / cause.rate * 1000))
    return f"{text}; {cause.rate:.3g} per second ended there in the last minute, so about {left}."


def _running(cause: Cause, named: Named) -> str:
    again = f" (attempt {cause.attempt})" if cause.attempt > 1 else ""
    says = f"; it reports {cause.detail}" if cause.detail else ""
    return f"Task {named.task!r} is running on {cause.holder}{again}{_since(cause, named)}{says}."


def _until(cause: Cause, named: Named) -> str:
    return "" if cause.until_ms is None else f" in {span(cause.until_ms - named.now_ms)}"


def _retry(cause: Cause, named: Named) -> str:
    error = f" Its last error: {shorten(cause.detail, MOST_ERROR)}." if cause.detail else ""
    return (
        f"Task {named.task!r} is retried{_until(cause, named)} "
        f"(attempt {cause.attempt} of {cause.of}).{error}"
    )


def _again(cause: Cause, named: Named) -> str:
    asked = f"as it asked in attempt {cause.attempt}"
    return f"Task {named.task!r} comes again{_until(cause, named)}, {asked}."


def _children(cause: Cause, named: Named) -> str:
    runs, such = _many(cause.number, "run"), f", such as {cause.holder}" if cause.holder else ""
    return f"Task {named.task!r} waits for {runs} that it has called{such}{_since(cause, named)}."


def _due(cause: Cause, named: Named) -> str:
    return f"The next attempt of task {named.task!r} is due: the scheduler queues it."


def _lags(cause: Cause, named: Named) -> str:
    if not cause.number:
        return f"The scheduler is about to decide on task {named.task!r}."
    events = _many(cause.number, "event")
    return f"Task {named.task!r} waits for the scheduler, which has {events} to handle first."


def _window(cause: Cause, named: Named) -> str:
    return (
        f"Task {named.task!r} may start, but the run has {_many(cause.number, 'task')} queued, "
        f"running or waiting, the most at a time. It waits for one of them, such as {named.root!r}."
    )


def _item_limit(cause: Cause, named: Named) -> str:
    return (
        f"Item {named.task!r} may start, but {_many(cause.number, 'item')} of its task are queued, "
        f"running or waiting, as many as max_active permits. It waits for {named.root!r}."
    )


def _items(cause: Cause, named: Named) -> str:
    return f"Task {named.task!r} waits for its items, such as {named.root!r}."


def _upstream(cause: Cause, named: Named) -> str:
    return f"Task {named.task!r} waits for task {named.root!r}."


_TEXTS: Mapping[Kind, Callable[[Cause, Named], str]] = {
    Kind.REDIS_REFUSES: _redis_refuses,
    Kind.NO_SCHEDULER: _no_scheduler,
    Kind.STOPPING: _stopping,
    Kind.NO_WORKER: _no_worker,
    Kind.NO_VERSION: _no_version,
    Kind.NO_FUNCTION: _no_function,
    Kind.PUT_OFF: _put_off,
    Kind.ALL_WAIT: _all_wait,
    Kind.WAITS_FOR_RUN: _waits_for_run,
    Kind.NOT_READY: _not_ready,
    Kind.WORKER_LOST: _worker_lost,
    Kind.NOT_LISTED: _not_listed,
    Kind.SUSPECT: _suspect,
    Kind.BUSY: _busy,
    Kind.QUEUED: _queued,
    Kind.RUNNING: _running,
    Kind.RETRY: _retry,
    Kind.AGAIN: _again,
    Kind.CHILDREN: _children,
    Kind.DUE: _due,
    Kind.LAGS: _lags,
    Kind.ITEM_LIMIT: _item_limit,
    Kind.WINDOW: _window,
    Kind.ITEMS: _items,
    Kind.UPSTREAM: _upstream,
}
