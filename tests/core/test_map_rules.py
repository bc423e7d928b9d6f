"""The rules of mapped tasks, one by one: when they expand, which items start, how they end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pytest

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
from flowkit.core.map_spec import MapSpec
from flowkit.core.numbering import MOST_NUMBERS, Numbering
from flowkit.core.run import Run
from flowkit.core.states import TASK_OVER, RunState, TaskState
from flowkit.core.triggers import Trigger

OK, FAILED, SKIPPED = TaskState.SUCCEEDED, TaskState.FAILED, TaskState.SKIPPED
BLOCKED, CANCELLED = TaskState.UPSTREAM_FAILED, TaskState.CANCELLED
OVER_FIRST = {1: MapSpec((0,))}


@dataclass
class Case:
    """A run of ``list >> parse.map() >> merge``, or of another graph, by the names of tasks."""

    names: str = "list parse merge"
    edges: Iterable[tuple[int, int]] = ((0, 1), (1, 2))
    maps: Mapping[int, MapSpec] = field(default_factory=lambda: OVER_FIRST)
    triggers: Mapping[int, Trigger] = field(default_factory=dict)
    on_failure: OnFailure = OnFailure.STOP
    window: int = 10_000
    not_kept: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self.graph = Graph.build(self.names.split(), self.edges)
        self.numbering = Numbering(len(self.graph), self.maps)
        self.run = self.new()
        self.said: list[Command] = self.run.start()
        self.lengths: dict[int, int] = {}

    def new(self) -> Run:
        return Run(
            self.graph,
            on_failure=self.on_failure,
            window=self.window,
            triggers=self.triggers,
            not_kept=self.not_kept,
            maps=self.maps,
        )

    def number(self, name: str) -> int:
        number = self.numbering.number(self.graph.names, name)
        assert number is not None
        return number

    def over(self, state: TaskState = OK, **names: int) -> list[str]:
        """End tasks: ``list=3`` returned a list of three. Return what is said then, as text."""
        return self.ended(dict.fromkeys(names, state), names)

    def ended(
        self, states: Mapping[str, TaskState], lengths: Mapping[str, int] | None = None
    ) -> list[str]:
        known = {self.number(name): length for name, length in (lengths or {}).items()}
        self.lengths |= known
        facts = [(self.number(name), state) for name, state in states.items()]
        self.said += (said := self.run.tasks_over(facts, known))
        return self.text(said)

    def text(self, commands: Iterable[Command]) -> list[str]:
        return [line for command in commands for line in self._lines(command)]

    def _lines(self, command: Command) -> Iterable[str]:
        names = self.graph.names

        def name(number: int) -> str:
            return self.numbering.name(names, number)

        match command:
            case QueueTasks(tasks):
                yield "queue " + " ".join(map(name, tasks))
            case MarkTasks(state, tasks):
                yield f"{state.value} " + " ".join(map(name, tasks))
            case StopTasks(tasks):
                yield "stop " + " ".join(map(name, tasks))
            case DropResults(tasks):
                yield "drop " + " ".join(map(name, tasks))
            case EndMap(task, state, length, problem):
                yield f"{state.value} {names[task]} of {length}" + (
                    f": {problem}" if problem else ""
                )
            case StopRun(outcome, failed):
                yield f"run stops: {outcome.value}" + ("" if failed is None else f" {name(failed)}")
            case FinishRun(outcome, failed):
                yield f"run {outcome.value}" + ("" if failed is None else f" by {name(failed)}")

    def restored(self, stopping: RunState | None = None) -> tuple[Run, list[str]]:
        """Return another owner's run, from what is recorded, and what it says at first."""
        run, states = self.new(), []
        for number in filter(self.run.exists, range(200)):
            if (state := self.run.state(number)) is not TaskState.PENDING:
                states.append((number, state))
        return run, self.text(run.restore(states, stopping or self.run.outcome, self.lengths))


def test_items_are_queued_when_the_list_is_there() -> None:
    case = Case()
    assert case.over(list=3) == ["queue parse[0] parse[1] parse[2]"]


def test_a_mapped_task_ends_with_its_last_item_and_what_is_behind_starts() -> None:
    case = Case()
    case.over(list=2)
    assert case.ended({"parse[1]": OK}) == []
    assert case.ended({"parse[0]": OK}) == ["succeeded parse of 2", "queue merge"]
    assert case.ended({"merge": OK}) == ["run succeeded"]


