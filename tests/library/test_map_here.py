"""Mapped tasks in runs in this process: what items get, in which states they end, and resumes."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections import Counter
from typing import Any

import pytest

from flowkit import DAG, HookEvent, Hooks, Mapped, StateManager, Task, again, current_attempt
from flowkit.clock import FakeClock
from flowkit.core.states import TaskState
from flowkit.exceptions import MapError, TaskNotFoundError, TaskTimeout
from flowkit.testing import run_dag

OK, FAILED, SKIPPED = TaskState.SUCCEEDED, TaskState.FAILED, TaskState.SKIPPED
BLOCKED, CANCELLED = TaskState.UPSTREAM_FAILED, TaskState.CANCELLED


def returns(value: Any, name: str = "source", **options: Any) -> Task:
    def source() -> Any:
        return value

    return Task(source, name=name, **options)


def made(func: Any, name: str = "each", **options: Any) -> Task:
    return Task(func, name=name, **options)


def whole(value: Any) -> Any:
    return value


def mapped_dag(value: Any, func: Any, *, options: Any = None, **of_map: Any) -> DAG:
    with DAG("d") as dag:
        returns(value) >> made(func, **(options or {})).map(**of_map) >> made(whole, "behind")
    return dag


def states_of(result: Any, name: str = "each") -> list[TaskState]:
    return [item.state for item in result.items(name)]


# -- what is mapped ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "results"),
    [
        ([1, 2, 3], [2, 4, 6]),
        ((1, 2), [2, 4]),
        (range(3), [0, 2, 4]),
        ([], []),
        ({}, []),
        ([None], [None]),
    ],
)
def test_each_element_is_an_item(value: Any, results: list[Any]) -> None:
    result = run_dag(mapped_dag(value, lambda one: None if one is None else 2 * one))
    assert result.results == {"source": value, "each": results, "behind": results}
    assert states_of(result) == [OK] * len(results)


def test_the_items_of_a_dict_are_pairs() -> None:
    result = run_dag(mapped_dag({"a": 1, "b": 2}, lambda pair: pair))
    assert result.results["each"] == [("a", 1), ("b", 2)]


@pytest.mark.parametrize("value", ["text", None, 7, {1, 2}, b"bytes"])
def test_anything_else_fails_the_mapped_task(value: Any) -> None:
    result = run_dag(mapped_dag(value, whole))
    result.assert_failed(
        "each",
        MapError,
        match=rf"Task 'each' is mapped over the result of 'source', which is of type "
        rf"{type(value).__name__}. Return a list, tuple, range or dict.",
    )
    assert result.error is result.tasks["each"].errors[0]
    assert (result.items("each"), result.state("behind")) == ([], BLOCKED)


def test_objects_of_any_class_are_passed_as_they_are() -> None:
    objects = [object(), object()]
    with DAG("d") as dag:
        returns(objects) >> made(whole).map()
    assert dag.run()["each"] == objects


def test_a_list_that_is_changed_later_has_the_items_that_it_had() -> None:
    numbers = [1, 2, 3]

    def clear(value: int) -> int:
        numbers.clear()
        return value

    with DAG("d") as dag:
        returns(numbers) >> made(clear).map(max_active=1)
    assert dag.run()["each"] == [1, 2, 3]


def test_tasks_over_are_taken_together_and_others_whole() -> None:
    with DAG("d") as dag:
        a, b, c = returns([1, 2], "a"), returns([3, 4], "b"), returns([5], "c")
        [a, b, c] >> made(lambda x, y, z: (x, y, z)).map(over=(b, a))
        [a, c] >> made(lambda x, y: (x, y), "second").map(over=c)
    results = run_dag(dag).results
    assert results["each"] == [(1, 3, [5]), (2, 4, [5])]
    assert results["second"] == [([1, 2], 5)]


def test_lists_of_different_lengths_fail_the_mapped_task() -> None:
    with DAG("d") as dag:
        a, b = returns([1, 2], "a"), returns([3], "b")
        [a, b] >> made(lambda x, y: x).map(over=(a, b))
    run_dag(dag).assert_failed("each", MapError, match="there are 2 of 'a' and 1 of 'b'")


# -- map behind map ----------------------------------------------------------------------------


def test_a_map_behind_a_map_is_item_by_item() -> None:
    first_is_stored, gate = threading.Event(), threading.Event()

    def parse(number: int) -> int:
        assert number == 0 or first_is_stored.wait(30)
        return number

    def store(number: int) -> int:
        first_is_stored.set()
        return 10 * number

    with DAG("d") as dag:
        returns([0, 1]) >> made(parse, "parse").map() >> made(store, "store").map()
    assert dag.run(max_workers=2)["store"] == [0, 10]
    assert not gate.is_set()


def test_flatten_maps_the_elements_of_the_lists() -> None:
    with DAG("d") as dag:
        listed = made(lambda n: list(range(n)), "listed").map()
        returns([2, 0, 3]) >> listed >> made(lambda n: -n).map(flatten=True)
    result = run_dag(dag)
    assert result.results["each"] == [0, -1, 0, -1, -2]


def test_flatten_says_which_item_returned_no_list() -> None:
    with DAG("d") as dag:
        listed = made(lambda n: [n] if n else None, "listed").map()
        returns([1, 0]) >> listed >> made(whole).map(flatten=True)
    run_dag(dag).assert_failed("each", MapError, match=r"result of 'listed\[1\]', which is of type")


def test_a_whole_mapped_result_goes_to_each_item() -> None:
    with DAG("d") as dag:
        numbers, squares = returns([1, 2]), made(lambda n: n * n, "squares").map()
        numbers >> squares
        [numbers, squares] >> made(lambda n, all_of_them: (n, all_of_them)).map()
    assert run_dag(dag).results["each"] == [(1, [1, 4]), (2, [1, 4])]


# -- behind it ---------------------------------------------------------------------------------


def test_a_mapped_parameter_reads_results_states_and_failures() -> None:
    seen: list[Any] = []

    def each(number: int) -> int:
        if number == 3:
            raise ValueError("bad row")
        return 10 * number

    def behind(results: Mapped[int], more: list[int]) -> None:
        seen.extend([list(results), results.values, results.states, results.failures, more])

    with DAG("d") as dag:
        source = returns([1, 2, 3])
        options: Any = {"failures": "collect", "label": "row {item}"}
        mapped = made(each, when=lambda number: number != 2).map(**options)
        source >> mapped
        [mapped, source] >> made(behind, "behind")
    dag.run()
    values, again, states, failures, more = seen
    assert values == again == [10, None, None]
    assert (states, more) == ([OK, SKIPPED, FAILED], [1, 2, 3])
    assert [(one.index, one.label, one.error) for one in failures] == [
        (2, "row 3", "ValueError: bad row")
    ]


def test_skipped_upstream_skips_the_mapped_task() -> None:
    with DAG("d") as dag:
        source = made(lambda: [1], "source", when=lambda: False)
        returns(0, "first").before(source)
        source >> made(whole).map() >> made(whole, "behind")
    result = run_dag(dag)
    assert result.state("each") is SKIPPED
    assert (result.items("each"), result.results) == ([], {"first": 0, "behind": None})


def test_a_failed_upstream_blocks_it() -> None:
    with DAG("d") as dag:
        made(lambda: 1 / 0, "source") >> made(whole).map()
    assert run_dag(dag).state("each") is BLOCKED


# -- items are tasks ---------------------------------------------------------------------------


def test_each_item_has_its_own_retries() -> None:
    calls: Counter[int] = Counter()

    def flaky(number: int) -> int:
        calls[number] += 1
        if number == 1 and calls[number] < 3:
            raise OSError("busy")
        return number

    result = run_dag(mapped_dag([0, 1], flaky, options={"retries": 2, "delay": 3600}))
    assert result.results["each"] == [0, 1]
    assert [item.attempts for item in result.items("each")] == [1, 3]
    result.assert_attempts("each[1]", 3)
    assert result.elapsed > 7200


def test_each_item_has_its_own_timeout_and_name() -> None:
    clock = FakeClock()

    def slow(number: int) -> str:
        clock.advance(10 if number else 1)
        return current_attempt().task

    dag = mapped_dag([0, 1], slow, options={"timeout": 5}, failures="collect", max_active=1)
    result = run_dag(dag, clock=clock)
    assert result.results["each"] == ["each[0]", None]
    result.assert_failed("each[1]", TaskTimeout, match=r"'each\[1\]'")


def test_a_real_timeout_ends_an_item() -> None:
    stuck = threading.Event()
    dag = mapped_dag([0, 1], lambda number: number and stuck.wait(60), options={"timeout": 0.05})
    try:
        with pytest.raises(TaskTimeout, match=r"each\[1\]"):
            dag.run()
    finally:
        stuck.set()


def test_async_items_run_together() -> None:
    async def each(number: int) -> int:
        barrier.append(number)
        while len(barrier) < 3:
            await asyncio.sleep(0.001)
        return number

    barrier: list[int] = []
    assert mapped_dag([0, 1, 2], each).run(timeout=30)["each"] == [0, 1, 2]


def test_items_are_cached_by_their_arguments() -> None:
    calls: list[int] = []

    def each(number: int) -> int:
        calls.append(number)
        return number

    state = StateManager()
    dag = mapped_dag([1, 2], each, options={"cache_ttl": 60})
    assert dag.run(state=state)["each"] == [1, 2]
    with DAG("other") as other:
        returns([2, 3, 1]) >> dag.tasks[1].base.map()
    assert other.run(state=state)["each"] == [2, 3, 1]
    assert sorted(calls) == [1, 2, 3]


def test_copied_arguments_belong_to_the_item() -> None:
    def each(row: dict[str, int]) -> dict[str, int]:
        row["seen"] = 1
        return row

    rows = [{"a": 1}]
    with DAG("d") as dag:
        returns(rows) >> made(each, copy_arguments=True).map()
    assert (dag.run()["each"], rows) == ([{"a": 1, "seen": 1}], [{"a": 1}])


def test_run_parameters_and_fixed_arguments_go_to_each_item() -> None:
    def each(number: int, *, factor: int, plus: int) -> int:
        return number * factor + plus

    with DAG("d") as dag:
        returns([1, 2]) >> made(each).bind(plus=5).map(name="each")
    assert dag.run(params={"factor": 10})["each"] == [15, 25]


def test_at_most_max_active_items_run_at_a_time() -> None:
    running, most, lock = set[int](), [0], threading.Lock()

    def each(number: int) -> None:
        with lock:
            running.add(number)
            most[0] = max(most[0], len(running))
        time.sleep(0.002)
        with lock:
            running.discard(number)

    mapped_dag(list(range(20)), each, max_active=2).run(max_workers=8)
    assert most == [2]


# -- failures ----------------------------------------------------------------------------------


def fails_at(*wrong: int) -> Any:
    def each(number: int) -> int:
        if number in wrong:
            raise ValueError(f"bad row {number}")
        return number

    return each


def test_the_first_failure_stops_the_other_items() -> None:
    dag = mapped_dag([0, 1, 2, 3], fails_at(1), max_active=1)
    result = run_dag(dag)
    result.assert_failed("each").assert_failed("each[1]", ValueError, match="bad row 1")
    assert states_of(result) == [OK, FAILED, CANCELLED, CANCELLED]
    assert str(result.error) == "bad row 1"
    assert result.error is not None
    assert result.error.__notes__ == ["Raised by task 'each[1]' of DAG 'd'."]


def test_a_failed_item_stops_only_its_mapped_task_if_the_dag_continues() -> None:
    with DAG("d", on_failure="continue") as dag:
        source = returns([0, 1, 2])
        source >> made(fails_at(0)).map(max_active=1) >> made(whole, "behind")
        source >> made(whole, "other").map()
    result = run_dag(dag)
    assert states_of(result) == [FAILED, CANCELLED, CANCELLED]
    assert (result.state("each"), result.state("behind")) == (FAILED, BLOCKED)
    assert states_of(result, "other") == [OK] * 3


def test_a_collecting_map_succeeds_with_its_failures() -> None:
    dag = mapped_dag([0, 1, 2], fails_at(0, 2), failures="collect")
    result = run_dag(dag).assert_succeeded()
    assert states_of(result) == [FAILED, OK, FAILED]
    assert result.results["behind"] == [None, 1, None]


def test_the_hook_of_a_mapped_task_is_called_for_each_failed_item() -> None:
    events: list[HookEvent] = []
    each = made(fails_at(0, 2), on_failure=events.append)
    with DAG("d") as dag:
        returns([0, 1, 2]) >> each.map(failures="collect")
    dag.run()
    seen = sorted((event.task, event.error_message, event.attempt) for event in events)
    assert seen == [("each[0]", "bad row 0", 1), ("each[2]", "bad row 2", 1)]


def test_hooks_of_the_dag_see_items() -> None:
    events: list[tuple[str, str | None]] = []

    def note(event: HookEvent) -> None:
        events.append((event.event, event.task))

    hooks = Hooks(on_failure=note, on_skip=note, on_retry=note)
    with DAG("d", hooks=hooks) as dag:
        options: Any = {"when": lambda number: number != 2, "retries": 1, "delay": 0}
        returns([0, 2]) >> made(fails_at(0), **options).map()
    with pytest.raises(ValueError, match="bad row 0"):
        dag.run(max_workers=1)
    assert ("task_retry", "each[0]") in events
    assert ("run_failed", "each[0]") in events


def test_with_all_over_items_behind_failures_run() -> None:
    with DAG("d") as dag:
        first = made(fails_at(0), "first").map(failures="collect")
        returns([0, 1]) >> first >> made(whole, trigger="all_over").map()
    result = run_dag(dag)
    assert states_of(result) == [OK, OK]
    assert result.results["each"] == [None, 1]


def test_a_run_over_its_timeout_stops_its_items() -> None:
    release = threading.Event()
    dag = mapped_dag(list(range(50)), lambda number: release.wait(60))
    try:
        with pytest.raises(Exception, match="did not end within its timeout"):
            dag.run(timeout=0.05, max_workers=2)
    finally:
        release.set()


# -- logging -----------------------------------------------------------------------------------


def test_the_line_of_an_item_that_comes_again_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    def each(number: int) -> object:
        return number if current_attempt().times else again(0)

    mapped_dag([0, 1], each, label="row {item}").run(max_workers=1)
    assert "Task comes again: each[1] (row 1) in " in capsys.readouterr().out


def test_the_result_of_a_dropped_map_is_dropped() -> None:
    result = run_dag(mapped_dag([1, 2], whole, options={"keep_result": False}))
    assert result.results == {"source": [1, 2], "behind": [1, 2]}


# -- flowkit.testing ---------------------------------------------------------------------------


def test_items_are_read_by_name_and_by_task() -> None:
    dag = mapped_dag([0, 1], fails_at(1), failures="collect", label="row {item}")
    result = run_dag(dag)
    mapped = dag.tasks[1]
    assert [(item.name, item.label) for item in result.items(mapped)] == [
        ("each[0]", "row 0"),
        ("each[1]", "row 1"),
    ]
    assert result.items("each") == result.items(mapped)
    assert (result.state("each[0]"), result.attempts("each[1]")) == (OK, 1)
    result.assert_ran("each[0]").assert_failed("each[1]", ValueError, match="bad row 1")
    assert result.items("source") == []
    assert set(result.order) == {"source", "each[0]", "each[1]", "behind"}
    for unknown in ("each[2]", "source[0]", "each[x]"):
        with pytest.raises(TaskNotFoundError, match=re.escape(unknown)):
            result.state(unknown)
    with pytest.raises(AssertionError, match=r"'each\[0\]' should have failed, but is succeeded"):
        result.assert_failed("each[0]")
