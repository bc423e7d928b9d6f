"""Where attempts run in this process: what the lanes must not lose."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading

import pytest

from flowkit import DAG, task
from flowkit.local.lanes import LoopThread

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
    with pytest.raises(SystemExit, match="give up") as caught:
        dag.run(max_workers=4 if bounded else None)
    assert "Raised by task 'gives_up'" in caught.value.__notes__[0]
    assert "Failed as well" not in caught.value.__notes__[0]


def test_a_coroutine_that_waits_for_what_only_it_knows_is_not_taken_for_garbage():
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
    lane.submit(wait())
    assert begun.wait(PATIENCE)
    lane.submit(nothing()).result(PATIENCE)  # by now the other one waits
    gc.collect()
    assert not ended.is_set()
    lane.stop(wait=True)
    assert ended.is_set()
