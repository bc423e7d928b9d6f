"""``client.runs`` and ``client.count_runs``: every filter, and pages."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
from ended_runs import dag, finish

from flowkit import DAG, AsyncClient, Client, task
from flowkit.client import run_search
from flowkit.embedded import EmbeddedServer
from flowkit.protocol import run_reads


@pytest.fixture
def client(fake_server: EmbeddedServer, namespace: str) -> Iterator[Client]:
    with Client.connect(fake_server.url, namespace) as result:
        yield result


@task
def anything(text: Any = None) -> None: ...


def submit(client: Client, name: str = "etl", **options: Any) -> str:
    return client.submit(dag(name), **options).run_id


def names(runs: list[Any]) -> list[str]:
    return [run.run for run in runs]


def test_a_text_is_sought_in_id_dag_and_submitter(client: Client) -> None:
    by_id = submit(client, "one", run_id="Night-7")
    by_dag = submit(client, "the-NIGHT-job")
    other = submit(client, "other")
    with client.run(other).shard.store() as store:
        store.link.call("HSET", store.keys.run(by_id), "by", "ann@host py")
        store.link.call("HSET", store.keys.run(other), "by", "bob@host py")
    assert set(names(client.runs(text="night"))) == {by_id, by_dag}
    assert names(client.runs(text="BOB@")) == [other]
    assert names(client.runs(text="ight-7")) == []
    assert client.runs(text="", dag="one")[0].run == by_id


def test_a_parameter_is_a_value_or_how_it_is_written(client: Client) -> None:
    flow = DAG("any")
    flow.add(anything)
    values = ("a", 3, 3.5, True, None, "true")
    runs = {value: client.submit(flow, params={"text": value}).run_id for value in values}
    submit(client)
    for wanted, found in (
        ("a", ["a"]), (3, [3]), ("3", [3]), ("3.5", [3.5]), (True, [True]), (1, []),
        ("true", [True, "true"]), ("null", [None]), (None, [None]), ("b", []),
    ):  # fmt: skip
        result = client.runs(params={"text": wanted})
        assert set(names(result)) == {runs[value] for value in found}, wanted
    assert client.runs(params={"text": "a", "other": 1}) == []


def test_a_search_of_parameters_is_bounded(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    oldest = submit(client, params={"text": "a"})
    large = submit(client, params={"text": "b" * 70_000})
    for _ in range(4):
        submit(client)
    assert names(client.runs(params={"text": "a"})) == [oldest]
    assert client.runs(params={"text": "a"}).cut_short, large
    monkeypatch.setattr(run_search, "DECODED_PART", 2)
    assert names(client.runs(params={"text": "a"})) == [oldest]
    monkeypatch.setattr(run_search, "MOST_DECODED", 4)
    result = client.runs(params={"text": "a"})
    assert (list(result), result.cut_short) == ([], True)


def pages(client: Client, **options: Any) -> list[list[str]]:
    found, before = [], None
    for _ in range(20):
        runs = client.runs(2, before=before, **options)
        found.append(names(runs))
        if not runs.next:
            return found
        before = runs.next
    raise AssertionError("the pages do not end")


def test_pages_have_each_run_once(client: Client) -> None:
    runs = [handle.run_id for handle in client.submit_many(dag("etl"), [None] * 7)]
    with client.run(runs[0]).shard.store() as store:  # all in one millisecond
        for run in runs:
            store.link.call("ZADD", store.keys.runs(), 5000, run)
            store.link.call("HSET", store.keys.run(run), "submitted", 5000)
    for options in ({}, {"dag": "etl"}, {"children": False}, {"text": "etl"}):
        found = pages(client, **options)
        assert [len(page) for page in found] == [2, 2, 2, 1]
        assert list(chain(*found)) == sorted(runs, reverse=True)


def test_pages_go_through_all_shards(namespace: str) -> None:
    with EmbeddedServer() as one, EmbeddedServer() as other:
        client = Client.connect(f"{one.url} {other.url}", namespace)
        with client:
            runs = client.submit_many(dag("etl"), [None] * 9)
            assert len({run.shard for run in runs}) == 2
            found = list(chain(*pages(client)))
            assert sorted(found) == sorted(run.run_id for run in runs)


def test_a_window_of_time(client: Client) -> None:
    runs = [submit(client) for _ in range(3)]
    with client.run(runs[0]).shard.store() as store:
        now = store.redis_now_ms()
        for run, age in zip(runs, (10, 100, 1000), strict=True):
            store.link.call("ZADD", store.keys.runs(), now - 1000 * age, run)
    assert names(client.runs(until=50)) == runs[1:]
    assert names(client.runs(since=500, until=50)) == [runs[1]]
    assert client.count_runs(until=500).states == {"running": 1}


def test_runs_are_counted_by_state(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for state in ("succeeded", "failed", "failed"):
        finish(client, submit(client), state)
    submit(client, "other")
    assert client.count_runs().states == {"running": 1, "succeeded": 1, "failed": 2}
    assert client.count_runs("etl").states == {"succeeded": 1, "failed": 2}
    assert client.count_runs(text="OTH").states == {"running": 1}
    assert not client.count_runs().cut_short
    monkeypatch.setattr(run_search, "MOST_COUNTED", 2)
    monkeypatch.setattr(run_reads, "SEARCH_PART", 2)
    cut = client.count_runs()
    assert (sum(cut.states.values()), cut.cut_short) == (2, True)


@pytest.mark.parametrize(
    "wrong", [{"before": "x"}, {"before": ",a"}, {"before": 3}, {"before": "²,a"}, {"text": 3},
              {"text": "x" * 201}, {"until": -1}, {"params": 3}],
)  # fmt: skip
def test_wrong_filters_are_refused(client: Client, wrong: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=next(iter(wrong))):
        client.runs(**wrong)


def test_for_asyncio(client: Client) -> None:
    run = submit(client, params={"text": "a"})

    async def ask() -> tuple[list[str], dict[str, int]]:
        async with AsyncClient(client.settings) as own:
            found = await own.runs(params={"text": "a"}, text="etl")
            return names(found), (await own.count_runs(text="etl")).states

    assert asyncio.run(ask()) == ([run], {"running": 1})
