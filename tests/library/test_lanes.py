"""Where attempts run in this process: what the lanes must not lose."""

from __future__ import annotations

import asyncio
import gc
import threading

from flowkit.local.lanes import LoopThread

PATIENCE = 20.0


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
