"""Watches the records of the runs while they change, and checks them against the rules.

After each call that may have changed a record it reads them all, outside of the numbered calls.
What has changed since is a trace in the sense of ``flowkit.core.check``: facts and commands as
they took effect, whoever sent them and however often. An outcome that changes, or a task that
comes back to life, is a violation at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flowkit.core.check import check_run
from flowkit.core.commands import Command, FinishRun, MarkTasks, QueueTasks, StopRun
from flowkit.core.compiled import CompiledDAG
from flowkit.core.states import RUN_OVER, TASK_OVER, RunState, TaskState
from flowkit.protocol.keys import Keys
from flowkit.protocol.link import Link
from flowkit.protocol.records import parse_record

_RUNS = (
    "submit",
    "resume",
    "cancel",
    "apply",
    "stop_run",
    "end_tasks",
    "reset",
    "promote",
    "hasten",
    "recount_calls",
    "continue_calls",
)
# The calls that change a record or a run.
WRITES = frozenset(
    {*_RUNS, "fail_queued", "claim", "complete", "release", "reap"}
)  # that change a record or run
WINDOW = 4
_ASKED = ("state", "stop", "failed")
_PENDING = TaskState.PENDING


@dataclass
class Watched:
    """One run: what is recorded of it, and how that came about since it was last taken up."""

    dag: CompiledDAG
    states: list[TaskState]
    run: RunState | None = None
    trace: list[tuple[int, TaskState] | Command] = field(default_factory=list)
    held_back: list[tuple[int, TaskState]] = field(default_factory=list)
    ends: list[RunState] = field(default_factory=list)


class Watch:
    """The runs of one scenario."""

    def __init__(
        self,
        link: Link,
        namespace: str,
        dags: dict[str, CompiledDAG],
        called: dict[str, CompiledDAG],
    ) -> None:
        """``dags``: of the runs, by id; ``called``: those whose runs tasks call, by name."""
        self._link = link
        self.keys = Keys(namespace)
        self.problems: list[str] = []
        self.called: dict[str, str] = {}  # run → the call, and how often it was made by then
        self._called = called
        self.runs = {run: Watched(dag, [_PENDING] * len(dag.graph)) for run, dag in dags.items()}

    def name_of(self, run: str) -> str:
        """Return what a run is called here: its id, or that of its parent with the call.

        The ids of runs that tasks have called are others after a fault.
        """
        return self.called.get(run, run)

    def is_over(self, run: str) -> bool:
        """Whether a run is recorded as over."""
        return self.runs[run].run in RUN_OVER

    def is_waiting(self, run: str) -> bool:
        """Return whether a task of a run waits for a retry."""
        return TaskState.WAITING in self.runs[run].states

    def done(self, run: str) -> int:
        """Return how many tasks of a run are over."""
        return sum(state in TASK_OVER for state in self.runs[run].states)

    def look(self, label: str) -> None:
        """Take note of what a call of that name has changed."""
        if label not in WRITES:
            return
        if self._called:
            self._find_called()
        commands: list[tuple[Any, ...]] = []
        for run in self.runs:
            commands.append(("HMGET", self.keys.run(run), *_ASKED))
            commands.append(("HGETALL", self.keys.tasks(run)))
        replies = self._link.batch(commands)
        for at, (run, watched) in enumerate(self.runs.items()):
            self._compare(run, watched, label, *replies[2 * at : 2 * at + 2])

    def _find_called(self) -> None:
        """Watch the runs that tasks have called since."""
        for name in self._link.call("ZRANGE", self.keys.runs(), 0, -1):
            run = name.decode()
            if run in self.runs:
                continue
            dag, parent = self._link.call("HMGET", self.keys.run(run), "dag", "parent")
            if dag is None:
                continue
            compiled = self._called[dag.decode()]
            self.runs[run] = Watched(compiled, [_PENDING] * len(compiled.graph))
            above, task, _, position = parent.decode().split(",")
            call = f"{self.name_of(above)}/{task}[{position}]"
            again = sum(name.startswith(call) for name in self.called.values())
            self.called[run] = f"{call}#{again + 1}"

    def _compare(
        self, run: str, watched: Watched, label: str, meta: list[Any], flat: list[Any]
    ) -> None:
        now = list(watched.states)
        for task, record in zip(flat[::2], flat[1::2], strict=True):
            missing = int(task) + 1 - len(now)  # the items of mapped tasks come behind the tasks
            now += [_PENDING] * missing
            watched.states += [_PENDING] * missing
            now[int(task)] = parse_record(record).state
        state, stop, failed = (None if part is None else part.decode() for part in meta)
        if watched.run in RUN_OVER and state == "running":
            self._begin_anew(watched)
            if not flat:  # it was deleted and submitted again
                now = watched.states = [_PENDING] * len(now)
        if label == "stop_run" and stop and not self._has_stop(watched, RunState(stop)):
            number = int(failed) if failed and stop == "failed" else None
            watched.trace.append(StopRun(RunState(stop), number))
            watched.trace += watched.held_back
            watched.held_back = []
        self._tell_tasks(run, watched, now, goes_on=label == "continue_calls")
        if state and state != "running" and watched.run not in RUN_OVER:
            watched.trace.append(FinishRun(RunState(state), int(failed) if failed else None))
            watched.ends.append(RunState(state))
            self._check(run, watched, now)
        watched.states = now
        watched.run = RunState(state) if state else watched.run

    def _tell_tasks(
        self, run: str, watched: Watched, now: list[TaskState], *, goes_on: bool
    ) -> None:
        """Append facts, then marks, then what was queued: what follows comes after its reason.

        ``goes_on``: a task that was over may wait for the runs that it has called, as if queued.
        """
        queued: list[int] = []
        marks: list[Command] = []
        for task, (old, new) in enumerate(zip(watched.states, now, strict=True)):
            if old is new:
                continue
            name = watched.dag.task_name(task)
            if goes_on and old in TASK_OVER and new in (TaskState.WAITING, TaskState.QUEUED):
                queued.append(task)
            elif old in TASK_OVER and new is not _PENDING:
                self.problems.append(f"{run}: {name} was {old.value} and became {new.value}")
            elif old is _PENDING and new in TASK_OVER:
                marks.append(MarkTasks(new, [task]))
            elif old is _PENDING:
                queued.append(task)
            elif new in TASK_OVER:
                self._tell_fact(watched, task, new)
            elif new is _PENDING and old not in TASK_OVER:
                self.problems.append(f"{run}: {name} was {old.value} and is pending again")
        watched.trace += marks
        if queued:
            watched.trace.append(QueueTasks(queued))

    def _tell_fact(self, watched: Watched, task: int, new: TaskState) -> None:
        """A task that is returned after a cancel is over before the scheduler hears of the
        cancel; it is told in the order in which the scheduler learns of it."""
        stopped = any(isinstance(entry, StopRun) for entry in watched.trace)
        early = new is TaskState.CANCELLED and not stopped
        (watched.held_back if early else watched.trace).append((task, new))

    def _has_stop(self, watched: Watched, outcome: RunState) -> bool:
        return any(isinstance(item, StopRun) and item.outcome is outcome for item in watched.trace)

    def _begin_anew(self, watched: Watched) -> None:
        """A run is resumed. What it keeps is told as if it had just been done."""
        watched.trace, watched.held_back = [], []
        watched.run = None

    def _check(self, run: str, watched: Watched, now: list[TaskState]) -> None:
        if watched.dag.maps:  # what a trace of items must look like is tested with the core
            open_ones = [task for task, state in enumerate(now) if state not in TASK_OVER]
            exist = [task for task in open_ones if task < len(watched.dag.graph)]
            self.problems += [f"{run}: task {task} is not over at the end" for task in exist]
            return
        messages = {task for entry in watched.trace for task in _tasks_of(entry)}
        kept: list[Any] = []
        for task in watched.dag.graph.order():
            if task not in messages and now[task] in TASK_OVER:
                kept += [QueueTasks([task]), (task, now[task])]
        try:
            check_run(
                watched.dag.graph,
                now,
                [*kept, *watched.trace],
                on_failure=watched.dag.on_failure,
                window=WINDOW,
                triggers=watched.dag.triggers(),
            )
        except AssertionError as error:
            self.problems.append(f"{run}: {error}")


def _tasks_of(entry: object) -> list[int]:
    if isinstance(entry, tuple):
        return [entry[0]]
    return list(getattr(entry, "tasks", ()))
