"""What runs too long or is no longer wanted is ended, whatever it does to continue."""

from __future__ import annotations

from pathlib import Path

import fault_app as app
import psutil
import pytest
from helpers import wait_until
from real_system import System, check_executions, records

from flowkit import DAG, TaskExecutionError
from flowkit.core.states import RunState, TaskState
from flowkit.exceptions import RunAlreadyOver
from flowkit.protocol.spent import Flag


def alone(task: app.Any) -> DAG:
    dag = DAG("alone")
    dag.add(task)
    return dag


# -- deadlines ----------------------------------------------------------------------------------


def test_a_task_that_sleeps_past_its_timeout_is_ended_and_retried(system: System) -> None:
    system.start("--processes", "1")
    with system.client() as client:
        run = client.submit(alone(app.sleeps_on.bind("late")))
        with pytest.raises(TaskExecutionError, match=r"TaskTimeout.*longer than its timeout"):
            run.wait_results(30)
        known = check_executions(system, run)
    assert [execution.attempt for execution in system.executions("late")] == [1, 2]
    assert known["late"].spent.deaths == 0, "a timeout is no death of the worker's"


def test_a_busy_loop_is_ended_from_outside(system: System) -> None:
    system.start("--processes", "1")
    with system.client() as client:
        with pytest.raises(TaskExecutionError, match="TaskTimeout"):
            client.submit(alone(app.spins.bind("spin"))).wait_results(30)
        # The worker continues, in a new process.
        assert client.submit(alone(app.quick.bind("next"))).wait_results(20) == {"next": 0}


def test_processes_that_a_task_started_end_with_it(system: System) -> None:
    system.start("--processes", "1")
    with system.client() as client, pytest.raises(TaskExecutionError, match="TaskTimeout"):
        client.submit(alone(app.leaves_a_process.bind("parent"))).wait_results(30)
    pid = int(Path(system.folder / "grandchild").read_text())
    wait_until("the grandchild is gone", lambda: not _is_alive(pid), 5)


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_an_async_task_past_its_timeout_is_cancelled_and_its_neighbours_continue(
    system: System,
) -> None:
    system.start("--processes", "1")
    dag = DAG("async", on_failure="continue")
    dag.add(app.awaits_on.bind("late"))
    dag.add(app.aheld.bind("neighbour", gate="a"))
    with system.client() as client:
        run = client.submit(dag)
        wait_until("late failed", lambda: records(run)["late"].state is TaskState.FAILED)
        system.open_gate("a")
        with pytest.raises(TaskExecutionError, match="TaskTimeout"):
            run.wait_results(20)
        check_executions(system, run)
    late, neighbour = system.executions("late"), system.executions("neighbour")
    assert len(late) == len(neighbour) == 1
    assert late[0].pid == neighbour[0].pid


@pytest.mark.slow
def test_a_task_that_blocks_the_loop_is_ended_and_its_neighbours_are_not_blamed(
    system: System,
) -> None:
    """Its process dies for it; a neighbour loses its work, and must not be taken for the cause."""
    system.start("--processes", "1")
    dag = DAG("blocked", on_failure="continue")
    for name in ("aheld", "held"):
        dag.add(getattr(app, name).bind(name, gate="a"))
    with system.client() as client:
        run = client.submit(dag)
        system.started("aheld")
        system.started("held")
        for times in range(1, 4):
            with pytest.raises(TaskExecutionError, match="TaskTimeout"):
                client.submit(alone(app.blocks_the_loop.bind("blocker"))).wait_results(30)
            system.started("aheld", times + 1)
            system.started("held", times + 1)
        system.open_gate("a")
        assert run.wait(20) is RunState.SUCCEEDED
        known = records(run)
    assert [known[name].spent.deaths for name in ("aheld", "held")] == [0, 0]
    assert not any(Flag.SUSPECT in known[name].spent.flags for name in ("aheld", "held"))


