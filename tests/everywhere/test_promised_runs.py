"""What docs/promises.md says about a run that succeeds, and about conditions and retries."""

from __future__ import annotations

from pathlib import Path

import everywhere_app as app
import pytest
from places import Place

from flowkit import DAG, DAGCycleError, Task
from flowkit.exceptions import ParameterError

promise = pytest.mark.promise


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> list[Task]:
    """An empty registry, for the DAG that covers all registered tasks."""
    tasks: list[Task] = []
    monkeypatch.setattr(Task, "_all_tasks", tasks)
    return tasks


# -- results -----------------------------------------------------------------------------------


@promise("dag-7")
def test_run_returns_the_results_by_task_name(place: Place) -> None:
    with DAG("chain") as dag:
        app.give.bind("first", value=7) >> app.after
    assert dag.run(**place.options) == {"first": 7, "after": 7}


@promise("dag-2")
def test_a_dag_with_no_tasks_of_its_own_covers_all_registered_ones(
    place: Place, registry: list[Task]
) -> None:
    dag = DAG()
    app.give.bind("first", value=1) >> app.none_failed.bind("last")
    app.give.bind("alone", value=2)
    assert [task.name for task in registry] == ["first", "last", "alone"]
    assert dag.visualize().count("Upstream:") == 3
    assert place.run(dag).results == {"first": 1, "last": [1], "alone": 2}


@promise("dag-4")
def test_a_task_may_take_part_in_several_dags(place: Place) -> None:
    last = app.none_failed.bind("last")
    a, b = app.give.bind("a", value=1), app.give.bind("b", value=2)
    with DAG("one") as item:
        a >> last
    with DAG("two") as two:
        [b, a] >> last
    assert place.run(item).results == {"a": 1, "last": [1]}
    assert place.run(two).results == {"a": 1, "b": 2, "last": [2, 1]}


@promise("dag-10")
def test_an_empty_dag_gives_nothing(place: Place, registry: list[Task]) -> None:
    assert registry == []
    assert place.run(DAG("empty")).results == {}


@promise("dag-11")
def test_results_come_as_positional_arguments_in_the_order_of_the_edges(place: Place) -> None:
    """Neither the order of the names counts nor that in which the tasks end."""
    with DAG("order", max_workers=2) as dag:
        last = app.none_failed.bind("last")
        app.wait_for.bind("slow", awaited='"quick"') >> last
        app.mark.bind("quick") >> last
        app.give.bind("a", value="a") >> last
    report = place.run(dag, diary=True)
    assert [name for name in report.diary if name in ("quick", "slow")] == ["quick", "slow"]
    assert report.results is not None
    assert report.results["last"] == ["slow", "quick", "a"]


@promise("dag-12")
def test_a_skipped_task_is_absent_and_its_downstream_tasks_get_none(place: Place) -> None:
    with DAG("skipped") as dag:
        small = app.give.bind("small", value=-1)
        small >> app.by_first >> app.none_failed.bind("last")
    assert place.run(dag).results == {"small": -1, "last": [None]}


@promise("dag-13")
def test_a_task_that_returned_none_is_present_with_none(place: Place) -> None:
    with DAG("none") as dag:
        app.give >> app.none_failed.bind("last")
    assert place.run(dag).results == {"give": None, "last": [None]}


@promise("dag-18")
def test_a_cycle_raises_before_anything_runs_and_its_message_spells_it(
    place: Place, tmp_path: Path
) -> None:
    with DAG("loop") as dag:
        a, b = app.mark.bind("a"), app.mark.bind("b")
        app.mark.bind("before") >> a >> b >> a
    with pytest.raises(DAGCycleError, match="a -> b -> a") as caught:
        place.run(dag, {"diary": str(tmp_path / "ran")})
    assert caught.value.path == ("a", "b", "a")
    assert not (tmp_path / "ran").exists()


# -- arguments ---------------------------------------------------------------------------------


@promise("dag-19")
def test_run_parameters_reach_the_tasks_that_declare_them(place: Place) -> None:
    with DAG("params") as dag:
        app.give.bind("ada", value="Ada") >> app.greet  # what an edge fills is filled
        dag.add(app.greet.bind("eve", name="Eve", greeting="Bye"))  # and what bind has fixed
        dag.add(app.give)
    results = place.run(dag, {"greeting": "Hi", "end": ".", "value": 1}).results
    assert results == {"ada": "Ada", "greet": "Hi, Ada.", "eve": "Bye, Eve.", "give": 1}


