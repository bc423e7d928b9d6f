"""What must be true of every run that has ended, checked against what happened in it.

A trace lists, in order, the facts ``(task, how it ended)`` as recorded, each once, and the commands
as carried out (that part, if a crash cut one short). The rules stand here once more on their own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .commands import Command, FinishRun, MarkTasks, QueueTasks, StopRun, StopTasks
from .compiled import OnFailure
from .graph import Graph
from .states import TASK_DONE, TASK_OVER, RunState, TaskState

Fact = tuple[int, TaskState]
Trace = Sequence[Fact | Command]
_PENDING, _QUEUED, _FAILED = TaskState.PENDING, TaskState.QUEUED, TaskState.FAILED
_BLOCKED, _CANCELLED = TaskState.UPSTREAM_FAILED, TaskState.CANCELLED


def check_run(
    graph: Graph, states: Sequence[TaskState], trace: Trace, *, on_failure: OnFailure, window: int
) -> None:
    """Raise AssertionError, with the run's story, unless ``trace`` is that of a sound run.

    ``states``: the final state of each task, as recorded.
    """
    run = _Replay(graph, trace, window)
    for run.at, entry in enumerate(trace):
        run.take(entry)
    for task, state in enumerate(states):
        run.demand(state is run.states[task], f"trace disagrees with record {state.value}", [task])
    _check_outcome(run, on_failure)
    _check_blocked(run)


class _Replay:
    """The run as its trace tells it; ``take`` checks each entry against all before it."""

    def __init__(self, graph: Graph, trace: Trace, window: int) -> None:
        self.graph, self.trace, self.room, self.at = graph, trace, window, -1
        self.states = [_PENDING] * len(graph)
        self.stop: RunState | None = None
        self.end: FinishRun | None = None

    def demand(self, holds: bool, claim: str, tasks: Collection[int] = ()) -> None:
        if not holds:
            told = [f"{at}. {self._line(it)}" for at, it in enumerate(self.trace[: self.at + 1])]
            raise AssertionError("\n  ".join([f"{self._names(tasks)}: {claim}", *told[-20:]]))

    def take(self, entry: Fact | Command) -> None:
        self.demand(self.end is None, "something happened after its end")
        match entry:
            case QueueTasks(tasks):
                self.demand(self.stop is None, "queued after the stop", tasks)
                for task in tasks:
                    self._move(task, _PENDING, _QUEUED)
                    for up in self.graph.upstream(task):
                        self.demand(self.states[up] in TASK_DONE, "queued too early", [task, up])
                self.demand(self.room >= 0, "dispatch window overrun", tasks)
            case StopRun(outcome):
                self.demand(self.stop in (None, outcome), f"stopped anew, as {outcome.value}")
                self.stop = outcome
            case MarkTasks(state, tasks):
                self.demand(state in (_BLOCKED, _CANCELLED), f"marked {state.value}", tasks)
                for task in tasks:
                    self._move(task, _PENDING, state)
            case StopTasks(tasks):
                self.demand(self.stop is not None, "asked to stop before the run was", tasks)
                early = [task for task in tasks if self.states[task] is _PENDING]
                self.demand(not early, "asked to stop before it was queued", early)
            case FinishRun():
                self.demand(TASK_OVER.issuperset(self.states), "ended before all tasks were over")
                self.end = entry
            case task, state:
                self.demand(state in TASK_OVER - {_BLOCKED}, f"reported {state.value}", [task])
                self._move(task, _QUEUED, state)

    def _move(self, task: int, due: TaskState, state: TaskState) -> None:
        was, early = self.states[task], state is _CANCELLED and self.stop is None
        self.demand(was is due, f"became {state.value} when {was.value}", [task])
        self.demand(not early, "cancelled before the run's stop", [task])
        self.states[task] = state
        self.room += (was is _QUEUED) - (state is _QUEUED)

    def _names(self, tasks: Collection[int]) -> str:
        return ", ".join(self.graph.names[task] for task in list(tasks)[:20]) or "the run"

    def _line(self, entry: Fact | Command) -> str:
        if isinstance(entry, tuple):
            return f"{self._names(entry[:1])} {entry[1].value}"
        how = getattr(entry, "outcome", getattr(entry, "state", "of"))
        return f"{type(entry).__name__} {how} {self._names(getattr(entry, 'tasks', ()))}"


def _check_outcome(run: _Replay, on_failure: OnFailure) -> None:
    """Cancelled if it was; else succeeded if every task is done; else failed, by a named task."""
    failed = [task for task, state in enumerate(run.states) if state is _FAILED]
    due = RunState.SUCCEEDED if TASK_DONE.issuperset(run.states) else RunState.FAILED
    due = RunState.CANCELLED if run.stop is RunState.CANCELLED else due
    ends = [FinishRun(due, task) for task in failed] or [FinishRun(due, None)]
    run.demand(run.end in ends, f"its end was {run.end}; due was {ends[:9]}")
    way = RunState.FAILED if failed and on_failure is OnFailure.STOP else None
    rule = f"its stop was {run.stop}, with on_failure {on_failure.value}"
    run.demand(run.stop in (way, RunState.CANCELLED), rule, failed)


def _check_blocked(run: _Replay) -> None:
    """Upstream_failed follows from a failure; one that nothing stopped reaches all behind."""
    reached: set[int] = set()
    for task in reversed(run.graph.order()):
        state, ups = run.states[task], run.graph.upstream(task)
        behind = any(run.states[up] in (_FAILED, _BLOCKED) for up in ups)
        fits = behind if state is _BLOCKED else not behind or run.stop is not None
        run.demand(fits, f"ended {state.value}, against its upstream tasks", [task, *ups])
        if state in (_FAILED, _BLOCKED) and reached.issuperset(run.graph.downstream(task)):
            reached.add(task)
    whole = any(run.states[task] is _FAILED for task in reached)
    run.demand(run.stop is not RunState.FAILED or whole, "no failure blocked all that needs it")
