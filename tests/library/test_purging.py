"""``client.purge()`` on one shard and on two."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from ended_runs import dag, finish
from real_redis import RealRedis

from flowkit import Client
from flowkit.client import purging
from flowkit.protocol import run_reads


@pytest.fixture
def client(redis_server: RealRedis, namespace: str) -> Iterator[Client]:
    with Client.connect(redis_server.url, namespace) as result:
        yield result


def ended(client: Client, name: str, state: str = "succeeded") -> str:
    return finish(client, client.submit(dag(name)).run_id, state)


def names(client: Client) -> set[str]:
    return {record.run for record in client.runs(100)}


def test_only_runs_that_match_are_deleted(client: Client) -> None:
    old = [ended(client, "etl"), ended(client, "etl", "failed"), ended(client, "other")]
    running = client.submit(dag("etl")).run_id
    plan = client.purge(0, "failed", dry_run=True)
    assert ([record.run for record in plan.runs], plan.deleted) == ([old[1]], 0)
    assert plan.memory
    assert names(client) == {*old, running}
    assert client.purge(0, ["failed", "cancelled"]).deleted == 1
    assert client.purge(0, dag="etl").deleted == 1
    assert names(client) == {old[2], running}
    assert client.purge(3600).runs == []
    assert client.purge().runs == [], "older than a day by default"
    assert client.purge(0).deleted == 1
    assert names(client) == {running}


def test_the_filters_of_the_list_choose(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = {
        text: finish(client, client.submit(dag("etl"), params={"text": text}).run_id)
        for text in "abc"
    }
    child, old = ended(client, "etl"), ended(client, "night")
    with client.shards[0].store() as store:
        store.link.call("HSET", store.keys.run(child), "parent", f"{runs['a']},0,1,0")
        for field in ("submitted", "finished"):
            store.link.call("HSET", store.keys.run(old), field, store.redis_now_ms() - 100_000)
        store.link.call("ZADD", store.keys.runs(), store.redis_now_ms() - 100_000, old)

    def chosen(**which: Any) -> set[str]:
        return {record.run for record in client.purge(0, dry_run=True, **which).runs}

    assert chosen(params={"text": "b"}) == {runs["b"]}
    assert chosen(text="NIGHT") == chosen(until=50) == {old}
    assert chosen(since=50) == {*runs.values(), child}
    assert chosen(children=False) == {*runs.values(), old}
    assert chosen(text="etl", children=False, since=50) == set(runs.values())
    monkeypatch.setattr(purging, "MOST_DECODED", 1)
    monkeypatch.setattr(run_reads, "RUNS_PART", 1)
    plan = client.purge(0, params={"text": "c"}, dry_run=True)
    assert (plan.runs, plan.more) == ([], True)


def test_the_oldest_go_first(client: Client) -> None:
    runs = []
    for _ in range(5):
        runs.append(ended(client, "etl"))
        time.sleep(0.002)  # runs are listed by the millisecond of their submission
    first = client.purge(0, limit=2)
    assert ([record.run for record in first.runs], first.deleted, first.more) == (runs[:2], 2, True)
    assert first.matching == 5
    rest = client.purge(0, limit=3)
    assert (rest.deleted, rest.more, rest.matching) == (3, False, 3)


def test_a_run_that_was_resumed_in_the_meantime_stays(client: Client) -> None:
    runs = [ended(client, "etl", "failed") for _ in range(2)]
    plan = client.purge(0, dry_run=True)
    client.run(runs[0]).resume()
    assert client.purge_runs(plan) == 1
    assert names(client) == {runs[0]}


def test_a_damaged_run_is_left_alone(client: Client) -> None:
    run = ended(client, "etl")
    with client.shards[0].store() as store:
        store.link.call("HSET", store.keys.run(run), "total", "many")
    assert client.purge(0).runs == []


WRONG = [
    ({"older_than": "1d"}, "since must be a number"),
    ({"states": "running"}, "'running' is not a state in which a run is over: cancelled"),
    ({"states": 5}, "states must be the names of states, not 5"),
    ({"limit": 0}, "limit must be at least 1"),
    ({"dag": 5}, "dag must be the name of a DAG"),
    ({"text": "x" * 201}, "text must have at most 200"),
]


@pytest.mark.parametrize(("arguments", "text"), WRONG)
def test_wrong_arguments_are_refused(
    client: Client, arguments: dict[str, object], text: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        client.purge(**arguments)  # type: ignore[arg-type]
