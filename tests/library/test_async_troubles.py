"""The client for asyncio programs in trouble: what goes wrong for one wait harms no other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from helpers import wait_until
from test_async_client import PATIENCE_S, Test, client, dag, finish, run, threads

from flowkit import AsyncClient, Client
from flowkit.client.run_watch import THREAD
from flowkit.core.states import RunState
from flowkit.exceptions import RunDamaged

__all__ = ["client", "run"]  # fixtures


def test_a_run_with_a_huge_field_harms_no_other_wait(
    client: Client, run: Callable[[Test], object]
) -> None:
    async def test(own: AsyncClient) -> None:
        bad, good = await own.submit_many(dag(), [None, None])
        with client.shards[0].store() as store:
            store.link.call("HSET", store.keys.run(bad.run_id), "counts", b"x" * 100_000_000)
        waits = [asyncio.ensure_future(item.wait()) for item in (bad, good)]
        with pytest.raises(RunDamaged, match="its field counts has 100000000 bytes"):
            await waits[0]
        finish(client, [good.run_id])
        assert await waits[1] is RunState.SUCCEEDED

    run(test)


def test_a_wait_that_gets_no_thread_leaves_the_next_one_intact(
    client: Client, monkeypatch: pytest.MonkeyPatch, run: Callable[[Test], object]
) -> None:
    async def test(own: AsyncClient) -> None:
        handle = await own.submit(dag())
        finish(client, [handle.run_id])
        start = threading.Thread.start

        def refuse(thread: threading.Thread) -> None:
            if thread.name == THREAD:
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            await handle.wait()
        monkeypatch.undo()
        assert await handle.wait(10) is RunState.SUCCEEDED

    run(test)


def test_a_timeout_error_of_progress_is_not_taken_for_the_end_of_the_wait(
    run: Callable[[Test], object],
) -> None:
    def progress(counts: object, total: int) -> None:
        raise TimeoutError("of the user's own")

    async def test(own: AsyncClient) -> None:
        handle = await own.submit(dag())
        with pytest.raises(TimeoutError, match="of the user's own"):
            await handle.wait(progress=progress)

    run(test)


def test_a_close_that_is_cancelled_closes_nevertheless(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, closed = threading.Event(), threading.Event()

    async def main() -> None:
        own = AsyncClient.connect(client.url, client.settings.namespace)
        call = asyncio.ensure_future(own.workers())
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(own.close(), 0.01)
        gate.set()
        await call

    monkeypatch.setattr(Client, "workers", lambda client: gate.wait(PATIENCE_S))
    monkeypatch.setattr(Client, "close", lambda client: closed.set())
    asyncio.run(main())
    assert closed.wait(PATIENCE_S)
    wait_until("no thread is left", lambda: not threads())
