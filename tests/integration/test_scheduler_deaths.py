"""Schedulers die and take turns; nothing that was accepted is forgotten or done twice."""

from __future__ import annotations

import fault_app as app
from helpers import wait_until
from real_system import Process, System, check_executions

from flowkit import DAG
from flowkit.core.states import RunState, TaskState


def chain(length: int, *, gate_at: int) -> DAG:
    """Draw a chain with a gate in it, so that a run can be stopped in the middle."""
    with DAG("chain") as dag:
        before = dag.add(app.quick.bind("task_0"))
        for n in range(1, length):
            after = app.held.bind("gate", gate="a") if n == gate_at else app.quick.bind(f"task_{n}")
            before >> after
            before = after
    return dag


def leads(process: Process) -> bool:
    return "leads in term" in process.log


def test_a_new_scheduler_continues_after_a_killed_one(system: System) -> None:
    first, _ = system.start()
    with system.client() as client:
        run = client.submit(chain(30, gate_at=15))
        system.started("gate")
        first.kill()
        # What ends while nobody leads is found again in the events.
        system.open_gate("a")
        system.scheduler()
        assert run.wait(30) is RunState.SUCCEEDED
        known = check_executions(system, run)
    assert {record.state for record in known.values()} == {TaskState.SUCCEEDED}


def test_a_standby_takes_over_within_five_seconds_of_a_kill(system: System) -> None:
    first, _ = system.start()
    first.says("leads in term 1")
    second = system.scheduler()
    second.says("stands by")
    with system.client() as client:
        run = client.submit(chain(10, gate_at=5))
        system.started("gate")
        first.kill()
        wait_until("the standby leads", lambda: leads(second), 5)
        system.open_gate("a")
        assert run.wait(30) is RunState.SUCCEEDED
        check_executions(system, run)


def test_a_stopping_scheduler_hands_over_immediately(system: System) -> None:
    """It gives its lease up, so nobody has to wait for the end of it."""
    first, _ = system.start()
    first.says("leads in term 1")
    second = system.scheduler()
    second.says("stands by")
    with system.client() as client:
        run = client.submit(chain(10, gate_at=5))
        system.started("gate")
        first.terminate()
        assert first.exit_code() == 0
        if client.shards[0]._store.has_leader():  # then it is the standby, which says so next
            wait_until("the new leader says so", lambda: leads(second), 2.0)
        wait_until("the standby leads", lambda: leads(second))
        system.open_gate("a")
        assert run.wait(30) is RunState.SUCCEEDED
        check_executions(system, run)


def test_successive_scheduler_kills_lose_and_repeat_nothing(system: System) -> None:
    system.worker("--processes", "2")
    with DAG("wide") as dag:
        leaves = [app.brief.bind(f"leaf_{n}") for n in range(200)]
        app.quick.bind("root") >> leaves >> app.total.bind("sum")
    with system.client() as client:
        run = client.submit(dag)
        for count in (40, 90, 140):
            scheduler = system.scheduler()
            wait_until(f"{count} tasks have started", lambda n=count: len(system.executions()) >= n)
            scheduler.kill()
        system.scheduler()
        assert run.wait_results(30)["sum"] == 200
        check_executions(system, run)
