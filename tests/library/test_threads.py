"""Where attempts run in this process: what the lanes must not lose."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import sys
import threading

import pytest

from flowkit import DAG, Task, TaskExecutionError, task
from flowkit.exceptions import DAGError
from flowkit.local.processes.children import ChildPool
from flowkit.local.threads import LoopThread

PATIENCE = 20.0


async def _exits():
    raise SystemExit("give up")


async def _waits_for_one_that_exits():
    await asyncio.wait_for(_exits(), 5)


async def _exits_in_a_callback():
    asyncio.get_running_loop().call_soon(sys.exit, "give up")
    await asyncio.sleep(60)


@pytest.mark.parametrize("bounded", [False, True])
@pytest.mark.parametrize("exits", [_exits, _waits_for_one_that_exits, _exits_in_a_callback])
def test_a_coroutine_that_exits_fails_its_task_and_no_other(exits, bounded):
    """The loop was closed, and the failure was the neighbour's, or "Event loop is closed"."""
    exited = asyncio.Event()

    @task
    async def neighbour():
        await exited.wait()
        return "saved"

    async def noted():
        try:
            await exits()
        finally:
            exited.set()

    gives_up = task(noted, name="gives_up")
    after = task(lambda value: value, name="after")
    with DAG("loop", on_failure="continue") as dag:
        neighbour >> after
        dag.add(gives_up)
    with pytest.raises(
        TaskExecutionError, match="'gives_up' failed: SystemExit: give up"
    ) as caught:
        dag.run(max_workers=4 if bounded else None)
    assert "Raised by task 'gives_up'" in caught.value.__notes__[0]
    assert "Also failed" not in caught.value.__notes__[0]


@pytest.mark.parametrize("bounded", [False, True])
def test_a_failing_task_factory_fails_later_tasks(bounded):
    """Outcomes were lost with the callback that could not make an asyncio task: the run hung."""

    def refuses(*args, **kwargs):
        raise LookupError("no task today")

    @task
    async def installs():
        asyncio.get_running_loop().set_task_factory(refuses)

    @task
    async def later(_installed):
        return "never"

    with DAG("factory") as dag:
        installs >> later
    with pytest.raises(LookupError, match="no task today"):
        dag.run(max_workers=2 if bounded else None)


def test_a_coroutine_waiting_for_its_own_future_is_not_collected():
    begun, ended = threading.Event(), threading.Event()

    async def wait():
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def nothing():
        pass

    lane = LoopThread()
    lane.submit(wait(), pytest.fail)
    assert begun.wait(PATIENCE)
    lane.submit(nothing(), pytest.fail).result(PATIENCE)  # by now the other one waits
    gc.collect()
    assert not ended.is_set()
    lane.stop(wait=True)
    assert ended.is_set()


# -- a system that refuses threads and files -------------------------------------------------------


@pytest.fixture
def threads_left(monkeypatch):
    """Let so many more threads start, as under a limit of the system (``ulimit -u``)."""

    def leave(count: int) -> None:
        start = threading.Thread.start
        left = iter(range(count))

        def limited(thread: threading.Thread) -> None:
            if thread.name.startswith("flowkit-") and next(left, None) is None:
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", limited)

    return leave


def _dag(*funcs, **options) -> DAG:
    dag = DAG("lanes")
    for number, func in enumerate(funcs):
        dag.add(Task(func, name=f"task_{number}", **options))
    return dag


def one() -> int:
    return 1


async def one_async() -> int:
    return 1


def test_a_run_uses_the_threads_that_it_gets(threads_left):
    threads_left(1)
    assert list(_dag(*[one] * 4).run(max_workers=4).values()) == [1] * 4


@pytest.mark.parametrize("func", [one, one_async])
def test_a_run_without_any_thread_says_so(threads_left, func):
    threads_left(0)
    with pytest.raises(DAGError, match=r"no thread can be started \(can't start new thread\)"):
        _dag(func).run()


def test_a_run_whose_threads_are_all_stuck_says_so_when_it_gets_no_other(threads_left):
    threads_left(1)
    released = threading.Event()

    def stuck():
        released.wait(PATIENCE)

    try:
        with pytest.raises(DAGError, match="no thread can be started"):
            _dag(stuck, stuck, timeout=0.01).run(max_workers=1, timeout=PATIENCE / 4)
    finally:
        released.set()


def test_a_run_that_gets_no_event_loop_says_so(monkeypatch):
    def too_many_files():
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(asyncio.events, "new_event_loop", too_many_files)
    with pytest.raises(DAGError, match=r"no event loop.*Too many open files.*ulimit -n"):
        _dag(one_async).run()


def test_a_process_run_that_gets_no_thread_says_so_each_time(threads_left):
    threads_left(0)
    child_pool = ChildPool()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="can't start new thread"):
            child_pool.start_child()
    with pytest.raises(DAGError, match="a process cannot be started"):
        _dag(one).run(executor="process")


def test_a_process_run_from_a_folder_that_was_deleted_says_so(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(DAGError, match=r"working directory was deleted.*os\.chdir"):
        _dag(one).run(executor="process")
