"""The mailbox sends outcomes and takes claims, even if replies or recent writes get lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from bench import LANE, Counter, claim_of

from flowkit.exceptions import RedisUnavailable
from flowkit.protocol.decoding import Oversized
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.oversize import too_large
from flowkit.protocol.records import ErrorInfo
from flowkit.protocol.worker_store import Exchange
from flowkit.worker.mailbox import MAX_BATCH, Mailbox


def outcome(task: int) -> Outcome:
    return Outcome.decode("r1", f"{task},1,S")


def mailbox_of(store: Counter, **more: object) -> Mailbox:
    return Mailbox(store, LANE, ["default"], **more)  # type: ignore[arg-type]


def test_outcomes_go_out_and_claims_come_in_by_one_call() -> None:
    store = Counter(claim_of(0), claim_of(1))
    mailbox = mailbox_of(store)
    assert mailbox.exchange(1) == 1
    mailbox.put(outcome(0))
    assert mailbox.unsent == 1
    assert mailbox.exchange(5) == 1
    assert store.calls == [(1, 0, 1), (2, 1, 5)]
    assert [claim.task for claim in mailbox.inbox] == [0, 1]
    assert mailbox.unsent == 0


def test_no_call_is_made_without_outcomes_or_claims() -> None:
    store = Counter()
    assert mailbox_of(store).exchange(0) == 0
    assert store.calls == []


def test_a_call_without_claims_keeps_the_call_number() -> None:
    """Else the claim of the call before could not be asked for again."""
    store = Counter(claim_of(0))
    mailbox = mailbox_of(store)
    mailbox.exchange(1)
    mailbox.put(outcome(0))
    mailbox.exchange(0)
    mailbox.exchange(1)
    assert [call for call, _, _ in store.calls] == [1, 1, 2]


class Small(Counter):
    """A server that takes no request with more than 10,000 bytes of outcomes."""

    def complete(self, lane: str, outcomes: Sequence[Outcome], *rest: Any) -> Exchange:
        if sum(len(outcome.payload) for outcome in outcomes) > 10_000:
            raise too_large("redis://x", "max request size exceeded")
        return super().complete(lane, outcomes, *rest)


def test_an_outcome_that_is_too_large_fails_its_task_and_no_other() -> None:
    """All of them were sent forever, together with all that came later."""
    store = Small(claim_of(9))
    refused: list[Outcome] = []
    mailbox = mailbox_of(store, on_refused=refused.append)
    for number in range(8):
        size = 20_000 if number == 5 else 3_000
        mailbox.put(Outcome.decode("r1", f"{number},1,S", bytes(size)))
    assert mailbox.exchange(1) == 1
    mailbox.flush()
    assert store.tokens() == [f"{n},1,{'F' if n == 5 else 'S'}" for n in range(8)]
    assert [item.token for item in refused] == ["5,1,F"]
    info = ErrorInfo.unpack(refused[0].payload)
    assert info.type == "ValueTooLarge"
    assert "20,000 bytes" in info.message
    assert {call for call, _, limit in store.calls if limit} == {1}


class Unread(Counter):
    """A store whose replies can be read up to three claims."""

    def complete(self, *args: Any) -> Exchange:
        reply = super().complete(*args)
        if len(reply.claims) > 3:
            raise Oversized("it has more than 100 bytes")
        return reply


def test_claims_that_are_too_large_to_be_read_together_come_in_smaller_parts() -> None:
    """Each brings the parameters of its run. Those of the unread reply have surely not started."""
    store = Unread(*map(claim_of, range(20)))
    mailbox = mailbox_of(store)
    for _ in range(2):
        with pytest.raises(Oversized):
            mailbox.exchange(10)
    assert mailbox.exchange(10) == 2
    assert len(store.released) == 15
    assert store.unsure == [b""]
    assert [limit for _, _, limit in store.calls] == [10, 5, 2], "half as many each time"


def test_outcomes_with_a_lost_reply_are_sent_again() -> None:
    store = Counter()
    mailbox = mailbox_of(store)
    mailbox.put(outcome(0))
    store.lost_replies = 1
    with pytest.raises(RedisUnavailable):
        mailbox.exchange(0)
    assert mailbox.unsent == 1
    mailbox.flush()
    assert store.tokens() == ["0,1,S"]


def test_an_outcome_that_is_put_while_a_call_is_under_way_is_kept() -> None:
    store = Counter()
    mailbox = mailbox_of(store)
    mailbox.put(outcome(0))
    late = [outcome(1)]
    store.on_complete = lambda: mailbox.put(late.pop()) if late else None
    mailbox.exchange(0)
    assert store.tokens() == ["0,1,S"]
    mailbox.flush()
    assert store.tokens() == ["0,1,S", "1,1,S"]


def test_many_outcomes_go_out_in_parts() -> None:
    store = Counter()
    mailbox = mailbox_of(store)
    for task in range(MAX_BATCH + 10):
        mailbox.put(outcome(task))
    mailbox.flush()
    assert [sent for _, sent, _ in store.calls] == [MAX_BATCH, 10]
    assert [int(token.partition(",")[0]) for token in store.tokens()] == list(range(MAX_BATCH + 10))


def test_no_call_claims_more_than_a_batch() -> None:
    store = Counter()
    mailbox_of(store).exchange(10 * MAX_BATCH)
    assert store.calls == [(1, 0, MAX_BATCH)]


def test_unstarted_attempts_are_returned_last_first() -> None:
    """Each goes to the head of its list, so they end up in their old order."""
    store = Counter(*map(claim_of, range(3)))
    mailbox = mailbox_of(store)
    mailbox.exchange(3)
    mailbox.inbox.popleft()
    assert mailbox.give_back() == 2
    assert store.released == ["r1,2", "r1,1"]
    assert list(store.held) == ["r1,0"]
    assert mailbox.give_back() == 0


def test_stale_outcomes_are_reported() -> None:
    heard: list[str] = []
    store = Counter()
    mailbox = mailbox_of(store, on_stale=heard.append)
    mailbox.put(outcome(3))
    store.stale = ["r1,3"]
    mailbox.flush()
    assert heard == ["r1,3"]


def test_claims_known_only_to_redis_are_returned_while_others_run() -> None:
    """A store went back in time: it believes that the lane holds what it has long ended. The lane
    is alive, so nobody else would ever take it."""
    store = Counter(*map(claim_of, range(4)))
    mailbox = mailbox_of(store)
    mailbox.exchange(2)
    mailbox.inbox.popleft()
    store.held["r0,9"] = claim_of(9, run="r0")
    mailbox.put(outcome(0))
    mailbox.exchange(1)
    assert store.released == ["r0,9"]
    assert list(store.held) == ["r1,1", "r1,2"]
    assert [claim.task for claim in mailbox.inbox] == [1, 2]


def test_nothing_is_returned_while_both_sides_agree() -> None:
    store = Counter(*map(claim_of, range(6)))
    mailbox = mailbox_of(store)
    for task in range(6):
        mailbox.exchange(2)
        mailbox.put(outcome(task))
    mailbox.exchange(0)
    assert store.released == []


def test_a_returned_attempt_claimed_again_is_known() -> None:
    store = Counter(claim_of(0))
    mailbox = mailbox_of(store)
    mailbox.exchange(1)
    mailbox.give_back()
    store.stock = [claim_of(0)]
    store.released.clear()
    assert mailbox.exchange(1) == 1
    mailbox.put(outcome(0))
    mailbox.exchange(0)
    assert store.released == []
    assert store.held == {}


def test_refused_outcomes_are_reported_before_new_claims() -> None:
    store = Counter(claim_of(0), claim_of(1), claim_of(2))
    messages: list[object] = []
    mailbox = mailbox_of(
        store, on_sent=lambda sent, refused: messages.append([sent, refused, len(mailbox.inbox)])
    )
    mailbox.exchange(2)
    mailbox.inbox.clear()
    for number in (0, 1):
        mailbox.put(outcome(number))
    store.stale = ["r1,1"]
    assert mailbox.exchange(1) == 1
    assert messages == [[[], [], 0], [["r1,0", "r1,1"], ["r1,1"], 0]]


def test_an_unknown_claim_is_returned_byte_for_byte(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that is no text was released under another one, and held forever."""
    store = Counter(claim_of(0))
    released: list[str | bytes] = []
    monkeypatch.setattr(store, "holdings", lambda lane: [b"r1,0", b"\xff,0"])
    monkeypatch.setattr(store, "release", lambda lane, keys, unsure: released.extend(keys))
    store.held["\ufffd,0"] = claim_of(9)
    assert mailbox_of(store).exchange(1) == 1
    assert released == [b"\xff,0"]
