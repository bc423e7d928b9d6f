"""A worker whose app lacks a task: others may have it, so it is put off before it fails."""

from __future__ import annotations

import fault_app as app
import pytest
from helpers import wait_until
from real_system import OTHER_APP, System, check_executions, records

from flowkit import DAG, TaskExecutionError
from flowkit.core.states import TaskState

# The worker as it is, with shorter pauses than a rolling deployment needs.
IMPATIENT = (
    "import flowkit.worker.executor as executor; executor.PUT_OFF_S = (0.05,) * 5;"
    "from flowkit.worker.__main__ import main; main()"
)


def one_task() -> DAG:
    dag = DAG("unknown")
    dag.add(app.quick.bind("quick"))
    return dag


def test_a_task_unknown_to_all_workers_fails_and_names_them(system: System) -> None:
    system.scheduler()
    worker = system.run_program("worker", ["-c", IMPATIENT, "--app", OTHER_APP])
    with system.client() as client:
        run = client.submit(one_task())
        with pytest.raises(TaskExecutionError, match="TaskNotFoundError") as caught:
            run.wait_results(20)
        record = records(run)["quick"]
    assert "other_app.py" in caught.value.error_message
    assert "fault_app:quick" in caught.value.error_message
    assert record.lane.partition(".")[0] in caught.value.error_message
    assert record.spent.put_off == 5
    assert worker.log.count("Task put off: quick") == 5
    assert not system.executions()


def test_a_task_known_to_another_worker_runs_there(system: System) -> None:
    """It costs no attempt of its policy that the first one did not know it."""
    system.scheduler()
    ignorant = system.worker("--processes", "1", app=OTHER_APP)
    with system.client() as client:
        run = client.submit(one_task())
        ignorant.says("Task put off: quick")
        wait_until("it waits", lambda: records(run)["quick"].state is TaskState.WAITING)
        assert (
            "Task 'quick' is put off: no worker that claimed it knows" in run.status().waiting_for
        )
        system.worker("--processes", "3")
        assert run.wait_results(30) == {"quick": 0}
        known = check_executions(system, run)
    assert known["quick"].spent.put_off >= 1
    assert known["quick"].spent.failures(known["quick"].attempt) == 1
