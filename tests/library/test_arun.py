"""await dag.arun(): the event loop continues, and cancelling what awaits it stops the run."""

from __future__ import annotations

import asyncio
import inspect
import multiprocessing
import threading
from typing import ClassVar

import process_tasks as tasks
import pytest
from helpers import wait_until

from flowkit import DAG, DAGCycleError, Task, TaskExecutionError, task
from flowkit.exceptions import RunAlreadyOver, RunCancelled, TaskTimeout, WaitTimeout

PATIENCE = 20.0


def dag_of(*members: Task, **options) -> DAG:
    with DAG("etl", **options) as dag:
        for member in members:
            dag.add(member)
    return dag


def test_arun_takes_the_arguments_of_run():
    given = inspect.signature(DAG.run), inspect.signature(DAG.arun)
    assert given[0].parameters == given[1].parameters


def test_the_event_loop_keeps_running_during_a_plain_task():
    """The task returns when a coroutine of the caller's has let it: blocked, it never could."""
    let_go = threading.Event()

    @task
    def waits():
        return let_go.wait(PATIENCE)

    async def main():
        run = asyncio.create_task(dag_of(waits).arun())
        await asyncio.sleep(0)
        let_go.set()
        return await run

    assert asyncio.run(main()) == {"waits": True}


async def cancels_a_part():
    part = asyncio.create_task(asyncio.Event().wait())
    part.cancel()
    await part


def test_a_task_that_ends_by_cancellation_is_a_failure_for_a_task_group():
    """A TaskGroup takes CancelledError for a part that was cancelled on purpose: no failure."""

    async def main():
        async with asyncio.TaskGroup() as group:
            group.create_task(dag_of(Task(cancels_a_part)).arun())

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(main())
    (error,) = caught.value.exceptions
    assert isinstance(error, TaskExecutionError)
    assert isinstance(error.__cause__, asyncio.CancelledError)


def test_a_task_that_exits_does_not_end_the_loop_that_awaits_its_run():
    def leave():
        raise SystemExit(0)

    async def main():
        with pytest.raises(TaskExecutionError, match="'leave' failed: SystemExit: 0"):
            await dag_of(Task(leave)).arun()
        return "goes on"

    assert asyncio.run(main()) == "goes on"


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_runs_can_be_awaited_together(executor):
    async def main():
        dags = [dag_of(tasks.give.bind(f"g{number}", value=number)) for number in range(3)]
        return await asyncio.gather(*(dag.arun(executor) for dag in dags))

    assert asyncio.run(main()) == [{"g0": 0}, {"g1": 1}, {"g2": 2}]


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_run_works_inside_a_running_loop_too(executor):
    async def main():
        return dag_of(tasks.give.bind("g", value=1), tasks.here).run(executor)

    assert asyncio.run(main())["g"] == 1


def test_failures_are_the_same_as_those_of_run():
    error = ValueError("bad row")

    @task
    def fail():
        raise error

    @task
    def waits():
        release.wait(PATIENCE)

    release = threading.Event()
    with pytest.raises(ValueError, match="bad row") as caught:
        asyncio.run(dag_of(fail).arun())
    assert caught.value is error
    assert caught.value.__notes__ == ["Raised by task 'fail' of DAG 'etl'."]
    with pytest.raises(WaitTimeout):
        asyncio.run(dag_of(waits).arun(timeout=0.02))
    release.set()
    with DAG("loop") as loop:
        tasks.pid >> tasks.fail >> tasks.pid
    with pytest.raises(DAGCycleError):
        asyncio.run(loop.arun())


def test_an_exception_that_no_future_takes_does_not_hang():
    @task
    def stops():
        raise StopIteration("end")

    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(dag_of(stops).arun())


# -- cancelling ------------------------------------------------------------------------------


def test_cancelling_stops_the_run_and_its_coroutines():
    begun, cancelled, ran = threading.Event(), threading.Event(), []

    @task
    async def first():
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    @task
    def after(value):
        ran.append(value)

    with DAG("etl") as dag:
        first >> after

    async def main():
        run = asyncio.create_task(dag.arun())
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    asyncio.run(main())
    assert cancelled.wait(PATIENCE)
    assert ran == []


def test_a_deadline_of_asyncio_stops_the_run_too(tmp_path):
    async def main():
        run = dag_of(tasks.sleep).arun("process", params={"path": str(tmp_path / "marks")})
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(run, 0.3)

    asyncio.run(main())
    wait_until("no child is left", lambda: not multiprocessing.active_children(), PATIENCE)


def test_cancelling_before_the_run_has_begun_stops_it():
    ran, let_go = [], threading.Event()

    @task
    def first():
        let_go.wait(PATIENCE)

    @task
    def after(value):
        ran.append(value)

    with DAG("etl") as dag:
        first >> after

    async def main():
        run = asyncio.create_task(dag.arun())
        await asyncio.sleep(0)  # it has started its thread, and nobody knows how far that is
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    before = set(threading.enumerate())
    asyncio.run(main())
    let_go.set()
    wait_until("the run's threads have ended", lambda: set(threading.enumerate()) <= before)
    assert ran == []


# -- on workers ------------------------------------------------------------------------------


class FakeClient:
    """Stands in for the client and its handle: a run that ends when it is cancelled."""

    over: ClassVar[threading.Event]
    waiting: ClassVar[threading.Event]
    calls: ClassVar[list[object]]

    @classmethod
    def connect(cls, redis=None, namespace=None):
        cls.calls.append((redis, namespace))
        return cls()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.calls.append("closed")

    def submit(self, dag, params=None, run_id=None):
        return self

    def wait_results(self, timeout, progress):
        self.waiting.set()
        if timeout is not None:
            return {"a": timeout}
        assert self.over.wait(PATIENCE)
        raise RunCancelled("r")

    def cancel(self):
        self.calls.append("cancelled")
        self.over.set()
        raise RunAlreadyOver("r")


@pytest.fixture
def client(monkeypatch) -> list[object]:
    monkeypatch.setattr("flowkit.client.client.Client", FakeClient)
    for name, value in (("calls", []), ("over", threading.Event()), ("waiting", threading.Event())):
        monkeypatch.setattr(FakeClient, name, value, raising=False)
    return FakeClient.calls


def test_a_run_on_workers_can_be_awaited(client):
    run = DAG("etl").arun("redis", redis="url", namespace="n", timeout=5)
    assert asyncio.run(run) == {"a": 5}
    assert client == [("url", "n"), "closed"]


def test_cancelling_cancels_the_run_on_workers(client):
    async def main():
        run = asyncio.create_task(DAG("etl").arun("redis"))
        assert await asyncio.to_thread(FakeClient.waiting.wait, PATIENCE)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    asyncio.run(main())
    wait_until("the connection is closed", lambda: client[1:] == ["cancelled", "closed"])


def test_a_tasks_timeout_does_not_depend_on_the_loop():
    @task(timeout=0.02)
    async def stuck():
        await asyncio.Event().wait()

    with pytest.raises(TaskTimeout):
        asyncio.run(dag_of(stuck).arun())
