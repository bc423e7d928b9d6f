"""Any DAG, any outcomes, any order of facts, any crash: a run still ends as it must.

A small store and its workers are played by Hypothesis. The store records as a shell would: state
by state through the life-cycle table, commands in order, and it forgets nothing when the resolver
is lost in the middle of a list of commands. How each task would end is drawn beforehand, so that
the end of the run can be told without a resolver; ``check_run`` judges the way to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import hypothesis.strategies as st
import pytest
from hypothesis import given, note, settings

from flowkit.core.check import Fact, check_run
from flowkit.core.commands import (
    Command,
    DropResults,
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
    RunMove,
    RunState,
    TaskMove,
    TaskState,
    next_run_state,
    next_task_state,
)
from flowkit.core.triggers import AFTER_FAILURE, FOR_USERS, HOOKS, OF_THE_RUN, Trigger, special

CANCEL = "cancel"
Message = Fact | str
# How many smallest pieces of a command list are carried out before the owner dies; None: all.
UNITS = st.none() | st.integers(0, 4)
ENDINGS = [*[TaskMove.SUCCEED] * 4, TaskMove.SKIP, TaskMove.FAIL]
MARKS = {
    TaskState.UPSTREAM_FAILED: TaskMove.BLOCK,
    TaskState.CANCELLED: TaskMove.CANCEL,
    TaskState.SKIPPED: TaskMove.SKIP,
}
RUN_EVENTS = {
    RunState.SUCCEEDED: RunMove.SUCCEED,
    RunState.FAILED: RunMove.FAIL,
    RunState.CANCELLED: RunMove.CANCEL,
}


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(0, 10))
    number = st.integers(0, max(0, count - 1))
    pairs = st.lists(st.tuples(number, number), min_size=count // 2, max_size=2 * count)
    place = draw(st.permutations(range(count)))
    drawn = {(min(pair), max(pair)): None for pair in draw(pairs)}
    forward = [(place[a], place[b]) for a, b in drawn if a < b]
    passing = draw(st.integers(0, len(forward)))  # the others are order edges: all are waited for
    return Graph.build([f"t{task}" for task in range(count)], forward[:passing], forward[passing:])


@st.composite
def triggers(draw: st.DrawFn, graph: Graph) -> dict[int, Trigger]:
    """Any trigger for a join; a hook on one task for a leaf; a hook of the run for a loner."""
    drawn = []
    for task in range(len(graph)):
        ups, downs = len(graph.upstream(task)), len(graph.downstream(task))
        choice = [Trigger.NONE_FAILED] * 3 + list(FOR_USERS)
        if ups == 1 and not downs:
            choice += [Trigger.TASK_FAILED, Trigger.TASK_SKIPPED]
        if not ups and not downs:
            choice += OF_THE_RUN
        drawn.append(draw(st.sampled_from(choice)))
    return special(graph, drawn)


class Store:
    """What survives a crash: records, the noted stop, messages that nobody has dealt with yet."""

    def __init__(self, graph: Graph) -> None:
        self.states = [TaskState.PENDING] * len(graph)
        self.stop: RunState | None = None
        self.run = RunState.RUNNING
        self.inbox: list[Message] = []
        self.trace: list[Fact | Command] = []

    def happen(self, task: int, move: TaskMove) -> None:
        """Move a task along its life cycle; the end of a dispatched one is news."""
        was = self.states[task]
        self.states[task] = state = next_task_state(was, move)
        if state in TASK_OVER and was is not TaskState.PENDING:
            self.inbox.append((task, state))
            self.trace.append((task, state))

    def having(self, *states: TaskState) -> list[int]:
        return [task for task, state in enumerate(self.states) if state in states]

    def carry_out(self, commands: Sequence[Command], units: int | None = None) -> bool:
        """Carry commands out, task by task; stop short after ``units`` if a crash is drawn."""
        pieces = [piece for command in commands for piece in split(command)]
        for piece in pieces[:units]:
            self._carry_out_one(piece)
        return units is None or units >= len(pieces)

    def _carry_out_one(self, command: Command) -> None:
        self.trace.append(command)
        match command:
            case QueueTasks([task]):
                self.happen(task, TaskMove.QUEUE)
            case MarkTasks(state, [task]):
                self.happen(task, MARKS[state])
            case StopTasks([task]):
                if self.states[task] in (TaskState.QUEUED, TaskState.WAITING):
                    self.happen(task, TaskMove.CANCEL)
            case StopRun(outcome):
                self.stop = outcome
            case FinishRun(outcome):
                self.run = next_run_state(self.run, RUN_EVENTS[outcome])


def split(command: Command) -> Iterator[Command]:
    """Cut a command into the smallest pieces that a crash can leave."""
    if isinstance(command, QueueTasks | MarkTasks | StopTasks | DropResults):
        for task in command.tasks:
            yield replace(command, tasks=[task])
    else:
        yield command


def foreseen(
    graph: Graph, triggers: dict[int, Trigger], endings: Sequence[TaskMove]
) -> list[TaskState]:
    """How each task ends if every branch that can continue does: the test's own oracle."""
    ends = [TaskState.PENDING] * len(graph)
    failing: TaskState | None = None
    for task in graph.order():
        ups = [ends[up] for up in graph.upstream(task)]
        own = next_task_state(TaskState.RUNNING, endings[task])
        well, good = all(up in TASK_DONE for up in ups), TaskState.SUCCEEDED in ups
        match triggers.get(task):
            case None:
                ends[task] = own if well else TaskState.UPSTREAM_FAILED
            case Trigger.ALL_OVER:
                ends[task] = own
            case Trigger.ALL_SUCCEEDED:
                done = own if set(ups) == {TaskState.SUCCEEDED} else TaskState.SKIPPED
                ends[task] = done if well else TaskState.UPSTREAM_FAILED
            case Trigger.ANY_SUCCEEDED:
                none = TaskState.SKIPPED if well else TaskState.UPSTREAM_FAILED
                ends[task] = own if good else none
            case Trigger.TASK_FAILED:
                ends[task] = own if ups == [TaskState.FAILED] else TaskState.SKIPPED
            case Trigger.TASK_SKIPPED:
                ends[task] = own if ups == [TaskState.SKIPPED] else TaskState.SKIPPED
        if ends[task] is TaskState.FAILED and triggers.get(task) not in HOOKS:
            failing = TaskState.FAILED
    for task, trigger in triggers.items():
        if trigger in OF_THE_RUN:
            own = next_task_state(TaskState.RUNNING, endings[task])
            due = trigger is (Trigger.RUN_FAILED if failing else Trigger.RUN_SUCCEEDED)
            ends[task] = own if due else TaskState.SKIPPED
    return ends


