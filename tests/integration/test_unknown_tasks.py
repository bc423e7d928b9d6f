"""Workers with different apps on one queue: each claims what its app has, and nothing fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import calling_app
import fault_app as app
import other_app
import pytest
from helpers import wait_until
from real_system import OTHER_APP, System, check_executions, records

from flowkit import DAG, TaskExecutionError
from flowkit.core.states import RunState, TaskState


@pytest.fixture
def place(server_url: str, namespace: str, tmp_path: Path) -> Iterator[System]:
    """Nothing started yet, on each kind of server in turn."""
    system = System(server_url, namespace, tmp_path)
    yield system
    system.close()


def quick_tasks(number: int = 1) -> DAG:
    dag = DAG("unknown")
    for at in range(number):
        dag.add(app.quick.bind(f"quick{at}"))
    return dag


def test_a_task_that_no_worker_has_waits_and_says_what_for(system: System) -> None:
    system.scheduler()
    ignorant = system.worker("--processes", "1", app=OTHER_APP)
    with system.client() as client:
        wait_until("its app is known", lambda: all(worker.functions for worker in client.workers()))
        run = client.submit(quick_tasks())

        def told() -> str:
            """It is also claimed for a moment, if the scheduler did not know the app yet."""
            reason = run.status().waiting_for
            return reason if "has its function" in reason else ""

        reason = wait_until("it says so", told)
        for word in ("'quick0'", "'default'", "'fault_app:quick'", "other_app.py"):
            assert word in reason
        wait_until("it waits", lambda: records(run)["quick0"].state is TaskState.QUEUED)
        system.worker("--processes", "1")
        assert run.wait_results(30) == {"quick0": 0}
        done = check_executions(system, run)["quick0"]
    assert done.attempt == 1
    assert done.spent.put_off == 0
    assert "Task failed" not in ignorant.log


def test_a_worker_that_claims_what_it_lacks_hands_it_on(system: System) -> None:
    """It is in the list of all workers already when a worker with another app joins."""
    system.scheduler()
    with system.client() as client:
        run = client.submit(quick_tasks())
        wait_until("it is queued", lambda: records(run)["quick0"].state is TaskState.QUEUED)
        ignorant = system.worker("--processes", "1", app=OTHER_APP)
        ignorant.says("Task handed on: quick0")  # which it says before it does it
        wait_until("it is queued again", lambda: records(run)["quick0"].state is TaskState.QUEUED)
        system.worker("--processes", "1")
        assert run.wait_results(30) == {"quick0": 0}
        assert check_executions(system, run)["quick0"].attempt == 1


def test_two_apps_share_a_queue_for_long(system: System) -> None:
    system.scheduler()
    system.worker("--processes", "1", app=OTHER_APP)
    knowing = system.worker("--processes", "1")
    with system.client() as client:
        wait_until(
            "apps are known",
            lambda: sum(bool(worker.functions) for worker in client.workers()) == 2,
        )
        runs = [client.submit(quick_tasks(50)) for _ in range(4)]
        for run in runs:
            assert len(run.wait_results(60)) == 50
            workers = {record.lane.partition(".")[0] for record in records(run).values()}
            assert len(workers) == 1, "only one worker has the function"
    assert knowing.log.count("Task handed on") == 0


def later_attempts() -> DAG:
    """Tasks that start again: after a retry, as they asked for it, when their runs are over."""
    dag = DAG("later")
    dag.add(app.flaky.bind("flaky", failures=2))
    dag.add(app.comes_again.bind("comes", delay=0.05, last=2))
    dag.add(calling_app.calls_many.bind("calls", count=2))
    return dag


def test_what_starts_later_goes_to_the_worker_that_has_it_too(place: System) -> None:
    """The idle worker of the other app claimed half of it, and handed it on seconds later."""
    scheduler = place.scheduler()
    ignorant = place.worker("--processes", "1", "--version", "a", app=OTHER_APP)
    with place.client() as client:
        probe = client.submit(quick_tasks())
        scheduler.says("no live worker of queue 'default' has its function 'fault_app:quick'")
        calling = str(Path(calling_app.__file__))
        place.worker("--app", calling, "--processes", "1", "--version", "b")
        assert probe.wait(30) is RunState.SUCCEEDED
        runs = [client.submit(later_attempts()) for _ in range(4)]
        for run in runs:
            results = run.wait_results(30)
            assert results == {"flaky": 3, "comes": [1, 2, 3], "calls": [0, 10]}
            status = run.status()
            assert (status.app_versions, status.mixed_versions) == (["b"], False)
    said = [line for line in ignorant.log.splitlines() if "Task handed on" in line]
    assert [line for line in said if "quick0" not in line] == []


def test_a_worker_of_two_apps_has_the_tasks_of_both(system: System) -> None:
    """The last --app won, and nothing said so."""
    system.scheduler()
    system.worker("--app", OTHER_APP, "--processes", "1")
    dags = (quick_tasks(), DAG("other", tasks=[other_app.unrelated]))
    with system.client() as client:
        runs = [client.submit(dag) for dag in dags]
        assert client.wait_all(runs, 30) == [RunState.SUCCEEDED] * 2
        (worker,) = client.workers()
        assert OTHER_APP in worker.app
        assert app.__file__ in worker.app


@pytest.mark.slow
def test_with_a_timeout_it_fails_and_says_who_lacks_it(system: System) -> None:
    scheduler = system.scheduler("--function-timeout", "1.5")
    system.worker("--processes", "1", app=OTHER_APP)
    with system.client() as client:
        wait_until("its app is known", lambda: all(worker.functions for worker in client.workers()))
        run = client.submit(quick_tasks())
        scheduler.says("no live worker of queue 'default' has its function 'fault_app:quick'")
        with pytest.raises(TaskExecutionError, match="TaskNotFoundError") as caught:
            run.wait_results(20)
        for word in ("for 1.5 s", "fault_app:quick", "other_app.py", "resume the run"):
            assert word in caught.value.error_message
        assert not system.executions()
        system.worker("--processes", "1")
        run.resume()
        assert run.wait_results(30) == {"quick0": 0}
