"""The format of a namespace: noted by whoever comes first, raised by daemons, never lowered, and a
newer one than this release knows is refused."""

from __future__ import annotations

import pytest
from environment import Environment

from flowkit.exceptions import RedisUnavailable, StoreError, UnfitRedis
from flowkit.protocol.keys import SCHEMA
from flowkit.protocol.link import Link
from flowkit.protocol.server_checks import check_schema
from flowkit.protocol.store import Store


def noted(env: Environment) -> bytes | None:
    result: bytes | None = env.link.call("GET", env.keys.schema())
    return result


@pytest.mark.parametrize("daemon", [False, True])
def test_the_first_process_records_the_format(env: Environment, daemon: bool) -> None:
    for _ in range(2):
        check_schema(env.client, daemon=daemon)
        assert noted(env) == str(SCHEMA).encode()


def test_a_daemon_of_a_newer_release_raises_it_and_a_client_does_not(env: Environment) -> None:
    env.link.call("SET", env.keys.schema(), SCHEMA - 1)
    check_schema(env.client)
    assert noted(env) == str(SCHEMA - 1).encode()
    check_schema(env.worker, daemon=True)
    assert noted(env) == str(SCHEMA).encode()


def test_it_never_falls(env: Environment) -> None:
    """Two releases start at once: the older one has looked before the newer one noted its own."""
    assert env.client.note_schema(3, upgrade=True) == b"3"
    assert env.client.note_schema(2, upgrade=True) == b"3"
    assert env.client.note_schema(4, upgrade=False) == b"3"
    assert noted(env) == b"3"


@pytest.mark.parametrize("stands", [SCHEMA + 1, "soon", ""])
@pytest.mark.parametrize("daemon", [False, True])
def test_an_unknown_format_is_refused(env: Environment, stands: object, daemon: bool) -> None:
    env.link.call("SET", env.keys.schema(), stands)
    sentence = rf"has format {stands}, .* up to {SCHEMA}.* Upgrade flowkit here"
    with pytest.raises(UnfitRedis, match=sentence):
        check_schema(env.client, daemon=daemon)
    assert noted(env) == str(stands).encode(), "and it is left as it stands"


class Full(Store):
    """Stands for a namespace on a Redis that takes no writes just now."""

    def note_schema(self, number: int, *, upgrade: bool) -> bytes:
        assert upgrade or self.link.patience == 0.0, "to look is not worth a wait"
        raise RedisUnavailable("its memory is full")


def test_reading_works_on_a_redis_that_refuses_writes(env: Environment) -> None:
    full = Full(Link(env.url), env.namespace)
    check_schema(full)
    with pytest.raises(RedisUnavailable):
        check_schema(full, daemon=True)
    full.close()


def test_a_key_of_another_type_is_reported(env: Environment) -> None:
    env.link.call("LPUSH", env.keys.schema(), "1")
    try:
        with pytest.raises(StoreError, match="WRONGTYPE"):
            check_schema(env.client)
    finally:
        env.link.call("DEL", env.keys.schema())
