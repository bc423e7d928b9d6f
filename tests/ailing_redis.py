"""Ways in which a real Redis is there and yet refuses writes, each with what mends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from helpers import free_port, wait_until
from real_redis import RealRedis

Act = Callable[[RealRedis], None]


@dataclass(frozen=True, slots=True)
class Ailment:
    """``says``: words of Redis' own in every refusal. ``advice``: what flowkit adds to them."""

    name: str
    begin: Act
    mend: Act
    says: str
    advice: str


def config(server: RealRedis, **settings: object) -> None:
    """Set options of a running server; underscores stand for hyphens."""
    with server.client() as client:
        for name, value in settings.items():
            client.config_set(name.replace("_", "-"), str(value))


def _fill(server: RealRedis) -> None:
    config(server, maxmemory=1)


def _make_room(server: RealRedis) -> None:
    config(server, maxmemory=0)


def _spoil_disk(server: RealRedis) -> None:
    """Have a snapshot fail: where its file is to be stands a folder. Permissions would not stop
    the root user."""
    file = server.folder / "dump.rdb"
    file.unlink(missing_ok=True)
    file.mkdir()
    config(server, stop_writes_on_bgsave_error="yes", save="3600 1000000")
    _save(server, "err")


def _mend_disk(server: RealRedis) -> None:
    (server.folder / "dump.rdb").rmdir()
    _save(server, "ok")
    config(server, save="")


def _save(server: RealRedis, outcome: str) -> None:
    with server.client() as client:

        def over() -> bool:
            result = client.info("persistence")
            if result["rdb_last_bgsave_status"] == outcome:
                return True
            if not (result["rdb_bgsave_in_progress"] or result["aof_rewrite_in_progress"]):
                client.bgsave()
            return False

        wait_until(f"a snapshot ends with {outcome!r}", over)


def _demote(server: RealRedis) -> None:
    """Make it a replica of nobody: a master that answered would have it drop its data."""
    with server.client() as client:
        client.replicaof("127.0.0.1", free_port())


def promote(server: RealRedis) -> None:
    """Make it a master, with what it has."""
    with server.client() as client:
        client.replicaof("NO", "ONE")


FULL = Ailment("memory", _fill, _make_room, "maxmemory", "raise maxmemory")
DISK = Ailment("disk", _spoil_disk, _mend_disk, "MISCONF", "cannot write its data to disk")
REPLICA = Ailment("replica", _demote, promote, "read only replica", "the URL of the master")
AILMENTS = (FULL, DISK, REPLICA)
EVICTING, KEEPING = "allkeys-lru", "noeviction"
