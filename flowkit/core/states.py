"""The life cycle of a task and of a run, as two tables a reader checks by eye.

``(state, event) -> state``; a pair that is missing is illegal. Whether a failed attempt may be
repeated is decided before the table is asked (the event is then ``RETRY`` or ``FAIL``), so the
tables hold no conditions. The diagram in the documentation is generated from them and the Lua
scripts are checked against them; nowhere else is there a second list of states.
"""

from __future__ import annotations

from enum import StrEnum


class TaskState(StrEnum):
    """Where one task of one run stands. One line per state: what is true in it."""

    PENDING = "pending"  # waits for its upstream tasks, or for room in the dispatch window
    QUEUED = "queued"  # ready; any worker of its queue may claim it
    RUNNING = "running"  # claimed by one worker incarnation, whose outcome alone counts
    WAITING = "waiting"  # its last attempt failed; the next one is due later
    SUCCEEDED = "succeeded"  # over: its result is stored
    FAILED = "failed"  # over: its last attempt failed and there is no further one
    SKIPPED = "skipped"  # over: its condition or trigger said no; downstream tasks get None
    UPSTREAM_FAILED = "upstream_failed"  # over: a task it needs failed
    CANCELLED = "cancelled"  # over: its run stopped before it was


class TaskEvent(StrEnum):
    """What can happen to a task."""

    QUEUE = "queue"  # the scheduler found all its upstream tasks over
    CLAIM = "claim"  # a worker took it
    SUCCEED = "succeed"
    FAIL = "fail"  # for good
    SKIP = "skip"
    RETRY = "retry"  # the attempt failed, another one is allowed
    DUE = "due"  # the delay before that other attempt is over
    RELEASE = "release"  # given back unstarted, or its worker died
    BLOCK = "block"  # an upstream task failed
    CANCEL = "cancel"
    RESUME = "resume"  # the run is taken up again


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "running"  # accepted, and not over
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunEvent(StrEnum):
    """What can happen to a run."""

    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"
    RESUME = "resume"


class IllegalTransition(Exception):
    """An event that the state it met does not allow. Holds both."""

    def __init__(self, state: StrEnum, event: StrEnum) -> None:
        super().__init__(f"{event.value!r} is not possible in state {state.value!r}")
        self.state = state
        self.event = event


_T, _E = TaskState, TaskEvent

TASK_TABLE: dict[tuple[TaskState, TaskEvent], TaskState] = {
    (_T.PENDING, _E.QUEUE): _T.QUEUED,
    (_T.PENDING, _E.BLOCK): _T.UPSTREAM_FAILED,
    (_T.PENDING, _E.SKIP): _T.SKIPPED,
    (_T.PENDING, _E.CANCEL): _T.CANCELLED,
    (_T.QUEUED, _E.CLAIM): _T.RUNNING,
    (_T.QUEUED, _E.CANCEL): _T.CANCELLED,
    (_T.RUNNING, _E.SUCCEED): _T.SUCCEEDED,
    (_T.RUNNING, _E.FAIL): _T.FAILED,
    (_T.RUNNING, _E.SKIP): _T.SKIPPED,
    (_T.RUNNING, _E.RETRY): _T.WAITING,
    (_T.RUNNING, _E.RELEASE): _T.QUEUED,
    (_T.RUNNING, _E.CANCEL): _T.CANCELLED,
    (_T.WAITING, _E.DUE): _T.QUEUED,
    (_T.WAITING, _E.CANCEL): _T.CANCELLED,
    (_T.FAILED, _E.RESUME): _T.PENDING,
    (_T.UPSTREAM_FAILED, _E.RESUME): _T.PENDING,
    (_T.CANCELLED, _E.RESUME): _T.PENDING,
    (_T.SUCCEEDED, _E.RESUME): _T.PENDING,
    (_T.SKIPPED, _E.RESUME): _T.PENDING,
}

RUN_TABLE: dict[tuple[RunState, RunEvent], RunState] = {
    (RunState.RUNNING, RunEvent.SUCCEED): RunState.SUCCEEDED,
    (RunState.RUNNING, RunEvent.FAIL): RunState.FAILED,
    (RunState.RUNNING, RunEvent.CANCEL): RunState.CANCELLED,
    (RunState.FAILED, RunEvent.RESUME): RunState.RUNNING,
    (RunState.CANCELLED, RunEvent.RESUME): RunState.RUNNING,
    (RunState.SUCCEEDED, RunEvent.RESUME): RunState.RUNNING,
}

# A task that is over never changes again within its run, unless the run is resumed: then what did
# not succeed is made again, and what did only if it was named, or needs a task that is made again.
TASK_OVER = frozenset(
    {_T.SUCCEEDED, _T.FAILED, _T.SKIPPED, _T.UPSTREAM_FAILED, _T.CANCELLED},
)
# Upstream tasks in these states let their downstream tasks go ahead.
TASK_DONE = frozenset({_T.SUCCEEDED, _T.SKIPPED})
RUN_OVER = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED})


def next_task_state(state: TaskState, event: TaskEvent) -> TaskState:
    """Return the state that ``event`` leads to, or raise IllegalTransition."""
    try:
        return TASK_TABLE[state, event]
    except KeyError:
        raise IllegalTransition(state, event) from None


def next_run_state(state: RunState, event: RunEvent) -> RunState:
    """Return the state that ``event`` leads to, or raise IllegalTransition."""
    try:
        return RUN_TABLE[state, event]
    except KeyError:
        raise IllegalTransition(state, event) from None


def mermaid(table: dict[tuple[TaskState, TaskEvent], TaskState]) -> str:
    """Draw a life-cycle table as a Mermaid state diagram (for docs/reference/life-cycle.md)."""
    lines = ["stateDiagram-v2", f"    [*] --> {TaskState.PENDING.value}"]
    lines += [
        f"    {old.value} --> {new.value}: {event.value}" for (old, event), new in table.items()
    ]
    lines += [f"    {state.value} --> [*]" for state in TaskState if state in TASK_OVER]
    return "\n".join(lines)