@pytest.mark.slow
def test_short_timeouts_do_not_slow_a_worker_down(system: System) -> None:
    """Its processes end early and often for them; that is no reason to wait before the next."""
    system.start("--processes", "1")
    dag = DAG("short", on_failure="continue")
    for n in range(8):
        dag.add(app.spins.bind(f"spin_{n}"))
    with system.client() as client:
        run = client.submit(dag)
        assert run.wait(12) is RunState.FAILED
        check_executions(system, run)


# -- cancels ------------------------------------------------------------------------------------


def test_a_cancelled_run_always_ends(system: System) -> None:
    """One sync and one async task run, one async task refuses, and more are queued behind."""
    system.start("--processes", "1", "--concurrency", "2")
    dag = DAG("cancelled")
    running = [
        app.held.bind("sync", gate="never"),
        app.aheld.bind("async", gate="never"),
        app.stubborn.bind("stubborn", gate="never"),
    ]
    queued = [app.quick.bind(f"queued_{n}") for n in range(20)]
    for task in [*running, *queued]:
        dag.add(task)
    with dag:
        running[0] >> app.total.bind("behind")
    with system.client() as client:
        run = client.submit(dag)
        for task in running:
            system.started(task.name)
        run.cancel()
        assert run.wait(20) is RunState.CANCELLED
        known = check_executions(system, run)
        assert {record.state for record in known.values()} == {TaskState.CANCELLED}
        with pytest.raises(RunAlreadyOver, match="already over"):
            run.cancel()
    assert {execution.task for execution in system.executions()} == {task.name for task in running}


def test_a_cancel_ends_no_neighbour_of_another_run(system: System) -> None:
    system.start("--processes", "1")
    with system.client() as client:
        other = client.submit(alone(app.aheld.bind("other", gate="a")))
        system.started("other")
        for _ in range(3):
            run = client.submit(alone(app.aheld.bind("unwanted", gate="never")))
            wait_until(
                "unwanted runs", lambda item=run: records(item)["unwanted"].state == "running"
            )
            run.cancel()
            assert run.wait(20) is RunState.CANCELLED
        system.open_gate("a")
        assert other.wait_results(20) == {"other": 1}
        check_executions(system, other)


def test_a_cancelled_run_can_be_resumed_and_keeps_what_succeeded(system: System) -> None:
    system.start("--processes", "1")
    with DAG("resumed") as dag:
        first, gate = app.number.bind("first", value=5), app.held.bind("gate", gate="a")
        first >> gate >> app.listed.bind("last")
    with system.client() as client:
        run = client.submit(dag)
        system.started("gate")
        run.cancel()
        assert run.wait(20) is RunState.CANCELLED
        system.open_gate("a")
        run.resume()
        assert run.wait_results(20) == {"first": 5, "gate": 2, "last": [2]}
        check_executions(system, run)
    assert [execution.task for execution in system.executions()] == [
        "first",
        "gate",
        "gate",
        "last",
    ]


def test_a_failed_run_can_be_resumed_and_runs_only_the_rest(system: System) -> None:
    system.start("--processes", "1")
    with DAG("mended") as dag:
        app.number.bind("first", value=1) >> app.ask_twice.bind("ask", gate="a") >> app.quick
    with system.client() as client:
        run = client.submit(dag)
        with pytest.raises(TaskExecutionError, match="the gate is closed"):
            run.wait_results(20)
        assert [execution.attempt for execution in system.executions("ask")] == [1, 2, 3]
        system.open_gate("a")
        run.resume()
        assert run.wait_results(20)["ask"] == "through"
        known = check_executions(system, run)
        with pytest.raises(RunAlreadyOver, match="succeeded"):
            run.resume()
    assert [execution.attempt for execution in system.executions("ask")] == [1, 2, 3, 4]
    assert len(system.executions("first")) == len(system.executions("quick")) == 1
    assert known["ask"].attempt == 4
