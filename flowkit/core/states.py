"""The life cycle of a task and of a run, as two tables.

``(state, move) -> state``; a missing pair is illegal. Whether a failed attempt is retried is
decided before the lookup (the move is then ``RETRY`` or ``FAIL``), so the tables have no
conditions. The diagram in the documentation is generated from them, and the Lua scripts are tested
against them. There is no other list of states.
"""

from __future__ import annotations

from enum import StrEnum


class TaskState(StrEnum):
    """The state of one task of one run. Each comment says what is true in the state."""

    PENDING = "pending"  # waits for its upstream tasks, or for room in the dispatch window
    QUEUED = "queued"  # ready: any worker of its queue may claim it
    RUNNING = "running"  # claimed by one worker incarnation, whose outcome alone counts
    WAITING = "waiting"  # its next attempt is due later, or when the runs that it called are over
    SUCCEEDED = "succeeded"  # over: its result is stored
    FAILED = "failed"  # over: its last attempt failed and is not retried
    SKIPPED = "skipped"  # over: its condition or trigger was false; downstream tasks get None
    UPSTREAM_FAILED = "upstream_failed"  # over: a task it needs failed
    CANCELLED = "cancelled"  # over: its run stopped before it ended


class TaskMove(StrEnum):
    """A move of a task from one state to another: what can happen to it."""

    QUEUE = "queue"  # all its upstream tasks are over
    CLAIM = "claim"  # a worker claimed it
    SUCCEED = "succeed"
    FAIL = "fail"  # for good
    SKIP = "skip"
    RETRY = "retry"  # the attempt failed, and another one is allowed
    AGAIN = "again"  # the attempt ended, and the task asked to start again later
    CALL = "call"  # the attempt ended with calls of runs, whose end the task waits for
    DUE = "due"  # what it waited for has happened: the delay is over, or the runs are
    RELEASE = "release"  # given back before it started, or its worker died
    BLOCK = "block"  # an upstream task failed
    ITEMS_OVER = "items_over"  # all items of the mapped task are over
    ITEM_FAILED = "item_failed"  # they are over, and one failed; or there is nothing to map
    CANCEL = "cancel"
    RESUME = "resume"  # the run is resumed


class RunState(StrEnum):
    """The state of a run."""

    RUNNING = "running"  # accepted, and not over yet
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunMove(StrEnum):
    """A move of a run from one state to another: what can happen to it."""

    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"
    RESUME = "resume"


class IllegalTransition(Exception):
    """A move that is not allowed in a state. ``state`` and ``move`` hold both."""

    def __init__(self, state: StrEnum, move: StrEnum) -> None:
        super().__init__(f"{move.value!r} is not possible in state {state.value!r}")
        self.state = state
        self.move = move


_T, _E = TaskState, TaskMove

TASK_TABLE: dict[tuple[TaskState, TaskMove], TaskState] = {
    (_T.PENDING, _E.QUEUE): _T.QUEUED,
    (_T.PENDING, _E.BLOCK): _T.UPSTREAM_FAILED,
    (_T.PENDING, _E.SKIP): _T.SKIPPED,
    (_T.PENDING, _E.ITEMS_OVER): _T.SUCCEEDED,
    (_T.PENDING, _E.ITEM_FAILED): _T.FAILED,
    (_T.PENDING, _E.CANCEL): _T.CANCELLED,
    (_T.QUEUED, _E.CLAIM): _T.RUNNING,
    (_T.QUEUED, _E.CANCEL): _T.CANCELLED,
    (_T.RUNNING, _E.SUCCEED): _T.SUCCEEDED,
    (_T.RUNNING, _E.FAIL): _T.FAILED,
    (_T.RUNNING, _E.SKIP): _T.SKIPPED,
    (_T.RUNNING, _E.RETRY): _T.WAITING,
    (_T.RUNNING, _E.AGAIN): _T.WAITING,
    (_T.RUNNING, _E.CALL): _T.WAITING,
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

RUN_TABLE: dict[tuple[RunState, RunMove], RunState] = {
    (RunState.RUNNING, RunMove.SUCCEED): RunState.SUCCEEDED,
    (RunState.RUNNING, RunMove.FAIL): RunState.FAILED,
    (RunState.RUNNING, RunMove.CANCEL): RunState.CANCELLED,
    (RunState.FAILED, RunMove.RESUME): RunState.RUNNING,
    (RunState.CANCELLED, RunMove.RESUME): RunState.RUNNING,
    (RunState.SUCCEEDED, RunMove.RESUME): RunState.RUNNING,
}

# A finished task never changes, unless its run is resumed. A resume reruns the tasks that did not
# succeed, the named ones, and everything downstream of them.
TASK_OVER = frozenset(
    {_T.SUCCEEDED, _T.FAILED, _T.SKIPPED, _T.UPSTREAM_FAILED, _T.CANCELLED},
)
# A failure in itself, or one upstream. What failed in itself comes first.
TASK_FAILURES = (_T.FAILED, _T.UPSTREAM_FAILED)
# Upstream tasks in these states let their downstream tasks start.
TASK_DONE = frozenset({_T.SUCCEEDED, _T.SKIPPED})
RUN_OVER = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED})


def next_task_state(state: TaskState, move: TaskMove) -> TaskState:
    """Return the state that ``move`` leads to, or raise IllegalTransition."""
    try:
        return TASK_TABLE[state, move]
    except KeyError:
        raise IllegalTransition(state, move) from None


def next_run_state(state: RunState, move: RunMove) -> RunState:
    """Return the state that ``move`` leads to, or raise IllegalTransition."""
    try:
        return RUN_TABLE[state, move]
    except KeyError:
        raise IllegalTransition(state, move) from None


def mermaid(table: dict[tuple[TaskState, TaskMove], TaskState]) -> str:
    """Return a life-cycle table as the Mermaid diagram of docs/reference/life-cycle.md."""
    lines = ["stateDiagram-v2", f"    [*] --> {TaskState.PENDING.value}"]
    lines += [
        f"    {old.value} --> {new.value}: {move.value}" for (old, move), new in table.items()
    ]
    lines += [f"    {state.value} --> [*]" for state in TaskState if state in TASK_OVER]
    return "\n".join(lines)
