"""The names of lanes, and the scripts that take them apart."""

from __future__ import annotations

import re
from pathlib import Path

import lupa.lua51 as lua
import pytest

from flowkit.core.lanes import LANE, child_of, is_async_lane, lanes_of, worker_of
from flowkit.protocol import keys

PIECES = Path(keys.__file__).parent / "lua" / "_lib"
PLAIN, ASYNC = lanes_of("w-7_F", 12)


def matched(piece: str, subject: str, lane: str) -> str | None:
    """Return what the pattern that a script uses on a lane finds in it."""
    (pattern,) = re.findall(
        rf"string\.match\({re.escape(subject)}, '([^']+)'\)", (PIECES / piece).read_text()
    )
    result: str | None = lua.LuaRuntime().eval("string.match")(lane, pattern)
    return result


def test_a_lane_names_its_worker_its_child_and_its_kind() -> None:
    assert (PLAIN, ASYNC) == ("w-7_F.12", "w-7_F.12a")
    assert [worker_of(lane) for lane in (PLAIN, ASYNC, "")] == ["w-7_F", "w-7_F", ""]
    assert [child_of(lane) for lane in (PLAIN, ASYNC)] == [PLAIN, PLAIN]
    assert [is_async_lane(lane) for lane in (PLAIN, ASYNC)] == [False, True]


@pytest.mark.parametrize(
    "lane", [PLAIN, ASYNC, lanes_of("a", 0)[0], lanes_of("aa", 999_999_999)[1]]
)
def test_the_grammar_has_all_lanes(lane: str) -> None:
    assert re.fullmatch(LANE, lane)


@pytest.mark.parametrize("text", ["", "w", "w.", ".1", "w.1b", "w.1aa", "w.x", "w.1.1", "w w.1"])
def test_the_grammar_has_nothing_else(text: str) -> None:
    assert not re.fullmatch(LANE, text)


@pytest.mark.parametrize("lane", [PLAIN, ASYNC])
def test_scripts_take_lanes_apart_in_the_same_way(lane: str) -> None:
    assert matched("take_once.lua", "lane", lane) == worker_of(lane)
    assert matched("suspects.lua", "lane", lane) == (PLAIN if is_async_lane(lane) else None)
    assert matched("versions.lua", "claimer.lane", lane) == child_of(lane)