@promise("dag-19")
def test_parameters_that_do_not_fit_are_refused_before_anything_runs(
    place: Place, tmp_path: Path
) -> None:
    dag = DAG("params")
    dag.add(app.mark)
    dag.add(app.greet)
    ran = {"diary": str(tmp_path / "ran")}
    with pytest.raises(ParameterError, match=r"'nmae'.*mean 'name'"):
        place.run(dag, {**ran, "nmae": "Ada"})
    with pytest.raises(ParameterError, match="lacks its parameter 'name'"):
        place.run(dag, ran)
    assert not (tmp_path / "ran").exists()


@promise("task-21")
def test_bind_makes_more_tasks_of_one_function(place: Place) -> None:
    with DAG("bound") as dag:
        twice = [app.greet.bind(f"greet_{name}", name=name) for name in ("Ada", "Eve")]
        twice >> app.none_failed.bind("last")
    greetings = ["Hello, Ada!", "Hello, Eve!"]
    assert place.run(dag).results == {
        **dict(zip(("greet_Ada", "greet_Eve"), greetings, strict=True)),
        "last": greetings,
    }


@promise("task-20")
def test_async_tasks_run_at_the_same_time_and_give_results(place: Place) -> None:
    """Three that wait for each other, where there are two processes."""
    with DAG("async", max_workers=3) as dag:
        party = [app.meet.bind(f"meet_{n}", party=3) for n in range(3)]
        party >> app.none_failed.bind("last")
    names = [task.name for task in party]
    assert place.run(dag, diary=True).results == {**{name: name for name in names}, "last": names}


# -- conditions --------------------------------------------------------------------------------


@promise("task-10")
@pytest.mark.parametrize(("values", "runs"), [((1, -1), True), ((-1, 1), False)])
def test_a_condition_with_one_parameter_sees_the_first_upstream_result(
    place: Place, values: tuple[int, int], runs: bool
) -> None:
    assert decided(place, app.by_first, values) == (list(values) if runs else "skipped")


@promise("task-11")
@pytest.mark.parametrize(
    ("task", "values", "runs"),
    [
        (app.by_two, (1, 2, -9), True),
        (app.by_two, (2, 1, 99), False),
        (app.by_all, (-1, -1, 3), True),
        (app.by_all, (1, 1, -3), False),
    ],
)
def test_a_condition_with_more_parameters_sees_as_many_results(
    place: Place, task: Task, values: tuple[int, ...], runs: bool
) -> None:
    assert decided(place, task, values) == (list(values) if runs else "skipped")


def decided(place: Place, task: Task, values: tuple[int, ...]) -> object:
    """Return the result of a conditional task with these upstream results, or "skipped"."""
    with DAG("conditions") as dag:
        [app.give.bind(f"give_{at}", value=value) for at, value in enumerate(values)] >> task
    results = place.run(dag).results
    assert results is not None
    assert len(results) == len(values) + (task.name in results)
    return results.get(task.name, "skipped")


@promise("task-12")
def test_a_conditional_task_without_upstream_tasks_is_skipped(place: Place) -> None:
    dag = DAG("alone")
    dag.add(app.by_all)
    dag.add(app.give.bind("beside", value=1))
    assert place.run(dag).results == {"beside": 1}


@promise("task-14")
def test_a_condition_that_raises_fails_the_task_without_a_retry(place: Place) -> None:
    with DAG("undecided") as dag:
        app.give.bind("start", value=7) >> app.undecided >> app.mark
    report = place.run(dag, diary=True)
    error = ("LookupError", "the condition does not know 7")
    assert report.error == error
    assert report.diary == [["task_failed", "undecided", "undecided", 1, *error]]


# -- retries -----------------------------------------------------------------------------------


@promise("task-19")
@pytest.mark.parametrize(
    ("failures", "results", "error"),
    [(0, 1, None), (3, 4, None), (99, None, ("OSError", "attempt 4"))],
)
@pytest.mark.parametrize("task", [app.flaky, app.flaky_async], ids=["plain", "async"])
def test_retries_3_means_up_to_four_attempts(
    place: Place,
    task: Task,
    failures: int,
    results: int | None,
    error: tuple[str, str] | None,
) -> None:
    dag = DAG("flaky")
    dag.add(task)
    report = place.run(dag, {"failures": failures}, diary=True)
    assert report.results == (results and {task.name: results})
    assert report.error == error
    assert report.diary == [1, 2, 3, 4][: failures + 1]
