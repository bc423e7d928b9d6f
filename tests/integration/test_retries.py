"""Retries go through Redis, not through a sleeping worker; what fails for good is told to all."""

from __future__ import annotations

import fault_app as app
import pytest
from helpers import wait_until
from real_system import System, check_executions, records

from flowkit import DAG, RunHandle, TaskExecutionError
from flowkit.core.states import RunState, TaskState


def states(run: RunHandle) -> dict[str, TaskState]:
    return {name: record.state for name, record in records(run).items()}


def test_a_failed_task_is_retried_after_its_delays(shared_system: System) -> None:
    """Two failures are two waits, of 50 and 100 ms and up to a tenth more."""
    dag = DAG("flaky")
    dag.add(app.flaky.bind("flaky", failures=2))
    with shared_system.client() as client:
        run = client.submit(dag)
        assert run.wait_results(20) == {"flaky": 3}
        known = check_executions(shared_system, run)
        duration = run.status().duration
    assert known["flaky"].attempt == 3
    assert duration is not None
    assert duration >= 0.150


def test_a_waiting_task_shows_when_it_is_due_and_why(system: System) -> None:
    system.scheduler()
    system.worker("--processes", "1")
    dag = DAG("ask")
    dag.add(app.slow_to_retry.bind("ask"))
    with system.client() as client:
        run = client.submit(dag)
        wait_until("it waits", lambda: states(run)["ask"] is TaskState.WAITING)
        (task,) = run.status().tasks
        assert task.error == "OSError: try again in an hour"
        record = records(run)["ask"]
        assert record.ended_ms is not None
        assert record.started_ms is not None
        assert record.ended_ms - record.started_ms >= 3_600_000
        run.cancel()
        assert run.wait(20) is RunState.CANCELLED


def test_only_the_named_errors_are_retried(shared_system: System) -> None:
    dag = DAG("picky")
    dag.add(app.picky.bind("picky"))
    with shared_system.client() as client:
        run = client.submit(dag)
        with pytest.raises(TaskExecutionError, match=r"KeyError.*not worth another"):
            run.wait_results(20)
        assert check_executions(shared_system, run)["picky"].attempt == 1


@pytest.mark.promise("dag-14", "dag-15", "dag-17")
def test_a_task_that_fails_for_good_ends_the_run(shared_system: System) -> None:
    """What needs it has an upstream that failed; what does not is cancelled before it starts."""
    with DAG("stop") as dag:
        bad = app.broken.bind("bad")
        app.quick.bind("first") >> bad >> app.quick.bind("behind") >> app.quick.bind("far_behind")
        app.held.bind("running", gate="stop") >> app.quick.bind("aside")
    with shared_system.client() as client:
        run = client.submit(dag)
        shared_system.started("running")
        wait_until("bad has failed", lambda: states(run)["bad"] is TaskState.FAILED)
        shared_system.open_gate("stop")
        with pytest.raises(TaskExecutionError) as caught:
            run.wait_results(20)
        check_executions(shared_system, run)
        assert states(run) == {
            "first": TaskState.SUCCEEDED,
            "bad": TaskState.FAILED,
            "behind": TaskState.UPSTREAM_FAILED,
            "far_behind": TaskState.UPSTREAM_FAILED,
            "running": TaskState.SUCCEEDED,
            "aside": TaskState.CANCELLED,
        }
    error = caught.value
    assert (error.task_name, error.error_type) == ("bad", "RuntimeError")
    assert error.error_message == "broken for good"
    assert "fault_app.py" in error.remote_traceback
    assert "sync_lane.py" not in error.remote_traceback


def test_with_continue_independent_branches_continue(shared_system: System) -> None:
    with DAG("continue", on_failure="continue") as dag:
        app.broken.bind("bad") >> app.quick.bind("behind")
        app.quick.bind("other") >> app.quick.bind("other_behind")
    with shared_system.client() as client:
        run = client.submit(dag)
        assert run.wait(20) is RunState.FAILED
        check_executions(shared_system, run)
        assert states(run) == {
            "bad": TaskState.FAILED,
            "behind": TaskState.UPSTREAM_FAILED,
            "other": TaskState.SUCCEEDED,
            "other_behind": TaskState.SUCCEEDED,
        }
        assert run.results() == {"other": 0, "other_behind": 1}


def test_an_unprintable_error_fails_only_its_task(
    shared_system: System,
) -> None:
    dag = DAG("mute")
    dag.add(app.mute.bind("mute"))
    with shared_system.client() as client:
        run = client.submit(dag)
        with pytest.raises(TaskExecutionError, match=r"MuteError.*cannot be read"):
            run.wait_results(20)
        check_executions(shared_system, run)
