"""``flowkit.again`` in this process: its arguments, direct calls, runs under test, and events."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import pytest

import flowkit
from flowkit import DAG, Again, StateManager, current_attempt, task
from flowkit.codec.packing import UnpackableValue, pack
from flowkit.context import Attempt, attempt_scope
from flowkit.definition import functions
from flowkit.events.tasks import TaskAgain
from flowkit.exceptions import AgainLimit, IllegalValue
from flowkit.testing import call_task, run_dag


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"delay": "60"}, TypeError, r"again\(delay=…\) takes a number of seconds, not '60'"),
        ({"delay": None}, TypeError, "takes a number of seconds, not None"),
        ({"delay": True}, TypeError, "takes a number of seconds, not True"),
        ({"delay": -1}, ValueError, "takes 0 to 315360000 seconds"),
        ({"delay": float("nan")}, ValueError, "takes 0 to 315360000 seconds"),
        ({"delay": float("inf")}, ValueError, "takes 0 to 315360000 seconds"),
        ({"delay": 1, "times": "3"}, TypeError, r"again\(times=…\) takes a whole number or None"),
        ({"delay": 1, "times": True}, TypeError, "takes a whole number or None, not True"),
        ({"delay": 1, "times": 2.0}, TypeError, "takes a whole number or None, not 2.0"),
        ({"delay": 1, "times": 0}, ValueError, "return a result or raise an error"),
        ({"delay": 1, "times": 10**9}, ValueError, "takes 1 to 999,999,999"),
    ],
)
def test_wrong_arguments_are_refused_at_the_call(
    given: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        flowkit.again(**given)


def test_its_value_is_plain() -> None:
    value = flowkit.again(1, memory=[2], times=3)
    assert value == Again(1.0, [2], 3)
    assert pickle.loads(pickle.dumps(value)) == copy.deepcopy(value) == value
    with pytest.raises(AttributeError):
        value.delay = 5  # type: ignore[misc]


@pytest.mark.parametrize("value", [[flowkit.again(1)], {"a": (flowkit.again(1),)}])
def test_within_a_result_it_is_refused(value: object) -> None:
    with pytest.raises(UnpackableValue, match="Return it by itself, not as a part of another"):
        pack(value)


@task
def poll() -> object:
    now = current_attempt()
    return flowkit.again(60, memory=(now.memory or 0) + 1) if now.times < 3 else now.memory


def test_a_direct_call_returns_it_as_it_is() -> None:
    with attempt_scope(Attempt("r", "poll", 4, {}, memory=5, times=2)):
        assert poll() == flowkit.again(60, memory=6)


def test_call_task_plays_any_attempt() -> None:
    assert call_task(poll) == flowkit.again(60, memory=1)
    assert call_task(poll, memory=7, times=2) == flowkit.again(60, memory=8)
    assert call_task(poll, memory=7, times=3) == 7


def test_a_run_under_test_waits_on_its_own_clock() -> None:
    result = run_dag(DAG("polls", tasks=[poll]))
    assert result.results == {"poll": 3}
    assert result.elapsed == pytest.approx(180)
    assert result.attempts(poll) == 4
    assert result.tasks["poll"].agains == [60, 60, 60]
    assert result.delays(poll) == []
    assert str(result.tasks["poll"]) == "succeeded, 4 attempts, came again 3 times"


def test_a_run_under_test_sends_the_memory_through_the_codec() -> None:
    @task(retries=2)
    def keeps_a_lock() -> object:
        return flowkit.again(1, memory=threading.Lock())

    result = run_dag(DAG("lock", tasks=[keeps_a_lock]))
    assert isinstance(result.error, UnpackableValue)
    assert result.attempts(keeps_a_lock) == 1
    assert run_dag(DAG("kept", tasks=[poll]), strict_values=False).succeeded


def test_each_attempt_gets_a_copy_of_its_memory() -> None:
    @task(retries=1)
    def changes_it() -> object:
        memory = current_attempt().memory
        if memory is None:
            return flowkit.again(1, memory=[])
        assert isinstance(memory, list)
        memory.append(1)
        if len(memory) == 1 and current_attempt().attempt == 2:
            raise ValueError("after the change")
        return memory

    assert run_dag(DAG("changed", tasks=[changes_it])).error is None


def test_timeouts_count_failures_since_it_came_again() -> None:
    from flowkit.clock import FakeClock

    clock = FakeClock()

    @task(retries=1, timeout=10)
    def slow() -> object:
        now = current_attempt()
        if now.attempt % 2:
            clock.advance(11)
        return flowkit.again(1) if now.times < 2 else "done"

    result = run_dag(DAG("slow", tasks=[slow]), clock=clock)
    assert result.results == {"slow": "done"}
    assert result.attempts(slow) == 6


class TestEvents:
    @pytest.mark.parametrize(
        ("times", "time"),
        [
            (1, "1st"),
            (2, "2nd"),
            (3, "3rd"),
            (4, "4th"),
            (11, "11th"),
            (112, "112th"),
            (21, "21st"),
        ],
    )
    def test_the_line(self, times: int, time: str) -> None:
        event = TaskAgain(task_name="poll", attempt=1, delay=60, times=times)
        assert event.message() == f"Task comes again: poll in 60.00s ({time} time)"

    def test_a_run_logs_each_time(self, capsys: pytest.CaptureFixture[str]) -> None:
        run_dag(DAG("logs", tasks=[poll]))
        lines = [line for line in capsys.readouterr().out.splitlines() if "comes again" in line]
        assert [line.partition("poll ")[2].partition(" run_id")[0] for line in lines] == [
            "in 60.00s (1st time)",
            "in 60.00s (2nd time)",
            "in 60.00s (3rd time)",
        ]


def test_a_stored_run_has_no_result_until_it_ends() -> None:
    state, seen = StateManager(), list[object]()

    @task
    def waits() -> object:
        seen.append(current_attempt().memory)
        if len(seen) == 1:
            return flowkit.again(0, memory="kept")
        if len(seen) == 2:
            raise ConnectionError("not now")
        return "done"

    dag = DAG("stored", tasks=[waits])
    with pytest.raises(ConnectionError):
        dag.run(state=state)
    assert dag.run(state=state, resume=True) == {"waits": "done"}
    assert seen == [None, "kept", None], "a resume begins anew"
    assert dag.run(state=state, resume=True) == {"waits": "done"}
    assert len(seen) == 3


def test_the_limit_names_task_and_number() -> None:
    @task
    def impatient() -> object:
        return flowkit.again(1, times=2)

    result = run_dag(DAG("limit", tasks=[impatient]))
    assert isinstance(result.error, AgainLimit)
    assert "Task 'impatient' is not done, and it has come again 2 times" in str(result.error)
    assert result.attempts(impatient) == 3


@pytest.mark.parametrize("kind", [list, tuple, dict])
def test_it_is_looked_for_in_values_that_are_not_very_large(kind: Any) -> None:
    """In a list of ten million elements, that took a third of the time that packing takes."""
    numbers = list(range(functions.MOST_LOOKED_AT - 1))
    values = [*numbers, flowkit.again(1)], [*numbers, None, flowkit.again(1)]
    small, large = (kind(enumerate(value) if kind is dict else value) for value in values)
    assert isinstance(functions.unfit_result("asks", small), IllegalValue)
    assert functions.unfit_result("asks", large) is None
    with pytest.raises(UnpackableValue, match="Return it by itself"):
        pack(large)
