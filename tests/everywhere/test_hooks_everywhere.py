"""Hooks: which one is called, with what, and that none of them changes how a run ends."""

from __future__ import annotations

import everywhere_app as app
import pytest
from places import Place

from flowkit import DAG
from flowkit.definition.hooks import Hooks

NO_ROW = ["KeyError", "'no such row'"]
NOTHING = ["", ""]


@pytest.mark.promise("dag-21")
@pytest.mark.parametrize("policy", ["stop", "continue"])
def test_the_hook_of_a_task_is_called_on_its_failure(place: Place, policy: str) -> None:
    with DAG("hooked", on_failure=policy) as dag:
        dag.add(app.fails)
    report = place.run(dag, diary=True)
    assert report.error == tuple(NO_ROW)
    assert report.diary == [["task_failed", "hooked", "fails", 1, *NO_ROW]]


def test_it_is_called_once_after_the_last_attempt(place: Place) -> None:
    with DAG("hooked") as dag:
        dag.add(app.fails_twice)
    assert place.run(dag, diary=True).diary == [
        ["task_failed", "hooked", "fails_twice", 2, *NO_ROW]
    ]


def test_it_is_not_called_on_success_and_adds_no_result(place: Place) -> None:
    with DAG("hooked") as dag:
        dag.add(app.succeeds)
    report = place.run(dag, diary=True)
    assert report.results == {"succeeds": 7}
    assert report.diary == []


def test_it_is_not_called_for_a_task_that_never_started(place: Place) -> None:
    with DAG("hooked") as dag:
        app.fails >> app.hooked_after
    names = [entry[2] for entry in place.run(dag, diary=True).diary]
    assert names == ["fails"]


@pytest.mark.promise("task-23", "dag-21")
def test_it_is_called_on_a_timeout(place: Place) -> None:
    """On workers and in processes the attempt's own process is gone by then."""
    with DAG("hooked") as dag:
        dag.add(app.hangs)
    (entry,) = place.run(dag, diary=True).diary
    assert entry[:5] == ["task_failed", "hooked", "hangs", 1, "TaskTimeout"]


@pytest.mark.promise("dag-21")
def test_the_hooks_of_a_run_that_succeeds(place: Place) -> None:
    with DAG("hooked", hooks=app.HOOKS) as dag:
        app.end >> app.only_without
    report = place.run(dag, diary=True)
    assert report.results == {"end": "ok"}
    assert report.diary == [
        ["task_skipped", "hooked", "only_without", 1, *NOTHING],
        ["run_succeeded", "hooked", None, 0, *NOTHING],
    ]


@pytest.mark.promise("dag-21")
@pytest.mark.parametrize("policy", ["stop", "continue"])
def test_the_hooks_of_a_run_that_fails(place: Place, policy: str) -> None:
    with DAG("hooked", on_failure=policy, hooks=app.HOOKS) as dag:
        dag.add(app.fails_twice)
    report = place.run(dag, diary=True)
    assert report.error == tuple(NO_ROW)
    retries = [entry for entry in report.diary if entry[0] == "retry"]
    assert retries == [["retry", "fails_twice", 1, "KeyError", True]]
    assert [entry for entry in report.diary if entry[0] != "retry"] == [
        ["task_failed", "hooked", "fails_twice", 2, *NO_ROW],
        ["run_failed", "hooked", "fails_twice", 2, *NO_ROW],
    ]


def test_it_is_called_on_a_skip_by_the_trigger(place: Place) -> None:
    with DAG("hooked", hooks=Hooks(on_skip=app.note)) as dag:
        app.end >> app.only_without >> app.all_succeeded
    names = [(entry[2], entry[3]) for entry in place.run(dag, diary=True).diary]
    assert sorted(names) == [("all_succeeded", 0), ("only_without", 1)]


@pytest.mark.promise("dag-21")
def test_failing_hooks_do_not_change_a_success(place: Place) -> None:
    with DAG("hooked", hooks=app.BROKEN) as dag:
        app.end >> app.only_without >> app.after
    assert place.run(dag).results == {"end": "ok", "after": None}


@pytest.mark.promise("dag-21")
@pytest.mark.parametrize("policy", ["stop", "continue"])
def test_failing_hooks_do_not_change_a_failure(place: Place, policy: str) -> None:
    with DAG("hooked", on_failure=policy, hooks=app.BROKEN) as dag:
        dag.add(app.fails_with_broken_hook)
    assert place.run(dag).error == tuple(NO_ROW)


def test_a_hook_that_is_a_task_has_its_retries(place: Place) -> None:
    with DAG("hooked", hooks=Hooks(on_failure=app.tried_hook)) as dag:
        dag.add(app.fails)
    entries = place.run(dag, diary=True).diary
    assert [entry for entry in entries if entry[0] == "run_failed"] == [
        ["run_failed", 1],
        ["run_failed", 2],
    ]


def test_a_retry_hook_that_exits_does_not_stop_anything(place: Place) -> None:
    """It once ended a worker's process at each retry, with nobody to blame, forever."""
    with DAG("hooked", hooks=Hooks(on_retry=app.exiting_hook)) as dag:
        dag.add(app.fails_twice)
    assert place.run(dag).error == tuple(NO_ROW)


def test_an_error_is_described_the_same_everywhere(place: Place) -> None:
    with DAG("hooked") as dag:
        dag.add(app.fails_oddly)
    (entry,) = place.run(dag, diary=True).diary
    assert entry == ["task_failed", "hooked", "fails_oddly", 1, "OddError", "503 busy"]
