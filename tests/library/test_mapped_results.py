"""What a handle returns of mapped tasks: lists, items, lazy sequences and errors."""

from __future__ import annotations

import pytest
from mapped_records import (
    OVER,
    chain,
    expanded,
    files,
    finished,
    parse_item,
    store,
    store_item,
    submitted,
    write,
)

from flowkit import DAG, Task, TaskExecutionError, TaskNotFoundError
from flowkit.client.run_shape import read_shape
from flowkit.client.run_tasks import read_tasks
from flowkit.core.mapped_sequence import ItemFailure
from flowkit.core.states import TaskState
from flowkit.exceptions import FlowkitError, RunDamaged
from flowkit.protocol.records import TaskRecord

VALUES = {parse_item(index): 10 * index for index in range(3)}
ALL = {0: ["a", "b", "c"], **VALUES, **{store_item(index): index for index in range(3)}, 3: 30}


def test_results_of_a_mapped_task_are_a_list_in_the_order_of_the_items() -> None:
    with submitted() as (_, run):
        write(run, finished(), results=ALL)
        assert run.results() == {
            "files": ["a", "b", "c"],
            "parse": [0, 10, 20],
            "store": [0, 1, 2],
            "merge": 30,
        }
        assert list(run.results()) == ["files", "parse", "store", "merge"]
        assert run.result("parse") == [0, 10, 20]
        assert run.result("parse[1]") == 10


def test_an_item_without_a_result_counts_as_none() -> None:
    records = finished() | {parse_item(1): "F1,W.0,0,10,25,5", parse_item(2): "K1,W.0,0,10,25,5"}
    values = {number: value for number, value in ALL.items() if number not in (6, 8)}
    with submitted() as (_, run):
        write(run, records, results=values, errors={parse_item(1): "bad"})
        assert run.results()["parse"] == [0, None, None]
        assert run.result("parse") == [0, None, None]
        assert run.result("parse[2]") is None
        with pytest.raises(TaskExecutionError, match=r"'parse\[1\]' failed: ValueError: bad"):
            run.result("parse[1]")


def test_an_empty_list_is_a_result_and_a_skipped_mapped_task_has_none() -> None:
    with submitted() as (_, run):
        write(run, finished(0))
        assert run.results() == {"files": None, "parse": [], "store": [], "merge": None}
        assert run.result("parse") == []
        write(run, {1: "K0,,0,,30,", 2: "K0,,0,,30,"})
        assert run.results() == {"files": None, "merge": None}
        assert run.result("parse") is None


def test_a_mapped_task_that_is_not_over_has_no_result_yet() -> None:
    with submitted() as (_, run):
        write(run, {**expanded(), parse_item(0): OVER}, results={parse_item(0): 7})
        assert "parse" not in run.results()
        assert run.result("parse[0]") == 7
        with pytest.raises(FlowkitError, match="'parse' of run 'r1' is pending: no result"):
            run.result("parse")
        with pytest.raises(FlowkitError, match="is pending: its items are not all over"):
            run.mapped("parse")


def test_results_that_are_not_kept_are_left_out() -> None:
    with submitted(chain(keep_result=False)) as (_, run):
        write(run, finished(), results={0: ["a"], 3: 1})
        assert "parse" not in run.results()
        with pytest.raises(FlowkitError, match=r"'parse' of run 'r1' was dropped"):
            run.result("parse")
        with pytest.raises(FlowkitError, match=r"'parse\[1\]' of run 'r1' was dropped"):
            run.result("parse[1]")


def test_a_lazy_sequence_reads_values_states_and_failures() -> None:
    records = finished() | {
        parse_item(1): "F2,W.0,0,10,25,5",
        parse_item(2): "U0,,0,,25,",
        1: "F0,,0,,30,,3",
    }
    with submitted() as (_, run):
        write(
            run,
            records,
            results={parse_item(0): 5},
            errors={parse_item(1): "bad row"},
            labels={parse_item(1): "file b"},
        )
        mapped = run.mapped("parse")
        assert len(mapped) == 3
        assert mapped.values == [5, None, None]
        assert list(mapped) == [5, None, None]
        assert mapped[0] == 5
        assert mapped.states == [
            TaskState.SUCCEEDED,
            TaskState.FAILED,
            TaskState.UPSTREAM_FAILED,
        ]
        assert mapped.failures == [
            ItemFailure(1, "file b", "ValueError: bad row"),
            ItemFailure(2, "", "its upstream item failed"),
        ]
        with pytest.raises(FlowkitError, match="'merge' of run 'r1' is not mapped"):
            run.mapped("merge")


@pytest.mark.parametrize("failed", [parse_item(1), 1])
def test_the_error_of_a_run_names_the_item_and_its_label(failed: int) -> None:
    """The run may have recorded the item, or its mapped task, as what failed first."""
    records = finished() | {parse_item(1): "F2,W.0,0,10,25,5", 1: "F0,,0,,30,,3"}
    with submitted() as (_, run):
        ended = {"state": "failed", "failed": failed, "finished": 2000}
        errors, labels = {parse_item(1): "bad row"}, {parse_item(1): "file b"}
        write(run, records, errors=errors, labels=labels, fields=ended)
        error = run.error()
    assert error.task_name == "parse[1]"
    assert error.label == "file b"
    assert error.attempt == 2
    text = "Task 'parse[1]' ('file b') failed: ValueError: bad row (run r1, attempt 2)"
    assert str(error) == text


