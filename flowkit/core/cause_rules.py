"""The rules that find the primary cause of a task, and their precedence.

A rule looks at one task and returns its cause, or None if it does not apply. The rules of a state
are asked in order; the first one that answers wins, and the last one always answers. So each task
that is not over has exactly one primary cause:

| Precedence | pending | queued | running | waiting |
| --- | --- | --- | --- | --- |
| 1 | Redis refuses | Redis refuses | Redis refuses | Redis refuses |
| 2 | stopping | stopping | running, waits for a run | stopping |
| 3 | upstream, items not over | no worker, version, function | no scheduler | a delay |
| 4 | no scheduler | workers not ready, all wait | worker lost | no scheduler |
| 5 | scheduler lags | no entry | | due |
| 6 | `max_active` | suspect | | |
| 7 | window | lanes busy, else queued | | |
| 8 | scheduler lags | | | |

Reasons for the order:

- What only a user can change comes before what changes without help. Otherwise the user would wait.
- If Redis refuses writes, no process can record anything, not even the outcome of a running task.
- A running task with a live worker needs no scheduler until it ends.
- A queued task needs a worker and no scheduler. A pending task needs what is upstream first.
- "No scheduler" replaces every cause whose next step is the scheduler's.
- A delay that is not over needs time only; when it is over, it needs the scheduler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .cause_view import View
from .causes import Cause, Kind
from .lanes import worker_of
from .snapshot import AGAIN, CHILDREN, PUT_OFF
from .states import TaskState

QUICK_S = 10.0  # a lane that ends an attempt that often does not count as busy

Rule = Callable[[View, int], Cause | None]


# -- for several states -------------------------------------------------------------------------


def redis_refuses(view: View, task: int) -> Cause | None:
    """Redis refuses writes, so nothing is recorded."""
    refuses = view.snapshot.refuses
    return Cause(Kind.REDIS_REFUSES, detail=refuses) if refuses else None


def stopping(view: View, task: int) -> Cause | None:
    """The run is stopping, and this task does not continue."""
    if not view.is_stopped(task):
        return None
    return no_scheduler(view, task) or stop_of(view)


def stop_of(view: View) -> Cause:
    """Return the stop of the run, which waits for its running tasks."""
    stop = view.snapshot.run.stop
    by, why = view.snapshot.cancelled_by, "" if stop is None else stop.value
    return Cause(Kind.STOPPING, holder=by, detail=why, number=view.running)


def no_scheduler(view: View, task: int) -> Cause | None:
    """The next step is the scheduler's, and none leads."""
    left_ms = view.snapshot.lease_left_ms
    if view.snapshot.leads:
        return None
    since = None if left_ms is None else view.snapshot.now_ms + left_ms
    return Cause(Kind.NO_SCHEDULER, since_ms=since)


# -- pending ------------------------------------------------------------------------------------


def upstream(view: View, task: int) -> Cause | None:
    """A task that this one waits for is not over."""
    if not view.waits_upstream(task):
        return None
    kind = Kind.ITEMS if view.has_items(task) else Kind.UPSTREAM
    return Cause(kind, root=view.root_of(task))


def lags(view: View, task: int) -> Cause | None:
    """The scheduler has facts to handle first."""
    return Cause(Kind.LAGS, number=view.snapshot.lag) if view.snapshot.lag else None


def item_limit(view: View, task: int) -> Cause | None:
    """As many items of its task are dispatched as ``max_active`` permits."""
    before = view.item_before(task)
    return None if before is None else Cause(Kind.ITEM_LIMIT, number=before[0], root=before[1])


def window(view: View, task: int) -> Cause | None:
    """The run has as many dispatched tasks as it may have."""
    if len(view.dispatched) < view.snapshot.window:
        return None
    return Cause(Kind.WINDOW, number=len(view.dispatched), root=view.worst_dispatched)


def undecided(view: View, task: int) -> Cause:
    """Nothing else is in the way: the scheduler decides at its next turn."""
    return Cause(Kind.LAGS, number=view.snapshot.lag)


# -- queued -------------------------------------------------------------------------------------


def no_worker(view: View, task: int) -> Cause | None:
    """No live worker serves the queue."""
    serving = view.serving(task)
    if serving.serving:
        return None
    return Cause(Kind.NO_WORKER, serving.queue, since_ms=view.queued_at(task))


def no_function(view: View, task: int) -> Cause | None:
    """No live worker of the queue has the function, or has it in the pinned version."""
    serving, dag = view.serving(task), view.snapshot.dag
    if serving.able:
        return None
    versions = view.versions(serving.serving)
    kind = Kind.NO_VERSION if dag.pinned else Kind.NO_FUNCTION
    since, ref = view.queued_at(task), dag.ref(task)
    return Cause(kind, serving.queue, function=ref, detail=versions, since_ms=since)


def not_ready(view: View, task: int) -> Cause | None:
    """No worker that could take it has loaded its app."""
    serving = view.serving(task)
    if any(item.info.is_ready for item in serving.able):
        return None
    return _of_workers(Kind.NOT_READY, view, task)


def all_wait(view: View, task: int) -> Cause | None:
    """Tasks that wait for runs occupy each process that could take it."""
    serving = view.serving(task)
    if not all(item.info.all_wait for item in serving.able):
        return None
    return _of_workers(Kind.ALL_WAIT, view, task)


