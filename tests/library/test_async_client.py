"""The client for asyncio programs: the names of ``Client``, one thread for calls, one for waits."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from helpers import wait_until
from real_redis import RealRedis

from flowkit import DAG, AsyncClient, Client, RunHandle, Task
from flowkit.client import run_watch
from flowkit.client.async_handle import AsyncRunHandle
from flowkit.client.run_watch import THREAD
from flowkit.core.states import RunState
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import (
    DAGError,
    FlowkitError,
    RedisUnavailable,
    RunDamaged,
    RunLost,
    RunNotFound,
    WaitTimeout,
)
from flowkit.protocol.namespace import drop_namespace
from flowkit.protocol.scheduler_store import SchedulerStore

PATIENCE_S = 20.0
Test = Callable[[AsyncClient], Coroutine[Any, Any, object]]


def work(n: int = 1) -> int:
    return n


def dag(name: str = "one") -> DAG:
    made = DAG(name)
    made.add(Task(work))
    return made


@pytest.fixture
def client(server_url: str, namespace: str) -> Iterator[Client]:
    """A client of the usual kind, which plays everybody else."""
    with Client.connect(server_url, namespace) as result:
        yield result


@pytest.fixture
def run(client: Client) -> Callable[[Test], object]:
    """Run a test with an AsyncClient of its own, and see that no thread is left of it."""

    def play(test: Test) -> object:
        async def main() -> object:
            async with AsyncClient.connect(client.url, client.settings.namespace) as own:
                return await asyncio.wait_for(test(own), PATIENCE_S)

        result = asyncio.run(main())
        wait_until("no thread of the client is left", lambda: not threads())
        return result

    return play


def threads(*names: str) -> list[str]:
    """Return the threads of these names, by default all of the client's."""
    wanted = names or (THREAD, "flowkit-client")
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(wanted)]


def finish(client: Client, runs: Iterable[str], outcome: str = "succeeded") -> None:
    """End runs as a scheduler does."""
    with client.shards[0].store() as store:
        scheduler = SchedulerStore(store.link, store.keys.namespace, "s")
        scheduler.term = scheduler.acquire_lease(600_000).term or 1
        runs = list(runs)
        store.link.batch([("HSET", store.keys.tasks(run), 0, "S1,W.0,0,0,0") for run in runs])
        commands = [word for run in runs for word in ("finish", run, outcome, "", "succeeded=1")]
        scheduler.apply("", commands)


async def looked_at(client: AsyncClient, count: int) -> None:
    """Return when the watch knows of that many runs."""
    while sum(len(watch._state.get().by_run) for watch in client._watches.values()) < count:
        await asyncio.sleep(0.001)


# -- its names --------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", [(Client, AsyncClient), (RunHandle, AsyncRunHandle)])
def test_its_names_and_parameters_are_those_of_the_client(pair: tuple[type, type]) -> None:
    plain, other = pair
    inner = {"shard_of", "log_cursor", "task_number"}
    names = {name for name, _ in inspect.getmembers(plain, inspect.isroutine) if name[0] != "_"}
    others = {name for name, _ in inspect.getmembers(other, inspect.isroutine) if name[0] != "_"}
    assert names - inner == others - inner
    for name in names - inner:
        given, result = (inspect.signature(getattr(item, name)) for item in pair)
        assert list(given.parameters.values())[1:] == list(result.parameters.values())[1:] or (
            name in ("wait_all", "logs")  # async handles; lines one after the other
        )
        is_awaited = inspect.iscoroutinefunction(getattr(other, name))
        assert is_awaited or name in ("connect", "logs"), name


def test_each_call_does_what_the_client_does(client: Client, run: Callable[[Test], object]) -> None:
    async def test(own: AsyncClient) -> None:
        handle = await own.submit(dag(), run_id="nightly", params={"n": 5})
        assert (handle.run_id, handle.existed) == ("nightly", False)
        assert (await own.submit(dag(), run_id="nightly", params={"n": 5})).existed
        assert repr(handle) == "AsyncRunHandle('nightly')"
        many = await own.submit_many(dag(), [{"n": 1}, {"n": 2}])
        assert {item.run for item in await own.runs(dag="one")} == {
            item.run_id for item in (handle, *many)
        }
        assert (await own.usage())[0].runs == 3
        assert await own.queues() == client.queues()
        assert (await own.activity()).runs == client.activity().runs
        subjects = [finding.subject for finding in client.doctor(0)]
        assert [finding.subject for finding in await own.doctor(0)] == subjects
        assert await own.workers() == await own.dead_letters() == []
        assert not (await own.scheduler()).leads
        assert (await handle.status()).total == (await handle.record()).total == 1
        assert (await handle.graph()).graph.names == ["work"]
        assert await handle.results() == {}
        with pytest.raises(FlowkitError, match="is pending: no result"):
            await handle.result("work")
        await handle.cancel()
        finish(client, ["nightly"], "cancelled")
        assert await (await own.run("nightly")).wait() is RunState.CANCELLED
        await handle.resume()
        assert (await handle.record()).state is RunState.RUNNING
        finish(client, ["nightly", *(item.run_id for item in many)])
        assert await many[0].delete() is True

    run(test)


