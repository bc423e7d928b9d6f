"""Cached results, and runs made again from a task on, with real processes on each kind of store:
what really ran, by the own notes of the tasks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fault_app as app
import pytest
from real_system import System, check_executions, records

from flowkit import DAG, RunHandle
from flowkit.core.states import RunState
from flowkit.exceptions import RunNotOver


@pytest.fixture
def place(server_url: str, namespace: str, tmp_path: Path) -> Iterator[System]:
    """Nothing started yet, on each kind of server in turn."""
    system = System(server_url, namespace, tmp_path)
    yield system
    system.close()


def etl() -> DAG:
    with DAG("etl") as dag:
        app.drawn.bind("source", seed=1) >> app.listed.bind("middle") >> app.listed.bind("end")
        dag.add(app.listed.bind("beside"))
    return dag


def starts(system: System, run: RunHandle) -> list[str]:
    """Return what started in a run, sorted."""
    return sorted(
        execution.task for execution in system.executions() if execution.run == run.run_id
    )


def test_a_second_run_uses_the_result_of_the_first(place: System) -> None:
    place.start("--processes", "2")
    with place.client() as client:
        first = client.submit(etl())
        results = first.wait_results(30)
        assert starts(place, first) == ["beside", "end", "middle", "source"]
        second = client.submit(etl())
        assert second.wait_results(30) == results, "a random number, and all that follows from it"
        assert starts(place, second) == ["beside", "end", "middle"]
        result = {task.name: task for task in second.status().tasks}
        assert [name for name, task in result.items() if task.cached] == ["source"]
        assert records(second)["source"].attempt == 1


def test_a_rerun_from_a_task_uses_no_stale_result(place: System) -> None:
    """One process: it keeps results near, and those of the first making must not be used again."""
    place.start("--processes", "1")
    with place.client() as client:
        run = client.submit(etl())
        before = run.wait_results(30)
        run.resume("source")
        after = run.wait_results(30)
        assert starts(place, run) == [
            "beside",
            "end",
            "end",
            "middle",
            "middle",
            "source",
            "source",
        ]
        assert after["source"] != before["source"], "made again, not cached"
        assert (after["middle"], after["end"]) == ([after["source"]], [[after["source"]]])
        assert after["beside"] == before["beside"]
        check_executions(place, run)


@pytest.mark.slow
def test_the_next_scheduler_continues_a_rerun_after_a_kill(system: System) -> None:
    scheduler, _ = system.start("--processes", "1")
    with system.client() as client:
        run = client.submit(etl())
        run.wait_results(30)
        scheduler.kill()
        run.resume(["middle", "beside"])
        assert run.record().state is RunState.RUNNING
        with pytest.raises(RunNotOver):
            run.resume("source")
        system.scheduler()
        run.wait_results(30)
        again = ["beside", "beside", "end", "end", "middle", "middle", "source"]
        assert starts(system, run) == again
        check_executions(system, run)
