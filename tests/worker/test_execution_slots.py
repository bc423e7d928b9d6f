"""The board: what a parent can read of its child at any moment, however torn or long."""

from __future__ import annotations

import pytest
from bench import claim_of

from flowkit.worker.execution_slots import SLOT_BYTES, Executing, ExecutionSlots


@pytest.fixture
def slots() -> ExecutionSlots:
    return ExecutionSlots(3)


def test_empty_slots_name_nothing(slots: ExecutionSlots) -> None:
    assert list(slots.executing()) == []
    assert not slots.overdue(1e12)


def token_of(attempt: Executing) -> str:
    return attempt.outcome.token if attempt.outcome else ""


def test_it_names_the_attempt_in_each_slot(slots: ExecutionSlots) -> None:
    slots.enter(0, "run-1,7,2")
    slots.enter(2, "run-2,0,1")
    first, second = slots.executing()
    assert (first.slot, first.run, first.task, first.attempt) == (0, "run-1", 7, 2)
    assert (second.slot, second.key) == (2, "run-2,0")
    slots.leave(0)
    assert [item.slot for item in slots.executing()] == [2]


def test_a_deadline_comes_with_the_outcome_to_report(slots: ExecutionSlots) -> None:
    slots.enter(1, "r1,0,1|0,1,W,500,default,5|2.5|a name | with bars|", 100.0)
    (item,) = slots.executing()
    assert (token_of(item), item.limit, item.deadline) == ("0,1,W,500,default,5", 2.5, 100.0)
    assert item.name == "a name | with bars|"


def test_a_deadline_is_overdue_once_it_has_passed(slots: ExecutionSlots) -> None:
    slots.enter(0, "r1,0,1")
    slots.enter(3, "r1,1,1", 100.0)
    assert not slots.overdue(99.9)
    assert slots.overdue(100.1)
    slots.disarm(3)
    assert not slots.overdue(100.1), "the call was over in time"
    assert len(list(slots.executing())) == 2
    slots.enter(3, "r1,1,1", 100.0)
    slots.leave(3)
    assert not slots.overdue(100.1)


@pytest.mark.parametrize(("spent", "suspect"), [("", False), ("1/2*3", False), ("1/2*3!", True)])
def test_it_knows_a_suspect(slots: ExecutionSlots, spent: str, suspect: bool) -> None:
    claim = claim_of(4, 5, spent)
    slots.enter(0, claim.slot_name)
    slots.enter(1, f"{claim.slot_name}|4,5,F|1.0|name!", 9.0)
    for item in slots.executing():
        assert (item.key, item.attempt, item.suspect) == ("r1,4", 5, suspect)


def test_the_longest_ids_keep_their_token_and_lose_the_end_of_the_name(
    slots: ExecutionSlots,
) -> None:
    run, queue, name = "r" * 128, "q" * 64 + "~async", "\N{SNOWMAN}" * 200
    token = f"999999,999,W,315360000000,{queue},9"
    text = f"{run},999999,999!|{token}|86400.125|{name}"
    for slot in range(slots.count):
        slots.enter(slot, text, 1.0)
    for item in slots.executing():
        assert (item.run, item.task, item.attempt, item.suspect) == (run, 999_999, 999, True)
        assert token_of(item) == token
        assert item.limit == 86400.125
        assert name.startswith(item.name)
    assert len(list(slots.executing())) == slots.count, "a slot has run over into the next"


def test_a_shorter_text_overwrites_a_longer_one_completely(slots: ExecutionSlots) -> None:
    slots.enter(0, "long-run-id,12345,1|12345,1,F|1.0|long name", 5.0)
    slots.enter(0, "r,1,1")
    (item,) = slots.executing()
    assert (item.key, token_of(item), item.name, item.deadline) == ("r,1", "", "", 0.0)


def test_a_writer_that_dies_midway_leaves_readable_slots(
    slots: ExecutionSlots,
) -> None:
    """Its process is killed after any number of bytes; the flag goes up last."""
    whole = ExecutionSlots(0)
    whole.enter(0, "r,22,333")
    for written in range(1, SLOT_BYTES):
        slots.enter(0, "run-of-before,1,1|1,1,F|1.0|before", 5.0)
        slots.leave(0)
        slots._memory[1:written] = whole._memory[1:written]
        assert list(slots.executing()) == []
        assert not slots.overdue(1e12)


@pytest.mark.parametrize("start", ["", "x"])
def test_a_name_may_be_cut_within_a_character(slots: ExecutionSlots, start: str) -> None:
    slots.enter(0, f"r1,0,1|0,1,F|1.0|{start}{'ü' * 300}", 9.0)
    (attempt,) = slots.executing()
    assert attempt.name.startswith(f"{start}üüü")
