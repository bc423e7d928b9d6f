"""Any DAG, any outcomes, any order of facts, any crash: a run still ends as it must.

A small store and its workers are played by Hypothesis. The store records as a shell would: state
by state through the life-cycle table, commands in order, and it forgets nothing when the resolver
is lost in the middle of a list of commands. How each task would end is drawn beforehand, so that
the end of the run can be told without a resolver; ``check_run`` judges the way to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from flowkit.core.check import Fact, check_run
from flowkit.core.commands import (
    Command,
    FinishRun,
    MarkTasks,
    QueueTasks,
    StopRun,
    StopTasks,
)
from flowkit.core.compiled import OnFailure
from flowkit.core.graph import Graph
from flowkit.core.run import Run
from flowkit.core.states import (
    TASK_DONE,
    TASK_OVER,
    RunEvent,
    RunState,
    TaskEvent,
    TaskState,
    next_run_state,
    next_task_state,
)

CANCEL = "cancel"
ENDINGS = [TaskEvent.SUCCEED] * 4 + [TaskEvent.SKIP, TaskEvent.FAIL]
RUN_EVENTS = {
    RunState.SUCCEEDED: RunEvent.SUCCEED,
    RunState.FAILED: RunEvent.FAIL,
    RunState.CANCELLED: RunEvent.CANCEL,
}


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(0, 10))
    number = st.integers(0, max(0, count - 1))
    edges = draw(st.lists(st.tuples(number, number), max_size=2 * count, unique=True))
    place = draw(st.permutations(range(count)))
    forward = [(place[a], place[b]) for a, b in edges if a < b]
    return Graph.build([f"t{task}" for task in range(count)], forward)


class Store:
    """What survives a crash: records, the noted stop, messages that nobody has dealt with yet."""

    def __init__(self, graph: Graph) -> None:
        self.states = [TaskState.PENDING] * len(graph)
        self.stop: RunState | None = None
        self.run = RunState.RUNNING
        self.inbox: list[Fact | str] = []
        self.trace: list[Fact | Command] = []

    def happen(self, task: int, event: TaskEvent) -> None:
        """Move a task along its life cycle; its end becomes a message for the resolver."""
        self.states[task] = state = next_task_state(self.states[task], event)
        if state in TASK_OVER and event is not TaskEvent.BLOCK:
            self.inbox.append((task, state))
            self.trace.append((task, state))

    def carry_out(self, commands: Sequence[Command], units: int | None = None) -> bool:
        """Carry commands out, task by task; stop short after ``units`` if a crash is drawn."""
        pieces = [piece for command in commands for piece in split(command)]
        for piece in pieces[:units]:
            self._carry_out_one(piece)
        return units is None or units >= len(pieces)

    def _carry_out_one(self, command: Command) -> None:
        match command:
            case QueueTasks(tasks):
                self._move(command, tasks, TaskEvent.QUEUE)
            case MarkTasks(TaskState.UPSTREAM_FAILED, tasks):
                self._move(command, tasks, TaskEvent.BLOCK)
            case MarkTasks(_, tasks):
                self.trace.append(command)
                for task in tasks:
                    self.states[task] = next_task_state(self.states[task], TaskEvent.CANCEL)
            case StopRun(outcome):
                self.trace.append(command)
                self.stop = outcome
            case StopTasks(tasks):
                self.trace.append(command)
                for task in tasks:
                    if self.states[task] in (TaskState.QUEUED, TaskState.WAITING):
                        self.happen(task, TaskEvent.CANCEL)
            case FinishRun(outcome):
                self.trace.append(command)
                self.run = next_run_state(self.run, RUN_EVENTS[outcome])

    def _move(self, command: Command, tasks: Sequence[int], event: TaskEvent) -> None:
        self.trace.append(command)
        for task in tasks:
            self.happen(task, event)


def split(command: Command) -> Iterator[Command]:
    """Cut a command into the smallest pieces that a crash can leave."""
    if isinstance(command, QueueTasks | MarkTasks | StopTasks):
        for task in command.tasks:
            yield replace(command, tasks=[task])
    else:
        yield command


def foreseen(graph: Graph, endings: Sequence[TaskEvent]) -> list[TaskState]:
    """How each task ends if every branch that can go on does: the test's own oracle."""
    ends = [TaskState.PENDING] * len(graph)
    for task in graph.order():
        done = all(ends[up] in TASK_DONE for up in graph.upstream(task))
        own = next_task_state(TaskState.RUNNING, endings[task])
        ends[task] = own if done else TaskState.UPSTREAM_FAILED
    return ends


