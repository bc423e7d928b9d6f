"""What a command that waits for a run says of one that was lost, or that makes no progress."""

from __future__ import annotations

import pytest

from flowkit import DAG, Client, task
from flowkit.cli import watch as watching
from flowkit.cli.watch import watch
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import RunLost, RunNotFound, WaitTimeout
from flowkit.settings import Settings


@task
def one() -> None: ...


def test_a_submitted_run_that_disappeared_is_lost(
    fake_server: EmbeddedServer, namespace: str
) -> None:
    """`flowkit submit --wait` said that there was no such run, with the exit code of a wrong id."""

    dag = DAG("lost")
    dag.add(one)
    with Client(Settings(redis_url=fake_server.url, namespace=namespace)) as client:
        handle = client.submit(dag)
        found = client.run(handle.run_id)
        with client.shards[0].store() as store:
            keys = store.keys
            store.link.call("DEL", keys.run(handle.run_id))
        for waiting, error in ((handle, RunLost), (found, RunNotFound)):
            with pytest.raises(error):
                watch(waiting, 5, lambda record: None)


def test_what_a_run_waits_for_is_reported_once_and_early(
    fake_server: EmbeddedServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`flowkit submit --wait` said nothing for half a minute, and then only how slow it is."""
    monkeypatch.setattr(watching, "STALLED_S", 0.01)
    monkeypatch.setattr(watching, "LOOK_S", 0.01)
    dag = DAG("waits")
    dag.add(one)
    told: list[str] = []
    with Client(Settings(redis_url=fake_server.url, namespace=namespace)) as client:
        handle = client.submit(dag)
        with pytest.raises(WaitTimeout):
            watch(handle, 0.4, lambda record: None, told.append)
    assert told == [
        f"Run {handle.run_id} waits. No scheduler is running: start flowkit-scheduler on this "
        "Redis and namespace."
    ]
