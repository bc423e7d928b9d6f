"""The two borders, of the scripts and of Python, have the same limits and let the same through."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import lupa.lua51 as lua
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowkit.core.policy_check import QUEUE
from flowkit.protocol import decoding, limits, records
from flowkit.protocol.decoding import CorruptData
from flowkit.protocol.keys import RUN_ID
from flowkit.protocol.records import parse_record

PIECE = (Path(decoding.__file__).parent / "lua" / "_lib" / "border.lua").read_text("utf-8")


def border() -> Any:
    """Load the scripts' border; it needs no Redis."""
    runtime = lua.LuaRuntime(encoding=None)
    names = "read_record read_key read_entry read_place read_levels read_time read_running"
    names += " is_run is_list is_digest"
    return runtime.execute(
        f"{PIECE}\nreturn {{{', '.join(f'{name} = {name}' for name in names.split())}}}".encode()
    )


LUA = border()
GRAMMAR = st.text("PQRWSFKUC0123456789,W./*!?+~=- ", max_size=60).map(str.encode)
RECORDS = st.binary(max_size=40) | GRAMMAR | st.from_regex(
    rb"[A-Z][0-9]{1,11},[A-Za-z0-9.]{0,9},[0-9]{0,11}[!?+]{0,2},-?[0-9]{0,17},[0-9]{0,3}",
    fullmatch=True,
)  # fmt: skip


@given(RECORDS)
@example(b"Q" + b"1" * 9 + b",,0,,")
@example(b"Q" + b"1" * 10 + b",,0,,")
@example(b"Q1," + b"l" * 81 + b",0,,")
@example(b"Q1,,0,,," + b"x" * 400)
@example(b"R1,W.0,0,-5,")
@example(b"Q00001,,0,,")
@example(b"Q0,,0,,")
@example(b"R1,W.0," + b"9" * 10 + b",5,")
@example(b"Q1,,0,," + b"9" * 16)
@example(b"Q1,,0,,,1f4")
@example(b"R1,W.0,0,1,,1f4x")
@example(b"R1,W.0,0,1,," + b"f" * 13)
@example(b"W1,W.0,0,1,500,1f4,retry,12")
def test_python_and_the_scripts_read_a_record_the_same_way(data: bytes) -> None:
    result = LUA[b"read_record"](data)
    try:
        record = parse_record(data)
    except CorruptData:
        return  # Python knows the states and the flags; the scripts hand both on
    assert result is not None
    state, attempt, lane, _, started, ended, queued = result
    assert (int(queued, 16) if queued else None) == record.queued_ms
    assert records.STATE_OF[state.decode()] is record.state
    assert (int(attempt), lane.decode()) == (record.attempt, record.lane)
    assert [int(time) if time else None for time in (started, ended)] == [
        record.started_ms,
        record.ended_ms,
    ]


@given(RECORDS)
@example(b"Q1,,0,,")
@example(b"Q" + b"1" * 10 + b",,0,,")
@example(b"Q1," + b"l" * 81 + b",0,,")
@example(b"Q1,," + b"!" * 65 + b",,")
@example(b"Q1,,0," + b"1" * 16 + b",")
@example(b"Q1,,0,," + b"1" * 16)
def test_records_accepted_by_the_scripts_have_bounded_parts(data: bytes) -> None:
    result = LUA[b"read_record"](data)
    if result is None:
        return
    _, attempt, lane, spent, started, ended, queued = result
    assert len(queued) <= limits.QUEUED_DIGITS
    assert len(attempt) <= limits.ATTEMPT_DIGITS
    assert len(lane) <= limits.MAX_LANE
    assert len(spent) <= limits.MAX_SPENT
    assert max(len(started), len(ended)) <= limits.TIME_DIGITS


def test_an_invalid_record() -> None:
    assert LUA[b"read_record"](None) is None
    longest = b"Q1,,0,,,".ljust(records.MAX_RECORD, b"x")
    assert LUA[b"read_record"](longest)[0] == b"Q"
    assert LUA[b"read_record"](longest + b"x") is None


@pytest.mark.parametrize(
    ("record", "read"),
    [
        (b"R1,W.0,1/2!,5,", (b"1/2!", b"5", b"")),
        (b"R1,W.0,0,-5,,x=1", (b"0", b"-5", b",")),
        (b"R1,W.0,0,5,,1f4", (b"0", b"5", b",1f4")),
        (b"R1,W.0,0,5,,1f4,x=1", (b"0", b"5", b",1f4")),
        (b"R1,W.0,,,", (b"", b"", b"")),
        (b"R1,W.0,0 0,5,", None),
        (b"R1,W.0,0,x,", None),
        (b"R1,W.0,0,5", None),
        (b"R1,W.0,0,5,".ljust(records.MAX_RECORD + 1, b"x"), None),
    ],
)
def test_running_records(record: bytes, read: tuple[bytes, ...] | None) -> None:
    assert LUA[b"read_running"](record, len(b"R1,W.0,") + 1) == read


@given(st.binary(max_size=20) | st.from_regex(RUN_ID, fullmatch=True).map(str.encode))
@example(b"r" * limits.MAX_RUN_ID)
@example(b"r" * (limits.MAX_RUN_ID + 1))
@example(b"a:tasks")
@example(b"a:tasks:results")
@example(b":feed")
@example(b"a:task")
@example(b"tasks")
@example(b"a|b")
@example(b"a\rb")
@example(b"")
def test_python_and_the_scripts_accept_the_same_run_ids(name: bytes) -> None:
    try:
        decoding.run_id(name)
    except CorruptData:
        assert not LUA[b"is_run"](name)
    else:
        assert LUA[b"is_run"](name)


