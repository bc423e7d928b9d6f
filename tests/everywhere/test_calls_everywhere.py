"""Sub-flows mean the same in threads, in processes, on the embedded store and on Redis."""

from __future__ import annotations

import calls_app as app
import pytest
from places import Place

from flowkit import DAG
from flowkit.exceptions import DAGError


def alone(*tasks: object) -> DAG:
    return DAG("outer", tasks=list(tasks))  # type: ignore[arg-type]


def message(place: Place, dag: DAG, **params: object) -> str:
    """The error of a run that fails."""
    try:
        report = place.run(dag, params)
    except DAGError as error:  # raised by a run in this process, as all that a task raises
        return str(error)
    assert report.error is not None, report
    return report.error[1]


@pytest.mark.promise("call-2")
def test_a_task_returns_a_call_and_has_the_result_of_its_run(place: Place) -> None:
    assert place.run(alone(app.calls_one)).results == {"calls_one": 41}
    assert place.run(alone(app.calls_from_a_coroutine)).results == {"calls_from_a_coroutine": 41}


@pytest.mark.promise("call-2")
def test_without_a_name_it_has_the_results_of_all_tasks(place: Place) -> None:
    expected = {"calls_for_all": {"tenfold": 10, "increase": 11}}
    assert place.run(alone(app.calls_for_all)).results == expected


@pytest.mark.promise("call-3")
def test_a_list_of_calls_gives_the_list_of_their_results(place: Place) -> None:
    assert place.run(alone(app.calls_several)).results == {"calls_several": [0, 10, 20, 30, 40]}


@pytest.mark.promise("call-1")
def test_a_dag_is_a_node_of_another(place: Place) -> None:
    assert place.run(app.drawn, {"offset": 3}).results == {"first": 6, "sub": 91, "increase": 92}
    expected = {"plain sub": {"tenfold": 20, "increase": 21}}
    assert place.run(app.plain).results == expected


def test_a_skipped_task_is_none(place: Place) -> None:
    assert place.run(alone(app.calls_a_skipped_one)).results == {"calls_a_skipped_one": None}


@pytest.mark.promise("call-4")
def test_a_run_that_fails_is_a_failed_attempt(place: Place) -> None:
    text = message(place, alone(app.calls_a_frail_one))
    assert text.endswith(" failed: frail/refuse: ValueError: no number: -1")


@pytest.mark.promise("call-4")
def test_the_retries_of_the_task_count(place: Place) -> None:
    report = place.run(alone(app.calls_again), diary=True)
    assert report.results == {"calls_again": 1}
    assert report.diary.count("called") == 3
    assert message(place, app.retried).endswith("no number: -1")


@pytest.mark.promise("call-6")
def test_runs_are_a_hundred_deep_at_most(place: Place) -> None:
    dag = alone(app.goes_down)
    assert place.run(dag, {"depth": 100}).results == {"goes_down": 7}
    assert "100 calls deep, which is the limit" in message(place, dag, depth=101)


def test_what_cannot_be_called_is_refused_with_a_sentence(place: Place) -> None:
    assert "returned 1,001 calls; the limit is 1,000" in message(place, alone(app.calls_too_many))
    assert "in which item 1 is none but 1" in message(place, alone(app.mixes))
    wrong = alone(app.calls_wrongly)
    assert "DAG 'inner' has no task 'nothing'" in message(place, wrong, how="result")
    assert "colour" in message(place, wrong, how="parameter")
    assert "keep_result=False" in message(place, wrong, how="dropped")


def test_a_call_inside_of_a_value_is_refused_on_workers(place: Place) -> None:
    if not place.on_redis:
        pytest.skip("in one process, any value may be a result")
    assert "Return it by itself, or in a list" in message(place, alone(app.hides))


@pytest.mark.promise("call-5")
def test_a_failure_of_the_run_stops_what_it_has_called(place: Place) -> None:
    report = place.run(alone(app.calls_a_slow_one, app.fails_soon), diary=True)
    assert report.error == ("RuntimeError", "something else fails")
    assert "later" not in report.diary


def test_a_child_has_its_own_identity_and_parameters(place: Place) -> None:
    result = place.run(alone(app.asks_who)).results
    assert result == {"asks_who": ["tells_who", 1, {"diary": "x"}]}


def test_a_direct_call_returns_the_call() -> None:
    assert app.calls_one() == app.inner.call({"number": 4}, "increase")