class Playable(Protocol):
    """An environment, as ``play_in`` needs it."""

    def moves(self) -> list[str]: ...
    def check_resolver(self) -> None: ...
    def come_to_an_end(self) -> None: ...
    def judge(self) -> None: ...


class Environment:
    """One run, its store, its workers, its cancelling user and the owners of its resolver."""

    def __init__(self, data: st.DataObject) -> None:
        self.draw = data.draw
        self.graph = self.draw(graphs())
        note(f"upstream tasks: {[list(self.graph.upstream(t)) for t in range(len(self.graph))]}")
        self.triggers = self.draw(triggers(self.graph))
        note(f"triggers: {self.triggers}")
        size = {"min_size": len(self.graph), "max_size": len(self.graph)}
        self.endings = self.draw(st.lists(st.sampled_from(ENDINGS), **size))
        self.retries = self.draw(st.lists(st.sampled_from([0, 0, 0, 1, 2]), **size))
        drops = self.draw(st.lists(st.sampled_from([False, False, True]), **size))
        self.not_kept = [task for task, is_dropped in enumerate(drops) if is_dropped]
        self.on_failure = self.draw(st.sampled_from(OnFailure))
        self.window = self.draw(st.integers(1, 4) | st.just(10_000))
        self.may_cancel = self.draw(st.sampled_from([False, False, True]))
        self.store = Store(self.graph)
        self.resolver: Run | None = self.new_resolver()
        self.obey(self.resolver.start(), self.draw(UNITS))

    def moves(self) -> list[str]:
        """Return what can happen next; what is to happen more often is named more often."""
        having, inbox = self.store.having, self.store.inbox
        running, alive = self.store.run is RunState.RUNNING, self.resolver is not None
        moves = [
            ("a_worker_claims", 3 * bool(having(TaskState.QUEUED))),
            ("an_attempt_is_over", 3 * bool(having(TaskState.RUNNING))),
            ("a_retry_falls_due", 2 * bool(having(TaskState.WAITING))),
            ("messages_arrive", 3 * bool(alive and inbox)),
            ("old_messages_arrive_again", bool(alive and self.old_facts())),
            ("another_owner_takes_over", 3 * bool(running and not alive)),
            ("the_owner_dies", bool(running and alive)),
            ("a_user_cancels", bool(self.may_cancel and running and CANCEL not in inbox)),
        ]
        return [move for move, often in moves for _ in range(often)]

    def old_facts(self) -> list[Fact]:
        messages = [entry for entry in self.store.trace if isinstance(entry, tuple)]
        return [fact for fact in messages if fact not in self.store.inbox]

    def new_resolver(self) -> Run:
        rules = {"on_failure": self.on_failure, "window": self.window}
        return Run(self.graph, triggers=self.triggers, not_kept=self.not_kept, **rules)

    def obey(self, commands: Sequence[Command], units: int | None = None) -> bool:
        """Carry commands out; when that is cut short, the resolver dies and False is returned."""
        whole = self.store.carry_out(commands, units)
        if not whole:
            self.resolver = None
        return whole

    # -- workers -----------------------------------------------------------------------------

    def a_worker_claims(self) -> None:
        task = self.draw(st.sampled_from(self.store.having(TaskState.QUEUED)))
        self.store.happen(task, TaskMove.CLAIM)

    def an_attempt_is_over(self) -> None:
        task = self.draw(st.sampled_from(self.store.having(TaskState.RUNNING)))
        event = self.draw(st.sampled_from(["end", "end", "end", "stop", "release"]))
        if event == "release":
            self.store.happen(task, TaskMove.RELEASE)
        elif event == "stop" and self.stopped(task):
            self.store.happen(task, TaskMove.CANCEL)
        else:
            self.end_attempt(task)

    def a_retry_falls_due(self) -> None:
        task = self.draw(st.sampled_from(self.store.having(TaskState.WAITING)))
        self.store.happen(task, TaskMove.DUE)

    def end_attempt(self, task: int) -> None:
        """End as foreseen, once the retries are used up; a stopped task has no more of them."""
        if self.retries[task] and not self.stopped(task):
            self.retries[task] -= 1
            self.store.happen(task, TaskMove.RETRY)
        else:
            self.store.happen(task, self.endings[task])

    def stopped(self, task: int) -> bool:
        goes_on = self.triggers.get(task) in AFTER_FAILURE and self.store.stop is RunState.FAILED
        return self.store.stop is not None and not goes_on

    # -- the owner of the resolver -----------------------------------------------------------

    def a_user_cancels(self) -> None:
        self.store.inbox.append(CANCEL)

    def messages_arrive(self) -> None:
        """Some of them, in any order, some twice; the owner may die while it obeys."""
        inbox = self.draw(st.permutations(self.store.inbox))
        chosen = inbox[: self.draw(st.integers(1, len(inbox)))]
        chosen += self.draw(st.lists(st.sampled_from(chosen), max_size=2))
        self.deliver(chosen, self.draw(UNITS))

    def old_messages_arrive_again(self) -> None:
        self.hear_again(self.draw(st.lists(st.sampled_from(self.old_facts()), min_size=1)))

    def the_owner_dies(self) -> None:
        self.resolver = None

    def another_owner_takes_over(self, *, dying: bool = True) -> None:
        self.resolver, commands = self.restored()
        self.obey(commands, self.draw(UNITS) if dying else None)

    def restored(self) -> tuple[Run, list[Command]]:
        resolver = self.new_resolver()
        known = [
            state for state in enumerate(self.store.states) if state[1] is not TaskState.PENDING
        ]
        return resolver, resolver.restore(known, self.store.stop)

    def deliver(self, messages: Sequence[Message], units: int | None = None) -> None:
        """Hand messages in; once all that follows is carried out, they are dealt with."""
        facts = [message for message in messages if message != CANCEL]
        commands = self.resolver.tasks_over(facts)
        if CANCEL in messages:
            commands += self.resolver.cancel()
        self.hear_again(facts)
        if self.obey(commands, units):
            self.store.inbox = [item for item in self.store.inbox if item not in messages]

    def hear_again(self, facts: Sequence[Fact]) -> None:
        run = self.resolver
        before = known(run)
        assert run.tasks_over(facts) == []
        assert run.tasks_over(reversed(facts)) == []
        assert known(run) == before

    # -- what must hold ----------------------------------------------------------------------

    def check_resolver(self) -> None:
        """What the resolver believes is what is recorded, but for the news it has not heard."""
        run, states = self.resolver, self.store.states
        if run is None:
            return
        assert run.finished == (self.store.run is not RunState.RUNNING)
        news = {message[0] for message in self.store.inbox if message != CANCEL}
        for task in set(range(len(states))) - news:
            plain = states[task] in TASK_OVER | {TaskState.PENDING}
            assert run.state(task) is (states[task] if plain else TaskState.QUEUED)
        assert run.dispatched == len(run.dispatched_tasks()) <= self.window
        assert run.over + run.dispatched + run.counts().get(TaskState.PENDING, 0) == len(states)
        if not self.store.inbox:
            self.check_twin(run)

    def check_twin(self, run: Run) -> None:
        """With no news left, a restored resolver knows the same, and has nothing new to ask for."""
        twin, commands = self.restored()
        assert known(twin) == known(run)
        assert not [command for command in commands if isinstance(command, QueueTasks | MarkTasks)]

    def come_to_an_end(self) -> None:
        """Nobody dies any more: within a bounded number of rounds the run must end."""
        for _ in range(4 * len(self.graph) + 4):
            if self.store.run is not RunState.RUNNING:
                return
            self.go_on()
            self.check_resolver()

    def go_on(self) -> None:
        if self.resolver is None:
            self.another_owner_takes_over(dying=False)
        for task in self.store.having(TaskState.WAITING):
            self.store.happen(task, TaskMove.DUE)
        for task in self.store.having(TaskState.QUEUED):
            self.store.happen(task, TaskMove.CLAIM)
        for task in self.store.having(TaskState.RUNNING):
            self.end_attempt(task)
        self.deliver(list(self.store.inbox))

    def judge(self) -> None:
        store, ends = self.store, foreseen(self.graph, self.triggers, self.endings)
        rules = {"on_failure": self.on_failure, "window": self.window}
        rules |= {"triggers": self.triggers, "not_kept": self.not_kept}
        check_run(self.graph, store.states, store.trace, **rules)
        if store.stop is RunState.CANCELLED:
            assert self.may_cancel
            assert store.run is RunState.CANCELLED
            return
        own = [end for task, end in enumerate(ends) if self.triggers.get(task) not in HOOKS]
        due = RunState.FAILED if TaskState.FAILED in own else RunState.SUCCEEDED
        assert store.run is due
        if self.on_failure is OnFailure.CONTINUE or due is RunState.SUCCEEDED:
            assert store.states == ends
        # In a stopped run some branches end early; who watches a task there, sees it cancelled.
        watchers = {task for task, item in self.triggers.items() if item in HOOKS - OF_THE_RUN}
        for task, (state, end) in enumerate(zip(store.states, ends, strict=True)):
            skipped = state is TaskState.SKIPPED and task in watchers
            assert state in (end, TaskState.CANCELLED) or skipped


def known(run: Run) -> tuple[dict[TaskState, int], RunState | None, bool]:
    return run.counts(), run.outcome, run.finished


def play(data: st.DataObject) -> None:
    play_in(Environment(data), data)


def play_in(env: Playable, data: st.DataObject) -> None:
    """Let any of the moves of an environment happen, come to the end, and judge it."""
    for _ in range(data.draw(st.integers(0, 50))):
        if moves := env.moves():
            getattr(env, data.draw(st.sampled_from(moves), label="then"))()
        env.check_resolver()
    env.come_to_an_end()
    env.judge()


@settings(max_examples=80)
@given(st.data())
def test_a_random_run_always_ends_correctly(data: st.DataObject) -> None:
    play(data)


@pytest.mark.slow
@pytest.mark.timeout(600)  # a minute on an idle machine
@settings(max_examples=600)
@given(st.data())
def test_many_random_runs_end_correctly(data: st.DataObject) -> None:
    play(data)
