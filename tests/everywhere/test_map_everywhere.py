"""What docs/promises.md says about mapped tasks: the same in each place."""

from __future__ import annotations

from typing import Any

import map_app as app
import pytest
from places import Place

from flowkit import DAG, Task
from flowkit.exceptions import DAGError

promise = pytest.mark.promise


def mapped_over(value: Any, task: Task, behind: Task = app.gathered, **options: Any) -> DAG:
    with DAG("mapped") as dag:
        app.source.bind("source", value=value) >> task.map(**options) >> behind
    return dag


def result_of(place: Place, dag: DAG, **options: Any) -> Any:
    """The result of the last task, which is an ordinary one."""
    report = place.run(dag, **options)
    assert report.error is None
    assert report.results is not None
    return report.results[dag.tasks[-1].name]


@promise("map-1")
def test_each_element_becomes_an_item_and_the_results_a_list(place: Place) -> None:
    dag = mapped_over([3, 1, 2], app.ten_times)
    assert result_of(place, dag) == ["list", 30, 10, 20]
    assert result_of(place, mapped_over(["a", "b"], app.named)) == ["list", "named[0]", "named[1]"]


@promise("map-2")
@pytest.mark.parametrize(
    ("value", "results"),
    [
        ([1, 2], [1, 2]),
        ((1, 2), [1, 2]),
        (range(2), [0, 1]),
        ({"a": 1, "b": 2}, [("a", 1), ("b", 2)]),
    ],
)
def test_these_can_be_mapped(place: Place, value: Any, results: list[Any]) -> None:
    dag = mapped_over(value, app.source, name="each")
    assert result_of(place, dag) == ["list", *results]


@promise("map-2")
@pytest.mark.parametrize(("value", "kind"), [("text", "str"), (7, "int"), (None, "NoneType")])
def test_anything_else_fails_with_what_to_return(place: Place, value: Any, kind: str) -> None:
    report = place.run(mapped_over(value, app.ten_times))
    text = (
        f"Task 'ten_times' is mapped over the result of 'source', which is of type {kind}. "
        "Return a list, tuple, range or dict."
    )
    assert report.error == ("MapError", text)


@promise("map-3")
def test_tasks_over_are_taken_together_and_others_whole(place: Place) -> None:
    with DAG("mapped") as dag:
        first, second = app.source.bind("a", value=[1, 2]), app.source.bind("b", value=[3, 4])
        [first, second] >> (together := app.pair.map(over=(first, second), name="together"))
        [first, second] >> (whole := app.pair.map(name="whole"))
        [together, whole] >> app.pair
    assert result_of(place, dag) == [[[1, 3], [2, 4]], [[1, [3, 4]], [2, [3, 4]]]]


@promise("map-3")
def test_lists_of_different_lengths_fail(place: Place) -> None:
    with DAG("mapped") as dag:
        first, second = app.source.bind("a", value=[1, 2]), app.source.bind("b", value=[3])
        [first, second] >> app.pair.map(over=(first, second))
    error = place.run(dag).error
    assert error is not None
    assert error[0] == "MapError"
    assert "there are 2 of 'a' and 1 of 'b'" in error[1]


@promise("map-4")
def test_a_map_behind_a_map_is_item_by_item(place: Place) -> None:
    with DAG("mapped") as dag:
        first = app.waits_for_next.map(name="first")
        app.source.bind("source", value=[0, 1]) >> first >> app.writes.map() >> app.gathered
    report = place.run(dag, diary=True)
    assert report.diary == [0, 1]
    assert report.results is not None
    assert report.results["gathered"] == ["list", 0, 1]


@promise("map-5")
def test_flatten_maps_the_elements_of_the_lists(place: Place) -> None:
    with DAG("mapped") as dag:
        lists = app.listed.map()
        leaves = app.ten_times.map(flatten=True)
        app.source.bind("source", value=[2, 0, 3]) >> lists >> leaves >> app.gathered
    assert result_of(place, dag) == ["list", 0, 10, 0, 10, 20]


@promise("map-6")
def test_none_stands_for_an_item_without_a_result(place: Place) -> None:
    assert result_of(place, mapped_over([1, 2], app.unless_two)) == ["list", 1, None]
    dag = mapped_over([1, 2], app.not_two, failures="collect")
    assert result_of(place, dag) == ["list", 1, None]


@promise("map-7")
def test_a_mapped_parameter_reads_results_states_and_failures(place: Place) -> None:
    dag = mapped_over([1, 2], app.not_two, app.read, failures="collect", label="row {item}")
    states, failures = ["succeeded", "failed"], [[1, "row 2", "ValueError: it is two"]]
    values = [1, None]
    assert result_of(place, dag) == ["Mapped", 2, values, values, states, failures]


@promise("map-8")
def test_an_empty_list_is_a_success(place: Place) -> None:
    dag = mapped_over([], app.ten_times)
    assert result_of(place, dag) == ["list"]


@promise("map-8")
def test_a_skipped_upstream_task_skips_it(place: Place) -> None:
    with DAG("mapped") as dag:
        source = app.source.bind("source", value=[])
        source >> app.skipped >> app.ten_times.map() >> app.source.bind("behind")
    report = place.run(dag)
    assert report.results is not None
    assert (report.results["behind"], "ten_times" in report.results) == (None, False)


@promise("map-9")
def test_the_first_item_that_fails_fails_the_mapped_task(place: Place) -> None:
    dag = mapped_over([1, 2, 3], app.not_two)
    assert place.run(dag).error == ("ValueError", "it is two")


@promise("map-9")
def test_the_run_continues_as_the_dag_wants(place: Place) -> None:
    with DAG("mapped", on_failure="continue") as dag:
        source = app.source.bind("source", value=[2, 3])
        source >> app.not_two.map() >> app.gathered
        source >> app.writes.map()
    report = place.run(dag, diary=True)
    assert report.error == ("ValueError", "it is two")
    assert sorted(report.diary) == [2, 3]


@promise("map-10")
def test_items_have_their_own_retries_and_hooks(place: Place) -> None:
    dag = mapped_over([1, 2], app.twice_if_two, failures="collect")
    report = place.run(dag, diary=True)
    calls = [entry for entry in report.diary if isinstance(entry, int)]
    alerts = [entry for entry in report.diary if isinstance(entry, list)]
    assert sorted(calls) == [1, 2, 2]
    assert alerts == [["task_failed", "twice_if_two[1]", "it is two", 2]]


@promise("map-11")
def test_at_most_max_active_items_run_at_a_time(place: Place) -> None:
    dag = mapped_over(list(range(6)), app.alone, max_active=1)
    assert place.run(dag, diary=True).diary == [0] * 6


@promise("map-12")
def test_a_mapped_task_is_a_task_of_its_own(place: Place) -> None:
    with DAG("mapped") as dag:
        source = app.source.bind("source", value=[1, 2])
        [source, source >> app.source.bind("one")] >> app.pair.map(name="pairs")
        assert [task.name for task in dag.tasks] == ["source", "one", "pairs"]
        source >> app.ten_times.map() >> app.gathered
    assert result_of(place, dag) == ["list", 10, 20]
    with DAG("d") as alone:
        alone.add(app.ten_times.map())
    with pytest.raises(DAGError, match="no upstream task passes a result to it"):
        alone.indexed()
