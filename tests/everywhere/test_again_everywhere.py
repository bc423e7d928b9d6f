"""Tasks that come again: ``return flowkit.again(delay, memory=…)``."""

from __future__ import annotations

import uuid

import again_app as app
import everywhere_app
import pytest
from places import Place

from flowkit import DAG

promise = pytest.mark.promise


@promise("task-25")
def test_each_time_it_gets_what_it_kept(place: Place) -> None:
    with DAG("pages") as dag:
        app.pages >> app.after
    report = place.run(dag, diary=True)
    rows = ["row 0", "row 1", "row 2"]
    assert report.results == {"pages": rows, "after": [rows]}
    assert report.diary == [[1, 0, 0], [2, 1, 1], [3, 2, 2]]


@promise("task-25")
def test_async_tasks_come_again_too(place: Place) -> None:
    report = place.run(DAG("async", tasks=[app.pages_async]), diary=True)
    assert report.results == {"pages_async": "done"}
    assert report.diary == [[1, 0, None], [2, 1, 1], [3, 2, 2]]


@promise("task-25")
def test_its_condition_is_asked_at_the_first_attempt_only(place: Place) -> None:
    with DAG("condition") as dag:
        everywhere_app.give.bind("one", value=1) >> app.conditional
    report = place.run(dag)
    assert report.results == {"one": 1, "conditional": 1}


@promise("task-26")
def test_each_time_it_has_all_its_retries_and_a_retry_has_the_memory(place: Place) -> None:
    report = place.run(DAG("flaky", tasks=[app.flaky]), diary=True)
    assert report.results == {"flaky": "done"}
    kept = [None, None, "kept 2", "kept 2", "kept 4", "kept 4"]
    assert report.diary == [[number, (number - 1) // 2, kept[number - 1]] for number in range(1, 7)]


@promise("task-26")
def test_failures_after_it_end_the_task(place: Place) -> None:
    report = place.run(DAG("fails", tasks=[app.fails_later]), diary=True)
    assert report.error == ("ConnectionError", "gone for good")
    assert report.diary == [[1, None], [2, "kept"], [3, "kept"]]


@promise("task-27")
def test_times_bounds_it_and_the_limit_is_no_failure_to_retry(place: Place) -> None:
    report = place.run(DAG("impatient", tasks=[app.impatient]), diary=True)
    assert report.diary == [0, 1, 2]
    assert report.error is not None
    kind, message = report.error
    assert kind == "AgainLimit"
    assert message.startswith(
        "Task 'impatient' is not done, and it has come again 2 times, as often as "
        "flowkit.again(times=2) allows. Allow more"
    )


def test_it_is_refused_within_a_list_with_the_same_sentence(place: Place) -> None:
    """In threads, such a list was an ordinary result."""
    report = place.run(DAG("list", tasks=[app.asks_in_a_list]))
    text = (
        "Task 'asks_in_a_list' returned flowkit.again(…) in a list. An Again must be returned by "
        "itself: return flowkit.again(…)."
    )
    assert report.error == ("IllegalValue", text)


def test_a_memory_that_cannot_be_stored_fails_without_a_retry(place: Place) -> None:
    if place.name == "thread":
        pytest.skip("in one process the memory is the object itself")
    report = place.run(DAG("lock", tasks=[app.keeps_a_lock]), diary=True)
    assert report.diary == [1]
    assert report.error is not None
    kind, message = report.error
    if place.on_redis:
        assert kind == "UnpackableValue"
        assert message.startswith("memory: <class '_thread.lock'> cannot be stored.")
    else:
        assert kind == "IllegalValue"
        assert "cannot be sent back" in message


def test_an_at_most_once_task_must_not(place: Place) -> None:
    report = place.run(DAG("once", tasks=[app.once]))
    assert report.error is not None
    assert report.error[0] == "IllegalValue"
    assert "must start at most once (at_most_once=True), so it cannot come again" in report.error[1]


def test_a_hook_is_called_once(place: Place) -> None:
    report = place.run(DAG("hook", tasks=[app.has_a_hook]), diary=True)
    assert report.error == ("KeyError", "'no such row'")
    assert report.diary == ["task_failed"]


@promise("task-28")
def test_a_failure_of_the_run_cancels_what_waits(place: Place) -> None:
    """Each place has two workers: one is left for three tasks that wait."""
    names = ["wait_1", "wait_2", "wait_3"]
    waiting = [app.waits_long.bind(name) for name in names]
    with DAG("stops", tasks=waiting, max_workers=2) as dag:
        everywhere_app.give.bind("names", value=names) >> app.fails_beside
    report = place.run(dag, diary=True)
    assert report.error is not None
    assert report.error[0] == "KeyError"
    assert sorted(report.diary) == names
    if place.on_redis:
        assert {report.states[name] for name in names} == {"cancelled"}


@promise("task-28")
def test_a_cancel_does_not_wait_for_it(place: Place) -> None:
    report = place.run_and_cancel(DAG("stops", tasks=[app.waits_long]), when="waits_long")
    assert report.diary == ["waits_long"]
    if place.on_redis:
        assert report.states["waits_long"] == "cancelled"


def test_no_memory_is_none_again(place: Place) -> None:
    report = place.run(DAG("cleared", tasks=[app.cleared]), diary=True)
    assert report.diary == [None, "first", None]


def test_the_cache_is_not_read_once_it_has_begun(place: Place) -> None:
    key = uuid.uuid4().hex
    dag = DAG("cached", tasks=[app.cached])
    first = place.run(dag, {"key": key}, diary=True)
    assert (first.results, first.diary) == ({"cached": "done"}, [0, 1])
