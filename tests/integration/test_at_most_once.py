"""``at_most_once``: whatever is killed, no such task starts twice, and a death says what it did."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path

import once_app as app
import pytest
from helpers import wait_until
from real_system import System, records

from flowkit import DAG, RunHandle, TaskExecutionError
from flowkit.core.states import TaskState

ONCE_APP = str(Path(__file__).parent / "once_app.py")
PARENT_EVERY, TASKS = 5, 400


def shop(name: str, charge: app.Any = None) -> DAG:
    with DAG(name) as dag:
        (charge or app.charge_slowly.bind("charge", gate="a")) >> app.receipt.bind("receipt")
    return dag


def test_a_task_whose_process_is_killed_fails_and_says_why(system: System) -> None:
    system.scheduler()
    system.worker("--processes", "1", app=ONCE_APP)
    with system.client() as client:
        run = client.submit(shop("killed"))
        os.kill(system.started("charge").pid, signal.SIGKILL)
        with pytest.raises(TaskExecutionError, match="may or may not have done its work"):
            run.wait_results(30)
        assert len(system.executions("charge")) == 1
        run.resume()
        assert run.wait(30).value == "failed"
        assert len(system.executions("charge")) == 1
        system.open_gate("a")
        client.retry_dead(run.run_id, "charge")
        assert run.wait_results(30) == {"charge": 2, "receipt": 1}
        assert len(system.executions("charge")) == 2


def test_a_task_past_its_timeout_fails(system: System) -> None:
    system.scheduler()
    system.worker("--processes", "1", app=ONCE_APP)
    with system.client() as client:
        run = client.submit(shop("late", app.charge_for_ever.bind("charge")))
        with pytest.raises(TaskExecutionError, match="TaskTimeout"):
            run.wait_results(30)
    assert len(system.executions("charge")) == 1


def test_a_task_interrupted_by_a_shutdown_is_not_restarted(system: System) -> None:
    system.scheduler()
    first = system.worker("--processes", "1", "--shutdown-timeout", "0.2", app=ONCE_APP)
    with system.client() as client:
        run = client.submit(shop("cut"))
        system.started("charge")
        first.terminate()
        assert first.exit_code() == 0
        system.worker("--processes", "1", app=ONCE_APP)
        with pytest.raises(TaskExecutionError, match="at most once"):
            run.wait_results(30)
    assert len(system.executions("charge")) == 1


def goes_on(system: System, run: RunHandle) -> bool:
    """Wait until another task has started or the run is over; return whether it continues."""
    seen = len(system.executions())

    def is_over() -> bool:
        return run.record().state != "running"

    wait_until("a task has started", lambda: len(system.executions()) > seen or is_over())
    return not is_over()


@pytest.mark.parametrize("most", [12, pytest.param(50, marks=pytest.mark.slow)])
def test_kills_start_no_task_twice(system: System, most: int) -> None:
    """Children while they execute, and now and then a whole worker with all that it had claimed."""
    dice = random.Random(20)
    system.scheduler()
    workers = [system.worker("--processes", "2", app=ONCE_APP, lease=1.0) for _ in range(2)]
    with DAG("shop", on_failure="continue") as dag:
        for number in range(TASKS):
            charge = app.acharge if number % 4 == 0 else app.charge
            dag.add(charge.bind(f"charge_{number}", cents=number))
    with system.client() as client:
        run, kills = client.submit(dag), 0
        while kills < most:
            if not goes_on(system, run):
                run = client.submit(dag)
                continue
            kills += 1
            if kills % PARENT_EVERY == 0:
                workers.pop(0).kill()
                workers.append(system.worker("--processes", "2", app=ONCE_APP, lease=1.0))
            else:
                with suppress(ProcessLookupError):
                    os.kill(dice.choice(system.executions()[-3:]).pid, signal.SIGKILL)
        wait_until("the run is over", lambda: run.record().state != "running", 60)
        starts = Counter((execution.run, execution.task) for execution in system.executions())
        assert max(starts.values()) == 1, starts.most_common(3)
        known = records(run)
        error = client.dead_letters(limit=1)[0]
    assert {item.state for item in known.values()} == {TaskState.SUCCEEDED, TaskState.FAILED}
    unstarted = [
        name
        for name, item in known.items()
        if item.state is TaskState.SUCCEEDED and (run.run_id, name) not in starts
    ]
    assert unstarted == [], "succeeded, and never started"
    assert error.error_type == "WorkerLost"