def test_an_empty_list_is_a_success() -> None:
    assert Case().over(list=0) == ["succeeded parse of 0", "queue merge"]


def test_a_skipped_upstream_task_skips_the_mapped_one_and_what_is_behind_runs() -> None:
    case = Case()
    assert case.ended({"list": SKIPPED}) == ["skipped parse", "queue merge"]


def test_what_is_no_list_fails_the_mapped_task() -> None:
    assert Case().over(list=-1) == [
        "upstream_failed merge",
        "failed parse of -1: unmappable",
        "run stops: failed parse",
        "run failed by parse",
    ]


def test_a_missing_length_counts_as_no_list() -> None:
    assert "failed parse of -1: unmappable" in Case().ended({"list": OK})


def test_too_many_elements_fail_the_mapped_task() -> None:
    assert "failed parse of -1: too_many" in Case().over(list=MOST_NUMBERS)


def test_a_map_that_failed_without_items_fails_the_run_of_a_new_owner() -> None:
    case = Case()
    said = case.text(case.new().restore([(0, OK), (1, FAILED), (2, BLOCKED)], None, {0: -1}))
    assert said == ["run stops: failed parse", "run failed by parse"]


def test_lists_of_different_lengths_are_not_taken_together() -> None:
    case = Case("a b both", [(0, 2), (1, 2)], {2: MapSpec((0, 1))})
    case.over(a=2)
    assert "failed both of -1: lengths" in case.over(b=3)


def test_lists_of_one_length_are_taken_together() -> None:
    case = Case("a b both", [(0, 2), (1, 2)], {2: MapSpec((0, 1))})
    case.over(a=2)
    assert case.over(b=2) == ["queue both[0] both[1]"]


def test_other_upstream_tasks_are_waited_for() -> None:
    case = Case("list other parse", [(0, 2), (1, 2)], {2: MapSpec((0,))})
    assert case.over(list=2) == []
    assert case.ended({"other": OK}) == ["queue parse[0] parse[1]"]


class TestOneBehindTheOther:
    """``list >> parse.map() >> store.map() >> merge``."""

    @staticmethod
    def chain(window: int = 10_000) -> Case:
        maps = {1: MapSpec((0,)), 2: MapSpec((1,))}
        return Case("list parse store merge", [(0, 1), (1, 2), (2, 3)], maps, window=window)

    def test_each_item_starts_when_its_item_is_over(self) -> None:
        case = self.chain()
        case.over(list=3)
        assert case.ended({"parse[2]": OK}) == ["queue store[2]"]

    def test_the_end_comes_with_the_last_item_of_each(self) -> None:
        case = self.chain()
        case.over(list=1)
        assert case.ended({"parse[0]": OK}) == ["succeeded parse of 1", "queue store[0]"]
        assert case.ended({"store[0]": OK}) == ["succeeded store of 1", "queue merge"]

    def test_items_behind_others_go_first(self) -> None:
        case = self.chain(window=2)
        assert case.over(list=5) == ["queue parse[0] parse[1]"]
        assert case.ended({"parse[0]": OK}) == ["queue store[0]"]
        assert case.ended({"store[0]": OK}) == ["queue parse[2]"]

    def test_an_item_behind_a_skipped_one_is_skipped(self) -> None:
        case = self.chain()
        case.over(list=2)
        assert case.ended({"parse[0]": SKIPPED}) == ["skipped store[0]"]

    def test_behind_a_collected_failure_it_is_upstream_failed(self) -> None:
        maps = {1: MapSpec((0,), collect=True), 2: MapSpec((1,))}
        case = Case("list parse store merge", [(0, 1), (1, 2), (2, 3)], maps)
        case.over(list=2)
        assert case.ended({"parse[0]": FAILED}) == ["upstream_failed store[0]"]
        case.ended({"parse[1]": OK})
        assert case.ended({"store[1]": OK}) == ["succeeded store of 2", "queue merge"]
        assert case.ended({"merge": OK}) == ["run succeeded"]

    def test_all_over_runs_behind_anything(self) -> None:
        maps = {1: MapSpec((0,), collect=True), 2: MapSpec((1,))}
        triggers = {2: Trigger.ALL_OVER}
        case = Case("list parse store merge", [(0, 1), (1, 2), (2, 3)], maps, triggers)
        case.over(list=2)
        assert case.ended({"parse[0]": FAILED}) == ["queue store[0]"]
        assert "queue store[1]" in case.ended({"parse[1]": SKIPPED})


