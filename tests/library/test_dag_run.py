"""Running a DAG in this process: results, parallelism, what tasks see and what is logged."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, ClassVar

import pytest

from flowkit import DAG, FlowkitError, Task, configure_logging, current_attempt, task

PATIENCE = 20.0  # seconds that a test waits before it gives up; never how long it takes


def constant(name: str, value: object = None, **options) -> Task:
    return Task(lambda *results: value if value is not None else results, name=name, **options)


def failing(name: str, error: BaseException, **options) -> Task:
    def fail(*results):
        raise error

    return Task(fail, name=name, **options)


# -- results ---------------------------------------------------------------------------------


@pytest.mark.promise("dag-7")
def test_run_gives_results_by_task_name_in_order_of_appearance():
    c, a, b = constant("c", 3), constant("a", 1), constant("b", 2)
    b >> a
    assert list(DAG().run().items()) == [("c", 3), ("a", 1), ("b", 2)]
    assert c.upstream == []


def test_a_dag_can_run_again_and_in_many_threads_at_once():
    a, b = constant("a", 1), constant("b")
    a >> b
    dag, result = DAG(), []
    threads = [threading.Thread(target=lambda: result.append(dag.run())) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert result == [{"a": 1, "b": (1,)}] * 5


def test_an_unknown_executor_is_an_error_that_lists_the_known_ones():
    with pytest.raises(FlowkitError, match=r"executor 'threads'.*mean 'thread'.*'redis'"):
        DAG().run(executor="threads")
    with pytest.raises(FlowkitError, match="belong to executor='redis'"):
        DAG().run(redis="redis://localhost")


class FakeClient:
    """Stands in for the client: notes what it was asked, and gives one result."""

    calls: ClassVar[list[object]] = []

    @classmethod
    def connect(cls, redis=None, namespace=None):
        cls.calls.append(("connect", redis, namespace))
        return cls()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.calls.append("closed")

    def submit(self, dag, **options):
        self.calls.append((dag.name, options))
        return self

    def wait_results(self, timeout, progress):
        self.calls.append(("wait", timeout))
        return {"a": 1}


@pytest.fixture
def client(monkeypatch) -> list[object]:
    monkeypatch.setattr("flowkit.client.client.Client", FakeClient)
    monkeypatch.setattr(FakeClient, "calls", [])
    return FakeClient.calls


def test_executor_redis_submits_and_waits(client):
    results = DAG("etl").run(
        "redis", params={"x": 1}, redis="url", namespace="n", timeout=5, run_id="r"
    )
    assert results == {"a": 1}
    assert client == [
        ("connect", "url", "n"),
        ("etl", {"run_id": "r", "params": {"x": 1}}),
        ("wait", 5),
        "closed",
    ]


def test_submit_hands_the_run_over_and_keeps_the_connection_for_its_handle(client):
    DAG("etl").submit("url", run_id="r", params={"x": 1}, namespace="n", ttl=60)
    assert client == [
        ("connect", "url", "n"),
        ("etl", {"run_id": "r", "params": {"x": 1}, "ttl": 60}),
    ]


# -- parallelism -----------------------------------------------------------------------------


def meet(count: int) -> list[Task]:
    """Make tasks that return only when all of them run at the same time."""
    barrier = threading.Barrier(count, timeout=PATIENCE)
    return [Task(lambda: barrier.wait() >= 0, name=f"meet{number}") for number in range(count)]


def test_independent_tasks_run_at_the_same_time():
    meet(4)
    assert set(DAG(max_workers=4).run().values()) == {True}


@pytest.mark.promise("dag-9")
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("given_to", ["dag", "run"])
def test_max_workers_bounds_the_parallelism(given_to, asynchronous):
    running, most, lock = 0, 0, threading.Lock()

    def change(by):
        nonlocal running, most
        with lock:
            running += by
            most = max(most, running)

    def wait():
        change(1)
        time.sleep(0.002)
        change(-1)

    async def wait_async():
        change(1)
        await asyncio.sleep(0.002)
        change(-1)

    for number in range(20):
        Task(wait_async if asynchronous and number % 2 else wait, name=f"t{number}")
    if given_to == "dag":
        DAG(max_workers=2).run()
    else:
        DAG(max_workers=9).run(max_workers=2)
    assert 1 <= most <= 2


def test_async_tasks_run_concurrently_on_one_loop_also_inside_a_running_loop():
    arrived: list[int] = []
    everyone: list[asyncio.Event] = []

    async def meet_all(number):
        if not everyone:
            everyone.append(asyncio.Event())
        arrived.append(threading.get_ident())
        if len(arrived) == 100:
            everyone[0].set()
        await asyncio.wait_for(everyone[0].wait(), PATIENCE)
        return number

    base = Task(meet_all)
    with DAG("async") as dag:
        for number in range(100):
            dag.add(base.bind(number=number))

    async def inside():
        return dag.run()

    assert list(asyncio.run(inside()).values()) == list(range(100))
    assert len(set(arrived)) == 1


def test_no_thread_is_left_behind():
    async def nothing():
        return 1

    Task(nothing)
    constant("a", 1)
    before = threading.active_count()
    DAG().run()
    assert threading.active_count() == before


def test_a_task_sees_which_attempt_it_is():
    seen = []

    def look():
        seen.append(current_attempt())
        if len(seen) < 3:
            raise OSError
        return len(seen)

    async def look_async():
        await asyncio.sleep(0)
        return current_attempt().task

    with DAG("d") as dag:
        dag.add(Task(look, retries=5, delay=0, name="first"))
        dag.add(Task(look_async, name="second"))
        dag.add(Task(lambda day: day, name="needs"))
    results = dag.run(params={"day": "monday"})
    assert (results["first"], results["second"]) == (3, "second")
    assert [(a.task, a.attempt) for a in seen] == [("first", n) for n in (1, 2, 3)]
    assert len({a.run_id for a in seen}) == 1
    assert dict(seen[0].params) == {"day": "monday"}
    with pytest.raises(TypeError):
        seen[0].params["day"] = "sunday"
    with pytest.raises(FlowkitError, match="outside of a run"):
        current_attempt()


# -- what is told ----------------------------------------------------------------------------


def test_the_life_of_a_run_is_logged(capsys):
    configure_logging()
    calls = []

    def flaky(x):
        calls.append(1)
        if len(calls) == 1:
            raise OSError("again")
        return 1

    made = constant("load", 1)
    made >> Task(flaky, retries=2, delay=0)
    made >> constant("never", 1, when=lambda x: False)
    DAG("etl").run()
    text = capsys.readouterr().out
    for words in (
        "DAG started: etl (3 tasks)",
        "Task started: load",
        "Task succeeded: load",
        "Task retry: flaky (retry 1/2",
        "OSError: again",
        "Task skipped: never (its condition is false)",
        "DAG progress: etl (3/3, 100.0%)",
        "DAG completed: etl (3 tasks",
    ):
        assert words in text
    failing("bad", ValueError("no"))
    with pytest.raises(ValueError):
        DAG("etl").run()
    text = capsys.readouterr().out
    assert "Task failed: bad (ValueError: no)" in text
    assert "DAG failed: etl (task bad)" in text
    assert "DAG completed" not in text


def test_wide_dags_complete():
    first, last = constant("first", 1), Task(lambda *results: sum(results), name="last")
    base = task(lambda x, part: part)
    with DAG("wide") as dag:
        first >> [base.bind(f"p{n}", part=n) for n in range(3000)] >> last
    assert dag.run()["last"] == sum(range(3000))


@pytest.mark.parametrize(
    ("options", "kind", "problem"),
    [
        ({"max_workers": -5}, ValueError, "max_workers must be at least 1, not -5"),
        ({"max_workers": "2"}, TypeError, "max_workers must be a whole number or None, not '2'"),
        ({"timeout": "1"}, TypeError, "timeout must be a number of seconds or None, not '1'"),
        ({"timeout": -1}, ValueError, "timeout must be 0 to"),
        ({"timeout": float("inf")}, ValueError, "or None for any time, not inf"),
        ({"timeout": float("nan")}, ValueError, "or None for any time, not nan"),
        ({"params": [1]}, TypeError, r"params must be a mapping from names to values, not \[1\]"),
    ],
)
def test_a_wrong_option_of_run_is_refused_before_anything_runs(
    options: dict[str, Any], kind: type[Exception], problem: str
) -> None:
    """A negative number of workers once waited forever."""
    dag = DAG("refused")
    dag.add(Task(print, name="never"))
    with pytest.raises(kind, match=problem):
        dag.run(**options)
