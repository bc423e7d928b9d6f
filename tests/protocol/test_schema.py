"""The format of a namespace: noted by whoever comes first, raised by daemons, never lowered, and a
newer one than this release knows is refused."""

from __future__ import annotations

import pytest
from world import World

from flowkit.exceptions import RedisUnavailable, StoreError, UnfitRedis
from flowkit.protocol.keys import SCHEMA
from flowkit.protocol.link import Link
from flowkit.protocol.server_checks import check_schema
from flowkit.protocol.store import Store


def noted(world: World) -> bytes | None:
    found: bytes | None = world.link.call("GET", world.keys.schema())
    return found


@pytest.mark.parametrize("daemon", [False, True])
def test_whoever_comes_first_notes_the_format(world: World, daemon: bool) -> None:
    for _ in range(2):
        check_schema(world.client, daemon=daemon)
        assert noted(world) == str(SCHEMA).encode()


def test_a_daemon_of_a_newer_release_raises_it_and_a_client_does_not(world: World) -> None:
    world.link.call("SET", world.keys.schema(), SCHEMA - 1)
    check_schema(world.client)
    assert noted(world) == str(SCHEMA - 1).encode()
    check_schema(world.worker, daemon=True)
    assert noted(world) == str(SCHEMA).encode()


def test_it_never_falls(world: World) -> None:
    """Two releases start at once: the older one has looked before the newer one noted its own."""
    assert world.client.note_schema(3, upgrade=True) == b"3"
    assert world.client.note_schema(2, upgrade=True) == b"3"
    assert world.client.note_schema(4, upgrade=False) == b"3"
    assert noted(world) == b"3"


@pytest.mark.parametrize("stands", [SCHEMA + 1, "soon", ""])
@pytest.mark.parametrize("daemon", [False, True])
def test_what_this_release_does_not_know_is_refused(
    world: World, stands: object, daemon: bool
) -> None:
    world.link.call("SET", world.keys.schema(), stands)
    sentence = rf"has format {stands}, .* up to {SCHEMA}.* Upgrade flowkit here"
    with pytest.raises(UnfitRedis, match=sentence):
        check_schema(world.client, daemon=daemon)
    assert noted(world) == str(stands).encode(), "and it is left as it stands"


class Full(Store):
    """Stands for a namespace on a Redis that takes no writes just now."""

    def note_schema(self, number: int, *, upgrade: bool) -> bytes:
        assert upgrade or self.link.patience == 0.0, "to look is not worth a wait"
        raise RedisUnavailable("its memory is full")


def test_who_only_looks_may_look_at_a_redis_that_takes_no_writes(world: World) -> None:
    full = Full(Link(world.url), world.namespace)
    check_schema(full)
    with pytest.raises(RedisUnavailable):
        check_schema(full, daemon=True)
    full.close()


def test_a_key_of_another_type_is_said(world: World) -> None:
    world.link.call("LPUSH", world.keys.schema(), "1")
    try:
        with pytest.raises(StoreError, match="WRONGTYPE"):
            check_schema(world.client)
    finally:
        world.link.call("DEL", world.keys.schema())
