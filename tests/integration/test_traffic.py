"""What a run costs on the wire: calls, blocking reads and bytes, counted by Redis itself.

The bounds leave room for heartbeats and for batches that are cut short on a busy machine; a further
call for each task, or a value that travels twice, exceeds them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import fault_app as app
import pytest
from real_redis import RealRedis
from real_system import System

from flowkit import DAG, Client
from flowkit.core.states import RunState


@dataclass(frozen=True)
class Traffic:
    """What Redis has counted. ``calls``: per command; ``into``, ``out``: bytes."""

    calls: dict[str, int]
    into: int
    out: int

    def since(self, before: Traffic) -> Traffic:
        calls = {name: n - before.calls.get(name, 0) for name, n in self.calls.items()}
        return Traffic(calls, self.into - before.into, self.out - before.out)


def traffic(server: RealRedis) -> Traffic:
    with server.client() as asking:
        commands: dict[str, Any] = asking.info("commandstats")
        stats: dict[str, Any] = asking.info("stats")
    calls = {name.removeprefix("cmdstat_"): item["calls"] for name, item in commands.items()}
    return Traffic(calls, stats["total_net_input_bytes"], stats["total_net_output_bytes"])


@pytest.fixture
def client(frail_system: System, own_redis: RealRedis) -> Iterator[Client]:
    """A system that has made a run already: it knows the scripts, its connections are open."""
    frail_system.start("--processes", "2")
    with frail_system.client() as client:
        assert client.submit(chain(2)).wait(30) is RunState.SUCCEEDED
        yield client


def chain(length: int) -> DAG:
    with DAG("chain") as dag:
        tasks = [app.quick.bind(f"t{at}") for at in range(length)]
        dag.add(tasks[0])
        for item, other in pairwise(tasks):
            item >> other
    return dag


def fan_out(width: int) -> DAG:
    with DAG("fan") as dag:
        first, last = app.quick.bind("first"), app.quick.bind("last")
        first >> [app.quick.bind(f"t{at}") for at in range(width)] >> last
    return dag


def cost_of(client: Client, server: RealRedis, dag: DAG) -> Traffic:
    before = traffic(server)
    assert client.submit(dag).wait(60) is RunState.SUCCEEDED
    return traffic(server).since(before)


@pytest.mark.slow
def test_a_hop_of_a_chain_is_three_scripts_and_two_waits(
    client: Client, own_redis: RealRedis
) -> None:
    """The outcome is written, the next task is queued, and claimed; two processes are woken."""
    hops = 100
    spent = cost_of(client, own_redis, chain(hops))
    assert spent.calls["evalsha"] / hops < 3.5
    assert spent.calls["blpop"] / hops < 1.5
    assert spent.calls["xread"] / hops < 1.5
    assert spent.into / hops < 1100
    assert spent.out / hops < 600


@pytest.mark.slow
def test_tasks_of_a_fan_out_share_their_calls(client: Client, own_redis: RealRedis) -> None:
    """Batches carry hundreds of outcomes and claims: what a task costs is a few dozen bytes."""
    width = 5000
    spent = cost_of(client, own_redis, fan_out(width))
    assert spent.calls["evalsha"] / width < 0.05
    assert spent.into / width < 80
    assert spent.out / width < 60


@pytest.mark.slow
def test_a_client_does_not_read_back_a_graph_that_it_submitted(
    client: Client, own_redis: RealRedis
) -> None:
    """It was read back from Redis by each handle that was asked for a result."""
    runs = client.submit_many(chain(1), [None] * 20)
    assert {run.wait(30) for run in runs} == {RunState.SUCCEEDED}
    before = traffic(own_redis)
    assert [run.result("t0") for run in runs] == [0] * 20
    asked = traffic(own_redis).since(before).calls
    assert asked["get"] < len(runs), "the scheduler looks at its lease now and then"


@pytest.mark.slow
def test_a_run_of_one_task_is_five_scripts(client: Client, own_redis: RealRedis) -> None:
    """Submit, queue, claim, complete, finish; the client looks once when it is told of the end."""
    runs = 20
    before = traffic(own_redis)
    for _ in range(runs):
        assert client.submit(chain(1)).wait(30) is RunState.SUCCEEDED
    spent = traffic(own_redis).since(before)
    assert spent.calls["evalsha"] / runs < 5.9
    assert spent.calls["subscribe"] / runs <= 1
    assert spent.into / runs < 2500
