"""What a DAG takes as stored bytes: it comes back as it was, and nothing else is believed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgpack
import pytest
from environment import HOUR_MS, Environment
from hypothesis import given
from hypothesis import strategies as st

from flowkit.core.taken_parameter import LONGEST_NAME, LONGEST_TEXT, MOST_TAKEN, TakenParameter
from flowkit.protocol.decoding import CorruptData
from flowkit.protocol.limits import MAX_TAKES_BYTES
from flowkit.protocol.takes import FORMAT, KEEP_TAKES_MS, pack_takes, unpack_takes

THREE = (
    TakenParameter("day", "date", is_closed=True, required=True),
    TakenParameter("limit", "int", is_closed=True, default="100", doc="Most rows."),
    TakenParameter("x", "int | float", is_closed=True, is_inferred=True, default="5"),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TAKEN = st.builds(
    TakenParameter,
    name=st.text("abxyz_", min_size=1, max_size=9),
    annotation=TEXT,
    is_closed=st.booleans(),
    is_inferred=st.booleans(),
    required=st.booleans(),
    default=TEXT,
    doc=TEXT,
)


@given(st.lists(TAKEN, max_size=6, unique_by=lambda item: item.name))
def test_it_round_trips(takes: list[TakenParameter]) -> None:
    packed = pack_takes(takes)
    assert unpack_takes(packed) == tuple(takes) if takes else packed == b""


def test_three_parameters_take_sixty_bytes() -> None:
    assert len(pack_takes(THREE)) == 58


def test_a_text_that_utf8_cannot_hold_is_stored_nevertheless() -> None:
    (read,) = unpack_takes(pack_takes([TakenParameter("a", default="\ud800")]))
    assert read.default == "?"


def test_further_items_of_a_newer_release_are_ignored() -> None:
    packed = msgpack.packb([FORMAT, ["day", "date", 3 | 128, "", "", "more"]])
    assert unpack_takes(packed) == (TakenParameter("day", "date", is_closed=True, required=True),)


@pytest.mark.parametrize(
    "stored",
    [
        [],
        [FORMAT + 1],
        {"day": "date"},
        [FORMAT, "day"],
        [FORMAT, []],
        [FORMAT, ["not a name"]],
        [FORMAT, ["day", "date", -1]],
        [FORMAT, ["day", "date", "3"]],
        [FORMAT, ["day", 5]],
        [FORMAT, ["d" * (LONGEST_NAME + 1)]],
        [FORMAT, ["day", "x" * (2 * LONGEST_TEXT + 1)]],
        [FORMAT, ["day", "", 0, "x" * 10_000]],
        [FORMAT, ["day"], ["day"]],
        [FORMAT, *([f"p{number}"] for number in range(MOST_TAKEN + 1))],
        [FORMAT, *([f"p{number}"] for number in range(20_000))],
        [FORMAT, [["a"] * 100] * 100],
    ],
    ids=lambda stored: str(stored)[:30],
)
def test_all_else_is_refused(stored: Any) -> None:
    with pytest.raises(CorruptData, match="run parameters of its graph cannot be read"):
        unpack_takes(msgpack.packb(stored))


@given(st.binary(max_size=60))
def test_any_bytes_are_an_error(junk: bytes) -> None:
    with suppress(CorruptData):  # and no other error
        unpack_takes(junk)


def test_bytes_that_follow_are_refused() -> None:
    with pytest.raises(CorruptData):
        unpack_takes(pack_takes(THREE) + b"\x00")
    with pytest.raises(CorruptData):
        unpack_takes(pack_takes(THREE)[:-1])


def test_it_lives_as_long_as_its_graph(env: Environment) -> None:
    """Redis' own clock has moved on a little, by less than an hour."""
    env.acquire_lease()
    first = env.submission(ttl_ms=10 * HOUR_MS, takes=pack_takes(THREE))
    again = env.submission("r2", takes=pack_takes(THREE))
    key, left = env.keys.takes(first.digest), 0
    for submission in (first, again):
        assert env.client.submit(submission)
        left = env.link.call("PTTL", key)
        assert -HOUR_MS < left - submission.ttl_ms - KEEP_TAKES_MS <= 0
    env.finish("r1")
    assert env.link.call("PTTL", key) > left - HOUR_MS, "r2 needs it"
    env.finish("r2")
    assert 9 * HOUR_MS < env.link.call("PTTL", key) <= 10 * HOUR_MS
    assert unpack_takes(env.client.read_takes(first.digest)) == THREE


def test_a_list_of_a_million_is_not_even_transferred(env: Environment) -> None:
    env.submit()
    digest = env.submission().digest
    key = env.keys.takes(digest)
    assert env.client.read_takes(digest) == b""
    env.link.call("HSET", key, "takes", b"x" * (MAX_TAKES_BYTES + 1))
    with pytest.raises(CorruptData, match="has 262145 bytes"):
        env.client.read_takes(digest)
    env.link.call("DEL", key)
    env.link.call("SET", key, "another type")
    with pytest.raises(CorruptData):
        env.client.read_takes(digest)
    env.link.call("DEL", key)
