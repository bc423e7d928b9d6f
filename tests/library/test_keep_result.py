"""`@task(keep_result=False)` in runs in this process, in state stores and in tests of DAGs."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pytest
from helpers import wait_until

from flowkit import DAG, StateManager, task
from flowkit.testing import run_dag


class Big:
    """A value of which it can be told whether it still exists."""


@pytest.fixture(params=["memory", "file"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> StateManager:
    return StateManager(tmp_path / "state.json" if request.param == "file" else None)


class Calls(list[str]):
    """Names of the tasks that were called, since the last time."""

    def taken(self) -> str:
        names = " ".join(sorted(self))
        self.clear()
        return names


def pipeline(calls: Calls, broken: set[str]) -> DAG:
    """load >> clean >> report, load >> count; the results of load and clean are not kept."""

    def step(name: str, **options: Any) -> Any:
        def call(*args: int) -> int:
            calls.append(name)
            if name in broken:
                raise RuntimeError(f"{name} is broken")
            assert None not in args
            return sum(args) + 1

        return task(name=name, **options)(call)

    load, clean = step("load", keep_result=False), step("clean", keep_result=False)
    with DAG("pipeline", on_failure="continue") as dag:
        load >> clean >> step("report")
        load >> step("count")
    return dag


def test_a_dropped_result_is_neither_returned_nor_held() -> None:
    made: list[weakref.ref[Big]] = []

    @task(keep_result=False)
    def load() -> Big:
        big = Big()
        made.append(weakref.ref(big))
        return big

    @task
    def measure(big: Big) -> int:
        return 1

    @task
    def later(_: int) -> int:
        # The thread that has measured it may not have left its call yet.
        wait_until("the value is gone", lambda: made[0]() is None)
        return 2

    with DAG("drop") as dag:
        load >> measure >> later
    assert dag.run() == {"measure": 1, "later": 2}


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_a_retried_consumer_gets_it_again(executor: str, tmp_path: Path) -> None:
    marker = tmp_path / "tried"

    @task(keep_result=False)
    def load() -> int:
        return 20

    @task(retries=1, delay=0)
    def double(value: int) -> int:
        if not marker.exists():
            marker.touch()
            raise RuntimeError("once more")
        return 2 * value

    with DAG("again") as dag:
        load >> double
    assert dag.run(executor=executor) == {"double": 40}


def test_a_run_under_test_returns_what_run_returns() -> None:
    calls = Calls()
    result = run_dag(pipeline(calls, set()))
    assert result.results == {"report": 3, "count": 2}
    assert result.states["load"] == "succeeded"


def test_nothing_of_a_dropped_result_stays_in_a_state_store(state: StateManager) -> None:
    pipeline(Calls(), set()).run(state=state)
    assert state.get_all() == {
        "pipeline/load": None,
        "pipeline/clean": None,
        "pipeline/report": 3,
        "pipeline/count": 2,
    }
    assert (state.get_metadata("pipeline/load") or {})["outcome"] == "dropped"


@pytest.mark.parametrize(
    ("broken", "again"),
    [("report", "clean count load report"), ("count", "clean count load report"), ("", "")],
)
def test_a_resume_makes_again_what_it_needs(state: StateManager, broken: str, again: str) -> None:
    calls = Calls()
    failing = {broken}
    dag = pipeline(calls, failing)
    if broken:
        with pytest.raises(RuntimeError):
            dag.run(state=state)
    else:
        dag.run(state=state)
    calls.clear()
    failing.clear()
    results = dag.run(state=state, resume=True)
    assert calls.taken() == again
    assert results == {"report": 3, "count": 2}
    assert dag.run(state=state, resume=True) == results
    assert calls.taken() == ""


def test_a_task_that_needs_nothing_dropped_is_rerun_alone(state: StateManager) -> None:
    calls = Calls()

    @task(keep_result=False)
    def load() -> int:
        calls.append("load")
        return 1

    @task
    def clean(value: int) -> int:
        calls.append("clean")
        return value + 1

    @task
    def report(value: int) -> int:
        calls.append("report")
        return value + 1

    with DAG("alone") as dag:
        load >> clean >> report
    dag.run(state=state)
    calls.clear()
    assert dag.run(state=state, resume=True, from_task="report") == {"clean": 2, "report": 3}
    assert calls.taken() == "report"
    assert dag.run(state=state, resume=True, from_task="clean") == {"clean": 2, "report": 3}
    assert calls.taken() == "clean load report"


def test_a_task_that_only_comes_after_a_dropped_result_is_rerun_alone(state: StateManager) -> None:
    calls, broken = Calls(), {"load"}

    @task(keep_result=False)
    def setup() -> None:
        calls.append("setup")

    @task
    def load() -> None:
        calls.append("load")
        if broken:
            raise RuntimeError("load is broken")

    with DAG("ordered") as dag:
        load.after(setup)
    with pytest.raises(RuntimeError):
        dag.run(state=state)
    assert calls.taken() == "load setup"
    broken.clear()
    dag.run(state=state, resume=True)
    assert calls.taken() == "load"


def test_other_parameters_make_a_dropped_result_again(state: StateManager) -> None:
    @task(keep_result=False)
    def load(day: str) -> str:
        return day

    @task
    def report(text: str) -> str:
        return text

    with DAG("by day") as dag:
        load >> report
    assert dag.run(state=state, params={"day": "monday"}) == {"report": "monday"}
    again = dag.run(state=state, params={"day": "tuesday"}, resume=True)
    assert again == {"report": "tuesday"}


def test_a_store_that_cannot_delete_does_not_fail_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = StateManager()
    sound = state.set

    def full(key: str, value: object, **more: Any) -> None:
        if more["metadata"]["outcome"] == "dropped":
            raise OSError("the disk is full")
        sound(key, value, **more)

    monkeypatch.setattr(state, "set", full)
    assert pipeline(Calls(), set()).run(state=state) == {"report": 3, "count": 2}
    # The results of load and clean are dropped together or apart, as their threads come.
    lines = [line for line in capsys.readouterr().out.splitlines() if "could not be" in line]
    (line,) = [line for line in lines if "load" in line]
    assert "could not be deleted from the state store" in line
    assert "dag_name=pipeline" in line
    assert "run_id=" in line
    assert state.get("pipeline/load") == 1


def test_the_option_is_checked_where_it_is_written() -> None:
    with pytest.raises(TypeError, match="Task 'f': keep_result must be True or False, not 0"):

        @task(keep_result=0)  # type: ignore[arg-type]
        def f() -> None: ...

    with pytest.raises(ValueError, match="'g': at_most_once=True and keep_result=False contradict"):

        @task(keep_result=False, at_most_once=True)
        def g() -> None: ...
