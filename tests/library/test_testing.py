"""flowkit.testing: runs on a clock that does not wait, and what can be asked of them afterwards."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any

import pytest

from flowkit import DAG, StateManager, Task, current_attempt, task
from flowkit.clock import SYSTEM_CLOCK
from flowkit.codec.packing import UnpackableValue
from flowkit.exceptions import (
    DAGCycleError,
    DAGError,
    FlowkitError,
    ParameterError,
    TaskExecutionError,
    TaskNotFoundError,
    TaskTimeout,
)
from flowkit.testing import DagResult, FakeClock, call_task, run_dag

HOUR = 3600.0
PATIENCE = 20.0  # seconds that a test waits before it gives up; never how long it takes


def failing(name: str, error: BaseException, times: int = 1000, **options: Any) -> Task:
    """Make a task that fails so many times."""
    left = iter(range(times))

    def fail(*results: object) -> str:
        if next(left, None) is not None:
            raise error
        return f"{name} at last"

    return Task(fail, name=name, **options)


def constant(name: str, value: object = None, **options: Any) -> Task:
    return Task(lambda *results: value, name=name, **options)


def alone(made: Task, **options: Any) -> DAG:
    dag = DAG("one", **options)
    dag.add(made)
    return dag


# -- what a run tells ------------------------------------------------------------------------


def test_hours_of_backoff_pass_instantly():
    unsteady = failing("unsteady", OSError("busy"), times=3, retries=3, delay=HOUR, backoff=2)
    result = run_dag(alone(unsteady))
    assert result.assert_succeeded().assert_attempts(unsteady, 4).attempts("unsteady") == 4
    assert result.results == {"unsteady": "unsteady at last"}
    first, second, third = result.delays("unsteady")
    assert HOUR <= first < 1.1 * HOUR
    assert 2 * HOUR <= second < 2.2 * HOUR
    assert 4 * HOUR <= third < 4.4 * HOUR
    assert result.elapsed == pytest.approx(first + second + third)


def test_a_failed_run_raises_nothing_and_reports_everything():
    error = ValueError("bad row")
    start, broken, after = constant("start", 1), failing("broken", error), constant("after")
    start >> broken >> after
    result = run_dag(DAG("etl"))
    assert (result.dag, result.succeeded, result.error) == ("etl", False, error)
    assert result.results == {"start": 1}
    assert result.states == {"start": "succeeded", "broken": "failed", "after": "upstream_failed"}
    assert result.state(after) == "upstream_failed"
    assert (result.order, result.elapsed) == (["start", "broken"], 0.0)
    result.assert_failed(broken, ValueError, match="bad").assert_failed("broken")
    result.assert_ran("start", broken).assert_not_run(after).assert_order("start", broken)


def test_a_run_starts_on_the_clock_it_is_given():
    clock = FakeClock()
    clock.advance(100)
    result = run_dag(alone(failing("a", OSError(), times=1, retries=1, delay=5)), clock=clock)
    assert clock.monotonic() == pytest.approx(100 + result.elapsed)
    assert clock.slept == pytest.approx(result.delays("a"))


def test_it_runs_on_the_computer_s_clock_as_well():
    dag = alone(failing("a", OSError(), times=1, retries=1, delay=0.001))
    assert run_dag(dag, clock=SYSTEM_CLOCK).assert_succeeded().elapsed > 0


def test_the_same_seed_gives_the_same_delays_whoever_fails_first():
    for number in range(5):
        failing(f"t{number}", OSError(), retries=3, delay=HOUR)
    dag = DAG("many", on_failure="continue")

    def delays(seed: int) -> list[list[float]]:
        result = run_dag(dag, seed=seed)
        return [result.delays(f"t{number}") for number in range(5)]

    first = delays(0)
    assert delays(0) == first == delays(0)
    assert delays(1) != first
    assert len({tuple(item) for item in first}) == 5


def test_a_retry_moves_the_clock_only_when_nothing_else_runs():
    """What runs can move the clock, so the time of a retry has not come as long as it runs."""
    clock, order = FakeClock(), []
    retried, over = threading.Event(), threading.Event()

    def running() -> None:
        assert retried.wait(PATIENCE)
        order.append(clock.monotonic())
        over.set()

    def fail() -> None:
        if current_attempt().attempt == 1:
            retried.set()
            raise OSError
        assert over.wait(PATIENCE)
        order.append(clock.monotonic())

    Task(running, name="running")
    Task(fail, name="fail", retries=1, delay=0.001)
    result = run_dag(DAG(), clock=clock).assert_succeeded()
    assert order == [0.0, *result.delays("fail")]


def test_skipped_tasks_and_hooks_are_reported_too():
    messages = []
    never = constant("never", when=lambda value: False)
    broken = failing("broken", OSError("gone"), on_failure=messages.append)
    constant("start", 1) >> never >> broken
    result = run_dag(DAG()).assert_skipped(never).assert_not_run("never")
    assert [event.error_message for event in messages] == ["gone"]
    assert result.assert_ran("broken.on_failure").state("broken.on_failure") == "succeeded"
    assert result.results == {"start": 1}


def test_one_thread_gives_one_order():
    names = [constant(f"t{number}").name for number in range(6)]
    assert run_dag(DAG(), max_workers=1).assert_order(*names).order == names


def test_an_empty_dag():
    result = run_dag(DAG("empty")).assert_succeeded()
    assert (result.results, result.states, result.order) == ({}, {}, [])
    assert str(result) == "DAG 'empty' succeeded, after 0.0 s on its clock:"


def test_a_task_may_exit_the_program():
    result = run_dag(alone(failing("leaving", SystemExit(3))))
    result.assert_failed("leaving", SystemExit)
    assert isinstance(result.error, TaskExecutionError)
    assert result.error.__cause__.code == 3
    assert str(result).startswith("DAG 'one' failed because of task 'leaving'")


def test_errors_before_the_run_are_raised():
    a, b = constant("a"), Task(lambda x, day: None, name="b")
    a >> b
    with pytest.raises(ParameterError, match="'day'"):
        run_dag(DAG())
    with pytest.raises(FlowkitError, match="resume=True needs the store"):
        run_dag(DAG(), params={"day": 1}, resume=True)
    b >> a
    with pytest.raises(DAGCycleError):
        run_dag(DAG(), params={"day": 1})


def test_results_of_an_earlier_run():
    state = StateManager()
    start, broken = constant("start", 1), failing("broken", OSError(), times=1)
    start >> broken
    run_dag(DAG(), state=state).assert_failed(broken)
    result = run_dag(DAG(), state=state, resume=True).assert_succeeded()
    result.assert_not_run(start).assert_ran(broken)
    assert (result.state(start), result.results["start"]) == ("succeeded", 1)
    assert "start   succeeded, no attempts (of an earlier run)" in str(result)


def test_the_cache_begins_empty_unless_a_store_is_given():
    calls: list[int] = []
    dag = alone(Task(lambda: calls.append(1), name="cached", cache_ttl=60))
    run_dag(dag).assert_ran("cached")
    run_dag(dag).assert_ran("cached")
    state = StateManager()
    run_dag(dag, state=state).assert_ran("cached")
    result = run_dag(dag, state=state).assert_succeeded().assert_not_run("cached")
    assert str(result.tasks["cached"]) == "succeeded, no attempts (cached)"
    assert len(calls) == 3


# -- timeouts --------------------------------------------------------------------------------


@pytest.mark.parametrize("bounded", [1, None])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_task_that_moves_the_clock_beyond_its_timeout_has_timed_out(bounded, is_async):
    clock = FakeClock()

    def plain() -> None:
        clock.sleep(61 if current_attempt().attempt == 1 else 60)

    async def coroutine() -> None:
        plain()

    slow = Task(coroutine if is_async else plain, name="slow", timeout=60, retries=1, delay=1)
    result = run_dag(alone(slow), clock=clock, max_workers=bounded)
    result.assert_succeeded().assert_attempts(slow, 2)
    (error,) = result.tasks["slow"].errors
    assert isinstance(error, TaskTimeout)
    assert result.elapsed == pytest.approx(61 + 60 + result.delays(slow)[0])


def test_exceptions_after_the_timeout_do_not_count():
    clock = FakeClock()

    def slow() -> None:
        clock.advance(90)
        raise OSError("too late")

    made = Task(slow, name="slow", timeout=60, retries=5, retry_on=OSError)
    run_dag(alone(made), clock=clock).assert_failed(made, TaskTimeout).assert_attempts(made, 1)


def test_only_the_time_that_a_task_spends_itself_counts():
    clock, moved = FakeClock(), threading.Event()

    def innocent() -> bool:
        return moved.wait(PATIENCE)

    def sleeper() -> None:
        clock.sleep(HOUR)
        moved.set()

    Task(innocent, name="innocent", timeout=60)
    Task(sleeper, name="sleeper")
    assert run_dag(DAG(), clock=clock).assert_succeeded().results["innocent"] is True


def test_a_hanging_task_is_abandoned_in_real_time():
    async def hang() -> None:
        await asyncio.sleep(PATIENCE * 10)

    run_dag(alone(Task(hang, name="hang", timeout=0.01))).assert_failed("hang", TaskTimeout)


# -- values ----------------------------------------------------------------------------------


def test_values_arrive_as_they_would_on_a_worker():
    constant("value", (1, {"two": (2,)})) >> Task(lambda value: value, name="same")
    assert run_dag(DAG()).assert_succeeded().results["same"] == (1, {"two": (2,)})


def test_a_value_that_would_not_arrive_fails_its_task_without_another_attempt():
    after = constant("after")
    constant("locked", {"a": [1, threading.Lock()]}, retries=3) >> after
    result = run_dag(DAG()).assert_failed("locked", UnpackableValue, match=r"result\['a'\]\[1\]")
    result.assert_attempts("locked", 1).assert_not_run(after)
    assert "strict_values=False" in result.error.__notes__[0]
    assert run_dag(DAG(), strict_values=False).assert_succeeded().assert_ran(after).succeeded


def test_a_codec_failure_stops_the_tasks_queued_after_it():
    constant("locked", threading.Lock())
    constant("queued")
    run_dag(DAG(), max_workers=1).assert_failed("locked").assert_not_run("queued")


@pytest.mark.parametrize("strict", [True, False])
def test_a_task_that_changes_its_argument_changes_a_copy(strict: bool):
    made = constant("made", [1])
    changing = Task(lambda rows: rows.append(2), name="changing")
    reading = Task(lambda rows, _: list(rows), name="reading")
    made >> changing
    made >> reading
    changing >> reading
    results = run_dag(DAG(), strict_values=strict).assert_succeeded().results
    assert results["reading"] == results["made"] == ([1] if strict else [1, 2])


def test_parameters_and_fixed_arguments_go_the_same_way():
    @task
    def use(lock: Any) -> str:
        return type(lock).__name__

    lock = threading.Lock()
    with pytest.raises(UnpackableValue, match=r"params\['lock'\]"):
        run_dag(alone(use), params={"lock": lock})
    with pytest.raises(DAGError, match="lock"):
        run_dag(alone(use.bind("fixed", lock=lock)))
    for result in (
        run_dag(alone(use), params={"lock": lock}, strict_values=False),
        run_dag(alone(use.bind("loose", lock=lock)), strict_values=False),
    ):
        assert list(result.results.values()) == ["lock"]


# -- assertions that fail --------------------------------------------------------------------


def told() -> DagResult:
    """A run with one task of each kind."""
    failing("fetch", OSError("busy\nagain"), retries=1, delay=60) >> constant("load")
    constant("start", 1) >> constant("never", when=lambda value: False)
    return run_dag(DAG("etl", on_failure="continue"))


@pytest.mark.parametrize(
    ("claim", "sentence"),
    [
        (lambda run: run.assert_succeeded(), "The run should have succeeded."),
        (
            lambda run: run.assert_failed("start"),
            "Task 'start' should have failed, but is succeeded.",
        ),
        (
            lambda run: run.assert_failed("fetch", (ValueError, KeyError)),
            "Task 'fetch' should have failed with ValueError or KeyError.",
        ),
        (
            lambda run: run.assert_failed("fetch", match="free"),
            "The error of task 'fetch' should match 'free'.",
        ),
        (lambda run: run.assert_ran("fetch", "load"), "Task 'load' should have run."),
        (lambda run: run.assert_not_run("load", "start"), "Task 'start' should not have run."),
        (
            lambda run: run.assert_skipped("never", "load"),
            "Task 'load' should have been skipped, but is upstream_failed.",
        ),
        (
            lambda run: run.assert_attempts("fetch", 1),
            "Task 'fetch' should have made 1 attempt, not 2.",
        ),
        (lambda run: run.assert_order("start", "load"), "Task 'load' should have run."),
    ],
)
def test_a_failed_assertion_shows_the_expectation_and_the_run(claim, sentence):
    run = told()
    with pytest.raises(AssertionError) as caught:
        claim(run)
    first, empty, *lines = str(caught.value).split("\n")
    assert (first, empty) == (sentence, "")
    delay = f"{run.delays('fetch')[0]:.1f}"
    assert lines == [
        f"DAG 'etl' failed because of task 'fetch', after {delay} s on its clock:",
        f"  fetch  failed, 2 attempts, retried after {delay} s: OSError: busy again",
        "  load   upstream_failed, no attempts",
        "  start  succeeded, 1 attempt",
        "  never  skipped, no attempts (its condition is false)",
    ]


def test_a_wrong_order_is_shown():
    constant("a") >> constant("b")
    with pytest.raises(AssertionError, match=re.escape("as b -> a, not a -> b.")):
        run_dag(DAG()).assert_order("b", "a")


def test_the_error_of_the_run_is_the_cause_of_the_failed_assertion():
    result = told()
    with pytest.raises(AssertionError) as caught:
        result.assert_succeeded()
    assert caught.value.__cause__ is result.error


def test_an_unknown_task_is_an_error_not_a_failed_assertion():
    result = told()
    for ask in (result.state, result.attempts, result.delays, result.assert_not_run):
        with pytest.raises(TaskNotFoundError, match=r"DAG 'etl': unknown task 'lod'.*'load'"):
            ask("lod")


# -- one attempt -----------------------------------------------------------------------------


@task(retries=5, when=lambda value: False)
def counted(rows: list[int], day: str = "today", *, limit: int = 9) -> tuple[Any, ...]:
    current = current_attempt()
    return rows, day, limit, current.run_id, current.task, current.attempt, current.params


def test_one_attempt_of_a_task():
    assert call_task(counted, [1]) == ([1], "today", 9, "test", "counted", 1, {})
    params = {"day": "Monday", "limit": 2, "other": 0}
    result = call_task(counted, [1], attempt=3, run_id="r", params=params, limit=5)
    assert result == ([1], "Monday", 5, "r", "counted", 3, params)
    fixed = counted.bind("fixed", day="Friday")
    assert call_task(fixed, [1], params=params)[1:5] == ("Friday", 2, "test", "fixed")


def test_one_attempt_is_not_retried():
    broken = failing("broken", OSError("busy"), times=1, retries=3)
    with pytest.raises(OSError, match="busy"):
        call_task(broken)
    assert call_task(broken) == "broken at last"
    with pytest.raises(FlowkitError, match="outside of a run"):
        current_attempt()


def test_one_attempt_of_an_async_task():
    @task
    async def fetch(url: str) -> tuple[str, int]:
        await asyncio.sleep(0)
        return url, current_attempt().attempt

    assert asyncio.run(call_task(fetch, "here", attempt=2)) == ("here", 2)


def test_an_uncallable_object_is_refused():
    with pytest.raises(TypeError, match="takes a task, not <function"):
        call_task(lambda: 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 1, not 0"):
        call_task(counted, [1], attempt=0)