def test_errors_are_those_of_the_client(client: Client, run: Callable[[Test], object]) -> None:
    async def test(own: AsyncClient) -> None:
        with pytest.raises(RunNotFound, match="there is no run 'nothing'"):
            await own.run("nothing")
        with pytest.raises(DAGError, match="unknown parameter 'm'"):
            await own.submit(dag(), params={"m": 1})
        with pytest.raises(TypeError, match="dag must be a DAG, not 5"):
            await own.submit(5)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"handles, .* \(AsyncRunHandle\), not RunHandle"):
            await own.wait_all([client.submit(dag())])  # type: ignore[list-item]
        with pytest.raises(ValueError, match="timeout must be 0 to"):
            await (await own.submit(dag())).wait(-1)

    run(test)


# -- waiting ----------------------------------------------------------------------------------


def test_a_thousand_waits_share_a_connection_and_a_thread(
    redis_server: RealRedis, namespace: str
) -> None:
    def feeds() -> set[str]:
        with redis_server.client() as admin:
            return {item["id"] for item in admin.client_list() if item["name"] == "flowkit-feed"}

    async def main(client: Client) -> None:
        others = feeds()
        async with AsyncClient.connect(client.url, namespace) as own:
            runs = await own.submit_many(dag(), [None] * 1000)
            waits = [asyncio.ensure_future(run.wait(PATIENCE_S)) for run in runs]
            await looked_at(own, 1000)
            assert len(feeds() - others) == 1
            assert sorted(threads()) == ["flowkit-client_0", THREAD]
            ids = [run.run_id for run in runs]
            for at in range(0, 1000, 250):
                finish(client, ids[at : at + 250])
            assert set(await asyncio.gather(*waits)) == {RunState.SUCCEEDED}

    with Client.connect(redis_server.url, namespace) as client:
        asyncio.run(main(client))


def test_a_wait_ends_with_its_run_and_the_thread_with_the_last_wait(
    client: Client, run: Callable[[Test], object]
) -> None:
    async def test(own: AsyncClient) -> None:
        handle = await own.submit(dag())
        waits = [asyncio.ensure_future(handle.wait()) for _ in range(3)]  # of the same run
        await looked_at(own, 1)
        finish(client, [handle.run_id])
        assert await asyncio.gather(*waits) == [RunState.SUCCEEDED] * 3
        while threads(THREAD):
            await asyncio.sleep(0.001)
        assert await handle.wait() is RunState.SUCCEEDED  # by another thread

    run(test)


def test_cancelling_an_await_ends_the_wait_and_not_the_run(
    client: Client, run: Callable[[Test], object]
) -> None:
    async def test(own: AsyncClient) -> None:
        handle = await own.submit(dag())
        wait = asyncio.ensure_future(handle.wait())
        await looked_at(own, 1)
        wait.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wait
        assert (await handle.record()).stop is None
        while threads(THREAD):
            await asyncio.sleep(0.001)

    run(test)


def test_a_wait_that_times_out_says_what_the_run_waits_for(
    client: Client, run: Callable[[Test], object]
) -> None:
    async def test(own: AsyncClient) -> None:
        handle = await own.submit(dag())
        with pytest.raises(WaitTimeout, match=r"after 0.05 s; it continues\. No scheduler is run"):
            await handle.wait(0.05)
        others = await own.submit_many(dag(), [None, None])
        finish(client, [others[0].run_id])
        words = r"2 of 3 runs had not ended after 0.2 s; they continue\. One of them is"
        with pytest.raises(WaitTimeout, match=words):
            await own.wait_all([handle, *others], 0.2)
        assert await others[0].wait(0) is RunState.SUCCEEDED
        assert await own.wait_all(others[:1], 0) == [RunState.SUCCEEDED]
        assert await own.wait_all([]) == []

    run(test)


