"""Sub-flows mean the same in threads, in processes, on the embedded store and on Redis."""

from __future__ import annotations

import re
from typing import Any

import calls_app as app
import pytest
from places import Place, Report

from flowkit import DAG
from flowkit.exceptions import DAGError
from flowkit.execution.child_ids import child_run_id

promise = pytest.mark.promise


def alone(*tasks: Any, max_workers: int = 1) -> DAG:
    """One thread, or one process for each DAG, is enough: a task that waits holds none."""
    return DAG("outer", tasks=list(tasks), max_workers=max_workers)


def message(place: Place, dag: DAG, **params: object) -> str:
    """The error of a run that fails."""
    try:
        report = place.run(dag, params)
    except DAGError as error:  # raised by a run in this process, as all that a task raises
        return str(error)
    assert report.error is not None, report
    return report.error[1]


@promise("call-2")
def test_a_task_returns_a_call_and_has_the_result_of_its_run(place: Place) -> None:
    assert place.run(alone(app.calls_one)).results == {"calls_one": 41}
    assert place.run(alone(app.calls_from_a_coroutine)).results == {"calls_from_a_coroutine": 41}


@promise("call-2")
def test_without_a_name_it_has_the_results_of_all_tasks(place: Place) -> None:
    expected = {"calls_for_all": {"tenfold": 10, "increase": 11}}
    assert place.run(alone(app.calls_for_all)).results == expected


@promise("call-3")
def test_a_list_of_calls_gives_the_list_of_their_results(place: Place) -> None:
    assert place.run(alone(app.calls_several)).results == {"calls_several": [0, 10, 20, 30, 40]}


@promise("call-1")
def test_a_dag_is_a_node_of_another(place: Place) -> None:
    assert place.run(app.drawn, {"offset": 3}).results == {"first": 6, "sub": 91, "increase": 92}
    expected = {"plain sub": {"tenfold": 20, "increase": 21}}
    assert place.run(app.plain).results == expected


@promise("call-1", "task-25")
def test_items_call_runs_and_come_again(place: Place) -> None:
    results = place.run(app.of_items).results
    assert results == {"numbers": [4, 5], "each": [41, 51], "comes_again": [[4, -4], [5, -5]]}


def test_a_skipped_task_is_none(place: Place) -> None:
    assert place.run(alone(app.calls_a_skipped_one)).results == {"calls_a_skipped_one": None}


@promise("call-4")
def test_a_run_that_fails_is_a_failed_attempt(place: Place) -> None:
    text = message(place, alone(app.calls_a_frail_one))
    assert text.endswith(" failed: frail/refuse: ValueError: no number: -1")


@promise("call-4")
def test_the_retries_of_the_task_count(place: Place) -> None:
    report = place.run(alone(app.calls_again), diary=True)
    assert report.results == {"calls_again": 1}
    assert report.diary.count("called") == 3
    assert message(place, app.retried).endswith("no number: -1")


@promise("call-6", "call-9")
def test_runs_are_a_hundred_deep_at_most_and_hold_no_worker(place: Place) -> None:
    """One thread or process here, and the two processes of the workers: far fewer than runs."""
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


def test_a_call_inside_of_a_value_is_refused(place: Place) -> None:
    """In one process, it passed as a plain value, and nothing was run."""
    for task, path in ((app.hides, "result['call']"), (app.hides_deeply, "result[1]['calls'][0]")):
        assert message(place, alone(task)) == (
            f"{path}: <class 'flowkit.definition.calls.Call'> cannot be stored. Return it by "
            "itself, or in a list that has nothing but calls: return [dag.call(…), …]."
        )


@promise("call-5")
def test_a_failure_of_the_run_stops_what_it_has_called(place: Place) -> None:
    dag = alone(app.calls_one_that_waits, app.fails_beside, max_workers=2)
    report = place.run(dag, diary=True)
    assert report.error == ("RuntimeError", "something else fails")
    assert report.diary == ["waits"]
    check_children(report, "cancelled")


@promise("call-5")
def test_a_cancel_of_the_run_stops_what_it_has_called(place: Place) -> None:
    report = place.run_and_cancel(alone(app.calls_one_that_waits), when="waits")
    assert report.diary == ["waits"]
    check_children(report, "cancelled")


def check_children(report: Report, *states: str) -> None:
    """Check the states of what the run has called, where there is a store to ask."""
    if report.handle is not None:
        assert [child.state for child in report.handle.children()] == list(states)


@promise("call-7")
def test_a_resume_continues_in_what_it_has_called(place: Place) -> None:
    run = place.resumable(alone(app.calls_two))
    first = run.run()
    assert first.error is not None
    assert first.error[1].endswith(" failed: breaking/breaks: ValueError: no number: -1")
    assert sorted(first.diary, key=str) == [-1, 1, "called"]
    run.diary.write("repaired")
    second = run.resume()
    assert second.results == {"calls_two": [1, -1]}
    called = [-1] if place.on_redis else [-1, "called"]
    assert sorted(second.diary[1:], key=str) == called
    check_children(second, "succeeded", "succeeded")
    if place.on_redis:
        third = run.resume(from_task="calls_two")
        assert sorted(third.diary, key=str) == [-1, 1, "called"]


@promise("call-8")
def test_the_error_names_the_way_to_the_task_that_failed(place: Place) -> None:
    text = message(place, alone(app.calls_the_middle))
    way = "middle/calls_a_frail_one → frail/refuse: ValueError: no number: -1"
    assert re.fullmatch(rf"run \w+ failed: {way}", text)


@promise("call-10")
def test_the_ids_of_runs_follow_from_the_attempt_that_calls_them(place: Place) -> None:
    report = place.run(alone(app.asks_for_runs), diary=True)
    assert report.results is not None
    (parent, _), (same, attempt) = report.diary
    assert (parent, attempt) == (same, 2)
    life = "" if report.handle is None else str(report.handle.record().submitted_ms)
    expected = [child_run_id(parent, life, (0, attempt), position) for position in (0, 1)]
    assert report.results["asks_for_runs"] == expected
    if report.handle is not None:
        assert [child.run_id for child in report.handle.children()] == expected


@promise("call-11")
def test_runs_are_listed_with_what_they_have_called(with_workers: Place) -> None:
    run = with_workers.run(alone(app.calls_several)).handle
    assert run is not None
    children = run.children()
    assert [(child.task, child.dag_name) for child in children] == [("calls_several", "inner")] * 5
    parent = with_workers.client.run(children[0].run_id).parent()
    assert parent is not None
    assert (parent.run_id, run.parent()) == (run.run_id, None)
    status = with_workers.command("status", run.run_id)
    assert all(child.run_id in status for child in children)
    of_child = with_workers.command("status", children[0].run_id)
    assert re.search(rf"^Child of: +{run.run_id} \(task calls_several\)", of_child, re.MULTILINE)
    assert children[0].run_id not in with_workers.command("ls", "--limit", "20")
    assert children[0].run_id in with_workers.command("ls", "--limit", "20", "--children")


def test_a_child_has_its_own_identity_and_parameters(place: Place) -> None:
    result = place.run(alone(app.asks_who)).results
    assert result == {"asks_who": ["tells_who", 1, {"diary": "x"}]}


def test_a_direct_call_returns_the_call() -> None:
    assert app.calls_one() == app.inner.call({"number": 4}, "increase")
