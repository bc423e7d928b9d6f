"""What a daemon says of an outage: once, again after a while, and at once if the cause changes."""

from __future__ import annotations

import pytest
from helpers import Hands

from flowkit.daemon.outage import SAY_AGAIN_S, OutageLog
from flowkit.exceptions import RedisUnavailable, StoreError
from flowkit.logging import FlowkitLogger
from flowkit.logging.event_log import EventLog

GONE = RedisUnavailable("cannot use Redis: Error 111 connecting to localhost:6379")
LOADING = RedisUnavailable("cannot use Redis: Redis is loading the dataset in memory")
FULL = RedisUnavailable("cannot use Redis: command not allowed when used memory > 'maxmemory'")
REPLICA = RedisUnavailable("cannot use Redis: You can't write against a read only replica")
DAMAGED = StoreError("WRONGTYPE Operation against a key")


@pytest.fixture
def clock() -> Hands:
    return Hands(0.0)  # as on a machine that has just started


@pytest.fixture
def outages(clock: Hands) -> OutageLog:
    log = EventLog(FlowkitLogger("flowkit.test", "INFO"))
    return OutageLog(log, lambda: "W", monotonic=clock)


def lines(capfd: pytest.CaptureFixture[str]) -> int:
    return capfd.readouterr().out.count("Waiting for Redis")


def test_an_outage_is_logged_once_and_again_after_a_while(
    outages: OutageLog, clock: Hands, capfd: pytest.CaptureFixture[str]
) -> None:
    for error in (GONE, GONE, LOADING, DAMAGED, GONE):
        outages.away(error)
    assert lines(capfd) == 1
    clock.now += SAY_AGAIN_S
    outages.away(GONE)
    assert lines(capfd) == 1
    outages.back()
    outages.away(GONE)
    assert lines(capfd) == 1


def test_a_changed_cause_is_logged(outages: OutageLog, capfd: pytest.CaptureFixture[str]) -> None:
    """Memory was full, and then Redis was a replica: of that the log never said a word."""
    outages.away(FULL)
    outages.away(REPLICA)
    assert "read only replica" in capfd.readouterr().out


def test_alternating_causes_are_not_logged_each_time(
    outages: OutageLog, clock: Hands, capfd: pytest.CaptureFixture[str]
) -> None:
    for error in [FULL, GONE, REPLICA] * 20:
        clock.now += 0.1
        outages.away(error)
    assert lines(capfd) == 2


@pytest.mark.parametrize("cause", [FULL, REPLICA])
def test_the_cause_of_a_broken_connection_is_logged(
    outages: OutageLog, capfd: pytest.CaptureFixture[str], cause: Exception
) -> None:
    outages.away(GONE)
    outages.away(cause)
    assert lines(capfd) == 2
