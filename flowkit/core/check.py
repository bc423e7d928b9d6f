"""Checks that a finished run followed the rules, from a trace of what happened in it.

A trace lists, in order, the recorded facts ``(task, how it ended)``, each once, and the executed
commands (the executed part, if a crash interrupted one). The rules are implemented here a second
time, independently of the resolver.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from .commands import Command, DropResults, FinishRun, MarkTasks, QueueTasks, StopRun, StopTasks
from .compiled import OnFailure
from .graph import Graph
from .states import TASK_DONE, TASK_OVER, RunState, TaskState
from .triggers import AFTER_FAILURE, HOOKS, OF_THE_RUN, Trigger

Fact = tuple[int, TaskState]
Trace = Sequence[Fact | Command]
_PENDING, _QUEUED, _FAILED = TaskState.PENDING, TaskState.QUEUED, TaskState.FAILED
_BLOCKED, _CANCELLED = TaskState.UPSTREAM_FAILED, TaskState.CANCELLED
_SUCCEEDED, _SKIPPED = TaskState.SUCCEEDED, TaskState.SKIPPED
_NO_TRIGGERS: Mapping[int, Trigger] = {}


def check_run(
    graph: Graph,
    states: Sequence[TaskState],
    trace: Trace,
    *,
    on_failure: OnFailure,
    window: int,
    triggers: Mapping[int, Trigger] = _NO_TRIGGERS,
    not_kept: Collection[int] = (),
) -> None:
    """Raise AssertionError, with the end of the trace, unless ``trace`` is that of a valid run.

    ``states``: the final state of each task, as recorded. ``not_kept``: the tasks whose results are
    not kept; a crash may drop one twice.
    """
    run = _Replay(graph, trace, window, triggers)
    for run.at, entry in enumerate(trace):
        run.take(entry)
    for task, state in enumerate(states):
        run.demand(state is run.states[task], f"trace disagrees with record {state.value}", [task])
    _check_outcome(run, on_failure)
    _check_blocked(run)
    due = {task for task in not_kept if run.states[task] is _SUCCEEDED}
    run.demand(run.dropped == due, f"results to drop: {due}; dropped: {run.dropped}")


class _Replay:
    """The run as its trace describes it; ``take`` checks each entry against the previous ones."""

    def __init__(
        self, graph: Graph, trace: Trace, window: int, triggers: Mapping[int, Trigger]
    ) -> None:
        self.graph, self.trace, self.room, self.at = graph, trace, window, -1
        self.triggers = triggers
        self.states = [_PENDING] * len(graph)
        self.stop: RunState | None = None
        self.end: FinishRun | None = None
        self.marked: set[int] = set()  # skipped by their triggers
        self.dropped: set[int] = set()

    def demand(self, holds: bool, claim: str, tasks: Collection[int] = ()) -> None:
        if not holds:
            lines = [f"{at}. {self._line(it)}" for at, it in enumerate(self.trace[: self.at + 1])]
            raise AssertionError("\n  ".join([f"{self._names(tasks)}: {claim}", *lines[-20:]]))

    def take(self, entry: Fact | Command) -> None:
        self.demand(self.end is None, "something happened after its end")
        match entry:
            case QueueTasks(tasks):
                for task in tasks:
                    on = self.stop is RunState.FAILED and self.triggers.get(task) in AFTER_FAILURE
                    self.demand(self.stop is None or on, "queued after the stop", [task])
                    self._move(task, _PENDING, _QUEUED)
                    self.demand(self.due(task) == "run", "queued too early", [task])
                self.demand(self.room >= 0, "dispatch window overrun", tasks)
            case StopRun(outcome):
                again = self.stop in (None, outcome) or outcome is RunState.CANCELLED
                self.demand(again, f"stopped again, as {outcome.value}")
                self.stop = outcome
            case MarkTasks(state, tasks):
                marks = (_BLOCKED, _CANCELLED, _SKIPPED)
                self.demand(state in marks, f"marked {state.value}", tasks)
                for task in tasks:
                    self._move(task, _PENDING, state)
                    if state is _SKIPPED:
                        self.marked.add(task)
            case StopTasks(tasks):
                self.demand(self.stop is not None, "asked to stop before the run was", tasks)
                early = [task for task in tasks if self.states[task] is _PENDING]
                self.demand(not early, "asked to stop before it was queued", early)
            case DropResults(tasks):
                for task in tasks:
                    users = [self.states[at] for at in self.graph.consumers(task)]
                    needless = self.states[task] is _SUCCEEDED and TASK_OVER.issuperset(users)
                    self.demand(needless, "its result was dropped too early", [task])
                self.dropped.update(tasks)
            case FinishRun():
                self.demand(TASK_OVER.issuperset(self.states), "ended before all tasks were over")
                self.end = entry
            case task, state:
                self.demand(state in TASK_OVER - {_BLOCKED}, f"reported {state.value}", [task])
                self._move(task, _QUEUED, state)

    def due(self, task: int) -> str:
        """Return the effect of a task's trigger now: "run", "skip", "block" or "wait"."""
        trigger = self.triggers.get(task, Trigger.NONE_FAILED)
        if trigger in OF_THE_RUN:
            rest = [state for at, state in enumerate(self.states) if not self.of_the_run(at)]
            bad = any(state is _FAILED for _, state in self.own())
            failed = Trigger.RUN_FAILED if bad else Trigger.RUN_SUCCEEDED
            chosen = "run" if trigger is failed else "skip"
            return chosen if TASK_OVER.issuperset(rest) else "wait"
        ups = {self.states[up] for up in self.graph.upstream(task)}
        if trigger in (Trigger.NONE_FAILED, Trigger.ALL_SUCCEEDED) and ups & {_FAILED, _BLOCKED}:
            return "block"
        if not TASK_OVER.issuperset(ups):
            return "wait"
        bad = not TASK_DONE.issuperset(ups)
        rules = {
            Trigger.ALL_OVER: [(True, "run")],
            Trigger.TASK_FAILED: [(_FAILED in ups, "run"), (True, "skip")],
            Trigger.TASK_SKIPPED: [(_SKIPPED in ups, "run"), (True, "skip")],
            Trigger.ANY_SUCCEEDED: [(_SUCCEEDED in ups, "run"), (bad, "block"), (True, "skip")],
            Trigger.ALL_SUCCEEDED: [(bad, "block"), (_SKIPPED in ups, "skip"), (True, "run")],
            Trigger.NONE_FAILED: [(bad, "block"), (True, "run")],
        }
        return next(what for holds, what in rules[trigger] if holds)

    def blockable(self, task: int) -> bool:
        trigger = self.triggers.get(task, Trigger.NONE_FAILED)
        return trigger in (Trigger.NONE_FAILED, Trigger.ALL_SUCCEEDED)

    def own(self) -> list[tuple[int, TaskState]]:
        """Return the tasks that determine the outcome of the run, and their states."""
        triggers = self.triggers
        return [
            (at, state) for at, state in enumerate(self.states) if triggers.get(at) not in HOOKS
        ]

    def of_the_run(self, task: int) -> bool:
        return self.triggers.get(task) in OF_THE_RUN

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
    """Check the outcome: cancelled, or succeeded if every task is done, or failed by a task."""
    own = run.own()
    failed = [task for task, state in own if state is _FAILED]
    due = RunState.SUCCEEDED if TASK_DONE.issuperset(s for _, s in own) else RunState.FAILED
    due = RunState.CANCELLED if run.stop is RunState.CANCELLED else due
    ends = [FinishRun(due, task) for task in failed] or [FinishRun(due, None)]
    run.demand(run.end in ends, f"its end was {run.end}; due was {ends[:9]}")
    has_hook = any(run.of_the_run(task) for task in run.triggers)
    stops = on_failure is OnFailure.STOP or has_hook
    way = RunState.FAILED if failed and stops else None
    rule = f"its stop was {run.stop}, with on_failure {on_failure.value}"
    run.demand(run.stop in (way, RunState.CANCELLED), rule, failed)


def _check_blocked(run: _Replay) -> None:
    """Check the marked tasks against their upstream tasks, and that a failure blocked the rest."""
    reached: set[int] = set()
    for task in reversed(run.graph.order()):
        state, ups, due = run.states[task], run.graph.upstream(task), run.due(task)
        fits = due == "block" if state is _BLOCKED else due != "block" or run.stop is not None
        fits = fits and (task not in run.marked or due == "skip")
        fits = fits or (run.stop is RunState.CANCELLED and task in run.triggers)
        run.demand(fits, f"ended {state.value}, against its upstream tasks", [task, *ups])
        behind = [down for down in run.graph.downstream(task) if run.blockable(down)]
        if state in (_FAILED, _BLOCKED) and reached.issuperset(behind):
            reached.add(task)
    whole = any(run.states[task] is _FAILED for task in reached)
    run.demand(run.stop is not RunState.FAILED or whole, "no failure blocked all that needs it")