class TestFailures:
    def test_the_first_one_stops_the_map_and_the_run(self) -> None:
        case = Case(window=2)
        case.over(list=4)
        assert case.ended({"parse[0]": FAILED}) == [
            "run stops: failed parse[0]",
            "cancelled parse[2] parse[3]",
            "stop parse[1]",
            "cancelled merge",
            "stop parse[1]",
        ]
        assert case.ended({"parse[1]": OK}) == ["failed parse of 4", "run failed by parse[0]"]

    def test_with_continue_other_branches_go_on(self) -> None:
        edges = [(0, 1), (1, 2), (0, 3)]
        case = Case("list parse merge other", edges, on_failure=OnFailure.CONTINUE)
        case.over(list=2)
        case.ended({"parse[0]": FAILED})
        said = case.ended({"parse[1]": OK})
        assert said == ["upstream_failed merge", "failed parse of 2"]
        assert case.ended({"other": OK}) == ["run failed by parse[0]"]

    def test_collected_ones_fail_nothing(self) -> None:
        case = Case(maps={1: MapSpec((0,), collect=True)})
        case.over(list=2)
        case.ended({"parse[0]": FAILED})
        assert case.ended({"parse[1]": FAILED}) == ["succeeded parse of 2", "queue merge"]
        assert case.ended({"merge": OK}) == ["run succeeded"]

    def test_a_hook_is_called_for_the_items_that_failed(self) -> None:
        maps = {1: MapSpec((0,), collect=True), 2: MapSpec((1,))}
        case = Case("list parse hook", [(0, 1), (1, 2)], maps, {2: Trigger.TASK_FAILED})
        case.over(list=2)
        assert case.ended({"parse[0]": FAILED}) == ["queue hook[0]"]
        said = case.ended({"parse[1]": OK})
        assert said == ["skipped hook[1]", "succeeded parse of 2"]
        said = case.ended({"hook[0]": FAILED})
        assert said == ["succeeded hook of 2", "run succeeded"]


class TestMaxActive:
    def test_at_most_so_many_items_are_dispatched(self) -> None:
        case = Case(maps={1: MapSpec((0,), max_active=2)})
        assert case.over(list=5) == ["queue parse[0] parse[1]"]
        assert case.ended({"parse[1]": OK}) == ["queue parse[2]"]
        assert case.ended({"parse[0]": OK, "parse[2]": OK}) == ["queue parse[3] parse[4]"]

    def test_other_tasks_are_not_held_up(self) -> None:
        maps = {1: MapSpec((0,), max_active=1)}
        case = Case("list parse other", [(0, 1), (0, 2)], maps)
        assert case.over(list=3) == ["queue other parse[0]"]

    def test_a_new_owner_knows_which_are_dispatched(self) -> None:
        case = Case(maps={1: MapSpec((0,), max_active=2)})
        case.over(list=5)
        run, said = case.restored()
        assert said == []
        assert run.dispatched == 2


class TestFlatten:
    """``dirs >> listed.map() >> read.map(flatten=True) >> merge``."""

    @staticmethod
    def tree() -> Case:
        maps = {1: MapSpec((0,)), 2: MapSpec((1,), flatten=True)}
        return Case("dirs listed read merge", [(0, 1), (1, 2), (2, 3)], maps)

    def test_the_elements_of_all_lists_are_items(self) -> None:
        case = self.tree()
        case.over(dirs=2)
        case.ended({"listed[1]": OK}, {"listed[1]": 1})
        said = case.ended({"listed[0]": OK}, {"listed[0]": 2})
        assert said == ["succeeded listed of 2", "queue read[0] read[1] read[2]"]

    def test_an_item_that_returned_no_list_fails_it(self) -> None:
        case = self.tree()
        case.over(dirs=1)
        said = case.ended({"listed[0]": OK}, {"listed[0]": -1})
        assert said[:3] == [
            "upstream_failed merge",
            "succeeded listed of 1",
            "failed read of -1: unmappable",
        ]

    def test_skipped_items_have_no_elements(self) -> None:
        case = self.tree()
        case.over(dirs=2)
        case.ended({"listed[0]": SKIPPED})
        said = case.ended({"listed[1]": OK}, {"listed[1]": 1})
        assert said == ["succeeded listed of 2", "queue read[0]"]

    def test_a_new_owner_finds_the_items_by_the_recorded_lengths(self) -> None:
        case = self.tree()
        case.over(dirs=2)
        case.ended({"listed[0]": OK, "listed[1]": OK}, {"listed[0]": 2, "listed[1]": 1})
        run, said = case.restored()
        assert run.length(2) == 3
        assert said == []


