"""What the Redis users of clients and viewers may read, and that viewers may only read."""

from __future__ import annotations

import pytest
from real_redis import RealRedis
from test_redis_users import server, url_of

from flowkit import Client
from flowkit.protocol.roles import VIEWER
from flowkit.settings import Settings

__all__ = ["server"]


def test_a_viewer_has_no_command_that_writes_or_runs_scripts(server: RealRedis) -> None:
    with server.client() as admin:
        for name in VIEWER.sent:
            (info,) = admin.execute_command("COMMAND", "INFO", name.partition("|")[0]).values()
            assert "write" not in info["flags"], name
            assert not name.startswith(("eval", "fcall", "script", "function"))


@pytest.mark.parametrize("role", ["client", "viewer"])
def test_clients_and_viewers_may_read_the_system_as_a_whole(server: RealRedis, role: str) -> None:
    """Also what they may not do is told: nothing that ``flowkit doctor`` reads ends in an error."""
    with Client(Settings(redis_url=url_of(server, role), namespace="shop")) as client:
        activity = client.activity()
        assert (list(activity.runs), activity.unfinished) == ([], 0)
        assert list(client.queues()) == []
        health = {finding.subject: finding.health for finding in client.doctor(0)}
    assert health["Events"] == health["Failed tasks"] == health["Quarantine"] == "ok"
    assert health["Writes"] == ("ok" if role == "client" else "unknown")
