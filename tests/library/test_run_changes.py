"""``client.cancel_runs()``, ``resume_runs()`` and ``change_runs()``: many runs at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from ended_runs import dag, finish
from real_redis import RealRedis

from flowkit import AsyncClient, Client
from flowkit.client import run_changes
from flowkit.client.run_changes import RunChange
from flowkit.embedded import EmbeddedServer


@pytest.fixture
def client(fake_server: EmbeddedServer, namespace: str) -> Iterator[Client]:
    with Client.connect(fake_server.url, namespace) as result:
        yield result


def submit(client: Client, name: str = "etl", **options: Any) -> str:
    return client.submit(dag(name), **options).run_id


def ended(client: Client, state: str, name: str = "etl") -> str:
    return finish(client, submit(client, name), state)


def names(runs: list[Any]) -> set[str]:
    return {run.run for run in runs}


def told(changes: list[RunChange]) -> dict[str, str]:
    return {change.run_id: change.outcome.value for change in changes}


def called_by(client: Client, run: str, parent: str) -> str:
    with client.run(run).shard.store() as store:
        store.link.call("HSET", store.keys.run(run), "parent", f"{parent},0,1,0")
    return run


def test_only_running_runs_that_match_are_cancelled(client: Client) -> None:
    wanted = {submit(client), submit(client)}
    other, over = submit(client, "other"), ended(client, "failed")
    plan = client.cancel_runs(dag="etl", dry_run=True)
    assert (names(plan.runs), plan.changes, plan.matching, plan.more) == (wanted, [], 2, False)
    assert client.count_runs().states == {"running": 3, "failed": 1}
    done = client.cancel_runs(dag="etl")
    assert told(done.changes) == dict.fromkeys(wanted, "cancelled")
    assert {client.run(run).record().stopping for run in wanted} == {True}
    assert not client.run(other).record().stopping
    assert client.run(over).record().state == "failed"
    assert client.cancel_runs(dag="etl").runs == [], "each is cancelled once"


def test_failed_and_cancelled_runs_are_resumed(client: Client) -> None:
    failed, cancelled = ended(client, "failed"), ended(client, "cancelled")
    ended(client, "succeeded")
    assert names(client.resume_runs(everything=True, dry_run=True).runs) == {failed, cancelled}
    done = client.resume_runs("failed", text="ETL")
    assert told(done.changes) == {failed: "resumed"}
    assert client.run(failed).record().state == "running"
    assert client.run(cancelled).record().state == "cancelled"


def test_more_than_the_limit_is_left(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = {submit(client, params={"text": str(number)}) for number in range(7)}
    monkeypatch.setattr(run_changes, "PART", 2)
    first = client.cancel_runs(dag="etl", limit=5)
    assert (len(first.changes), first.matching, first.left, first.more) == (5, 7, 2, True)
    rest = client.cancel_runs(dag="etl", limit=5)
    assert (rest.matching, rest.left, rest.more) == (2, 0, False)
    assert names(first.runs) | names(rest.runs) == runs
    ended = {finish(client, run.run, "cancelled") for run in first.runs[:3]}
    assert names(client.resume_runs(dag="etl", limit=5, dry_run=True).runs) == ended


def test_parameters_choose(client: Client) -> None:
    runs = [submit(client, params={"text": text}) for text in "aab"]
    few = client.cancel_runs(params={"text": "a"}, limit=1, dry_run=True)
    assert (names(few.runs), few.matching, few.left, few.more) == ({runs[1]}, None, None, True)
    assert names(client.cancel_runs(params={"text": "a"}).runs) == set(runs[:2])


@pytest.mark.promise("sight-19")
def test_one_run_does_not_stop_the_others(client: Client) -> None:
    running, failed, broken = submit(client), ended(client, "failed"), submit(client)
    with client.run(broken).shard.store() as store:
        store.link.call("HSET", store.keys.run(broken), "total", "many")
    asked = [failed, broken, "gone", running, running]
    changes = client.change_runs("cancel", asked)
    assert [change.outcome for change in changes] == ["over", "refused", "missing", "cancelled"]
    assert [change.reason == "" for change in changes] == [False, False, False, True]
    assert "there is nothing to cancel" in changes[0].reason
    assert told(client.change_runs("delete", [failed, running])) == {
        failed: "deleted",
        running: "refused",
    }
    assert told(client.change_runs("delete", [failed])) == {failed: "missing"}


def test_runs_that_tasks_have_called_belong_to_their_run(client: Client) -> None:
    parent = ended(client, "failed", "outer")
    child = called_by(client, ended(client, "failed"), parent)
    assert client.resume_runs(dag="etl", dry_run=True).runs == []
    plan = client.resume_runs(dag="etl", children=True, dry_run=True)
    assert names(plan.runs) == {child}
    second = called_by(client, ended(client, "failed"), parent)
    done = client.resume_runs("failed", children=True)
    assert told(done.changes) == dict.fromkeys((second, child, parent), "resumed")
    assert client.run(parent).record().state == "running"


def test_all_shards_are_searched(namespace: str) -> None:
    with EmbeddedServer() as one, EmbeddedServer() as other:
        client = Client.connect(f"{one.url} {other.url}", namespace)
        with client:
            runs = client.submit_many(dag("etl"), [None] * 9)
            assert len({run.shard for run in runs}) == 2
            first = client.cancel_runs(everything=True, limit=4)
            assert (len(first.changes), first.matching, first.left) == (4, 9, 5)
            rest = client.cancel_runs(dag="etl")
            assert names(first.runs) | names(rest.runs) == {run.run_id for run in runs}
            assert {change.outcome for change in first.changes + rest.changes} == {"cancelled"}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "no filter says which runs are meant: give dag, state"),
        ({"text": "", "params": {}, "children": True}, "or everything=True for all runs"),
        ({"state": "failed"}, "state must be running, or None, not 'failed': no other runs are c"),
        ({"state": "runing"}, "Did you mean 'running'"),
        ({"dag": 5}, "dag must be the name of a DAG"),
        ({"dag": "etl", "limit": 0}, "limit must be at least 1"),
        ({"since": -1}, "since must be"),
    ],
)
def test_wrong_arguments_are_refused(client: Client, arguments: dict[str, Any], text: str) -> None:
    run = submit(client)
    with pytest.raises((TypeError, ValueError), match=text):
        client.cancel_runs(**arguments)
    assert not client.run(run).record().stopping


@pytest.mark.parametrize(
    ("action", "runs", "text"),
    [
        ("stop", [], "unknown action 'stop'. Available: 'cancel', 'resume', 'delete'"),
        (["cancel"], [], "unknown action"),
        ("cancel", "run", "a list"),
        ("cancel", ["a b"], "id"),
    ],
)
def test_wrong_lists_are_refused(client: Client, action: Any, runs: Any, text: str) -> None:
    running = submit(client)
    with pytest.raises((TypeError, ValueError), match=text):
        client.change_runs(action, [running, *runs] if isinstance(runs, list) else runs)
    assert not client.run(running).record().stopping


def test_on_redis_and_for_asyncio(redis_server: RealRedis, namespace: str) -> None:
    with Client.connect(redis_server.url, namespace) as client:
        running, failed = submit(client), ended(client, "failed")

        async def change() -> list[RunChange]:
            async with AsyncClient(client.settings) as own:
                cancelled = await own.cancel_runs(dag="etl")
                resumed = await own.resume_runs(dag="etl")
                return cancelled.changes + resumed.changes + await own.change_runs("delete", [])

        assert told(asyncio.run(change())) == {running: "cancelled", failed: "resumed"}
