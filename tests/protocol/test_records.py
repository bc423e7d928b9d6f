"""Records and errors: read as they were written, by Lua and by Python."""

from __future__ import annotations

from contextlib import suppress

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.basics.shorten import MAX_MESSAGE
from flowkit.core.states import TaskState
from flowkit.exceptions import StoreError
from flowkit.protocol.records import (
    CODE_OF,
    MAX_TRACEBACK,
    PENDING,
    STATE_OF,
    ErrorInfo,
    TaskRecord,
    parse_record,
)
from flowkit.protocol.spent import Flag, Spent

COUNTS = st.integers(0, 10**6)
SPENT = st.builds(Spent, COUNTS, COUNTS, COUNTS, st.frozensets(st.sampled_from(Flag)))
TIMES = st.none() | st.integers(0, 10**13)


def test_every_state_has_one_code() -> None:
    assert set(STATE_OF.values()) == set(TaskState)
    assert {CODE_OF[state] for state in TaskState} == set(STATE_OF)


@pytest.mark.parametrize("code", STATE_OF)
@given(
    attempt=COUNTS,
    lane=st.sampled_from(["", "W.0", "a1b2.12a"]),
    spent=SPENT,
    times=st.tuples(TIMES, TIMES),
)
def test_a_record_of_each_code(
    code: str, attempt: int, lane: str, spent: Spent, times: tuple[int | None, int | None]
) -> None:
    started, ended = ("" if at is None else str(at) for at in times)
    text = f"{code}{attempt},{lane},{spent.encode()},{started},{ended}"
    assert parse_record(text.encode()) == TaskRecord(STATE_OF[code], attempt, lane, spent, *times)


def test_no_record_is_a_pending_task() -> None:
    assert parse_record(None) is PENDING
    assert PENDING.state is TaskState.PENDING


@given(st.binary(max_size=60) | st.text("PQRS0123456789,./*!?~=", max_size=30).map(str.encode))
def test_any_bytes_are_a_record_or_damaged(data: bytes) -> None:
    with suppress(StoreError):  # and no other error
        assert parse_record(data).state in TaskState


@pytest.mark.parametrize(
    ("largest", "beyond"),
    [
        (f"Q{'1' * 9},,0,,", f"Q{'1' * 10},,0,,"),
        ("Q0,,0,,", "Q00,,0,,"),
        (f"Q1,{'l' * 80},0,,", f"Q1,{'l' * 81},0,,"),
        (f"Q1,,{'1' * 9},,", f"Q1,,{'1' * 10},,"),
        (f"Q1,,0/{'1' * 9},,", f"Q1,,0/{'1' * 10},,"),
        (f"Q1,,0*{'1' * 9},,", f"Q1,,0*{'1' * 10},,"),
        (f"Q1,,0,{'1' * 15},", f"Q1,,0,{'1' * 16},"),
        (f"Q1,,0,,{'1' * 15}", f"Q1,,0,,{'1' * 16}"),
        ("Q1,,0,,-5", "Q1,,0,,--5"),
        ("Q1,,0,,".ljust(399, "x").replace("x", ",", 1), "Q1,,0,,".ljust(401, ",")),
    ],
)
def test_each_part_of_a_record_has_a_limit(largest: str, beyond: str) -> None:
    assert parse_record(largest.encode()).state is TaskState.QUEUED
    with pytest.raises(StoreError, match="a task's record in Redis is damaged"):
        parse_record(beyond.encode())


class TestErrors:
    @given(st.text(max_size=200), st.text(max_size=MAX_MESSAGE), st.text(max_size=500))
    def test_round_trip(self, kind: str, message: str, traceback: str) -> None:
        info = ErrorInfo(kind, message, traceback)
        assert ErrorInfo.unpack(info.pack()) == info

    def test_a_long_text_is_cut_in_its_middle(self) -> None:
        info = ErrorInfo("E", "a" * 9000 + "z", "t" * 99_000 + "end")
        result = ErrorInfo.unpack(info.pack())
        assert len(result.message) <= MAX_MESSAGE
        assert len(result.traceback) <= MAX_TRACEBACK
        assert result.message.startswith("aaa")
        assert result.message.endswith("z")
        assert " more … " in result.message
        assert result.traceback.endswith("end")

    def test_invalid_unicode_does_not_stop_it(self) -> None:
        result = ErrorInfo.unpack(ErrorInfo("E", "bad \ud800 surrogate").pack())
        assert result.type == "E"
        assert result.message.startswith("bad ")

    @given(st.binary(max_size=60))
    def test_any_bytes_are_an_error_to_show(self, data: bytes) -> None:
        result = ErrorInfo.unpack(data)
        assert all(
            isinstance(part, str) for part in (result.type, result.message, result.traceback)
        )

    def test_an_oversized_stored_error_is_not_unpacked(self) -> None:
        assert ErrorInfo.unpack(msgpack.packb(["E", "x" * 300_000, ""])).type == "Unreadable"
        result = ErrorInfo.unpack(msgpack.packb(["E", "x" * 200_000, ""]))
        assert (result.type, len(result.message) <= MAX_MESSAGE) == ("E", True)

    @pytest.mark.parametrize("data", [b"", b"\xc1", msgpack.packb([1, 2]), msgpack.packb(None)])
    def test_other_bytes_are_reported_as_unreadable(self, data: bytes) -> None:
        assert ErrorInfo.unpack(data) == ErrorInfo("Unreadable", "the stored error cannot be read")