class RandomRun(RuleBasedStateMachine):
    """Workers, messages, cancels and crashes in any order; ``teardown`` lets the run end."""

    @initialize(
        graph=graphs(),
        on_failure=st.sampled_from(OnFailure),
        window=st.integers(1, 5) | st.just(10_000),
        data=st.data(),
    )
    def accept(
        self, graph: Graph, on_failure: OnFailure, window: int, data: st.DataObject
    ) -> None:
        count = len(graph)
        ending = st.sampled_from(ENDINGS)
        self.graph, self.on_failure, self.window = graph, on_failure, window
        self.endings = data.draw(st.lists(ending, min_size=count, max_size=count))
        self.retries = data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
        self.store = Store(graph)
        self.seen: list[Fact] = []
        self.run: Run | None = self.new_run()
        self.obey(self.run.start())

    def new_run(self) -> Run:
        return Run(self.graph, on_failure=self.on_failure, window=self.window)

    def obey(self, commands: list[Command], units: int | None = None) -> bool:
        """Carry commands out and say whether all were; if not, the resolver is lost."""
        whole = self.store.carry_out(commands, units)
        if not whole:
            self.run = None
        return whole

    def pick(self, data: st.DataObject, *states: TaskState) -> int | None:
        found = [task for task, state in enumerate(self.store.states) if state in states]
        return data.draw(st.sampled_from(found)) if found else None

    # -- workers ---------------------------------------------------------------------------

    @rule(data=st.data())
    def a_worker_claims(self, data: st.DataObject) -> None:
        task = self.pick(data, TaskState.QUEUED)
        if task is not None:
            self.store.happen(task, TaskEvent.CLAIM)

    @rule(data=st.data())
    def a_worker_gives_back(self, data: st.DataObject) -> None:
        task = self.pick(data, TaskState.RUNNING)
        if task is not None:
            self.store.happen(task, TaskEvent.RELEASE)

    @rule(data=st.data())
    def an_attempt_ends(self, data: st.DataObject) -> None:
        task = self.pick(data, TaskState.RUNNING)
        if task is not None:
            self.end_attempt(task, heard_of_the_stop=data.draw(st.booleans()))

    @rule(data=st.data())
    def a_retry_falls_due(self, data: st.DataObject) -> None:
        task = self.pick(data, TaskState.WAITING)
        if task is not None:
            self.store.happen(task, TaskEvent.DUE)

    def end_attempt(self, task: int, *, heard_of_the_stop: bool) -> None:
        stopped = self.store.stop is not None
        if self.retries[task] and not stopped:
            self.retries[task] -= 1
            self.store.happen(task, TaskEvent.RETRY)
        elif stopped and heard_of_the_stop:
            self.store.happen(task, TaskEvent.CANCEL)
        else:
            self.store.happen(task, self.endings[task])

    # -- the resolver's owner ----------------------------------------------------------------

    @precondition(lambda self: self.run and self.store.inbox)
    @rule(data=st.data())
    def messages_arrive_in_any_order(self, data: st.DataObject) -> None:
        """Any of the messages, in any order, some twice; the owner may die while it obeys."""
        inbox = self.store.inbox
        order = data.draw(st.permutations(range(len(inbox))))
        chosen = [inbox[at] for at in order[: data.draw(st.integers(1, len(inbox)))]]
        units = data.draw(st.none() | st.integers(0, 8))
        facts = [message for message in chosen if message != CANCEL]
        doubled = facts + data.draw(st.lists(st.sampled_from(facts), max_size=2) if facts else NONE)
        commands = self.run.tasks_over(doubled)
        if CANCEL in chosen:
            commands += self.run.cancel()
        self.hear_again(facts)
        if self.obey(commands, units):
            self.seen += facts
            self.store.inbox = [message for message in inbox if message not in chosen]
            # What was answered while the commands were carried out is news, and was kept.
            self.store.inbox += self.store_news(inbox)

    def store_news(self, before: list[Fact | str]) -> list[Fact | str]:
        return []

    def hear_again(self, facts: Sequence[Fact]) -> None:
        before = (self.run.counts(), self.run.outcome, self.run.finished, self.run.dispatched)
        assert self.run.tasks_over(facts) == []
        assert self.run.tasks_over(reversed(facts)) == []
        assert before == (
            self.run.counts(),
            self.run.outcome,
            self.run.finished,
            self.run.dispatched,
        )
