"""A run that was lost before anybody looked at it was lost all the same."""

from __future__ import annotations

import pytest

from flowkit import DAG, Client, task
from flowkit.cli.watch import watch
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import RunLost, RunNotFound
from flowkit.settings import Settings


@task
def one() -> None: ...


def test_a_run_that_was_submitted_and_is_gone_is_lost(
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
