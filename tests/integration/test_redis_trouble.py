"""Redis forgets scripts, drops connections, crashes and comes back; every run still ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import fault_app as app
import pytest
import redis
from helpers import free_port, wait_until
from real_redis import RealRedis
from real_system import Process, System, check_executions

from flowkit import DAG, Client, FlowkitError, RunHandle
from flowkit.core.states import RunState
from flowkit.exceptions import RedisUnavailable, RunLost
from flowkit.protocol.keys import SCHEMA


def wide(leaves: int) -> DAG:
    with DAG("wide") as dag:
        middle = [app.brief.bind(f"leaf_{n}") for n in range(leaves)]
        app.quick.bind("root") >> middle >> app.total.bind("sum")
    return dag


@contextmanager
def again_and_again(url: str, trouble: Callable[[redis.Redis], object]) -> Iterator[None]:
    """Make trouble every 50 ms, in a thread, as long as the block runs."""
    over = threading.Event()

    def make_trouble() -> None:
        with redis.Redis.from_url(url, protocol=2) as client:
            while not over.wait(0.05):
                trouble(client)

    thread = threading.Thread(target=make_trouble)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def drop_everybody(client: redis.Redis) -> None:
    """Close all connections but the one that asks, those of waiting clients included."""
    client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")


@pytest.mark.parametrize(
    "trouble",
    [lambda client: client.script_flush("SYNC"), drop_everybody],
    ids=["SCRIPT FLUSH", "CLIENT KILL"],
)
def test_a_run_ends_under_repeated_trouble(
    frail_system: System, trouble: Callable[[redis.Redis], object]
) -> None:
    system = frail_system
    system.start("--processes", "2")
    with system.client() as client, again_and_again(system.url, trouble):
        run = client.submit(wide(150))
        assert run.wait_results(40)["sum"] == 150
        check_executions(system, run)


@pytest.mark.slow
def test_clean_stops_under_dropped_connections_leave_no_claim_behind(
    frail_system: System,
) -> None:
    """The first call after a drop fails. A worker that then still signed off would take the
    knowledge of what its children held with it, and nobody would ever give it back."""
    system = frail_system
    system.scheduler()
    with system.client() as client:
        run = client.submit(wide(200))
        for count in (50, 100, 150):
            worker = system.worker("--processes", "2")
            wait_until(f"{count} tasks have started", lambda n=count: len(system.executions()) >= n)
            with again_and_again(system.url, drop_everybody):
                worker.terminate()
                assert worker.exit_code() == 0
        system.worker("--processes", "2")
        assert run.wait_results(40)["sum"] == 200
        known = check_executions(system, run, repeats=0)
    assert {record.attempt for record in known.values()} == {1}


def test_a_run_continues_after_redis_crashes_and_restarts(
    frail_system: System, own_redis: RealRedis
) -> None:
    system = frail_system
    scheduler, worker = system.start("--processes", "2")
    ends: list[RunState] = []
    with system.client() as client, system.client() as other:
        run = client.submit(wide(150))
        waiting = threading.Thread(target=lambda: ends.append(other.run(run.run_id).wait(60)))
        waiting.start()
        wait_until("some tasks have started", lambda: len(system.executions()) > 30)
        own_redis.kill()
        for process in (scheduler, worker):
            process.says("Waiting for Redis")
        spent = _spent_in([scheduler, worker], seconds=1.5)
        own_redis.start()
        waiting.join(60)
        assert run.wait_results(40)["sum"] == 150
        check_executions(system, run)
    assert ends == [RunState.SUCCEEDED]
    assert spent < 0.5, "they burn the processor while Redis is away"
    for process in (scheduler, worker):
        assert "Redis answers again" in process.log
        assert "Traceback" not in process.log
        assert process.popen.poll() is None


def _spent_in(processes: list[Process], seconds: float) -> float:
    before = sum(process.cpu_seconds() for process in processes)
    time.sleep(seconds)
    return sum(process.cpu_seconds() for process in processes) - before


def test_an_outage_longer_than_the_lease_costs_no_running_task(
    frail_system: System, own_redis: RealRedis
) -> None:
    """When Redis comes back all leases have run out, and all workers are there to renew them."""
    system = frail_system
    scheduler, worker = system.start("--processes", "1", lease=1.0)
    with system.client() as client:
        run = client.submit(_held())
        system.started("held")
        own_redis.kill()
        for process in (scheduler, worker):
            process.says("Waiting for Redis")
        time.sleep(1.2)  # longer than the lease
        own_redis.start()
        for process in (scheduler, worker):
            process.says("Redis answers again")
        system.open_gate("a")
        assert run.wait_results(30) == {"held": 1}
        check_executions(system, run)
    assert "is lost" not in scheduler.log


def _held() -> DAG:
    dag = DAG("held")
    dag.add(app.held.bind("held", gate="a"))
    return dag


def test_programs_wait_for_a_frozen_redis(frail_system: System, own_redis: RealRedis) -> None:
    """It keeps its connections and answers nothing: the worst kind of outage."""
    system = frail_system
    system.start("--processes", "2")
    with system.client() as client:
        run = client.submit(wide(100))
        wait_until("some tasks have started", lambda: len(system.executions()) > 20)
        own_redis.freeze()
        time.sleep(2.0)
        own_redis.thaw()
        assert run.wait_results(40)["sum"] == 100
        check_executions(system, run)


def test_programs_started_before_redis_wait_for_it(system: System, own_redis: RealRedis) -> None:
    own_redis.stop()
    system.url = own_redis.url
    programs = system.start()
    for program in programs:
        program.says("Waiting for Redis")
    own_redis.start()
    with system.client() as client:
        assert _result_of_one(client.submit(wide(3))) == 3
    for program in programs:
        assert program.log.count("Waiting for Redis") == 1
        assert "Traceback" not in program.log


def _result_of_one(run: RunHandle) -> object:
    return run.wait_results(30)["sum"]


def _subscribers(server: RealRedis, run_id: str) -> int:
    with server.client() as client:
        return len(client.pubsub_channels(f"*run:{run_id}:feed"))


def test_a_flushed_redis_is_noticed_by_all(frail_system: System, own_redis: RealRedis) -> None:
    """Nobody waits forever for what is gone, and the programs serve whoever comes next, also
    under a run id that was in use when everything vanished."""
    system = frail_system
    scheduler, worker = system.start("--processes", "1")
    with system.client() as client:
        client.submit(_held(), run_id="nightly")
        messages: list[type[Exception]] = []

        def wait_and_tell() -> None:
            with system.client() as own:
                try:
                    own.run("nightly").wait(20)
                except FlowkitError as error:
                    messages.append(type(error))

        system.started("held")
        waiter = threading.Thread(target=wait_and_tell)
        waiter.start()
        wait_until("somebody waits", lambda: _subscribers(own_redis, "nightly"))
        with own_redis.client() as server:
            server.flushall()
        waiter.join(20)
        assert messages == [RunLost]
        worker.says("started in its place")
        system.open_gate("a")
        again = client.submit(_held(), run_id="nightly")
        assert again.wait_results(20) == {"held": 1}
    with own_redis.client() as server:
        noted = server.get(f"{{{system.namespace}}}:schema")
    assert noted == str(SCHEMA).encode(), "the format is noted anew"
    assert "Traceback" not in scheduler.log + worker.log


def test_an_unreachable_redis_ends_a_client_with_a_sentence() -> None:
    port = free_port()
    with pytest.raises(RedisUnavailable, match=f"cannot use Redis at redis://127.0.0.1:{port}"):
        Client.connect(f"redis://127.0.0.1:{port}", patience=0.2)