def test_the_error_of_what_cannot_be_mapped_is_that_of_the_mapped_task() -> None:
    with submitted() as (_, run):
        ended = {"state": "failed", "failed": 1, "finished": 2000}
        records = {0: f"{OVER},!str", 1: "F0,,0,,30,"}
        write(run, records, errors={1: "over a str"}, fields=ended)
        assert str(run.error()) == "Task 'parse' failed: ValueError: over a str (run r1)"
        with pytest.raises(TaskExecutionError, match="over a str"):
            run.result("parse")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("parse[3]", r"no task 'parse\[3\]': 'parse' has 3, from 'parse\[0\]' to 'parse\[2\]'"),
        ("parse[07]", "Did you mean 'parse'"),
        ("merge[0]", "'merge' is not mapped, so it has no items"),
        ("other[0]", "Available: 'files'"),
        ("parse[9999999]", r"'parse' has 3"),
    ],
)
def test_an_unknown_item_is_refused_with_the_items_that_exist(name: str, says: str) -> None:
    with submitted() as (_, run):
        write(run, finished())
        with pytest.raises(TaskNotFoundError, match=says):
            run.result(name)


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ({}, "'parse' has no items yet"),
        (finished(0), "'parse' has no items"),
        ({0: f"{OVER},!str"}, "'parse' has no items yet"),
        ({0: f"{OVER},9999999/9"}, "'parse' has no items yet"),
    ],
)
def test_an_item_does_not_exist_before_its_task_has_expanded(
    records: dict[int, str], says: str
) -> None:
    with submitted() as (_, run):
        write(run, records)
        with pytest.raises(TaskNotFoundError, match=says):
            run.result("parse[0]")


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ("S0,,0,,30,,x", "'parse' lacks its number of items"),
        ("S0,,0,,30,", "'parse' lacks its number of items"),
        ("S0,,0,,30,,9999999", "'parse' names 9,999,999 items, and it can have 1,000,000"),
    ],
)
def test_a_damaged_number_of_items_is_a_sentence(record: str, says: str) -> None:
    with submitted() as (_, run):
        write(run, {**finished(), 1: record})
        for read in (run.results, lambda: run.result("parse"), lambda: run.result("parse[1]")):
            with pytest.raises(RunDamaged, match=f"run 'r1' is damaged in Redis: .*{says}"):
                read()


def parts(size: int) -> list[int]:
    return list(range(size))


def test_a_flattened_task_has_an_item_for_each_element_of_its_upstream_items() -> None:
    with DAG("flat") as dag:
        each = Task(parts).map()
        Task(files) >> each >> Task(store).map(flatten=True)
    two = {1: "S0,,0,,30,,2", 3: f"{OVER},3/1", 5: f"{OVER},1/1"}
    with submitted(dag) as (_, run):
        write(run, {**expanded(2), 3: f"{OVER},3/1"})
        with pytest.raises(TaskNotFoundError, match="'store' has no items yet"):
            run.result("store[0]")
        write(run, {**two, 10: OVER}, results={10: 42})
        assert run.result("store[3]") == 42
        with pytest.raises(TaskNotFoundError, match=r"'store' has 4, from"):
            run.result("store[4]")
        write(run, {5: f"{OVER},!int"})
        with pytest.raises(TaskNotFoundError, match="'store' has no items yet"):
            run.result("store[3]")


class Untouched:
    """A store that must not be asked."""

    def read_records(self, run: str, tasks: object) -> list[TaskRecord]:
        raise AssertionError(f"{tasks} were read")


def test_the_shape_of_a_run_without_maps_is_not_read() -> None:
    dag = DAG("plain")
    dag.add(Task(files))
    with submitted(dag) as (_, run):
        shape = read_shape(Untouched(), "r1", run.graph())
    assert (shape.total, list(shape.numbers())) == (1, [0])


def test_most_records_of_items_are_only_counted() -> None:
    """A client that shows a state must not have a million of them in memory."""
    failed = {parse_item(index): "F1,W.0,0,10,25,5" for index in range(300)}
    with submitted() as (_, run):
        write(run, {**expanded(400), **failed, parse_item(300): "R1,W.0,0,10,,5"})
        with run.shard.run_store("r1") as at:
            tasks = read_tasks(at, "r1", run.graph())
            asked = read_tasks(at, "r1", run.graph(), [parse_item(250), parse_item(399)])
    assert tasks.counts[1] == {
        TaskState.FAILED: 300,
        TaskState.RUNNING: 1,
        TaskState.PENDING: 99,
    }
    assert len(tasks.items) == 101
    assert asked.items.keys() - tasks.items.keys() == {parse_item(250), parse_item(399)}
    assert tasks.states.count(TaskState.FAILED) == 300
    assert tasks.states[parse_item(300)] is TaskState.RUNNING


def test_items_exist_only_when_the_other_upstream_tasks_are_over() -> None:
    """The scheduler does not expand a task before that, and may never do it."""
    with DAG("two") as dag:
        listed, other = Task(files), Task(other_list)
        [listed, other] >> Task(parse_two).map(over=listed)
    with submitted(dag) as (_, run):
        write(run, expanded(2))
        with pytest.raises(TaskNotFoundError, match="'parse_two' has no items yet"):
            run.result("parse_two[0]")
        write(run, {run.graph().graph.names.index("other_list"): OVER})
        assert run.names("parse_two[") == ["parse_two[0]", "parse_two[1]"]


def other_list() -> int:
    return 1


def parse_two(file: str, whole: int) -> str:
    return file + str(whole)
