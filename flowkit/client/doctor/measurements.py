"""Measures a Redis server for a moment: its memory twice, its latency and its clock in between."""

from __future__ import annotations

import statistics
import time

from ...clock import SYSTEM_CLOCK
from ...core.server_health import Measurements
from ...exceptions import NotPermitted, RedisUnavailable, StoreError
from ...protocol.client_store import ClientStore
from ...protocol.server_facts import read_facts, read_used_memory

PINGS = 20


def measure(store: ClientStore, seconds: float) -> Measurements:
    """Measure for ``seconds``. Raises RedisUnavailable."""
    facts, began = read_facts(store.link), time.monotonic()
    pings = [_ping(store) for _ in range(PINGS)]
    SYSTEM_CLOCK.sleep(seconds - (time.monotonic() - began))
    used, took = read_used_memory(store.link), time.monotonic() - began
    grown = None if facts is None or facts.used is None or used is None else used - facts.used
    trips = [trip for trip, _ in pings]
    return Measurements(
        facts=facts,
        grown=grown,
        took=took,
        latency=statistics.median(trips),
        slowest=max(trips),
        ahead=min(pings)[1],  # the fastest answer says most about the clock
        refusal=_refusal(store),
        schema=store.read_schema(),
    )


def _ping(store: ClientStore) -> tuple[float, float]:
    """Return how long a round trip took, and by how much the clock of Redis is ahead."""
    sent, began = SYSTEM_CLOCK.wall_ms(), time.monotonic()
    there = store.redis_now_ms()
    trip = time.monotonic() - began
    return trip, (there - sent) / 1000 - trip / 2


def _refusal(store: ClientStore) -> str | None:
    try:
        store.check_writes()
    except NotPermitted:
        return None
    except RedisUnavailable as error:
        return str(error)
    except StoreError:
        return None
    return ""
