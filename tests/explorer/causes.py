"""What ``flowkit why`` would say in each state of the explored system, and whether it is true.

``snapshot_of`` reads a model of the keys as a client reads Redis. ``Causes`` walks the states that
a search has found, and asks of each task that is not over:

1.  It has exactly one primary cause, which leads to a task with a cause of another kind if it
    names one.
2.  The process that the cause names as the next one to act is able to change the cause: there is a
    path of steps of that process alone (work, no faults) to a state in which the cause or the
    record of the task is another. An action from outside is a step too: the explored system starts
    the workers and schedulers that are missing. The clock is moved to when the cause says.
3.  A cause that calls for a user is no false alarm: no live worker can claim the task, no scheduler
    leads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from flowkit.client.run_tasks import read_tasks
from flowkit.core.cause_view import View
from flowkit.core.causes import Cause, Kind, Mover
from flowkit.core.explain import causes_of
from flowkit.core.lanes import worker_of
from flowkit.core.run_record import RunRecord
from flowkit.core.snapshot import AGAIN, LaneView, LiveWorker, QueueDepth, Snapshot, TaskView
from flowkit.core.states import TASK_OVER, RunState, TaskState
from flowkit.core.worker_info import WorkerInfo
from flowkit.protocol.records import STATE_OF, TaskRecord, parse_record
from flowkit.protocol.spent import Flag, Spent

from .model import LIST, RUN, Keys, Record
from .pieces import REMEMBERED
from .state import Move, Setup, State

Signature = tuple[object, ...]


# -- the snapshot ---------------------------------------------------------------------------------


@lru_cache(maxsize=REMEMBERED)
def view_of(setup: Setup, keys: Keys) -> View | None:
    """Return what an explanation is made of, None while there is no unfinished run."""
    if keys.run is None or keys.field("state") != "running":
        return None
    return causes_of(snapshot_of(setup, keys))


def snapshot_of(setup: Setup, keys: Keys) -> Snapshot:
    """Read the keys as a client does: the run, its records, workers, queues, lease and lag."""
    plan = setup.plan
    records = dict(keys.tasks)
    states: list[TaskState | None] = [
        STATE_OF[records[task].code] if task in records else TaskState.PENDING
        for task in range(len(plan.names))
    ]
    lengths: Mapping[int, int] = {}
    if plan.dag.maps:
        tasks = read_tasks(Records(records), RUN, plan.dag)
        states, lengths = tasks.states, tasks.shape.lengths
    stop = keys.field("stop")
    return Snapshot(
        RunRecord(
            RUN,
            "plan",
            "d",
            RunState.RUNNING,
            len(states),
            keys.submitted,
            stop=RunState(stop) if stop else None,
        ),
        plan.dag,
        states,
        {
            task: _view(setup, keys, task)
            for task in records
            if records[task].code != "P" and task < len(states) and states[task] is not None
        },
        keys.now,
        lease_left_ms=None if keys.leader is None else keys.leader[2] - keys.now,
        lag=sum(number > keys.cursor for number, _ in keys.events),
        workers=tuple(_live_workers(setup, keys)),
        expired={worker: until for worker, until in keys.workers if until <= keys.now},
        depths=tuple(_depths(setup, keys)),
        has={
            (app, ref): function in functions
            for app, functions in keys.functions
            for ref, function in enumerate(plan.functions)
        },
        window=plan.window,
        lengths=lengths,
    )


class Records(NamedTuple):
    """The records of a model, as a client reads them."""

    of: Mapping[int, Record]

    def read_records(self, run: str, tasks: Sequence[int]) -> list[TaskRecord]:
        """Return the records of these tasks."""
        texts = [self.of[task].text().encode() if task in self.of else None for task in tasks]
        return [parse_record(text) for text in texts]


def _view(setup: Setup, keys: Keys, task: int) -> TaskView:
    record = keys.record(task)
    assert record is not None
    spent = Spent.decode(record.spent)
    return TaskView(
        STATE_OF[record.code],
        record.attempt,
        record.lane,
        record.started or None,
        record.ended if record.ended != "" else None,
        suspect=Flag.SUSPECT in spent.flags,
        continues=Flag.CONTINUES in spent.flags,
        reason=AGAIN if Flag.AGAIN in spent.flags and spent.base == record.attempt else "",
    )


def _live_workers(setup: Setup, keys: Keys) -> Iterator[LiveWorker]:
    abouts = dict(keys.abouts)
    for worker, until in keys.workers:
        if until <= keys.now:
            continue
        app = abouts[worker].partition(" ")[2]
        # A worker reports a child that has loaded the app; here each child has, as soon as it is
        # there, except where apps matter.
        lanes = keys.lanes_of(worker)
        is_ready = bool(lanes) and (bool(app) or not setup.apps)
        info = WorkerInfo(
            worker, queues=(LIST,), processes=1, ready=int(is_ready), turns=True, functions=app
        )
        held = tuple(LaneView(lane, len(keys.held_by(lane))) for lane in lanes)
        yield LiveWorker(info, held)


def _depths(setup: Setup, keys: Keys) -> Iterator[QueueDepth]:
    """Yield the lists that a claim finds."""
    functions = {function: ref for ref, function in enumerate(setup.plan.functions)}
    turns, levels = dict(keys.turns), dict(keys.levels)
    for lists, found in ((keys.ready, levels), (keys.backlogs, turns)):
        for (name, level), entries in lists:
            _, _, function = name.partition("@")
            by = (name, level) if found is turns else name
            if by in found and (not function or function in keys.parked):
                ref = functions[function] if function else None
                yield QueueDepth(LIST, False, level, ref, len(entries))


# -- what is asked --------------------------------------------------------------------------------


def open_tasks(setup: Setup, keys: Keys) -> Iterator[tuple[int, Cause]]:
    """Yield the tasks that are not over, with their primary causes."""
    view = view_of(setup, keys)
    if view is not None:
        for task, state in enumerate(view.snapshot.states):
            if state is not None and state not in TASK_OVER:
                yield task, view.cause(task)


def _is_over(snapshot: Snapshot, task: int) -> bool:
    """Return whether a task is over, or an item does not exist any more."""
    if task >= len(snapshot.states) or snapshot.states[task] is None:
        return True
    return snapshot.states[task] in TASK_OVER


def signature(setup: Setup, keys: Keys, task: int) -> Signature:
    """Return what changes when a task proceeds: its record, and what its cause says."""
    view = view_of(setup, keys)
    if view is None or _is_over(view.snapshot, task):
        return ("over",)
    cause = view.cause(task)
    record = keys.record(task)
    return record, cause.kind, cause.ahead, cause.number, cause.root


def wrong_in(setup: Setup, state: State) -> str | None:
    """Return what a cause of this state says that is not so, None if all are true."""
    keys = state.keys
    view = view_of(setup, keys)
    for task, cause in open_tasks(setup, keys):
        assert view is not None
        if cause.row.by is Mover.ROOT:
            root = cause.root
            if root is None or view.snapshot.states[root] in TASK_OVER:
                return f"task {task}: {cause.kind} leads to no task that is not over"
            if view.cause(root).row.by is Mover.ROOT:
                return f"task {task}: {cause.kind} leads to task {root}, which leads to another"
        if cause.kind is Kind.NO_SCHEDULER and view.snapshot.leads:
            return f"task {task}: a scheduler leads"
    return None


def false_alarm(setup: Setup, state: State, move: Move) -> str | None:
    """Return a cause that calls for a user although a live worker can execute the task.

    A worker that lacks the function may still claim the attempt once; it hands it on.
    """
    view = view_of(setup, state.keys)
    if view is None or move.kind or not move.who.startswith("lane "):
        return None
    mover = worker_of(move.who.removeprefix("lane "))
    for task, cause in open_tasks(setup, state.keys):
        if cause.row.by is Mover.USER and cause.kind is not Kind.NO_SCHEDULER:
            before, after = state.keys.record(task), move.state.keys.record(task)
            able = {item.info.worker for item in view.serving(task).able}
            if before != after and after is not None and after.code == "R" and mover in able:
                return f"task {task}: {cause.kind}, and {move.who} takes it"
    return None


def names(setup: Setup, keys: Keys, task: int, move: Move) -> bool:
    """Return whether the cause of a task names the process that makes this move."""
    view = view_of(setup, keys)
    if view is None or view.snapshot.states[task] in TASK_OVER or move.kind:
        return False
    cause = view.cause(task)
    is_worker = move.who.startswith(("worker ", "lane "))
    match cause.row.by:
        case Mover.WORKER:
            mine = worker_of(move.who.partition(" ")[2]) if is_worker else ""
            if cause.kind in (Kind.RUNNING, Kind.WAITS_FOR_RUN):
                return mine == cause.holder
            return mine in view.alive
        case Mover.SCHEDULER:
            return keys.leader is not None and move.who == keys.leader[0]
        case Mover.USER if cause.kind is Kind.NO_SCHEDULER:
            return not is_worker and move.who != "client"
        case Mover.USER:  # starts a worker, here one that is not alive yet, or whose lease is over
            return is_worker and worker_of(move.who.partition(" ")[2]) not in view.alive
    return False