def not_listed(view: View, task: int) -> Cause | None:
    """No list that a worker looks into has an entry."""
    serving = view.serving(task)
    if serving.waiting != 0:
        return None
    since = view.queued_at(task)
    return no_scheduler(view, task) or Cause(Kind.NOT_LISTED, serving.queue, since_ms=since)


def suspect(view: View, task: int) -> Cause | None:
    """It runs alone in a process, when one is free."""
    if not view.snapshot.tasks[task].suspect:
        return None
    serving = view.serving(task)
    since = view.queued_at(task)
    return Cause(Kind.SUSPECT, serving.queue, number=serving.waiting, since_ms=since)


def busy(view: View, task: int) -> Cause | None:
    """Each lane that could take it is busy, and it is not known that they are quick."""
    serving = view.serving(task)
    rate, lanes = view.snapshot.rates.get(serving.queue), serving.lanes or []
    if not serving.all_busy or (rate or 0.0) * QUICK_S >= len(lanes):
        return None
    some = next((lane.some[0] for _, lane in lanes if lane.some), "")
    since = view.queued_at(task)
    number, ahead = len(lanes), serving.waiting or 0
    return Cause(Kind.BUSY, serving.queue, some, number, since_ms=since, ahead=ahead, rate=rate)


def queued(view: View, task: int) -> Cause:
    """A worker claims it when it is next."""
    serving = view.serving(task)
    ahead = None if serving.waiting is None else serving.waiting - 1
    rate = view.snapshot.rates.get(serving.queue)
    since = view.queued_at(task)
    return Cause(Kind.QUEUED, serving.queue, ahead=ahead, rate=rate, since_ms=since)


def _of_workers(kind: Kind, view: View, task: int) -> Cause:
    """Return a cause of all workers that could take a task, of which one is named."""
    serving, since = view.serving(task), view.queued_at(task)
    some = serving.able[0].info.worker if serving.able else ""
    return Cause(kind, serving.queue, some, len(serving.able), since_ms=since)


# -- running ------------------------------------------------------------------------------------


def running(view: View, task: int) -> Cause | None:
    """A live worker executes it, or will in a moment."""
    item = view.snapshot.tasks[task]
    worker = view.alive.get(worker_of(item.lane))
    if worker is None:
        return None
    kind = Kind.WAITS_FOR_RUN if worker.info.all_wait else Kind.RUNNING
    queue = view.serving(task).queue if kind is Kind.WAITS_FOR_RUN else ""
    since = view.snapshot.at(item.started_ms)
    holder, progress = worker_of(item.lane), item.progress
    return Cause(kind, queue, holder, attempt=item.attempt, detail=progress, since_ms=since)


def worker_lost(view: View, task: int) -> Cause:
    """Its worker's lease has expired."""
    lane = view.snapshot.tasks[task].lane
    since = view.snapshot.expired.get(worker_of(lane))
    return Cause(Kind.WORKER_LOST, holder=worker_of(lane), since_ms=since)


# -- waiting ------------------------------------------------------------------------------------


def children(view: View, task: int) -> Cause | None:
    """It waits for runs that it has called."""
    item = view.snapshot.tasks[task]
    if item.reason != CHILDREN:
        return None
    run, number = view.snapshot.children.get(task, ("", 0))
    since = view.snapshot.at(item.since_ms)
    return Cause(Kind.CHILDREN, holder=run, number=number, since_ms=since)


def later(view: View, task: int) -> Cause | None:
    """Its next attempt is due later."""
    item, snapshot = view.snapshot.tasks[task], view.snapshot
    due = snapshot.at(item.due_ms)
    if due is None or due <= snapshot.now_ms:
        return None
    since, ref = snapshot.at(item.since_ms), snapshot.dag.ref(task)
    if item.reason == PUT_OFF:
        serving = view.serving(task)
        versions = view.versions(serving.serving)
        return Cause(
            Kind.PUT_OFF,
            serving.queue,
            "",
            detail=versions,
            since_ms=since,
            until_ms=due,
            function=ref,
        )
    if item.reason == AGAIN:
        return Cause(Kind.AGAIN, attempt=item.attempt, since_ms=since, until_ms=due)
    # The attempts that a user counts are those that failed, and the one to come.
    attempt, of = item.failures + 1, snapshot.dag.policy(task).retries + 1
    error = snapshot.errors.get(task, "")
    return Cause(Kind.RETRY, attempt=attempt, of=of, detail=error, since_ms=since, until_ms=due)


def due(view: View, task: int) -> Cause:
    """Its next attempt is due."""
    item = view.snapshot.tasks[task]
    return Cause(Kind.DUE, since_ms=view.snapshot.at(item.due_ms))


RULES: Mapping[TaskState, tuple[Rule, ...]] = {
    TaskState.PENDING: (
        redis_refuses,
        stopping,
        upstream,
        no_scheduler,
        lags,
        item_limit,
        window,
        undecided,
    ),
    TaskState.QUEUED: (
        redis_refuses,
        stopping,
        no_worker,
        no_function,
        not_ready,
        all_wait,
        not_listed,
        suspect,
        busy,
        queued,
    ),
    TaskState.RUNNING: (redis_refuses, running, no_scheduler, worker_lost),
    TaskState.WAITING: (redis_refuses, stopping, children, later, no_scheduler, due),
}
