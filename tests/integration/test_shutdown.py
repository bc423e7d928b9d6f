"""Workers come and go under load; nobody who uses the system notices."""

from __future__ import annotations

import fault_app as app
import psutil
from helpers import wait_until
from real_system import System, check_executions

from flowkit import DAG
from flowkit.core.states import RunState, TaskState
from flowkit.protocol.spent import Flag


def test_a_worker_told_to_stop_under_load_costs_no_attempt(system: System) -> None:
    """It finishes what it has begun, gives the rest back, and ends with exit code 0."""
    system.scheduler()
    with DAG("wide") as dag:
        leaves = [app.brief.bind(f"leaf_{n}") for n in range(200)]
        app.quick.bind("root") >> leaves >> app.total.bind("sum")
    with system.client() as client:
        run = client.submit(dag)
        for count in (40, 90, 140):
            worker = system.worker("--processes", "2")
            wait_until(f"{count} tasks have started", lambda n=count: len(system.executions()) >= n)
            worker.terminate()
            assert worker.exit_code() == 0
        system.worker("--processes", "2")
        assert run.wait_results(30)["sum"] == 200
        known = check_executions(system, run)
    assert {record.attempt for record in known.values()} == {1}


def test_running_tasks_finish_and_waiting_tasks_go_to_other_workers(system: System) -> None:
    system.scheduler()
    worker = system.worker("--processes", "1", "--concurrency", "1")
    dag = DAG("grace")
    for name in ("running", "waiting"):
        dag.add(app.held.bind(name, gate="a"))
        dag.add(app.aheld.bind(f"a_{name}", gate="a"))
    with system.client() as client:
        run = client.submit(dag)
        wait_until("two tasks run", lambda: len(system.executions()) == 2)
        worker.terminate()
        worker.says("is stopping")
        system.open_gate("a")
        assert worker.exit_code() == 0
        assert len(system.executions()) == 2, "it has started something while stopping"
        system.worker("--processes", "1")
        assert run.wait(20) is RunState.SUCCEEDED
        known = check_executions(system, run)
    assert {record.attempt for record in known.values()} == {1}


def test_unfinished_tasks_are_returned_without_blame(system: System) -> None:
    system.scheduler()
    worker = system.worker("--processes", "1", "--shutdown-timeout", "0.3")
    dag = DAG("late")
    dag.add(app.held.bind("held", gate="a"))
    dag.add(app.aheld.bind("aheld", gate="a"))
    with system.client() as client:
        run = client.submit(dag)
        for name in ("held", "aheld"):
            system.started(name)
        worker.terminate()
        assert worker.exit_code() == 0
        system.open_gate("a")
        system.worker("--processes", "1")
        assert run.wait(20) is RunState.SUCCEEDED
        known = check_executions(system, run, repeats=2)
    assert {record.attempt for record in known.values()} == {1}
    spent = [record.spent for record in known.values()]
    assert not any(item.deaths or Flag.SUSPECT in item.flags for item in spent)


def test_a_second_signal_stops_a_worker_immediately(system: System) -> None:
    system.scheduler()
    worker = system.worker("--processes", "1", "--shutdown-timeout", "300")
    dag = DAG("stuck")
    dag.add(app.held.bind("held", gate="a"))
    with system.client() as client:
        run = client.submit(dag)
        pid = system.started("held").pid
        worker.terminate()
        worker.says("is stopping")
        worker.terminate_again()
        wait_until("the task has ended", lambda: not psutil.pid_exists(pid))
        assert worker.exit_code() == 0
        system.open_gate("a")
        system.worker("--processes", "1")
        assert run.wait(20) is RunState.SUCCEEDED
        check_executions(system, run, repeats=1)


def test_processes_are_replaced_after_their_number_of_tasks_without_loss(
    system: System,
) -> None:
    system.start("--processes", "2", "--max-tasks-per-child", "10")
    with DAG("recycled") as dag:
        leaves = [app.brief.bind(f"leaf_{n}") for n in range(100)]
        app.quick.bind("root") >> leaves >> app.total.bind("sum")
    with system.client() as client:
        run = client.submit(dag)
        assert run.wait_results(40)["sum"] == 100
        known = check_executions(system, run)
    assert {record.state for record in known.values()} == {TaskState.SUCCEEDED}
    by_process = [execution.pid for execution in system.executions()]
    assert len(set(by_process)) >= 4
    assert max(map(by_process.count, by_process)) <= 12, "a process ran far more than it may"


def test_an_app_that_cannot_be_loaded_ends_the_worker_with_a_sentence(system: System) -> None:
    broken = system.folder / "broken_app.py"
    broken.write_text("import no_such_module_anywhere\n")
    worker = system.worker("--processes", "2", app=str(broken))
    assert worker.exit_code() == 2
    assert "no_such_module_anywhere" in worker.log
    assert "broken_app.py, line 1" in worker.log
