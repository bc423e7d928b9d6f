"""``client.dags()`` and ``client.task_activity()``: how runs and their tasks go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from ended_runs import dag, finish

from flowkit import DAG, AsyncClient, Client, task
from flowkit.client import dag_activity
from flowkit.core.spread import spread_of
from flowkit.embedded import EmbeddedServer


@pytest.fixture
def client(fake_server: EmbeddedServer, namespace: str) -> Iterator[Client]:
    with Client.connect(fake_server.url, namespace) as result:
        yield result


@task
def first() -> list[int]:
    return []


@task
def each(number: int) -> int:
    return number


def test_percentiles_are_durations_that_were_measured() -> None:
    assert spread_of([]) is None
    spread = spread_of([float(number) for number in range(200, 0, -1)])
    assert spread is not None
    assert (spread.count, spread.p10, spread.p50) == (200, 20.0, 100.0)
    assert (spread.p90, spread.p99, spread.longest) == (180.0, 198.0, 200.0)
    assert spread_of([3.0]) is not None
    assert spread_of([3.0]).p10 == 3.0  # type: ignore[union-attr]


def test_runs_are_counted_by_dag(client: Client) -> None:
    good = [finish(client, client.submit(dag("old")).run_id) for _ in range(3)]
    finish(client, client.submit(dag("old")).run_id, "failed")
    client.submit(dag("new"))
    new, old = client.dags()
    assert (new.dag_name, new.runs, new.failure_rate, new.took) == ("new", 1, None, None)
    assert (old.runs, old.states) == (4, {"failed": 1, "succeeded": 3})
    assert old.failure_rate == 0.25
    assert old.took is not None
    assert old.took.count == 3
    assert {run.run for run in old.recent} >= set(good)
    cut = client.dags(limit=1)
    assert ([entry.dag_name for entry in cut], cut.cut_short) == (["new"], True)
    assert client.dags(since=0) == []


def record(client: Client, run: str, number: int, text: str) -> None:
    with client.run(run).shard.store() as store:
        store.link.call("HSET", store.keys.tasks(run), number, text)


def test_tasks_are_listed_the_slowest_first(client: Client) -> None:
    with DAG("mapped") as flow:
        first >> each.map()
    run = client.submit(flow).run_id
    record(client, run, 0, "S1,W.0,0,100,400")
    for item, text in enumerate(["S1,W.0,0,500,2500", "S2,W.0,0,500,1500", "F3,W.0,0,0,9000"]):
        record(client, run, 2 + item, text)
    record(client, run, 1, "F0,,0,,9000,,3")
    mapped, plain = client.task_activity("mapped")
    assert (mapped.task, mapped.mapped, mapped.ended) == ("each", True, 3)
    assert (mapped.failed, mapped.retried) == (1, 2)
    assert mapped.took is not None
    assert (mapped.took.count, mapped.took.p50, mapped.took.longest) == (2, 1.0, 2.0)
    assert (plain.task, plain.ended, plain.took and plain.took.p50) == ("first", 1, 0.3)


def test_large_runs_are_left_out(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.submit(dag("one"))
    monkeypatch.setattr(dag_activity, "MOST_TASKS", 0)
    listing = client.task_activity("one")
    assert (list(listing), listing.cut_short) == ([], True)


def test_one_damaged_run_hides_no_other(client: Client) -> None:
    bad, good = (client.submit(dag("work")).run_id for _ in range(2))
    record(client, bad, 0, "nonsense")
    record(client, good, 0, "S1,W.0,0,100,400")
    listing = client.task_activity("work")
    assert [entry.ended for entry in listing] == [1]
    assert [item.name for item in listing.damaged] == [bad]


@pytest.mark.parametrize("wrong", [None, 3])
def test_a_name_is_needed(client: Client, wrong: object) -> None:
    with pytest.raises(TypeError, match="dag must be the name of a DAG"):
        client.task_activity(wrong)  # type: ignore[arg-type]


def test_for_asyncio(client: Client) -> None:
    client.submit(dag("work"))

    async def ask() -> tuple[list[str], list[str]]:
        async with AsyncClient(client.settings) as own:
            dags, tasks = await own.dags(), await own.task_activity("work")
            return [entry.dag_name for entry in dags], [entry.task for entry in tasks]

    assert asyncio.run(ask()) == (["work"], ["work"])
