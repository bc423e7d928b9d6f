"""``handle.delete()``, ``client.usage()`` and the search of runs, on one shard and on two."""

from __future__ import annotations

from collections.abc import Iterator

import ended_runs
import pytest
from ended_runs import dag
from real_redis import RealRedis

from flowkit import Client
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import RunLost, RunNotOver


@pytest.fixture
def client(redis_server: RealRedis, namespace: str) -> Iterator[Client]:
    with Client.connect(redis_server.url, namespace) as result:
        yield result


def finish(client: Client, *runs: str) -> None:
    for run in runs:
        ended_runs.finish(client, run)


def test_a_handle_deletes_its_run(client: Client) -> None:
    handle = client.submit(dag("gone"))
    with pytest.raises(RunNotOver, match="stop it first"):
        handle.delete()
    finish(client, handle.run_id)
    assert handle.delete() is True
    assert handle.delete() is False
    with pytest.raises(RunLost, match="its data was lost or deleted"):
        handle.wait(5)
    assert client.runs() == []


def test_usage_adds_up_by_dag_and_counts_each_graph_once(client: Client) -> None:
    runs = [client.submit(dag("many"), params={"text": "x" * 1000 * at}) for at in range(3)]
    client.submit(dag("one"))
    finish(client, runs[0].run_id)
    many, item = client.usage()
    assert (many.dag_name, many.runs, many.running) == ("many", 3, 2)
    assert (item.dag_name, item.runs, item.running) == ("one", 1, 1)
    assert many.largest == runs[2].run_id
    statuses = [run.status().memory or 0 for run in runs]
    assert many.largest_memory == statuses[2] > 2000
    assert sum(statuses) < (many.memory or 0) < sum(statuses) + 1000
    cut = client.usage(limit=1)
    assert ([usage.runs for usage in cut], cut.cut_short) == ([1], True)
    assert client.usage(since=0) == []


@pytest.mark.parametrize("wrong", [0, -1, True, "many"])
def test_wrong_limits_are_refused(client: Client, wrong: object) -> None:
    with pytest.raises((TypeError, ValueError), match="limit must be"):
        client.usage(wrong)  # type: ignore[arg-type]


def test_wrong_conditions_are_refused(client: Client) -> None:
    with pytest.raises(TypeError, match="dag must be the name of a DAG, or None for any, not 3"):
        client.runs(dag=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="since must be 0 to"):
        client.runs(since=-1)


def test_the_embedded_store_does_not_tell(namespace: str) -> None:
    with EmbeddedServer() as server, Client.connect(server.url, namespace) as client:
        handle = client.submit(dag("here"))
        assert handle.status().memory is None
        (usage,) = client.usage()
        assert (usage.runs, usage.memory, usage.largest_memory) == (1, None, None)
        finish(client, handle.run_id)
        assert handle.delete() is True


def test_runs_of_all_shards_are_searched(redis_server: RealRedis, namespace: str) -> None:
    with EmbeddedServer() as other:
        urls = f"{other.url} {redis_server.url}"
        with Client.connect(urls, namespace) as client:
            runs = client.submit_many(dag("spread"), [None] * 20)
            client.submit(dag("other"))
            assert len({run.shard for run in runs}) == 2
            result = client.runs(50, dag="spread", since=60)
            assert {run.run for run in result} == {run.run_id for run in runs}
            assert sum(usage.runs for usage in client.usage()) == 21
