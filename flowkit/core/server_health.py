"""What a Redis server reports, and what was measured of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The facts. Sizes are in bytes, ``uptime_s`` in seconds, ``saved_at`` in seconds since 1970.

    ``limit``: ``maxmemory``, 0 without one. ``machine``: the memory of the machine. ``saved_at``:
    the last snapshot, or the start of the server. ``changes``: writes since then. ``is_saved``:
    whether the last snapshot, and the last write to the append-only file, succeeded.
    """

    version: str | None
    policy: str | None
    used: int | None
    limit: int | None
    machine: int | None
    uptime_s: int | None
    aof: bool | None
    saved_at: int | None
    changes: int | None
    is_saved: bool
    is_replica: bool


@dataclass(frozen=True, slots=True)
class Measurements:
    """What was measured. Times are in seconds.

    ``facts``: what the server reports, None if it reports nothing. ``grown``: by how many
    bytes its memory grew within ``took``; None if it does not tell. ``latency``: the median of a
    round trip, and ``slowest``. ``ahead``: by how much the clock of Redis is ahead of that of this
    machine.
    ``refusal``: why it refuses writes, "" if it takes them, None if that is unknown.
    """

    facts: ServerFacts | None
    grown: int | None
    took: float
    latency: float
    slowest: float
    ahead: float
    refusal: str | None
    schema: bytes | None
