"""How a command reaches a system: with one client, however long it may have to wait."""

from __future__ import annotations

import click
import pytest

from flowkit.cli.connect import CONNECT_PATIENCE_S, OUTAGE_PATIENCE_S, connect
from flowkit.embedded import EmbeddedServer


@pytest.mark.parametrize(
    ("waits", "timeout", "patience"),
    [
        (False, None, CONNECT_PATIENCE_S),
        (True, None, OUTAGE_PATIENCE_S),
        (True, 3.0, 3.0),
        (True, 1000.0, OUTAGE_PATIENCE_S),
    ],
)
def test_a_command_that_waits_outlasts_an_outage_once_it_is_connected(
    fake_server: EmbeddedServer, namespace: str, waits: bool, timeout: float, patience: float
) -> None:
    urls = f"{fake_server.url} {fake_server.url}#{namespace}.2"
    context = click.Context(click.Command("status"))
    with context, context.scope():
        client = connect(context, {"redis_url": urls}, waits=waits, timeout=timeout)
        for shard in client.shards:
            with shard.store() as store:
                assert store.link.patience == patience


def test_it_checks_each_shard_once(
    fake_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that waits made a second client, and waited for a shard that hangs once more."""
    made: list[object] = []
    monkeypatch.setattr("flowkit.client.client.reach_one", lambda *of: made.append(of))
    context = click.Context(click.Command("status"))
    with context.scope():
        connect(context, {"redis_url": fake_server.url}, waits=True)
    assert len(made) == 1
