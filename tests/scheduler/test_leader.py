"""The lease as the scheduler sees it, under a clock and with replies that the test sets."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from helpers import wait_until
from stage import Stage

from flowkit.exceptions import RedisUnavailable, StoreError, WrongShards
from flowkit.protocol.lease_store import LeaseReply
from flowkit.scheduler.leader import WATCHDOG_S, Leader

LEASE = 10.0


class Court:
    """Stands for the store: grants, refuses or loses replies as the test says."""

    def __init__(self) -> None:
        self.now = 0.0
        self.replies: list[LeaseReply | Exception] = []
        self.asked: list[int] = []
        self.delay = 0.0

    def acquire_lease(self, lease_ms: int, shards: int | None = None) -> LeaseReply:
        self.asked.append(lease_ms)
        self.now += self.delay
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    def read_cursor(self) -> str:
        return "7-7"

    def clock(self) -> float:
        return self.now


TAKEN = LeaseReply(True, 1, cursor="5-0")
KEPT = LeaseReply(True, 1)
HELD = LeaseReply(False, holder="other", left_ms=400)


@pytest.fixture
def court() -> Court:
    return Court()


def leader_of(court: Court, **hooks: Callable[..., None]) -> Leader:
    return Leader(court, LEASE, 0.5, monotonic=court.clock, **hooks)  # type: ignore[arg-type]


def test_it_leads_once_the_lease_is_taken(court: Court) -> None:
    leader = leader_of(court)
    court.replies = [TAKEN]
    assert leader.leadership() is None
    assert leader.run_once() == pytest.approx(LEASE / 3)
    leadership = leader.leadership()
    assert leadership is not None
    assert (leadership.term, leadership.cursor) == (1, "5-0")
    assert court.asked == [10_000]


def test_renewing_keeps_the_same_leadership(court: Court) -> None:
    leader = leader_of(court)
    court.replies = [TAKEN, KEPT]
    leader.run_once()
    first = leader.leadership()
    court.now += 3
    leader.run_once()
    assert leader.leadership() is first


def test_its_lease_counts_from_sending_until_a_margin_before_the_end(
    court: Court,
) -> None:
    """The lease runs from when Redis granted it, which was after the request was sent; a reply
    that took long leaves less of it."""
    leader = leader_of(court)
    court.replies, court.delay = [TAKEN], 5.0
    leader.run_once()
    court.now = 7.9
    assert leader.leadership() is not None
    court.now = 8.0
    assert leader.leadership() is None


def test_a_reply_that_came_after_the_lease_s_end_grants_nothing(court: Court) -> None:
    leader = leader_of(court)
    court.replies, court.delay = [TAKEN], 9.0
    leader.run_once()
    assert leader.leadership() is None


def test_an_outage_does_not_end_the_trust_before_its_time(court: Court) -> None:
    leader = leader_of(court)
    court.replies = [TAKEN, RedisUnavailable("away")]
    leader.run_once()
    court.now = 7.0
    with pytest.raises(RedisUnavailable):
        leader.run_once()
    assert leader.leadership() is not None
    court.now = 8.1
    assert leader.leadership() is None


def test_a_standby_says_who_leads_and_asks_again_when_the_lease_may_be_over(court: Court) -> None:
    heard: list[str] = []
    leader = leader_of(court, on_held=lambda reply: heard.append(reply.holder))
    court.replies = [HELD]
    assert leader.run_once() == pytest.approx(0.4)
    assert leader.leadership() is None
    assert heard == ["other"]


def test_losing_the_lease_to_another_ends_the_leadership(court: Court) -> None:
    leader = leader_of(court)
    court.replies = [TAKEN, HELD]
    leader.run_once()
    leader.run_once()
    assert leader.leadership() is None


def test_a_lease_taken_by_a_call_whose_reply_was_lost_is_found(court: Court) -> None:
    leader = leader_of(court)
    court.replies = [RedisUnavailable("cut"), KEPT]
    with pytest.raises(RedisUnavailable):
        leader.run_once()
    assert leader.leadership() is None
    leader.run_once()
    leadership = leader.leadership()
    assert leadership is not None
    assert (leadership.term, leadership.cursor) == (1, "7-7")


def test_acquiring_it_again_is_a_new_leadership_even_in_the_same_term(court: Court) -> None:
    """All data was lost, and terms begin at 1 again. What the scheduler has in memory is of a
    world that is gone, so it must not look as if nothing had happened."""
    leader = leader_of(court)
    court.replies = [TAKEN, TAKEN]
    leader.run_once()
    first = leader.leadership()
    leader.run_once()
    assert leader.leadership() is not None
    assert leader.leadership() != first


def test_if_the_work_hangs_the_lease_expires(court: Court) -> None:
    leader = leader_of(court)
    court.replies = [TAKEN, KEPT]
    leader.run_once()
    leader.leadership()
    court.now += WATCHDOG_S + 1
    leader.run_once()
    assert court.asked == [10_000], "it has renewed for somebody who does not ask"
    assert leader.leadership() is None


def test_stopping_gives_the_lease_up(court: Court) -> None:
    leader = Leader(court, LEASE, 0.5)  # type: ignore[arg-type]
    court.replies = [TAKEN]
    leader.start()
    wait_until("it leads", leader.leadership)
    leader.stop()
    assert court.asked == [10_000, 0]
    assert leader.leadership() is None


def test_its_thread_survives_outages(court: Court) -> None:
    troubles: list[Exception] = []
    heard = threading.Event()

    def on_trouble(error: Exception) -> None:
        troubles.append(error)
        heard.set()

    leader = Leader(court, LEASE, 0.01, on_trouble=on_trouble)  # type: ignore[arg-type]
    court.replies = [RedisUnavailable("away"), RedisUnavailable("away"), TAKEN]
    leader.start()
    wait_until("it leads", leader.leadership)
    leader.stop()
    assert len(troubles) == 2


def test_it_logs_the_end_of_an_outage_that_only_it_noticed(court: Court) -> None:
    """The resolver may sit an outage out within one call; then only this thread has told of it."""
    messages: list[str] = []
    leader = Leader(
        court,  # type: ignore[arg-type]
        LEASE,
        0.01,
        on_trouble=lambda error: messages.append("away"),
        on_answer=lambda: messages.append("back"),
    )
    court.replies = [RedisUnavailable("away"), TAKEN]
    leader.start()
    wait_until("it leads", leader.leadership)
    leader.stop()
    assert messages[:2] == ["away", "back"]


def test_terms_grow_from_one_scheduler_to_the_next(stage: Stage) -> None:
    """On the real script: a standby takes over when the lease is over, not before."""
    first = Leader(stage.store("s1"), LEASE, 0.5)
    second = Leader(stage.store("s2"), LEASE, 0.5)
    first.run_once()
    second.run_once()
    assert first.leadership() is not None
    assert second.leadership() is None
    stage.now += 10_001
    second.run_once()
    first.run_once()
    taken = second.leadership()
    assert first.leadership() is None
    assert taken is not None
    assert taken.term == 2


@pytest.mark.parametrize("error", [StoreError("WRONGTYPE"), WrongShards("another list")])
def test_a_leader_waits_for_damaged_keys_to_be_fixed(court: Court, error: Exception) -> None:
    """Its thread would end otherwise, and the scheduler stand by forever."""
    court.replies = [TAKEN, error, TAKEN]
    leader = Leader(court, 0.03, 0.01)  # type: ignore[arg-type]
    leader.start()
    wait_until("it leads again", lambda: len(court.asked) > 4 and leader.leadership() is not None)
    leader.stop()
    assert leader.refused is None
