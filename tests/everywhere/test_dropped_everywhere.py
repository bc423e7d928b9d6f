"""Results that are not kept: gone at the end of a run, there for every attempt that takes them."""

from __future__ import annotations

import pytest
import values_app as app
from places import DEADLINE_S, Place

from flowkit import DAG
from flowkit.core.states import RunState
from flowkit.exceptions import FlowkitError


def dag() -> DAG:
    with DAG("dropping", on_failure="continue") as made:
        app.bulky >> [app.sum_of, app.length_of]
        made.add(app.nothing)
    return made


def test_a_retried_task_gets_a_result_that_the_run_does_not_keep(place: Place) -> None:
    report = place.run(dag(), diary=True)
    assert report.diary == [[0, 1, 2]]
    assert report.results == {"sum_of": 3, "length_of": 3}


def test_a_dropped_result_is_refused_with_a_sentence(place: Place) -> None:
    if place.client is None:
        pytest.skip("there is no handle")
    handle = place.client.submit(dag())
    assert handle.wait(DEADLINE_S) is RunState.SUCCEEDED
    for name in ("bulky", "nothing"):
        with pytest.raises(FlowkitError, match=rf"task '{name}' of run .* was dropped when all"):
            handle.result(name)
    assert handle.result("sum_of") == 3
    with handle.shard.store() as store:
        stored = store.link.call("HLEN", store.keys.results(handle.run_id))
    assert stored == 2


def test_a_resume_makes_a_dropped_result_again(place: Place) -> None:
    if place.client is None:
        pytest.skip("see tests/library/test_keep_result.py")
    handle = place.client.submit(dag(), params={"unlucky": True})
    assert handle.wait(DEADLINE_S) is RunState.FAILED
    handle.resume()
    assert handle.wait(DEADLINE_S) is RunState.SUCCEEDED
    attempts = {task.name: task.attempt for task in handle.status().tasks}
    assert attempts == {"bulky": 2, "sum_of": 3, "length_of": 2, "nothing": 1}
    assert handle.results() == {"sum_of": 3, "length_of": 3}
