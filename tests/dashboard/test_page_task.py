"""Modules of the page of a task that need no browser: lines, events, values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from javascript import Modules

from flowkit.dashboard.live.history_source import HistorySource


@pytest.fixture(scope="module")
def lines() -> Modules:
    return Modules("log_lines.js")


@pytest.fixture(scope="module")
def events() -> Modules:
    return Modules("events.js")


def line(number: int) -> dict[str, Any]:
    return {"text": f"line {number}", "task": "load", "label": "a.csv", "attempt": 1}


def told(first: int, last: int, **more: Any) -> dict[str, Any]:
    items = [line(number) for number in range(first, last)]
    return {"items": items, "skipped": 0, "over": False, **more}


TAKE = """((most, ...messages) => {
  const lines = new Lines(most);
  const added = messages.map((told) => lines.take(told)?.map((line) => line.text) ?? null);
  return [lines.items.map((line) => line.text), lines.skipped, added];
})"""


def test_lines_are_added_and_the_oldest_fall_out(lines: Modules) -> None:
    messages = [told(0, 3, all=True, skipped=5), told(3, 5)]
    items, skipped, added = lines.call(TAKE, 4, *messages)
    assert items == ["line 1", "line 2", "line 3", "line 4"]
    assert (skipped, added) == (6, [None, ["line 3", "line 4"]])


def test_lines_that_came_too_fast_are_counted(lines: Modules) -> None:
    items, skipped, added = lines.call(TAKE, 10, told(0, 3, all=True), told(8, 10, skipped=5))
    assert (items, skipped, added) == (["line 8", "line 9"], 8, [None, None])


def test_that_there_are_earlier_lines_stays_known(lines: Modules) -> None:
    known = """((...messages) => {
      const lines = new Lines();
      for (const told of messages) lines.take(told);
      return lines.earlier;
    })"""
    assert lines.call(known, told(0, 3, all=True, earlier=True), told(3, 4)) is True
    assert lines.call(known, told(0, 3, all=True, earlier=False), told(3, 4)) is False


def test_a_page_that_starts_again_forgets(lines: Modules) -> None:
    items, skipped, _ = lines.call(TAKE, 10, told(0, 3, all=True), told(1, 2, all=True))
    assert (items, skipped) == (["line 1"], 0)


@pytest.mark.parametrize(
    ("sought", "found"),
    [("", True), ("LINE 7", True), ("a.CSV", True), ("load", True), ("x", False)],
)
def test_a_search_finds_text_task_and_label(lines: Modules, sought: str, found: bool) -> None:
    assert lines.call("fits", line(7), sought) is found


def test_the_source_of_a_line(lines: Modules) -> None:
    assert lines.call("source", {**line(1), "attempt": 2}) == "load #2 (a.csv)"
    assert lines.call("source", {**line(1), "label": ""}) == "load"
    assert lines.call("clock", "no time") == ""
    assert lines.call("clock", "2026-11-30T10:05:07.045+00:00").endswith(":07.045")


@pytest.mark.parametrize(
    ("old", "new"),
    [([1, 2], [1, 2, 3]), ([1, 2, 3], [2, 3, 4]), ([1, 2, 3], [1, 9, 3]), ([], [1]), ([1], [])],
)
def test_the_events_of_a_page_are_those_of_the_server(
    events: Modules, old: list[int], new: list[int]
) -> None:
    source = HistorySource(lambda: None)  # type: ignore[arg-type,return-value]
    before = {"items": old, "more": False, "matching": len(old)}
    state = {"items": new, "more": False, "matching": len(new)}
    assert events.call("after", [7], source.whole(before)) == old
    assert events.call("after", old, source.change(before, state)) == new


def test_events_look_like_states(events: Modules) -> None:
    looks = {
        ("attempt", "cached"): "succeeded",
        ("attempt", "retry"): "waiting",
        ("attempt", "lost"): "failed",
        ("attempt", "running"): "running",
        ("resumed", ""): "queued",
        ("cancelled", ""): "cancelled",
    }
    for (what, outcome), look in looks.items():
        assert events.call("lookOf", {"what": what, "outcome": outcome}) == look
    assert events.call("isTrouble", {"outcome": "died"})
    assert not events.call("isTrouble", {"outcome": "succeeded"})
    assert events.call("who", {"by": "", "worker": "w"}) == "w"


@pytest.mark.parametrize(
    "value",
    [None, 1, "a\nb", [1, 2], {"a": {"b": [1]}}, list(range(200)), {"k" * 90: {"x": ["y" * 50]}}],
    ids=str,
)
def test_a_value_is_shown_whole_and_in_lines(value: object) -> None:
    shown = Modules("json_text.js").call("shownText", value)
    if isinstance(value, str):
        assert shown == value
        return
    assert json.loads(shown) == value
    assert ("\n" in shown) == (len(json.dumps(value)) > 110)
    assert len(shown.splitlines()) < 20
