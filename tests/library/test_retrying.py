"""``handle.retry()`` hastens what waits, resumes what is over, and refuses the rest with advice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from real_redis import RealRedis

from flowkit import DAG, Client, RunHandle, Task
from flowkit.exceptions import RunAlreadyOver, RunNotOver, TaskNotFailed, TaskNotFoundError
from flowkit.protocol.app_functions import function_id, pinned_id
from flowkit.protocol.scheduler_store import SchedulerStore

HOUR = "3600000"


def load() -> int:
    return 1


def store() -> int:
    return 2


async def fetch() -> int:
    return 3


@pytest.fixture
def client(redis_server: RealRedis, namespace: str) -> Iterator[Client]:
    with Client.connect(redis_server.url, namespace) as result:
        yield result


def dag(**options: object) -> DAG:
    made = DAG("shop", **options)  # type: ignore[arg-type]
    for task in (Task(load, priority=7), Task(store), Task(fetch, queue="slow")):
        made.add(task)
    return made


@pytest.fixture
def submit(client: Client) -> Callable[..., RunHandle]:
    """Submit a run whose tasks have these records."""

    def submit(**records: str) -> RunHandle:
        handle = client.submit(dag())
        write(client, handle, **records)
        return handle

    return submit


def write(client: Client, handle: RunHandle, **records: str) -> None:
    names = handle.graph().graph.names
    with client.shards[0].store() as calls:
        for name, record in records.items():
            calls.link.call("HSET", calls.keys.tasks(handle.run_id), names.index(name), record)


def end(client: Client, handle: RunHandle, state: str) -> None:
    """End a run as a scheduler does."""
    with client.shards[0].store() as calls:
        scheduler = SchedulerStore(calls.link, calls.keys.namespace, "s")
        scheduler.term = scheduler.acquire_lease(60_000).term or scheduler.term
        scheduler.apply("", ["finish", handle.run_id, state, "", "failed=1"])


def delayed(client: Client) -> dict[str, int]:
    with client.shards[0].store() as calls:
        flat = calls.link.call("ZRANGE", calls.keys.delayed(), 0, -1, "WITHSCORES")
        return {
            entry.decode().split(",", 1)[1]: int(due)
            for entry, due in zip(flat[::2], flat[1::2], strict=True)
        }


WAITS = f"W1,W.0,0,0,{HOUR}"


def test_all_that_waits_is_hastened_in_its_queue_and_lane(
    client: Client, submit: Callable[..., RunHandle]
) -> None:
    handle = submit(load=WAITS, store="R1,W.0,0,0,", fetch=WAITS)
    retried = handle.retry()
    assert (retried.tasks, retried.resumed) == (("load", "fetch"), False)
    assert set(delayed(client)) == {"0,2,default,7", "2,2,slow~async,5"}


def test_only_the_named_one_is(client: Client, submit: Callable[..., RunHandle]) -> None:
    handle = submit(load=WAITS, store=WAITS)
    assert handle.retry("store").tasks == ("store",)
    assert handle.retry(["store", "store"]).tasks == ("store",), "again does no harm"
    assert set(delayed(client)) == {"1,2,default,5"}


@pytest.mark.parametrize("pinned", [False, True])
def test_the_entry_of_a_function_list_is_moved(client: Client, pinned: bool) -> None:
    """Where only some workers have the function, its attempts wait in a list of their own."""
    handle = client.submit(dag(pin_version=pinned))
    write(client, handle, load=WAITS)
    compiled = handle.graph()
    ref = compiled.ref(0)
    function = pinned_id(ref, compiled.pinned) if pinned else function_id(ref)
    entry = f"{handle.run_id},0,2,default@{function},7"
    with client.shards[0].store() as calls:
        calls.link.call("ZADD", calls.keys.delayed(), 10**13, entry)
    handle.retry("load")
    ((name, due),) = delayed(client).items()
    assert name == f"0,2,default@{function},7"
    assert due < 10**13


def test_failed_tasks_of_a_run_that_is_over(
    client: Client, submit: Callable[..., RunHandle]
) -> None:
    handle = submit(load="F1,W.0,0,0,1", store="S1,W.0,0,0,1", fetch="F1,W.0,0,0,1")
    end(client, handle, "failed")
    with pytest.raises(
        TaskNotFailed, match=r"'store' .* has succeeded: only a task that has failed"
    ):
        handle.retry(["load", "store"])
    retried = handle.retry()
    assert (retried.tasks, retried.resumed) == (("load", "fetch"), True)
    assert handle.record().state == "running"


REFUSED = [
    ({"load": "F1,W.0,0,0,1"}, "load", RunNotOver, "has failed for good, and the run is not over"),
    ({"load": "R1,W.0,0,0,"}, "load", TaskNotFailed, "is running: .* It is executing now"),
    ({"load": "Q1,,0,,"}, "load", TaskNotFailed, "is queued: .* when a worker is free"),
    ({}, "load", TaskNotFailed, "is pending: .* when the tasks before it are over"),
    ({"load": "K1,W.0,0,0,1"}, "load", TaskNotFailed, "was skipped: .* condition was false"),
    ({"load": "U0,,0,,"}, "load", TaskNotFailed, "did not run, .*: .* the task before it"),
    ({"load": "C1,,0,,"}, "load", TaskNotFailed, "was cancelled: .* 'flowkit resume"),
    ({"load": "S1,W.0,0,0,1"}, "load", TaskNotFailed, "has succeeded: .* --from-task load"),
    ({"load": WAITS}, "lood", TaskNotFoundError, "Did you mean 'load'"),
    ({}, None, TaskNotFailed, "no task of run .* waits for a retry. To see"),
    ({"load": "F1,W.0,0,0,1"}, None, TaskNotFailed, "When the run is over, its failed tasks can"),
]


@pytest.mark.parametrize(("records", "task", "error", "text"), REFUSED)
def test_in_a_run_that_is_not_over_the_rest_is_refused(
    submit: Callable[..., RunHandle],
    records: dict[str, str],
    task: str | None,
    error: type[Exception],
    text: str,
) -> None:
    handle = submit(**records)
    with pytest.raises(error, match=text):
        handle.retry(task)


def test_a_run_that_stops_or_succeeded_is_refused(
    client: Client, submit: Callable[..., RunHandle]
) -> None:
    handle = submit(load=WAITS)
    handle.cancel()
    with pytest.raises(RunNotOver, match="is being stopped: wait for its end"):
        handle.retry("load")
    assert delayed(client) == {}
    done = submit(load="S1,W.0,0,0,1")
    end(client, done, "succeeded")
    with pytest.raises(RunAlreadyOver, match="succeeded, so there is nothing to retry"):
        done.retry()
    stopped = submit(load="C1,,0,,")
    end(client, stopped, "cancelled")
    with pytest.raises(TaskNotFailed, match=r"has no failed task. To continue it"):
        stopped.retry()


@pytest.mark.parametrize("tasks", [5, [5], []])
def test_wrong_names_are_refused(submit: Callable[..., RunHandle], tasks: object) -> None:
    with pytest.raises((TypeError, ValueError), match="tasks"):
        submit(load=WAITS).retry(tasks)  # type: ignore[arg-type]
