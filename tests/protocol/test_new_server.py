"""A server that was started again may have lost what it had acknowledged; who asks for it is told
before anything more is sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import wait_until
from real_redis import RealRedis

from flowkit.embedded import EmbeddedServer
from flowkit.protocol.link import Link


class NewServer(Exception):
    """Raised by the owner of a link that wants to start over."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RealRedis]:
    result = RealRedis(tmp_path, aof=True)
    result.start()
    yield result
    result.stop()


class Owner:
    """Has a link, and hears when the server is another; ``raises``: what it then does."""

    def __init__(self, url: str, *, raises: bool = False) -> None:
        self.heard = 0
        self._raises = raises
        self.link = Link(url, patience=20.0, on_new_server=self._on_new_server)

    def _on_new_server(self) -> None:
        self.heard += 1
        if self._raises:
            raise NewServer


def cut(server: RealRedis) -> None:
    with server.client() as other:
        other.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def test_a_call_is_not_sent_to_a_new_server_if_its_owner_restarts(server: RealRedis) -> None:
    """What a scheduler had resolved from a lost outcome was sent again, and queued tasks whose
    inputs were not there."""
    owner = Owner(server.url, raises=True)
    owner.link.call("SET", "first", "1")
    server.restart()
    with pytest.raises(NewServer):
        owner.link.call("SET", "second", "1")
    assert owner.link.call("EXISTS", "first", "second") == 1
    owner.link.close()


def test_a_new_server_is_reported_once(server: RealRedis) -> None:
    owner = Owner(server.url)
    owner.link.call("PING")
    assert owner.heard == 0
    for times in (1, 2):
        server.restart()
        for _ in range(3):
            owner.link.call("PING")
        assert owner.heard == times
    owner.link.close()


def test_a_reconnect_is_not_a_new_server(server: RealRedis) -> None:
    owner = Owner(server.url, raises=True)
    owner.link.call("PING")
    cut(server)
    owner.link.call("PING")
    assert owner.heard == 0
    owner.link.close()


def test_a_server_without_an_id_is_never_new(fake_server: EmbeddedServer) -> None:
    owner = Owner(fake_server.url, raises=True)
    owner.link.call("PING")
    owner.link.close()
    owner.link.call("PING")
    assert owner.heard == 0
    owner.link.close()


def test_a_login_without_the_right_continues_without_the_check(server: RealRedis) -> None:
    with server.client() as admin:
        admin.execute_command("ACL", "SETUSER", "app", "on", ">secret", "~*", "+@all", "-info")
        url = server.url.replace("redis://", "redis://app:secret@")
        owner = Owner(url, raises=True)
        owner.link.call("SET", "key", "1")
        cut(server)
        wait_until("it is connected again", lambda: owner.link.call("GET", "key") == b"1")
    assert owner.heard == 0
    owner.link.close()
