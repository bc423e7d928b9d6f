"""Worker processes die, in every way they can; the run ends well and nobody else pays for it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import fault_app as app
import psutil
import pytest
from helpers import wait_until
from real_system import System, check_executions, records

from flowkit import DAG, TaskExecutionError
from flowkit.core.states import RunState, TaskState


def fan_out(tasks: list[app.Any], *, name: str = "fan", **options: str) -> DAG:
    with DAG(name, **options) as dag:
        for task in tasks:
            dag.add(task)
    return dag


def test_a_task_whose_process_is_killed_reruns_immediately(system: System) -> None:
    """The parent reports the death; with a lease of minutes, nothing else could be as soon."""
    system.start("--processes", "2")
    held = app.held.bind("held", gate="a")
    others = [app.brief.bind(f"brief_{n}") for n in range(40)]
    with DAG("killed") as dag:
        held >> app.total.bind("sum")
        for other in others:
            dag.add(other)
    with system.client() as client:
        run = client.submit(dag)
        os.kill(system.started("held").pid, signal.SIGKILL)
        second = system.started("held", 2)
        system.open_gate("a")
        assert run.wait_results(30)["sum"] == 2
        known = check_executions(system, run, repeats=5)
    assert second.attempt == known["held"].attempt == 2
    assert known["held"].spent.deaths == 1
    assert {known[other.name].spent.deaths for other in others} == {0}
    assert all(record.state is TaskState.SUCCEEDED for record in known.values())


def test_when_the_parent_is_killed_its_children_end_and_another_worker_finishes(
    system: System,
) -> None:
    system.scheduler()
    first = system.worker("--processes", "2", lease=1.5)
    with DAG("orphans") as dag:
        for n in range(2):
            dag.add(app.held.bind(f"held_{n}", gate="a"))
        dag.add(app.aheld.bind("aheld", gate="a"))
    with system.client() as client:
        run = client.submit(dag)
        begun = [system.started(name) for name in ("held_0", "held_1", "aheld")]
        first.kill()
        wait_until(
            "its children are gone", lambda: not any(_is_alive(item.pid) for item in begun), 5
        )
        # Nothing is suspect yet, so one process takes as much of it as it can.
        system.worker("--processes", "2", lease=1.5)
        for name in ("held_0", "held_1", "aheld"):
            system.started(name, 2)
        system.open_gate("a")
        assert run.wait(30) is RunState.SUCCEEDED
        known = check_executions(system, run)
    assert {record.attempt for record in known.values()} == {2}


def test_when_the_parent_is_killed_programs_of_tasks_end_too(system: System) -> None:
    system.scheduler()
    first = system.worker("--processes", "1", lease=300.0)
    with system.client() as client:
        dag = DAG("leaving")
        dag.add(app.starts_a_program)
        client.submit(dag)
        system.started("starts_a_program")
        path = system.folder / "grandchild"
        grandchild = int(wait_until("it has started a program", lambda: _text(path)))
        first.kill()
        wait_until("the program is gone", lambda: not _is_alive(grandchild), 2)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("poison", [app.exits, app.crashes], ids=["os._exit", "SIGSEGV"])
def test_a_poison_task_stops_after_three_deaths_and_no_other_is_blamed(
    system: System, poison: app.Any
) -> None:
    system.start("--processes", "2")
    good = [app.brief.bind(f"brief_{n}") for n in range(50)]
    bad = poison.bind("poison")
    dag = fan_out([*good[:25], bad, *good[25:]], on_failure="continue")
    with system.client() as client:
        run = client.submit(dag)
        with pytest.raises(TaskExecutionError, match=r"WorkerLost.*died 3 times") as caught:
            run.wait_results(30)
        known = check_executions(system, run, repeats=30)
    assert caught.value.task_name == "poison"
    assert known["poison"].state is TaskState.FAILED
    assert known["poison"].spent.deaths == len(system.executions("poison")) == 3
    for task in good:
        assert known[task.name].state is TaskState.SUCCEEDED
        assert known[task.name].spent.deaths == 0
        assert known[task.name].attempt == 1


def test_a_poison_predicate_stops_after_three_deaths_too(system: System) -> None:
    """It once ran before the board named the task: nobody was blamed, and it continued forever."""
    system.start("--processes", "1")
    with DAG("poison_predicate") as dag:
        app.quick.bind("first") >> app.exits_in_its_condition
    with system.client() as client:
        run = client.submit(dag)
        with pytest.raises(TaskExecutionError, match="WorkerLost"):
            run.wait_results(30)


@pytest.mark.slow
def test_a_poison_task_beside_async_tasks_is_found_and_they_are_spared(system: System) -> None:
    """Both lanes of a process die together. Blaming the only one of each lane once failed the
    neighbour; suspecting both forever would never end."""
    system.start("--processes", "1")
    with DAG("mixed", on_failure="continue") as dag:
        for n in range(2):
            dag.add(app.aheld.bind(f"aheld_{n}", gate="a"))
        app.aheld.bind("first", gate="b") >> app.exits.bind("poison")
    with system.client() as client:
        run = client.submit(dag)
        for name in ("aheld_0", "aheld_1", "first"):
            system.started(name)
        system.open_gate("b")
        # All three are suspects now. A process takes one of them at a time, so whoever is at fault
        # dies alone from here on.
        system.started("poison")
        system.open_gate("a")
        with pytest.raises(TaskExecutionError, match="WorkerLost"):
            run.wait_results(30)
        known = check_executions(system, run, repeats=10)
    assert known["poison"].spent.deaths == 3
    for n in range(2):
        assert known[f"aheld_{n}"].state is TaskState.SUCCEEDED
        assert known[f"aheld_{n}"].spent.deaths <= 1


def test_a_process_killed_between_tasks_costs_nothing(system: System) -> None:
    _, worker = system.start("--processes", "1")
    with system.client() as client:
        client.submit(fan_out([app.quick.bind("one")])).wait_results(20)
        (child,) = worker.children()
        child.kill()
        run = client.submit(fan_out([app.quick.bind("two")]))
        run.wait_results(20)
        assert records(run)["two"].spent.deaths == 0


@pytest.mark.parametrize("ending", ["returns", "raises", "exits"])
def test_a_fork_made_by_a_task_does_not_continue_as_a_worker(system: System, ending: str) -> None:
    """It would share the connection of the original, and mix up the replies of both."""
    system.start("--processes", "1")
    with DAG("copies") as dag:
        for n in range(5):
            app.forks.bind(f"forks_{n}", ending=ending) >> app.quick.bind(f"quick_{n}")
    with system.client() as client:
        run = client.submit(dag)
        results = run.wait_results(30)
        check_executions(system, run)
    made_by = {results[f"forks_{n}"] for n in range(5)}
    assert len(made_by) == 1
    worker = psutil.Process(made_by.pop())
    wait_until("the copies are gone", lambda: not _running(worker.children()))


def _running(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if process.status() != psutil.STATUS_ZOMBIE]