class TestCancel:
    def test_items_that_have_not_started_are_cancelled(self) -> None:
        case = Case(window=1)
        case.over(list=3)
        said = case.text(case.run.cancel())
        assert said == [
            "run stops: cancelled",
            "cancelled merge parse[1] parse[2]",
            "stop parse[0]",
        ]
        assert case.ended({"parse[0]": CANCELLED}) == ["cancelled parse of 3", "run cancelled"]

    @pytest.mark.parametrize("stop", ["cancel", "failed item"])
    def test_no_item_is_looked_at_again(self, stop: str) -> None:
        """The search for an item that may start went through all two million that had ended."""
        case = Case(window=1)
        case.over(list=3)
        if stop == "cancel":
            case.run.cancel()
        else:
            case.ended({"parse[0]": FAILED})
        expansion = case.run._frontier.expansion
        assert expansion is not None
        assert not expansion.may_take

    def test_a_map_without_running_items_ends_at_once(self) -> None:
        maps = {1: MapSpec((0,)), 2: MapSpec((1,))}
        case = Case("list parse store", [(0, 1), (1, 2)], maps, window=1)
        case.over(list=1)
        said = case.text(case.run.cancel())
        assert "cancelled store of 1" in said
        assert case.ended({"parse[0]": OK})[-1] == "run cancelled"


class TestRestore:
    def test_an_end_that_was_not_recorded_is_recorded(self) -> None:
        case = Case()
        run = case.new()
        states = [(0, OK), (3, OK), (4, OK)]
        assert case.text(run.restore(states, None, {0: 2})) == [
            "succeeded parse of 2",
            "queue merge",
        ]

    def test_a_failure_that_was_not_followed_up_stops_the_map_again(self) -> None:
        case = Case(on_failure=OnFailure.CONTINUE)
        run = case.new()
        said = case.text(run.restore([(0, OK), (3, FAILED), (4, TaskState.RUNNING)], None, {0: 3}))
        assert said == ["cancelled parse[2]", "stop parse[1]"]

    def test_an_empty_list_ends_the_first_of_two_maps_first(self) -> None:
        maps = {1: MapSpec((0,)), 2: MapSpec((1,))}
        case = Case("list parse store", [(0, 1), (1, 2)], maps)
        assert case.over(list=0)[:2] == ["succeeded parse of 0", "succeeded store of 0"]

    def test_an_item_beyond_the_list_is_refused(self) -> None:
        run = Case().new()
        with pytest.raises(ValueError, match="no item 2 of task 'parse'"):
            run.restore([(0, OK), (5, OK)], None, {0: 2})

    def test_a_pending_record_beyond_the_list_is_left_from_an_earlier_one(self) -> None:
        case = Case()
        run = case.new()
        said = case.text(run.restore([(0, OK), (5, TaskState.PENDING)], None, {0: 2}))
        assert said == ["queue parse[0] parse[1]"]

    def test_an_item_of_a_run_without_maps_is_refused(self) -> None:
        with pytest.raises(ValueError, match="no task 7"):
            Run(Graph.build(["a"], [])).restore([(7, OK)])


def test_the_results_of_items_that_are_not_kept_are_dropped_when_no_task_needs_them() -> None:
    case = Case(not_kept=(0, 1))
    case.over(list=2)
    assert case.ended({"parse[0]": OK, "parse[1]": OK}) == [
        "succeeded parse of 2",
        "queue merge",
        "drop list",
    ]
    assert case.ended({"merge": OK}) == ["drop parse[0] parse[1]", "run succeeded"]


def test_counts_and_totals_grow_with_the_items() -> None:
    case = Case()
    assert case.run.total == 3
    case.over(list=4)
    assert (case.run.total, case.run.over, case.run.dispatched) == (6, 1, 4)
    assert case.run.counts() == {TaskState.PENDING: 1, TaskState.QUEUED: 4, OK: 1}
    assert case.run.exists(6)
    assert not case.run.exists(7)
    assert {case.run.state(number) for number in range(7)} - TASK_OVER == {
        TaskState.PENDING,
        TaskState.QUEUED,
    }
