"""Each parser of the border takes what flowkit writes, up to its limits, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flowkit.core.states import RunState
from flowkit.protocol import decoding, limits
from flowkit.protocol.decoding import CorruptData

DIGITS = {"tasks": limits.TASK_DIGITS, "times": limits.TIME_DIGITS}


def a_time(data: object) -> int:
    return decoding.number(data, "a time")


def a_state(data: object) -> RunState:
    return decoding.state(data, RunState)


TAKEN: list[tuple[Callable[[object], object], bytes, object]] = [
    (a_time, b"0", 0),
    (a_time, b"9" * limits.TIME_DIGITS, 10**limits.TIME_DIGITS - 1),
    (decoding.task_number, b"9" * limits.TASK_DIGITS, 10**limits.TASK_DIGITS - 1),
    (decoding.run_id, b"r" * limits.MAX_RUN_ID, "r" * limits.MAX_RUN_ID),
    (decoding.digest, b"0123456789abcdef" * 4, "0123456789abcdef" * 4),
    (decoding.worker_id, b"w-_W0", "w-_W0"),
    (decoding.lane, b"W.12a", "W.12a"),
    (decoding.announcement_id, b"1700000000000-12", "1700000000000-12"),
    (a_state, b"running", RunState.RUNNING),
    (decoding.named, b"1", ()),
    (decoding.named, b"from 3 7", (3, 7)),
]
REFUSED: list[tuple[Callable[[object], object], object]] = [
    (a_time, b"9" * (limits.TIME_DIGITS + 1)),
    (a_time, b"1_0"),
    (a_time, b" 1"),
    (a_time, "\u0661".encode()),
    (a_time, "1"),
    (a_time, None),
    (decoding.task_number, b"00"),
    (decoding.task_number, b"07"),
    (decoding.task_number, b"9" * (limits.TASK_DIGITS + 1)),
    (decoding.run_id, b"r" * (limits.MAX_RUN_ID + 1)),
    (decoding.run_id, b"a|b"),
    (decoding.run_id, b"a:tasks"),
    (decoding.run_id, b"\xff"),
    (decoding.run_id, "r1"),
    (decoding.digest, b"0" * 63),
    (decoding.digest, b"g" * 64),
    (decoding.digest, b"A" * 64),
    (decoding.digest, None),
    (decoding.worker_id, b"a.b"),
    (decoding.worker_id, b"w" * 65),
    (decoding.lane, b"W"),
    (decoding.lane, b"W.0b"),
    (decoding.announcement_id, b"1"),
    (decoding.announcement_id, b"1-1 "),
    (decoding.announcement_id, b"9" * 21 + b"-1"),
    (a_state, b"banana"),
    (a_state, None),
    (decoding.named, b"from 3 x"),
    (decoding.named, b"from 00"),
    (decoding.named, 7),
]


@pytest.mark.parametrize(("parse", "data", "value"), TAKEN)
def test_data_written_by_flowkit_is_read(
    parse: Callable[[object], object], data: bytes, value: object
) -> None:
    assert parse(data) == value


@pytest.mark.parametrize(("parse", "data"), REFUSED)
def test_other_data_is_refused(parse: Callable[[object], object], data: object) -> None:
    with pytest.raises(CorruptData):
        parse(data)


def test_no_resume_names_no_task() -> None:
    assert decoding.named(None) is None


def test_an_error_quotes_little_of_a_value() -> None:
    with pytest.raises(CorruptData) as error:
        decoding.run_id(b"x\n" * 1_000_000)
    assert len(str(error.value)) < 300
    assert "\n" not in str(error.value)
    assert "1999940 more bytes" in str(error.value)


def test_names_have_a_bounded_length() -> None:
    assert decoding.text_of(b"\xffr") == "\\xffr"
    assert len(decoding.text_of(b"r" * 10_000)) == 4 * limits.MAX_RUN_ID


def test_a_worker_has_a_bounded_number_of_lanes() -> None:
    lanes = b" ".join(b"W.%d" % number for number in range(limits.MAX_LANES + 500))
    assert len(decoding.lane_names(b"W", lanes)) == limits.MAX_LANES


def test_invalid_levels_are_skipped() -> None:
    flat = [b"default", b"!95", b"a,b", b"5", b"gpu~async", b"5x", b"cpu", b"5" * 12, b"", b"5"]
    assert decoding.levels_of(flat) == [("default", "!95")]


def test_invalid_stops_are_skipped() -> None:
    stops = [b"r1,0,1", b"r1,0", b"r1,00,1", b"r1,0,1\rdrain", b"\xff,0,1", b"r1,0," + b"9" * 10]
    assert decoding.stops_of(b" ".join(stops)) == ["r1,0,1"]
