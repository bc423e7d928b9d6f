"""The inspector: a policy by which Redis may delete keys is complained of, now and then."""

from __future__ import annotations

from typing import Any

import pytest

from flowkit.exceptions import NotPermitted, RedisUnavailable
from flowkit.logging import FlowkitLogger
from flowkit.logging.event_log import EventLog
from flowkit.scheduler.inspector import LOOK_S, REPEAT_S, Inspector


class Server:
    """Stands for a link: answers INFO with a policy, or raises."""

    url = "redis://localhost:1/0"

    def __init__(self) -> None:
        self.policy: str | Exception = "noeviction"
        self.asked = 0

    def call(self, *words: object) -> bytes:
        assert words == ("INFO", "memory")
        self.asked += 1
        if isinstance(self.policy, Exception):
            raise self.policy
        return f"# Memory\r\nmaxmemory_policy:{self.policy}\r\n".encode()


class Times:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Server:
    return Server()


def inspector(server: Server, times: Times, *, allow_eviction: bool = False) -> Inspector:
    link: Any = server
    log = EventLog(FlowkitLogger("flowkit.inspector", "INFO"))
    return Inspector(link, log, allow_eviction=allow_eviction, monotonic=times)


def test_a_changed_policy_is_logged_once_and_again_after_a_while(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    times = Times()
    item = inspector(server, times)

    def lines() -> list[str]:
        times.now += LOOK_S
        assert item.run_once() == LOOK_S
        return capsys.readouterr().out.splitlines()

    assert lines() == []
    server.policy = "allkeys-lru"
    (said,) = lines()
    assert "ERROR" in said
    assert "maxmemory-policy 'allkeys-lru'" in said
    assert "Set 'maxmemory-policy noeviction'" in said
    assert lines() == []
    times.now += REPEAT_S
    assert len(lines()) == 1
    server.policy = "volatile-lru"
    assert "'volatile-lru'" in lines()[0]
    server.policy = "noeviction"
    assert "no longer deletes keys" in lines()[0]
    assert lines() == []


def test_users_who_allow_eviction_get_no_warning(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.policy = "allkeys-lru"
    inspector(server, Times(), allow_eviction=True).run_once()
    assert capsys.readouterr().out == ""
    assert server.asked == 0


def test_a_server_without_an_answer_is_asked_once(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """The embedded one knows no INFO, and a login may lack the right to ask."""
    server.policy = NotPermitted("no INFO for you")
    item = inspector(server, Times())
    for _ in range(3):
        item.run_once()
    assert server.asked == 1
    assert capsys.readouterr().out == ""


def test_an_outage_is_left_to_the_daemon(server: Server) -> None:
    server.policy = RedisUnavailable("away")
    with pytest.raises(RedisUnavailable):
        inspector(server, Times()).run_once()
