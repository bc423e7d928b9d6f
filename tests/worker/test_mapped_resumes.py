"""Resuming runs with mapped tasks: which items run again, and which keep their results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from whole_run import WholeRun

from flowkit import DAG, task
from flowkit.core.states import TaskState

pytestmark = pytest.mark.slow  # each waits some tenths of a second for real Redis

Runs = Callable[..., WholeRun]
CALLS: list[Any] = []
BAD: set[Any] = set()
LISTS: list[list[Any]] = []


@pytest.fixture
def start(whole_runs: Runs) -> Runs:
    CALLS.clear()
    BAD.clear()
    LISTS.clear()
    return whole_runs


@task
def listed() -> list[Any]:
    """Return the next list, or the last one again."""
    CALLS.append("listed")
    return LISTS.pop(0) if len(LISTS) > 1 else LISTS[0]


@task
def first(number: Any) -> Any:
    CALLS.append(("first", number))
    if number in BAD:
        raise ValueError(f"{number} is bad")
    return number


@task
def second(number: Any) -> Any:
    CALLS.append(("second", number))
    return number


@task
def gather(found: list[Any]) -> list[Any]:
    CALLS.append("gather")
    return found


@task(at_most_once=True)
def once(number: Any) -> Any:
    CALLS.append(("once", number))
    if number in BAD:
        raise ValueError(f"{number} is bad")
    return number


@task(keep_result=False)
def fleeting(number: Any) -> Any:
    CALLS.append(("fleeting", number))
    return number


def chain(**options: Any) -> DAG:
    with DAG("chain") as dag:
        listed >> first.map(**options) >> second.map() >> gather
    return dag


def failed_run(start: Runs, **options: Any) -> WholeRun:
    LISTS[:] = [[1, 2, 3]]
    BAD.add(2)
    run = start(chain(**options))
    assert run.finish() == "failed"
    CALLS.clear()
    BAD.clear()
    return run


def test_only_items_that_failed_or_were_cut_short_run_again(start: Runs) -> None:
    run = failed_run(start)
    states = run.states()
    again = [n for n in (1, 2, 3) if states[f"first[{n - 1}]"] != "succeeded"]
    run.resume()
    assert run.finish() == "succeeded"
    assert run.result("gather") == [1, 2, 3]
    assert [call for call in CALLS if call[0] == "first"] == [("first", n) for n in again]
    assert "listed" not in CALLS
    assert run.record("first[1]").attempt == 2


@pytest.mark.parametrize("restarts", [False, True])
def test_an_item_that_is_named_runs_again_with_what_is_behind_it(
    start: Runs, restarts: bool
) -> None:
    LISTS[:] = [[1, 2, 3]]
    run = start(chain())
    assert run.finish() == "succeeded"
    CALLS.clear()
    run.resume("first[1]")
    assert run.finish(restarts=restarts) == "succeeded"
    assert CALLS == [("first", 2), ("second", 2), "gather"]
    assert run.result("gather") == [1, 2, 3]


def test_a_mapped_task_that_is_named_runs_all_its_items_again(start: Runs) -> None:
    LISTS[:] = [[1, 2]]
    run = start(chain())
    run.finish()
    CALLS.clear()
    run.resume("second")
    assert run.finish() == "succeeded"
    assert CALLS == [("second", 1), ("second", 2), "gather"]


@pytest.mark.parametrize("after", [[7], [7, 8, 9, 10], []])
def test_with_the_list_made_again_all_items_are_new(start: Runs, after: list[int]) -> None:
    LISTS[:] = [[1, 2], after]
    run = start(chain())
    run.finish()
    CALLS.clear()
    run.resume("listed")
    assert run.finish(restarts=True) == "succeeded"
    assert run.result("gather") == after
    firsts = [call for call in CALLS if call[0] == "first"]
    assert firsts == [("first", number) for number in after]
    run.resume("gather")  # the records of items that are gone are ignored
    assert run.finish(restarts=True) == "succeeded"


def test_at_most_once_items_stay_unless_they_are_named(start: Runs) -> None:
    LISTS[:] = [[1, 2, 3]]
    BAD.add(2)
    with DAG("charges") as dag:
        listed >> once.map(failures="collect") >> gather
    run = start(dag)
    assert run.finish() == "succeeded"
    assert run.result("gather") == [1, None, 3]
    BAD.clear()
    CALLS.clear()
    run.resume("gather")
    assert run.finish() == "succeeded"
    assert CALLS == ["gather"]
    run.resume("once[1]")
    assert run.finish() == "succeeded"
    assert CALLS == ["gather", ("once", 2), "gather"]
    assert run.result("gather") == [1, 2, 3]
    CALLS.clear()
    run.resume("once")
    assert run.finish() == "succeeded"
    assert CALLS == [("once", 1), ("once", 2), ("once", 3), "gather"]


def test_dropped_results_of_items_are_made_again(start: Runs) -> None:
    LISTS[:] = [[1, 2]]
    with DAG("fleeting") as dag:
        listed >> fleeting.map() >> second.map() >> gather
    run = start(dag)
    assert run.finish() == "succeeded"
    assert run.result("fleeting[0]") is None
    CALLS.clear()
    run.resume("second[0]")
    assert run.finish() == "succeeded"
    assert CALLS == [("fleeting", 1), ("second", 1), "gather"]


@pytest.mark.parametrize("lost", ["results", "inputs"])
def test_what_redis_has_lost_is_made_again(start: Runs, lost: str) -> None:
    run = failed_run(start)
    run.link.call("DEL", getattr(run.keys, lost)(run.run))
    run.resume()
    assert run.finish() == "succeeded"
    assert run.result("gather") == [1, 2, 3]
    assert "listed" in CALLS


def test_a_cancelled_map_continues(start: Runs) -> None:
    LISTS[:] = [[1, 2, 3]]
    run = start(chain(), window=1)
    run.turn()
    run.turn(limit=1)
    run.client.cancel(run.run)
    assert run.finish() == "cancelled"
    CALLS.clear()
    run.resume()
    assert run.finish() == "succeeded"
    assert run.result("gather") == [1, 2, 3]
    assert ("first", 1) not in CALLS
    assert run.record("first").state is TaskState.SUCCEEDED