def test_a_run_that_disappears_is_lost_and_an_unknown_one_not_found(
    client: Client, run: Callable[[Test], object]
) -> None:
    def drop() -> None:
        with client.shards[0].store() as store:
            drop_namespace(store.link, client.settings.namespace)

    async def test(own: AsyncClient) -> None:
        accepted = await own.submit(dag())
        result = await own.run(accepted.run_id)
        wait = asyncio.ensure_future(accepted.wait())
        await looked_at(own, 1)
        drop()
        with pytest.raises(RunLost, match="was accepted and is no longer in Redis"):
            await wait
        with pytest.raises(RunNotFound):
            await result.wait()

    run(test)


def test_a_damaged_run_harms_no_other_wait(client: Client, run: Callable[[Test], object]) -> None:
    async def test(own: AsyncClient) -> None:
        bad, good = await own.submit_many(dag(), [None, None])
        with client.shards[0].store() as store:
            store.link.call("HSET", store.keys.run(bad.run_id), "state", "nonsense")
        finish(client, [good.run_id])
        waits = [bad.wait(), good.wait()]
        damage, state = await asyncio.gather(*waits, return_exceptions=True)
        assert isinstance(damage, RunDamaged)
        assert state is RunState.SUCCEEDED
        assert await bad.delete()

    run(test)


def test_progress_is_told_in_the_event_loop_and_its_errors_end_the_wait(
    client: Client, run: Callable[[Test], object]
) -> None:
    async def test(own: AsyncClient) -> None:
        messages: list[tuple[str, int]] = []
        handle = await own.submit(dag())
        here = threading.current_thread().name

        def progress(counts: object, total: int) -> None:
            messages.append((threading.current_thread().name, total))
            if len(messages) == 1:
                finish(client, [handle.run_id])
            if len(messages) > 1:
                raise ZeroDivisionError("in the callback")

        with pytest.raises(ZeroDivisionError):
            await handle.wait(progress=progress)
        assert set(messages) == {(here, 1)}

    run(test)


# -- connections, loops and processes ---------------------------------------------------------


