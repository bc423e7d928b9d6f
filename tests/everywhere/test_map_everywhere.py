"""What docs/promises.md says about mapped tasks: the same in each place."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

import map_app as app
import pytest
from everywhere_app import mark, wait_for
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


@promise("map-10")
def test_items_have_their_own_timeout(place: Place) -> None:
    dag = mapped_over([1], app.hangs, app.read, failures="collect")
    *_, states, ((_, _, error),) = result_of(place, dag)
    assert states == ["failed"]
    assert error.startswith("TaskTimeout: Task 'hangs[0]'")


@promise("map-10")
def test_items_have_their_own_cache_entry(place: Place) -> None:
    called = place.new_diary()
    for numbers, called_now in (([1, 2], [1, 2]), ([2, 3], [3])):
        dag = mapped_over([(str(called.path), number) for number in numbers], app.cached)
        assert result_of(place, dag) == ["list", *numbers]
        assert sorted(called.new()) == called_now


@promise("map-11")
def test_at_most_max_active_items_run_at_a_time(place: Place) -> None:
    with DAG("mapped", max_workers=2) as dag:
        source = app.source.bind("source", value=[0, 1, 2, 3])
        source >> app.alone.map(max_active=1)
        source >> wait_for.bind("first", awaited="item 0") >> mark.bind("behind")
    diary = place.run(dag, diary=True).diary
    items = [entry for entry in diary if entry.startswith("item")]
    assert items[0] == "item 0 before"
    assert sorted(items[1:]) == [f"item {number} after" for number in (1, 2, 3)]


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


@promise("map-14")
def test_a_resume_runs_the_items_without_a_result(place: Place) -> None:
    with DAG("mapped") as dag:
        app.listed_in >> app.broken_once.map(max_active=1) >> app.gathered
    run = place.resumable(dag)
    first = run.run()
    assert first.error == ("ValueError", "it is one")
    assert first.diary == ["listed", "item 0", "item 1"]
    run.diary.write("repaired")
    second = run.resume()
    assert second.diary == ["repaired", "item 1", "item 2"]
    assert second.results is not None
    assert second.results["gathered"] == ["list", 0, 10, 20]
    run.diary.write("longer")
    third = run.resume(from_task="listed_in")
    assert third.diary == ["longer", "listed", *(f"item {number}" for number in range(4))]
    assert third.results is not None
    assert third.results["gathered"] == ["list", 0, 10, 20, 30]


@promise("map-14")
def test_a_resume_of_a_success_runs_the_items_that_failed(place: Place) -> None:
    """It refused: the run had succeeded, so there was nothing to resume."""
    with DAG("mapped") as dag:
        app.listed_in >> app.broken_once.map(failures="collect", max_active=1) >> app.gathered
    run = place.resumable(dag)
    first = run.run()
    assert first.results is not None
    assert first.results["gathered"] == ["list", 0, None, 20]
    run.diary.write("repaired")
    second = run.resume()
    assert second.diary == ["repaired", "item 1"]
    assert second.results is not None
    assert second.results["gathered"] == ["list", 0, 10, 20]
    assert run.is_done(), "a resume of a run without failures is refused, or runs nothing"


@promise("map-15")
def test_a_mapped_task_is_one_node_with_the_states_of_its_items(place: Place) -> None:
    dag = mapped_over([1, 2], app.not_two, app.read, failures="collect")
    report = place.run(dag)
    assert report.results is not None
    counts = Counter(report.results["read"][4])
    for drawing in _drawings(dag, {"not_two": counts}):
        assert "2/2 items, 1 failed" in drawing
        assert "not_two[0]" not in drawing
    if report.handle is not None:
        for drawing in _drawings(report.handle.status()):
            assert "2/2 items, 1 failed" in drawing
            assert "not_two[0]" not in drawing


def _drawings(drawn: Any, *states: Any) -> list[str]:
    return [
        draw(*states) for draw in (drawn.visualize, drawn.to_mermaid, drawn.to_dot, drawn.to_svg)
    ]


@promise("map-16", "map-17", "map-18")
def test_commands_show_the_items_of_a_run(with_workers: Place) -> None:
    with DAG(f"sight-{uuid.uuid4().hex}") as dag:
        items = app.not_two.map(failures="collect", label="row {item}")
        app.source.bind("source", value=[2, 1, 2]) >> items
    run = with_workers.run(dag).handle
    assert run is not None
    lines = with_workers.command("status", run.run_id).splitlines()
    (row,) = [line for line in lines if line.startswith("not_two")]
    assert "3 items: 1 succeeded, 2 failed" in row
    assert row.split()[1].count("━") > 5
    lines = with_workers.command("status", run.run_id, "--items", "failed").splitlines()
    rows = [line.split() for line in lines if line.startswith("not_two")]
    assert [row[:4] for row in rows] == [
        ["not_two[0]", "row", "2", "failed"],
        ["not_two[2]", "row", "2", "failed"],
    ]
    assert all(" ".join(row).endswith("ValueError: it is two") for row in rows)
    dead = ("dead", "ls", "--dag", dag.name)
    assert with_workers.command(*dead).count("it is two") == 1
    assert with_workers.command(*dead, "--items").count("it is two") == 2


@promise("map-19")
def test_a_cancel_ends_the_items(place: Place) -> None:
    dag = mapped_over([0, 1, 2], app.holds, mark.bind("behind"), max_active=1)
    report = place.run_and_cancel(dag, when="item 0", then="go on")
    assert report.diary == ["item 0"]
    if report.handle is not None:
        assert report.states["holds"] == report.states["behind"] == "cancelled"
        states = [item.state.value for item in report.handle.items("holds")]
        assert states == ["succeeded", "cancelled", "cancelled"]


RUNS = {
    "ok": {"unless_failed", "if_all", "if_any", "in_any_case"},
    "skip": {"unless_failed", "if_any", "in_any_case"},
    "bad": {"if_any", "in_any_case"},
}


@promise("map-20")
@pytest.mark.parametrize("how", RUNS)
def test_a_trigger_decides_for_all_items(place: Place, how: str) -> None:
    with DAG("mapped", on_failure="continue") as dag:
        source = app.source.bind("source", value=[0, 1])
        other = app.source.bind("how", value=how) >> app.other
        for task in (app.unless_failed, app.if_all, app.if_any, app.in_any_case):
            [source, other] >> task.map(over=source)
        other >> app.in_any_case.map(name="over_other")
    value = how if how == "ok" else None
    expected = [[f"{name}[{index}]", index, value] for name in RUNS[how] for index in (0, 1)]
    report = place.run(dag, diary=True)
    assert sorted(report.diary) == sorted(expected)
    if place.on_redis:
        ends = {"ok": "failed", "skip": "skipped", "bad": "upstream_failed"}
        blocked = dict.fromkeys(RUNS["ok"] - RUNS[how], ends[how])
        wanted = dict.fromkeys(RUNS[how], "succeeded") | blocked | {"over_other": ends[how]}
        assert {name: report.states[name] for name in wanted} == wanted


@promise("map-20")
def test_items_behind_items_and_tasks_behind_have_triggers(place: Place) -> None:
    with DAG("mapped") as dag:
        items = app.skips_one_fails_two.map(failures="collect")
        app.source.bind("source", value=[0, 1, 2]) >> items
        items >> app.unless_failed.map(failures="collect")
        items >> app.in_any_case.map()
    report = place.run(dag, diary=True)
    items_run = [
        [f"in_any_case[{index}]", value, None] for index, value in enumerate([0, None, None])
    ]
    assert sorted(report.diary, key=str) == [*items_run, ["unless_failed[0]", 0, None]]


@promise("map-20")
def test_a_task_behind_a_map_that_failed_may_run(place: Place) -> None:
    dag = mapped_over([2], app.not_two, app.after_all)
    report = place.run(dag, diary=True)
    assert report.error == ("ValueError", "it is two")
    assert report.diary == [["after", None]]
