"""What a scheduler's resolver knows of the run, as a value: ``core.run.Run`` taken down and set up.

The decisions are those of the real class. Each (knowledge, fact) is decided once and remembered.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Collection, Mapping
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

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
from flowkit.core.compiled import CompiledDAG, OnFailure
from flowkit.core.graph import Graph
from flowkit.core.map_spec import MapSpec
from flowkit.core.numbering import NODE
from flowkit.core.retry import Policy
from flowkit.core.run import Run
from flowkit.core.run_record import DEFAULT_WINDOW
from flowkit.core.states import RunState, TaskState
from flowkit.core.triggers import Trigger
from flowkit.protocol.app_functions import app_id, function_id, pinned_id
from flowkit.protocol.records import CODE_OF, STATE_OF, parse_record
from flowkit.scheduler.active import Active
from flowkit.scheduler.resuming import divide, held, may_be_held
from flowkit.scheduler.serving import SMALL

from .mapped_memory import maps_down, maps_up
from .model import LIST, Keys


class Memory(NamedTuple):
    """All that a ``Run`` holds beside its graph."""

    states: bytes
    waiting_for: tuple[int, ...]
    ready: tuple[int, ...]
    dispatched: int
    open: int
    failed: int | None
    stopping: RunState | None
    finished: bool
    needed: tuple[int, ...] = ()  # by task: it and its consumers that are not over, see dropping
    maps: tuple[Any, ...] = ()  # what it knows of mapped tasks


Steps = tuple[tuple[Any, ...], ...]
States = tuple[tuple[Any, ...], ...]  # task, its record's code, perhaps how many elements
Decision = tuple[Memory, Steps]


class Plan:
    """A DAG and how its resolver decides. ``edges``: upstream, downstream; by name.
    ``graph_known``: its schedulers have had a run of the same DAG before. ``small``: the most tasks
    of a DAG without backlogs. ``others``: tasks that have a function of their own. ``order``: the
    edges that pass no data. ``window``: the most tasks that are dispatched at a time. ``pinned``:
    the version of the app whose workers alone run it; without retries. ``maps``: mapped tasks by
    name, each with the task that it is mapped over. ``lengths``: how many elements tasks return."""

    def __init__(
        self,
        tasks: dict[str, Policy],
        edges: list[tuple[str, str]],
        on_failure: OnFailure = OnFailure.STOP,
        *,
        graph_known: bool = False,
        small: int = SMALL,
        others: frozenset[str] = frozenset(),
        order: Collection[tuple[str, str]] = (),
        window: int = DEFAULT_WINDOW,
        pinned: str = "",
        maps: Mapping[str, str] = {},
        lengths: Mapping[str, int] = {},
    ) -> None:
        names = list(tasks)
        at = {name: number for number, name in enumerate(names)}
        graph = Graph.build(
            names,
            [(at[up], at[down]) for up, down in edges if (up, down) not in order],
            [(at[up], at[down]) for up, down in order],
        )
        policies = tuple(dict.fromkeys(tasks.values()))
        policy_of = array("i", [policies.index(tasks[name]) for name in names])
        zeros = array("i", [0] * len(names))
        refs = ("app:f", "app:g") if others else ("app:f",)
        ref_of = array("i", [int(name in others) for name in names]) if others else zeros
        self.dag = CompiledDAG(
            "plan",
            graph,
            policies,
            policy_of,
            refs,
            ref_of,
            on_failure=on_failure,
            pinned=pinned,
            maps={at[name]: MapSpec((at[over],)) for name, over in maps.items()},
        )
        self._lengths = {at[name]: length for name, length in lengths.items()}
        self.functions = tuple(
            pinned_id(ref, pinned) if pinned else function_id(ref) for ref in refs
        )
        self.small = small
        self.window = window
        self.verb = "queue" if len(names) <= small else "line"
        self.names = names
        self.graph_known = graph_known
        self.told = lru_cache(maxsize=None)(self._told)
        self.restored = lru_cache(maxsize=None)(self._restored)
        self.cancelled = lru_cache(maxsize=None)(self._cancelled)

    @cached_property
    def triggers(self) -> dict[int, Trigger]:
        return self.dag.triggers()

    @cached_property
    def not_kept(self) -> frozenset[int]:
        return frozenset(self.dag.not_kept())

    @cached_property
    def places(self) -> dict[int, tuple[str, str]]:
        """Return the level and the flags of each task and item."""
        active = Active.of("", self.dag, self._new())
        numbers = [*range(len(self.names)), *self.items]
        return {number: active.place(number)[1:] for number in numbers}

    @cached_property
    def items(self) -> list[int]:
        """Return the items that there may be."""
        most, numbering = max(self._lengths.values(), default=0), self.dag.numbering
        return [item for task in self.dag.maps for item in numbering.items(task, most)]

    def blocks_of(self, task: int) -> tuple[str, ...] | None:
        """Return the elements that a task returns, one in each block; None if it is not mapped."""
        if not self.dag.is_counted(task):
            return None
        return tuple(f"e{number}" for number in range(self._lengths[task]))

    def inputs_of(self, number: int) -> list[int]:
        """Return the tasks and items whose results a task or an item takes."""
        node, index = self.dag.numbering.split(number)
        found: list[int] = []
        for up in self.dag.graph.inputs(node):
            if up not in self.dag.maps:
                found.append(up)
            elif index != NODE:
                found.append(self.dag.numbering.item(up, index))
            else:
                found += [item for item in self.items if self.dag.numbering.node(item) == up]
        return [] if node in self.dag.maps and index == NODE else found

    @cached_property
    def begun(self) -> Decision:
        return self._decide(self._new(), Run.start)

    def _told(self, memory: Memory, facts: States) -> Decision:
        news, lengths = _plain(facts), self._counted(facts)
        return self._decide(self._thaw(memory), lambda run: run.tasks_over(news, lengths))

    def _cancelled(self, memory: Memory) -> Decision:
        return self._decide(self._thaw(memory), Run.cancel)

    def _restored(self, states: States, stopping: str) -> Decision:
        result, lengths = _plain(states), self._counted(states)
        stop = RunState(stopping) if stopping else None
        return self._decide(self._new(), lambda run: run.restore(result, stop, lengths))

    def _counted(self, states: States) -> dict[int, int]:
        """Return the numbers of elements that these tasks returned."""
        return {
            state[0]: int(state[2].partition("/")[0])
            for state in states
            if len(state) > 2 and state[1] == "S" and self.dag.is_counted(state[0])
        }

    def divide(
        self, states: States, named: tuple[int, ...], keys: Keys
    ) -> tuple[States, tuple[int, ...]]:
        """Return what a resumed run keeps, and what of it is to be pending again."""
        records = (
            (task, parse_record(record.text().encode()))
            for task in may_be_held(self.dag, _plain(states), named)
            if (record := keys.record(task))
        )
        items = {state[0]: state[2:] for state in states}
        kept, again = divide(self.dag, _plain(states), named, held(records))
        return tuple((task, CODE_OF[state], *items[task]) for task, state in kept), tuple(again)

    # -- functions ------------------------------------------------------------------------------

    def function(self, task: int) -> str:
        """Return the id of the function of a task."""
        return self.functions[self.dag.ref_of[self.dag.numbering.node(task)]]

    def app(self, functions: int, version: str) -> tuple[str, str, tuple[str, ...]]:
        """Return the id of the app that has the first so many functions, its version, and the ids
        of the functions, with those in that version.
        """
        refs = self.dag.refs[:functions]
        pinned = [pinned_id(ref, version) for ref in refs if version]
        some = tuple(sorted([*map(function_id, refs), *pinned]))
        return app_id(some), version, some

    def by_list(self, tasks: tuple[int, ...], lacking: frozenset[str]) -> dict[str, list[int]]:
        """Return the tasks by the ready list in which they wait."""
        lists: dict[str, list[int]] = {}
        for task in tasks:
            function = self.function(task)
            name = f"{LIST}@{function}" if function in lacking or self.dag.pinned else LIST
            lists.setdefault(name, []).append(task)
        return lists

    def lists_of(self, task: int) -> tuple[str, ...]:
        """Return the lists for which a task may wait until it is due."""
        of_function = f"{LIST}@{self.function(task)}"
        return (of_function,) if self.dag.pinned else (LIST, of_function)

    # -- down and up ----------------------------------------------------------------------------

    def _new(self) -> Run:
        dag = self.dag
        rules = {"triggers": dag.triggers(), "not_kept": dag.not_kept()}
        return Run(dag.graph, on_failure=dag.on_failure, window=self.window, maps=dag.maps, **rules)

    def _decide(self, run: Run, do: Callable[[Run], list[Command]]) -> Decision:
        steps = tuple(step for command in do(run) for step in self._steps(command, run))
        frontier = run._frontier
        memory = Memory(
            bytes(frontier.state),
            tuple(frontier.waiting_for),
            tuple(frontier.ready),
            run._dispatched,
            run._open,
            run._failed,
            run._stopping,
            run._finished,
            tuple(frontier.dropping._open) if frontier.dropping else (),
            maps_down(run),
        )
        return memory, steps

    def _thaw(self, memory: Memory) -> Run:
        run = self._new()
        frontier = run._frontier
        frontier.state[:] = memory.states
        frontier.waiting_for = array("i", memory.waiting_for)
        frontier.ready = deque(memory.ready)
        run._dispatched, run._open, run._failed = memory.dispatched, memory.open, memory.failed
        run._stopping, run._finished = memory.stopping, memory.finished
        if frontier.dropping:
            frontier.dropping._open[:] = array("i", memory.needed)
        maps_up(run, memory.maps)
        return run

    def _steps(self, command: Command, run: Run) -> Steps:
        match command:
            case QueueTasks(tasks):
                groups: dict[int, list[int]] = {}
                for task in tasks:
                    node = self.dag.numbering.node(task)
                    groups.setdefault(self.dag.policy_of[node], []).append(task)
                return tuple(
                    ("queue", *self.places[some[0]], tuple(some)) for some in groups.values()
                )
            case StopRun(outcome, failed):
                return (("stop", outcome.value, _text(failed)),)
            case MarkTasks(state, tasks):
                return (("mark", CODE_OF[state], tuple(tasks)),)
            case StopTasks(tasks):
                return (("halt", tuple(tasks), run.outcome is RunState.CANCELLED),)
            case EndMap(task, state, length):
                return (("mapped", task, CODE_OF[state], max(length, 0), ""),)
            case DropResults(tasks):
                return (("drop", tuple(tasks)),)
            case FinishRun(outcome, failed):
                return (("finish", outcome.value, _text(failed), _counts(run.counts())),)


def _plain(states: States) -> list[tuple[int, TaskState]]:
    return [(state[0], STATE_OF[state[1]]) for state in states]


def _text(task: int | None) -> str:
    return "" if task is None else str(task)


def _counts(counts: dict[TaskState, int]) -> str:
    return " ".join(f"{name.value}={number}" for name, number in counts.items())