def test_a_wait_survives_the_loss_of_its_connection(
    redis_server: RealRedis, namespace: str
) -> None:
    async def main(client: Client) -> None:
        async with AsyncClient.connect(client.url, namespace) as own:
            handle = await own.submit(dag())
            wait = asyncio.ensure_future(handle.wait(PATIENCE_S))
            with redis_server.client() as admin:
                channel = f"{{{namespace}}}:run:{handle.run_id}:feed"
                while not admin.pubsub_numsub(channel)[0][1]:
                    await asyncio.sleep(0.001)
                assert admin.client_kill_filter(_type="pubsub") == 1
                while not admin.pubsub_numsub(channel)[0][1]:  # it subscribes again
                    await asyncio.sleep(0.001)
            finish(client, [handle.run_id])
            assert await wait is RunState.SUCCEEDED

    with Client.connect(redis_server.url, namespace) as client:
        asyncio.run(main(client))


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RealRedis]:
    server = RealRedis(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


def test_a_wait_outlasts_an_outage(own_server: RealRedis) -> None:
    async def main() -> None:
        async with AsyncClient.connect(own_server.url, patience=0) as own:
            handle = await own.submit(dag())
            wait = asyncio.ensure_future(handle.wait())
            await looked_at(own, 1)
            own_server.freeze()
            with pytest.raises(RedisUnavailable) as caught:
                await handle.wait(2.5)
            own_server.thaw()
            assert "continues as long as its workers reach Redis" in str(caught.value.__notes__)
            with Client.connect(own_server.url) as client:
                finish(client, [handle.run_id])
            assert await wait is RunState.SUCCEEDED

    asyncio.run(main())


def test_a_wait_gives_up_after_a_long_outage(
    own_server: RealRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_watch, "OUTAGE_S", 0.0)

    async def main() -> None:
        async with AsyncClient.connect(own_server.url, patience=0) as own:
            handle = await own.submit(dag())
            wait = asyncio.ensure_future(handle.wait())
            await looked_at(own, 1)
            own_server.stop()
            with pytest.raises(RedisUnavailable):
                await wait

    asyncio.run(main())


def test_the_event_loop_is_not_blocked_by_a_call(
    monkeypatch: pytest.MonkeyPatch, run: Callable[[Test], object]
) -> None:
    """The call ends only when the loop has gone on meanwhile."""
    went_on = threading.Event()

    def slow(*args: object, **kwargs: object) -> bool:
        return went_on.wait(PATIENCE_S)

    async def test(own: AsyncClient) -> None:
        monkeypatch.setattr(Client, "workers", slow)
        call = asyncio.ensure_future(own.workers())
        await asyncio.sleep(0)
        went_on.set()
        assert await call is True

    run(test)


def test_a_call_that_has_not_begun_is_not_made_if_its_await_is_cancelled(
    client: Client, monkeypatch: pytest.MonkeyPatch, run: Callable[[Test], object]
) -> None:
    gate = threading.Event()

    async def test(own: AsyncClient) -> None:
        monkeypatch.setattr(Client, "workers", lambda client: gate.wait(PATIENCE_S))
        first = asyncio.ensure_future(own.workers())
        second = asyncio.ensure_future(own.submit(dag(), run_id="never"))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        gate.set()
        await first
        assert await own.runs() == []

    run(test)


def test_closing_ends_waits_and_refuses_calls(client: Client) -> None:
    async def main() -> None:
        own = AsyncClient.connect(client.url, client.settings.namespace)
        handle = await own.submit(dag())
        wait = asyncio.ensure_future(handle.wait())
        await looked_at(own, 1)
        await own.close()
        await own.close()
        uses: list[Awaitable[object]] = [wait, own.runs(), handle.wait(), handle.record()]
        for use in uses:
            with pytest.raises(FlowkitError, match="this client and its handles are closed"):
                await use

    asyncio.run(main())
    wait_until("no thread is left", lambda: not threads())


def test_no_connection_is_made_before_it_is_needed() -> None:
    async def main() -> None:
        own = AsyncClient.connect("redis://127.0.0.1:1", patience=0)
        with pytest.raises(RedisUnavailable, match=r"cannot use Redis at redis://127\.0\.0\.1:1"):
            await own.runs()
        await own.close()
        with pytest.raises(RedisUnavailable):
            async with AsyncClient.connect("redis://127.0.0.1:1", patience=0):
                pytest.fail("it entered")

    asyncio.run(main())


def test_a_loop_that_is_closed_with_a_wait_in_it_disturbs_no_later_one(client: Client) -> None:
    own = AsyncClient.connect(client.url, client.settings.namespace)

    async def begin() -> AsyncRunHandle:
        return await own.submit(dag())

    loop = asyncio.new_event_loop()
    handle = loop.run_until_complete(begin())
    wait = loop.create_task(handle.wait())
    loop.run_until_complete(looked_at(own, 1))
    loop.close()
    finish(client, [handle.run_id])

    async def end() -> None:
        assert await handle.wait() is RunState.SUCCEEDED
        await own.close()

    asyncio.run(end())
    wait_until("the thread of the lost wait has ended", lambda: not threads(THREAD))
    wait._log_destroy_pending = False  # type: ignore[attr-defined]
    del wait
    gc.collect()


@pytest.mark.filterwarnings("ignore:This process .* multi-threaded:DeprecationWarning")
def test_a_forked_child_has_threads_and_waits_of_its_own(
    fake_server: EmbeddedServer, namespace: str
) -> None:
    async def parent(client: Client) -> None:
        async with AsyncClient.connect(client.url, namespace) as own:
            handle = await own.submit(dag())
            wait = asyncio.ensure_future(handle.wait(PATIENCE_S))
            await looked_at(own, 1)
            pid = await asyncio.to_thread(fork, handle)
            while os.waitpid(pid, os.WNOHANG) == (0, 0) and not wait.done():
                finish(client, [handle.run_id])
                await asyncio.sleep(0.01)
            assert await wait is RunState.SUCCEEDED
            codes.append(pid)

    def fork(handle: AsyncRunHandle) -> int:
        pid = os.fork()
        if pid:
            return pid
        code = 1
        with suppress(BaseException):
            signal.alarm(int(PATIENCE_S))
            asyncio.events._set_running_loop(None)
            asyncio.set_event_loop(None)
            code = 0 if asyncio.run(handle.wait()) is RunState.SUCCEEDED else 3
        os._exit(code)

    codes: list[int] = []
    with Client.connect(fake_server.url, namespace) as client:
        asyncio.run(parent(client))
    with suppress(ChildProcessError):  # it was waited for already
        assert os.waitstatus_to_exitcode(os.waitpid(codes[0], 0)[1]) == 0
