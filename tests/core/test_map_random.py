"""Any DAG with mapped tasks, any lists, any order of facts, any crash: a run ends as it must.

The store, the workers and the owners of ``test_run_random.py``, for runs that grow. Every number
has its ending and the length of its list, drawn when it is first needed. ``foreseen`` tells the
end of the run from these alone, by plain recursion over lists, without numbers or a resolver.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import hypothesis.strategies as st
import pytest
from hypothesis import given, note, settings
from test_run_random import (
    CANCEL,
    ENDINGS,
    MARKS,
    RUN_EVENTS,
    UNITS,
    Message,
    graphs,
    known,
    play_in,
    split,
)
from test_run_random import triggers as drawn_triggers

from flowkit.core.commands import (
    Command,
    DropResults,
    EndMap,
    FinishRun,
    MarkTasks,
    QueueTasks,
    StopRun,
    StopTasks,
)
from flowkit.core.compiled import OnFailure
from flowkit.core.graph import Graph
from flowkit.core.map_spec import Maps, MapSpec, counted_tasks
from flowkit.core.numbering import NODE, Numbering
from flowkit.core.run import Run
from flowkit.core.states import (
    TASK_OVER,
    RunState,
    TaskMove,
    TaskState,
    next_run_state,
    next_task_state,
)
from flowkit.core.triggers import (
    AFTER_FAILURE,
    HOOKS,
    NEEDS_NO_FAILURE,
    OF_THE_RUN,
    Trigger,
    Verdict,
    verdict,
)

MAP_ENDS = {
    TaskState.SUCCEEDED: TaskMove.ITEMS_OVER,
    TaskState.FAILED: TaskMove.ITEM_FAILED,
    TaskState.UPSTREAM_FAILED: TaskMove.BLOCK,
    TaskState.CANCELLED: TaskMove.CANCEL,
}
LENGTHS = [0, 1, 2, 2, 3, 3, -1]
PENDING, SUCCEEDED, SKIPPED = TaskState.PENDING, TaskState.SUCCEEDED, TaskState.SKIPPED
FAILED, BLOCKED, CANCELLED = TaskState.FAILED, TaskState.UPSTREAM_FAILED, TaskState.CANCELLED
BAD = {FAILED, BLOCKED}


@st.composite
def maps(draw: st.DrawFn, graph: Graph, triggers: dict[int, Trigger]) -> dict[int, MapSpec]:
    """Map any task over any of its inputs; a hook exactly if what it follows is mapped."""
    drawn: dict[int, MapSpec] = {}
    for task in graph.order():
        inputs, trigger = list(graph.inputs(task)), triggers.get(task)
        if not inputs or trigger in OF_THE_RUN:
            continue
        if trigger in HOOKS:
            if inputs[0] in drawn:
                drawn[task] = MapSpec((inputs[0],), collect=True)
            continue
        if draw(st.sampled_from([True, True, False])):
            over = tuple(draw(st.permutations(inputs))[: draw(st.integers(1, 2))])
            may_flatten = len(over) == 1 and over[0] in drawn
            drawn[task] = MapSpec(
                over,
                flatten=may_flatten and draw(st.sampled_from([True, False])),
                collect=draw(st.sampled_from([True, False])),
                max_active=draw(st.sampled_from([0, 0, 1, 2])),
            )
    return drawn


@dataclass
class Store:
    """What survives a crash: records by number, the noted stop, messages not yet dealt with."""

    states: dict[int, TaskState] = field(default_factory=dict)
    stop: RunState | None = None
    run: RunState = RunState.RUNNING
    inbox: list[Message] = field(default_factory=list)
    told: list[tuple[int, TaskState]] = field(default_factory=list)

    def state(self, number: int) -> TaskState:
        return self.states.get(number, PENDING)

    def happen(self, number: int, move: TaskMove) -> None:
        was = self.state(number)
        self.states[number] = state = next_task_state(was, move)
        if state in TASK_OVER and was is not PENDING:
            self.inbox.append((number, state))
            self.told.append((number, state))

    def having(self, *states: TaskState) -> list[int]:
        return sorted(number for number, state in self.states.items() if state in states)


@dataclass
class End:
    """How a task ends: its state, and for a mapped one the states of its items (None: it has none).

    ``halted``: one of its items failed for good, so which of the others ran depends on the order.
    """

    state: TaskState
    items: list[TaskState] | None = None
    halted: bool = False


class Environment:
    """One run, its store, its workers, its cancelling user and the owners of its resolver."""

    def __init__(self, data: st.DataObject) -> None:
        self.draw = data.draw
        self.graph = self.draw(graphs())
        self.triggers = self.draw(drawn_triggers(self.graph))
        self.maps: Maps = self.draw(maps(self.graph, self.triggers))
        note(f"upstream tasks: {[list(self.graph.inputs(t)) for t in range(len(self.graph))]}")
        note(f"triggers: {self.triggers}, maps: {self.maps}")
        self.numbering = Numbering(len(self.graph), self.maps)
        self.counted = counted_tasks(self.maps)
        self.endings: dict[int, TaskMove] = {}
        self.lengths: dict[int, int] = {}
        self.retries: dict[int, int] = {}
        self.not_kept = [t for t in range(len(self.graph)) if self.draw(st.sampled_from([0, 0, 1]))]
        self.on_failure = self.draw(st.sampled_from(OnFailure))
        self.window = self.draw(st.integers(1, 4) | st.just(10_000))
        self.may_cancel = self.draw(st.sampled_from([False, False, True]))
        self.store = Store()
        self.queued: set[int] = set()
        self.resolver: Run | None = self.new_resolver()
        self.obey(self.resolver.start(), self.draw(UNITS))

    def ending(self, number: int) -> TaskMove:
        if number not in self.endings:
            self.endings[number] = self.draw(st.sampled_from(ENDINGS))
        return self.endings[number]

    def length(self, number: int) -> int:
        if number not in self.lengths:
            self.lengths[number] = self.draw(st.sampled_from(LENGTHS))
        return self.lengths[number]

    def is_counted(self, number: int) -> bool:
        task, index = self.numbering.split(number)
        return task in self.counted and (index == NODE) == (task not in self.maps)

    def known_lengths(self, facts: Sequence[tuple[int, TaskState]]) -> dict[int, int]:
        ended = [number for number, state in facts if state is SUCCEEDED]
        return {number: self.length(number) for number in ended if self.is_counted(number)}

    # -- carrying out --------------------------------------------------------------------------

    def obey(self, commands: Sequence[Command], units: int | None = None) -> bool:
        """Carry commands out; when that is cut short, the resolver dies and False is returned."""
        pieces = [piece for command in commands for piece in split(command)]
        for piece in pieces[:units]:
            self.carry_out(piece)
        whole = units is None or units >= len(pieces)
        if not whole:
            self.resolver = None
        return whole

    def carry_out(self, command: Command) -> None:
        store = self.store
        assert store.run is RunState.RUNNING, "something happened after its end"
        match command:
            case QueueTasks([number]):
                self.check_queued(number)
                store.happen(number, TaskMove.QUEUE)
            case MarkTasks(state, [number]):
                store.happen(number, MARKS[state])
            case EndMap(task, state, length, problem):
                assert (problem is None) == (length >= 0)
                for number in self.numbering.items(task, max(0, length)):
                    assert store.state(number) in TASK_OVER, "it ended before its items"
                store.states[task] = next_task_state(store.state(task), MAP_ENDS[state])
            case StopTasks([number]):
                assert store.state(number) is not PENDING
                if store.state(number) in (TaskState.QUEUED, TaskState.WAITING):
                    store.happen(number, TaskMove.CANCEL)
            case DropResults([number]):
                assert store.state(number) is SUCCEEDED
                task, _ = self.numbering.split(number)
                for user in self.graph.consumers(task):
                    assert store.state(user) in TASK_OVER, "dropped too early"
            case StopRun(outcome):
                store.stop = outcome
            case FinishRun(outcome):
                store.run = next_run_state(store.run, RUN_EVENTS[outcome])

    def check_queued(self, number: int) -> None:
        """A task starts after its upstream tasks, an item also after its upstream items."""
        assert number not in self.queued, "queued twice"
        self.queued.add(number)
        task, index = self.numbering.split(number)
        assert (index == NODE) == (task not in self.maps), "a mapped task was queued"
        spec, state = self.maps.get(task), self.store.state
        for up in self.graph.upstream(task):
            itemwise = spec is not None and not spec.flatten and up in spec.over and up in self.maps
            waited = self.numbering.item(up, index) if itemwise else up
            assert state(waited) in TASK_OVER, "queued too early"
        if spec is not None and spec.max_active:
            items = self.store.having(TaskState.QUEUED, TaskState.RUNNING, TaskState.WAITING)
            unheard = {message[0] for message in self.store.inbox if message != CANCEL}
            active = [n for n in items if self.numbering.split(n)[0] == task and n not in unheard]
            assert len(active) < spec.max_active

    def new_resolver(self) -> Run:
        return Run(
            self.graph,
            triggers=self.triggers,
            not_kept=self.not_kept,
            maps=self.maps,
            on_failure=self.on_failure,
            window=self.window,
        )

    # -- what can happen -----------------------------------------------------------------------

    def moves(self) -> list[str]:
        having, inbox = self.store.having, self.store.inbox
        running, alive = self.store.run is RunState.RUNNING, self.resolver is not None
        moves = [
            ("a_worker_claims", 3 * bool(having(TaskState.QUEUED))),
            ("an_attempt_is_over", 3 * bool(having(TaskState.RUNNING))),
            ("a_retry_falls_due", 2 * bool(having(TaskState.WAITING))),
            ("messages_arrive", 3 * bool(alive and inbox)),
            ("another_owner_takes_over", 3 * bool(running and not alive)),
            ("the_owner_dies", bool(running and alive)),
            ("a_user_cancels", bool(self.may_cancel and running and CANCEL not in inbox)),
        ]
        return [move for move, often in moves for _ in range(often)]

    def a_worker_claims(self) -> None:
        number = self.draw(st.sampled_from(self.store.having(TaskState.QUEUED)))
        self.store.happen(number, TaskMove.CLAIM)

    def an_attempt_is_over(self) -> None:
        number = self.draw(st.sampled_from(self.store.having(TaskState.RUNNING)))
        event = self.draw(st.sampled_from(["end", "end", "end", "stop", "release"]))
        if event == "release":
            self.store.happen(number, TaskMove.RELEASE)
        elif event == "stop" and self.stopped(number):
            self.store.happen(number, TaskMove.CANCEL)
        else:
            self.end_attempt(number)

    def a_retry_falls_due(self) -> None:
        number = self.draw(st.sampled_from(self.store.having(TaskState.WAITING)))
        self.store.happen(number, TaskMove.DUE)

    def end_attempt(self, number: int) -> None:
        if number not in self.retries:
            self.retries[number] = self.draw(st.sampled_from([0, 0, 0, 1]))
        if self.retries[number] and not self.stopped(number):
            self.retries[number] -= 1
            self.store.happen(number, TaskMove.RETRY)
        else:
            self.store.happen(number, self.ending(number))

    def stopped(self, number: int) -> bool:
        trigger = self.triggers.get(self.numbering.split(number)[0])
        goes_on = trigger in AFTER_FAILURE and self.store.stop is RunState.FAILED
        return self.store.stop is not None and not goes_on

    def a_user_cancels(self) -> None:
        self.store.inbox.append(CANCEL)

    def messages_arrive(self) -> None:
        inbox = self.draw(st.permutations(self.store.inbox))
        self.deliver(inbox[: self.draw(st.integers(1, len(inbox)))], self.draw(UNITS))

    def the_owner_dies(self) -> None:
        self.resolver = None

    def another_owner_takes_over(self, *, dying: bool = True) -> None:
        self.resolver, commands = self.restored()
        self.obey(commands, self.draw(UNITS) if dying else None)

    def restored(self) -> tuple[Run, list[Command]]:
        resolver, known = self.new_resolver(), sorted(self.store.states.items())
        return resolver, resolver.restore(known, self.store.stop, self.known_lengths(known))

    def deliver(self, messages: Sequence[Message], units: int | None = None) -> None:
        run = self.resolver
        assert run is not None
        facts = [message for message in messages if message != CANCEL]
        commands = run.tasks_over(facts, self.known_lengths(facts))
        if CANCEL in messages:
            commands += run.cancel()
        before = known(run)
        old = [fact for fact in self.store.told if fact in facts or fact not in self.store.inbox]
        assert run.tasks_over(old, self.known_lengths(old)) == []
        assert known(run) == before
        if self.obey(commands, units):
            self.store.inbox = [item for item in self.store.inbox if item not in messages]

    # -- what must hold ------------------------------------------------------------------------

    def check_resolver(self) -> None:
        run = self.resolver
        if run is None:
            return
        assert run.finished == (self.store.run is not RunState.RUNNING)
        news = {message[0] for message in self.store.inbox if message != CANCEL}
        for number, state in self.store.states.items():
            if number not in news:
                plain = state in TASK_OVER | {PENDING}
                assert run.state(number) is (state if plain else TaskState.QUEUED)
        assert run.dispatched <= self.window
        assert run.over + run.dispatched + run.counts().get(PENDING, 0) == run.total
        if not self.store.inbox:
            twin, commands = self.restored()
            assert known(twin) == known(run)
            asked = [it for it in commands if isinstance(it, QueueTasks | MarkTasks | EndMap)]
            assert not asked

    def come_to_an_end(self) -> None:
        for _ in range(4 * (len(self.graph) + 60) + 4):
            if self.store.run is not RunState.RUNNING:
                return
            if self.resolver is None:
                self.another_owner_takes_over(dying=False)
            for number in self.store.having(TaskState.WAITING):
                self.store.happen(number, TaskMove.DUE)
            for number in self.store.having(TaskState.QUEUED):
                self.store.happen(number, TaskMove.CLAIM)
            for number in self.store.having(TaskState.RUNNING):
                self.end_attempt(number)
            self.deliver(list(self.store.inbox))
            self.check_resolver()

    # -- the end, foreseen ---------------------------------------------------------------------

    def foreseen(self) -> dict[int, End]:
        ends: dict[int, End] = {}
        for task in self.graph.order():
            if self.triggers.get(task) in OF_THE_RUN:
                continue
            if task in self.maps:
                ends[task] = self.foreseen_map(task, self.maps[task], ends)
            else:
                ups = [ends[up].state for up in self.graph.upstream(task)]
                ends[task] = End(self.foreseen_one(task, task, ups))
        return ends

    def foreseen_one(self, task: int, number: int, ups: Sequence[TaskState]) -> TaskState:
        decision = Verdict.RUN
        if ups:
            decision = verdict(self.triggers.get(task, Trigger.NONE_FAILED), set(ups))
        if decision is Verdict.RUN:
            return next_task_state(TaskState.RUNNING, self.ending(number))
        return SKIPPED if decision is Verdict.SKIP else BLOCKED

    def foreseen_map(self, task: int, spec: MapSpec, ends: dict[int, End]) -> End:
        trigger = self.triggers.get(task, Trigger.NONE_FAILED)
        sources = [] if spec.flatten else [up for up in spec.over if up in self.maps]
        others = [ends[up].state for up in self.graph.upstream(task) if up not in sources]
        empty = [ends[up].state for up in sources if ends[up].items is None]
        if trigger in NEEDS_NO_FAILURE and BAD & {*others, *empty}:
            return End(BLOCKED)
        lengths = [self.foreseen_length(up, spec, ends) for up in spec.over]
        if None in lengths:
            overs = {ends[up].state for up in spec.over}
            return End(SKIPPED if overs <= {SUCCEEDED, SKIPPED} or trigger in HOOKS else BLOCKED)
        if others and not sources and verdict(trigger, set(others)) is not Verdict.RUN:
            return End(SKIPPED if verdict(trigger, set(others)) is Verdict.SKIP else BLOCKED)
        if min(lengths) < 0 or len(set(lengths)) > 1:
            return End(FAILED)
        items = []
        for index in range(lengths[0]):
            ups = [ends[up].items[index] for up in sources]
            items.append(self.foreseen_item(task, index, others, ups))
        if FAILED in items and not spec.collect:
            return End(FAILED, items, halted=True)
        behind_failure = any(ends[up].state in BAD for up in sources)
        blocked = behind_failure and trigger in NEEDS_NO_FAILURE
        return End(BLOCKED if blocked else SUCCEEDED, items)

    def foreseen_item(
        self, task: int, index: int, others: Sequence[TaskState], ups: Sequence[TaskState]
    ) -> TaskState:
        trigger = self.triggers.get(task, Trigger.NONE_FAILED)
        if BAD & set(ups) and trigger in NEEDS_NO_FAILURE:
            return BLOCKED
        if ups:
            decision = verdict(trigger, {*others, *ups})
            if decision is Verdict.RUN and SKIPPED in ups and trigger not in AFTER_FAILURE:
                return SKIPPED
            if decision is not Verdict.RUN:
                return SKIPPED if decision is Verdict.SKIP else BLOCKED
        return next_task_state(TaskState.RUNNING, self.ending(self.numbering.item(task, index)))

    def foreseen_length(self, up: int, spec: MapSpec, ends: dict[int, End]) -> int | None:
        end = ends[up]
        if up not in self.maps:
            return self.length(up) if end.state is SUCCEEDED else None
        if not spec.flatten:
            return None if end.items is None else len(end.items)
        if end.state is not SUCCEEDED or end.items is None:
            return None
        lists = [
            self.length(self.numbering.item(up, index))
            for index, state in enumerate(end.items)
            if state is SUCCEEDED
        ]
        return -1 if -1 in lists else sum(lists)

    def judge(self) -> None:
        store = self.store
        assert store.run is not RunState.RUNNING, "it did not come to an end"
        if store.stop is RunState.CANCELLED:
            assert self.may_cancel
            assert store.run is RunState.CANCELLED
            return
        ends = self.foreseen()
        own = [end for task, end in ends.items() if self.triggers.get(task) not in HOOKS]
        fails = any(end.state is FAILED for end in own)
        halts = any(end.halted for end in ends.values())
        if not halts:
            assert store.run is (RunState.FAILED if fails else RunState.SUCCEEDED)
        if halts or (fails and self.on_failure is OnFailure.STOP):
            assert store.run is RunState.FAILED
            return
        for task, end in ends.items():
            assert store.state(task) is end.state
            for index, state in enumerate(end.items or ()):
                assert store.state(self.numbering.item(task, index)) is state


def play(data: st.DataObject) -> None:
    play_in(Environment(data), data)


@settings(max_examples=80)
@given(st.data())
def test_a_random_run_with_maps_always_ends_correctly(data: st.DataObject) -> None:
    play(data)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=600)
@given(st.data())
def test_many_random_runs_with_maps_end_correctly(data: st.DataObject) -> None:
    play(data)