@given(st.binary(max_size=20) | st.text("aZ0_.-~async\n,é", max_size=80).map(str.encode))
@example(b"")
@example(b"~async")
@example(b"foo~bar")
@example(b"foo~")
@example(b"foo~asyncx")
@example(b"foo~async~async")
@example(b"foo~async\n")
@example(b"q" * 64)
@example(b"q" * 65)
@example(b"q" * 64 + b"~async")
@example(b"q" * 65 + b"~async")
def test_python_and_the_scripts_accept_the_same_ready_lists(name: bytes) -> None:
    assert LUA[b"is_list"](name) is decoding.is_list(name)
    queue = name.decode("utf-8", "replace").removesuffix("~async")
    assert decoding.is_list(name) is (QUEUE.fullmatch(queue) is not None)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (b"r,0,1", (b"r", b"0", b"1")),
        (b"r,0,1,default,5", None),
        (b"r," + b"1" * 7 + b"," + b"1" * 9, (b"r", b"1" * 7, b"1" * 9)),
        (b"r," + b"1" * 8 + b",1", None),
        (b"r,0," + b"1" * 10, None),
        (b"r|r,0,1", (b"r|r", b"0", b"1")),  # whether a run is one is asked where it is read
        (b"r,-1,1", None),
        (b"r,0,00001", None),
        (b"r,00,1", None),
        (b"r,0,0", (b"r", b"0", b"0")),
    ],
)
def test_entries(text: bytes, read: tuple[bytes, ...] | None) -> None:
    assert LUA[b"read_entry"](text) == read


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (b"r,0", (b"r", b"0")),
        (b"r," + b"1" * 7, (b"r", b"1" * 7)),
        (b"r," + b"1" * 8, None),
        (b"r,00", None),
        (b"r,0,1", None),
        (b"r|r,0", None),
        (b"r:tasks,0", None),
        (b"#", None),
    ],
)
def test_keys_of_claims(text: bytes, read: tuple[bytes, ...] | None) -> None:
    assert LUA[b"read_key"](text) == read


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        (b"0123456789abcdef" * 4, True),
        (b"0" * 63, False),
        (b"0" * 65, False),
        (b"g" * 64, False),
        (b"A" * 64, False),
        (b"\xff" * 64, False),
    ],
)
def test_digests(text: bytes, whole: bool) -> None:
    assert LUA[b"is_digest"](text) is whole


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (b"1,7,default,5", (b"1,7", b"default", b"5")),
        (b",gpu-2~async,!", (b"", b"gpu-2~async", b"!")),
        (b",a,b,5", (b",a", b"b", b"5")),
        (b",default,x", None),
        (b",default,55", None),
        (b", a,5", None),
        (b"," + b"q" * 81 + b",5", None),
        (b"default,5", None),
    ],
)
def test_places(text: bytes, read: tuple[bytes, ...] | None) -> None:
    assert LUA[b"read_place"](text) == read


@pytest.mark.parametrize(
    ("text", "read"),
    [(b"!95", b"!95"), (b"9x5", b"95"), (None, b""), (b"5" * 10_000, b"5" * limits.MAX_LEVELS)],
)
def test_levels(text: bytes | None, read: bytes) -> None:
    assert LUA[b"read_levels"](text) == read


@pytest.mark.parametrize("text", [b"", b"-1", b"1.5", b"0x10", b"inf", b"nan", b"9" * 16, b" 1"])
def test_strings_that_lua_reads_as_numbers_may_be_invalid(text: bytes) -> None:
    assert LUA[b"read_time"](text) is None
    with pytest.raises(CorruptData):
        decoding.number(text, "a time")


def test_the_limits_in_the_scripts_are_those_of_python() -> None:
    lines = {
        "#run >": [limits.MAX_RUN_ID],
        "#queue <=": [limits.MAX_QUEUE],
        "is_number(attempt,": [limits.ATTEMPT_DIGITS] * 2,
        "#lane <=": [limits.MAX_LANE],
        "#spent <=": [limits.MAX_SPENT],
        "#started <=": [limits.TIME_DIGITS],
        "#ended <=": [limits.TIME_DIGITS],
        "is_number(task,": [limits.TASK_DIGITS] * 2,
        "#text <=": [limits.TIME_DIGITS],
        "MAX_RECORD =": [records.MAX_RECORD],
    }
    for words, numbers in lines.items():
        assert [int(n) for n in re.findall(re.escape(words) + r" (\d+)", PIECE)] == numbers, words


@pytest.mark.parametrize(
    ("worker", "lanes", "names"),
    [
        (b"W", b"W.0 W.0a W.12", ["W.0", "W.0a", "W.12"]),
        (b"W", b"W.0 V.0 W W. W.x W.1b\xff W.2", ["W.0", "W.2"]),
        (b"W", b"W.1\rW.2", ["W.1", "W.2"]),
        (b"\xff", b"\xff.0", []),
        (b"W", None, []),
        (b"W", b"W.0 " * 400_000, []),
        (b"W", 7, []),
    ],
)
def test_lanes_carry_the_name_of_their_worker(
    worker: bytes, lanes: object, names: list[str]
) -> None:
    assert decoding.lane_names(worker, lanes) == names
