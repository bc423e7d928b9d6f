"""Mapped tasks, turn by turn: a real scheduler and a real lane on a real or embedded server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from whole_run import Lane, WholeRun

from flowkit import DAG, Mapped, Task, current_attempt, task
from flowkit.core.states import TaskState
from flowkit.protocol.items import Items
from flowkit.worker import item_labels
from flowkit.worker.execution_slots import ExecutionSlots

pytestmark = pytest.mark.slow  # each waits some tenths of a second for real Redis

Runs = Callable[..., WholeRun]
KEY = b"k" * 32


@pytest.fixture
def start(whole_runs: Runs) -> Runs:
    return whole_runs


CALLS: list[Any] = []


@pytest.fixture(autouse=True)
def no_calls() -> None:
    CALLS.clear()


@task
def given(value: Any = None) -> Any:
    return value


@task
def more(also: Any = None) -> Any:
    return also


@task
def double(number: Any) -> Any:
    CALLS.append(number)
    return 2 * number


@task
def pair(first: Any, second: Any) -> Any:
    return (first, second)


@task
def collect(found: list[Any]) -> Any:
    return found


@task
def even_only(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number


@task(when=lambda number: number % 2 == 0)
def even_or_skipped(number: int) -> int:
    return number


@task
def up_to(number: int) -> list[int]:
    return list(range(number))


@task
def twice(number: int) -> list[int]:
    return [number, number]


def simple(label: Any = None, **options: Any) -> DAG:
    with DAG("simple") as dag:
        given >> double.map(label=label, **options) >> collect
    return dag


class TestValues:
    @pytest.mark.parametrize(
        ("value", "result"),
        [
            ([1, 2, 3], [2, 4, 6]),
            ((1, 2), [2, 4]),
            (range(3), [0, 2, 4]),
            ({"a": 1}, [("a", 1, "a", 1)]),
            ([], []),
            (["x" * 70_000, [1]], ["x" * 140_000, [1, 1]]),
            (list(range(2000)), list(range(0, 4000, 2))),
        ],
        ids=["list", "tuple", "range", "dict", "empty", "large", "many"],
    )
    def test_what_can_be_mapped(self, start: Runs, value: object, result: object) -> None:
        run = start(simple(), params={"value": value})
        assert run.finish() == "succeeded"
        assert run.result("collect") == result
        assert run.record("double").items == Items(len(result))  # type: ignore[arg-type]
        assert run.record("double").state is TaskState.SUCCEEDED

    @pytest.mark.parametrize("value", ["text", None, 5, {1, 2}, b"bytes"])
    def test_what_cannot_be_mapped_fails_with_a_sentence(self, start: Runs, value: object) -> None:
        run = start(simple(), params={"value": value})
        assert run.finish() == "failed"
        assert run.states()["double"] == "failed"
        error = run.error("double")
        assert error is not None
        assert str(error) == (
            "MapError: Task 'double' is mapped over the result of 'given', which is of type "
            f"{type(value).__name__}. Return a list, tuple, range or dict."
        )
        assert CALLS == []

    def test_none_is_an_element_and_a_result(self, start: Runs) -> None:
        with DAG("nones") as dag:
            given >> more.bind("same").map() >> collect
        run = start(dag, params={"value": [None, None]})
        assert run.finish() == "succeeded"
        assert run.result("collect") == [None, None]

    def test_each_item_unpacks_its_own_element(self, start: Runs) -> None:
        @task
        def append(number: list[int]) -> list[int]:
            number.append(1)
            return number

        with DAG("own") as dag:
            given >> append.map() >> collect
        run = start(dag, params={"value": [[0], [0]]})
        assert run.finish() == "succeeded"
        assert run.result("collect") == [[0, 1], [0, 1]]

    def test_signed_elements(self, start: Runs) -> None:
        run = start(simple(), params={"value": [1, 2, 3]}, keys=[KEY])
        assert run.finish() == "succeeded"
        assert all(value[:1] == b"\xc1" for value in run.inputs().values())

    def test_a_cached_list_is_mapped_too(self, start: Runs) -> None:
        @task(cache_ttl=60)
        def numbers() -> list[int]:
            CALLS.append("made")
            return [1, 2]

        with DAG("cached") as dag:
            numbers >> double.map() >> collect
            numbers.bind("numbers_again").after(numbers) >> double.map(name="again")
        run = start(dag)
        assert run.finish() == "succeeded"
        assert CALLS.count("made") == 1
        assert run.record("again").items == Items(2)


class TestShapes:
    def test_map_behind_map_goes_item_by_item(self, start: Runs) -> None:
        with DAG("chain") as dag:
            given >> double.map(name="one") >> double.map(name="two") >> collect
        run = start(dag, params={"value": [1, 2, 3]}, window=1)
        run.turn()
        run.turn(limit=1)
        run.turn(limit=1)
        assert run.states_of("one") == ["succeeded", "queued"]
        assert run.states_of("two") == ["succeeded"]
        assert run.finish() == "succeeded"
        assert run.result("collect") == [4, 8, 12]

    def test_several_lists_together_and_others_whole(self, start: Runs) -> None:
        @task
        def three(a: Any, b: Any, c: Any) -> Any:
            return (a, b, c)

        with DAG("zipped") as dag:
            xs, ys = given.bind("xs", value=[1, 2]), more.bind("ys", also=("a", "b"))
            whole = more.bind("whole", also=[9])
            zipped = three.map(over=(xs, ys))
            [xs, ys, whole] >> zipped >> collect
        run = start(dag)
        assert run.finish() == "succeeded"
        assert run.result("collect") == [(1, "a", [9]), (2, "b", [9])]

    def test_lists_of_different_lengths_fail(self, start: Runs) -> None:
        with DAG("uneven") as dag:
            xs, ys = given.bind("xs", value=[1, 2]), more.bind("ys", also=[1, 2, 3])
            [xs, ys] >> pair.map(over=(xs, ys))
        run = start(dag)
        assert run.finish() == "failed"
        assert str(run.error("pair")) == (
            "MapError: Task 'pair' takes the elements of several results together, and there are "
            "2 of 'xs' and 3 of 'ys'. Return results of the same length."
        )

    def test_flatten(self, start: Runs) -> None:
        with DAG("flat") as dag:
            given >> up_to.map() >> double.map(flatten=True) >> collect
        run = start(dag, params={"value": [2, 0, 3]})
        assert run.finish() == "succeeded"
        assert run.result("collect") == [0, 2, 0, 2, 4]

    def test_flatten_over_an_item_that_returned_no_list(self, start: Runs) -> None:
        with DAG("flat") as dag:
            given >> more.bind("same").map(name="lists") >> double.map(flatten=True)
        run = start(dag, params={"value": [[1], "ab", [2]]})
        assert run.finish() == "failed"
        assert str(run.error("double")) == (
            "MapError: Task 'double' is mapped over the result of 'lists[1]', which is of type "
            "str. Return a list, tuple, range or dict."
        )

    def test_more_elements_than_numbers(self, start: Runs) -> None:
        run = start(simple(), params={"value": range(10**9)})
        assert run.finish() == "failed"
        assert "the 9,999,999 or more elements of 'given'" in str(run.error("double"))
        assert run.inputs() == {}

    def test_mapped_reads_lazily(self, start: Runs) -> None:
        found: list[Any] = []

        @task
        def look(items: Mapped[int]) -> int:
            found.append((len(items), items[1], list(items), items.values, items.states))
            found.append(items.failures)
            return len(items)

        with DAG("lazy") as dag:
            given >> even_only.map(failures="collect", label="n {item}") >> look
        run = start(dag, params={"value": [0, 1, 2]})
        assert run.finish() == "succeeded"
        states = [TaskState.SUCCEEDED, TaskState.FAILED, TaskState.SUCCEEDED]
        assert found[0] == (3, None, [0, None, 2], [0, None, 2], states)
        (failure,) = found[1]
        assert (failure.index, failure.label) == (1, "n 1")
        assert failure.error == "ValueError: 1 is odd"


class TestEnds:
    def test_a_failed_item_fails_the_run(self, start: Runs) -> None:
        with DAG("strict") as dag:
            given >> even_only.map() >> collect
        run = start(dag, params={"value": [0, 1, 2]}, window=2)
        assert run.finish() == "failed"
        assert run.states()["even_only"] == "failed"
        assert run.states()["collect"] in ("cancelled", "upstream_failed")
        assert str(run.error("even_only[1]")) == "ValueError: 1 is odd"

    def test_skipped_items_are_none(self, start: Runs) -> None:
        with DAG("skips") as dag:
            given >> even_or_skipped.map() >> collect
        run = start(dag, params={"value": [0, 1, 2]})
        assert run.finish() == "succeeded"
        assert run.result("collect") == [0, None, 2]

    def test_a_skipped_list_skips_the_mapped_task(self, start: Runs) -> None:
        @task(when=lambda: False)
        def never() -> list[int]:
            return [1]

        with DAG("skipped") as dag:
            never >> double.map() >> collect
        run = start(dag)
        assert run.finish() == "succeeded"
        assert run.states()["double"] == "skipped"
        assert run.result("collect") is None

    def test_cancel(self, start: Runs) -> None:
        run = start(simple(), params={"value": [1, 2, 3]}, window=1)
        run.turn()
        run.turn(limit=1)
        run.client.cancel(run.run)
        assert run.finish() == "cancelled"
        assert run.states()["double"] == "cancelled"

    @pytest.mark.parametrize("restarts", [False, True])
    def test_schedulers_take_over_at_any_time(self, start: Runs, restarts: bool) -> None:
        with DAG("restarted") as dag:
            given >> up_to.map() >> double.map(flatten=True, name="one") >> double.map() >> collect
        run = start(dag, params={"value": [2, 3, 0, 1]}, window=2)
        assert run.finish(restarts=restarts, limit=1) == "succeeded"
        assert run.result("collect") == [0, 4, 0, 4, 8, 0]
        assert len(CALLS) == 12


class TestLabels:
    @pytest.mark.parametrize(
        ("label", "shown"),
        [
            ("number {item}", "number 1"),
            (lambda item: f"f{item}", "f1"),
            (None, ""),
            (lambda item: 1 / 0, ""),
            (lambda item: "x" * 1000, "x" * 99 + "…"),
        ],
    )
    def test_labels_are_stored_with_outcomes(self, start: Runs, label: Any, shown: str) -> None:
        run = start(simple(label), params={"value": [1]})
        assert run.finish() == "succeeded"
        assert run.label("double[0]") == shown

    def test_a_label_that_ends_the_process_is_none(self, start: Runs) -> None:
        def leave(item: int) -> str:
            raise SystemExit(1)

        run = start(simple(leave), params={"value": [1]})
        assert run.finish() == "succeeded"
        assert run.label("double[0]") == ""

    def test_a_label_that_cannot_be_made_is_told_once_for_each_mapped_task(
        self, start: Runs
    ) -> None:
        with DAG("labels") as dag:
            items = given >> double.map(label=lambda item: 1 / 0)
            items >> double.map(name="second", label="{item.nothing}") >> collect
        run = start(dag, params={"value": [1, 2, 3]})
        assert run.finish() == "succeeded"
        told: Any = run.heard.named("TaskUnlabelled")
        assert [(event.task_name, event.error_type) for event in told] == [
            ("double[0]", "ZeroDivisionError"),
            ("second[0]", "AttributeError"),
        ]
        assert run.label("second[1]") == ""

    def test_items_behind_items_have_the_labels_of_those_in_events(self, start: Runs) -> None:
        """Readers derive such a label, so it is stored once only."""
        with DAG("labels", on_failure="continue") as dag:
            numbers = given >> double.map(label="n {item}")
            numbers >> even_only.map() >> double.map(name="last")
            numbers >> twice.map() >> double.map(name="flat", flatten=True)
        run = start(dag, params={"value": [1, 0.5]})
        assert run.finish() == "failed"
        (failed,) = run.heard.named("TaskFailed")
        assert failed.message() == "Task failed: even_only[1] (n 0.5) (ValueError: 1.0 is odd)"
        named = [event.task_name for event in run.heard.named("TaskStarted")]  # type: ignore[attr-defined]
        assert {"double[1] (n 0.5)", "even_only[0] (n 1)", "flat[0]"} <= set(named)
        assert [run.label(name) for name in ("last[0]", "flat[0]")] == ["n 1", ""]
        stored = {name for name in run.inputs() if name.endswith("=")}
        assert stored == {f"{run.number(f'double[{index}]')}=" for index in range(2)}

    def test_a_label_whose_function_the_app_does_not_have_is_told(
        self, start: Runs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = start(simple(lambda item: "n"), params={"value": [1, 2]})
        monkeypatch.setattr(item_labels, "registered_task", lambda ref: None)
        assert run.finish() == "succeeded"
        (told,) = run.heard.named("TaskUnlabelled")
        assert "double[0] (TaskNotFoundError: this version of the app does not" in told.message()
        assert run.label("double[0]") == ""

    def test_the_slot_of_an_attempt_with_a_deadline_names_the_label(self, start: Runs) -> None:
        """The log line of its timeout comes from another process, which reads the slot."""
        with DAG("labels") as dag:
            given >> Task(double.func, name="late", timeout=60.0).map(label="n|{item}") >> collect
        run = start(dag, params={"value": [1]})
        run.turn()
        run.schedule()
        run.lane.mailbox.exchange(1)
        slots = ExecutionSlots(0)
        prepared: Any = run.lane.executor.prepare(run.lane.mailbox.inbox[0])
        slots.enter(0, run.lane.executor.slot_text(prepared), 1.0)
        (executing,) = slots.executing()
        assert (executing.name, executing.limit) == ("late[0] (n|1)", 60.0)

    def test_labels_of_other_lanes_are_read_together(
        self, start: Runs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with DAG("labels") as dag:
            given >> double.map(label="n {item}") >> even_only.map() >> collect
        run = start(dag, params={"value": [2, 4, 6]})
        run.turn()
        run.turn()
        other = Lane(run, "V")
        reads: list[int] = []
        read = other.inputs.store.read_labels
        monkeypatch.setattr(
            other.inputs.store,
            "read_labels",
            lambda run, dag, numbers: (reads.append(len(numbers)), read(run, dag, numbers))[1],
        )
        run.schedule()
        assert other.work() == 3
        assert reads == [3]
        names = [event.task_name for event in run.heard.named("TaskSucceeded")]  # type: ignore[attr-defined]
        assert names[-3:] == ["even_only[0] (n 2)", "even_only[1] (n 4)", "even_only[2] (n 6)"]

    def test_an_item_whose_runs_are_over_has_its_label(
        self, start: Runs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its last attempt does not call its function, and was logged with the plain name."""
        with DAG("child") as child:
            given >> even_only

        @task
        def calls(number: int) -> Any:
            return child.call({"value": number}, "even_only")

        with DAG("labels") as dag:
            given >> calls.map(label="n {item}", failures="collect") >> collect
        run = start(dag, params={"value": [2, 3]})
        for _ in range(4):
            run.turn()
        other = Lane(run, "V")  # it has not made the labels
        reads: list[int] = []
        read = other.inputs.store.read_labels
        monkeypatch.setattr(
            other.inputs.store,
            "read_labels",
            lambda run, dag, numbers: (reads.append(len(numbers)), read(run, dag, numbers))[1],
        )
        run.schedule()
        assert other.work() == 2
        assert reads == [2]
        ends = [e for kind in ("TaskSucceeded", "TaskFailed") for e in run.heard.named(kind)]
        names = {event.task_name for event in ends}  # type: ignore[attr-defined]
        assert {"calls[0] (n 2)", "calls[1] (n 3)"} <= names
        assert [run.label(f"calls[{index}]") for index in range(2)] == ["n 2", "n 3"]


class TestNames:
    def test_events_and_attempts_name_items(self, start: Runs) -> None:
        @task
        def who(number: int) -> str:
            return current_attempt().task

        with DAG("names") as dag:
            given >> who.map() >> collect
        run = start(dag, params={"value": [1, 2]})
        assert run.finish() == "succeeded"
        assert [event.task_name for event in run.heard.named("TaskSucceeded")] == [  # type: ignore[attr-defined]
            *("given", "who[0]", "who[1]", "collect")
        ]
