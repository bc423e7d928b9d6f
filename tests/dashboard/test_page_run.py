"""The modules of the page of a run that need no browser: columns, timeline, graph."""

from __future__ import annotations

from typing import Any

import pytest
from javascript import Modules

DOCUMENT: dict[str, Any] = {
    "names": ["load", "clean_1", "clean_2", "Report"],
    "states": "sfrp",
    "attempts": [1, 3, 1, 0],
    "queued": [0, 100, 100, None],
    "waited": [10, 20, 400, None],
    "took": [90, 50, None, None],
    "workers": ["b.0", "a.0"],
    "lanes": [0, 1, 1, -1],
    "cached": [],
    "errors": {"1": "ValueError: bad"},
    "progress": {},
    "items": {"3": {"failed": 1, "succeeded": 4}},
    "retried": {"3": 2},
    "edges": [0, 1, 0, 1, 1, 1],
    "order": [0, 3],
}


@pytest.fixture(scope="module")
def columns() -> Modules:
    return Modules("columns.js")


def matching(columns: Modules, now: float = 1000, **options: Any) -> list[int]:
    script = "((d, options, now) => matching(new Columns(d), options, now))"
    found = columns.call(script, DOCUMENT, options, now)
    assert isinstance(found, list)
    return found


def test_edges_are_sums_of_steps(columns: Modules) -> None:
    assert columns.call("summed", DOCUMENT["edges"]) == [0, 1, 0, 2, 1, 3]


@pytest.mark.parametrize(
    ("options", "tasks"),
    [
        ({}, [0, 1, 2, 3]),
        ({"state": "running"}, [2]),
        ({"state": "failed"}, [1, 3]),  # the last one has a failed item
        ({"text": "CLEAN"}, [1, 2]),
        ({"retried": True}, [1, 3]),  # items of the last one were retried
        ({"sort": "name"}, [3, 1, 2, 0]),
        ({"sort": "state"}, [1, 2, 3, 0]),
        ({"sort": "-attempts"}, [1, 0, 2, 3]),
        ({"sort": "took"}, [1, 0, 2, 3]),  # what runs has taken 500 by now
        ({"sort": "-took"}, [2, 0, 1, 3]),
        ({"sort": "-started"}, [2, 1, 0, 3]),
        ({"sort": "worker"}, [1, 2, 0, 3]),
        ({"sort": "constructor"}, [0, 1, 2, 3]),
    ],
)
def test_rows_of_the_table(columns: Modules, options: dict[str, Any], tasks: list[int]) -> None:
    assert matching(columns, **options) == tasks


def test_a_change_is_taken_over(columns: Modules) -> None:
    change = {
        "tasks": [[2, "states", "s", "took", 700], [3, "lanes", 2]],
        "workers": ["b.0", "a.0", "c.0"],
    }
    script = """((d, change) => {
        const known = new Columns(d);
        known.apply(change);
        return [known.counts(), known.lengthOf(2, 9999), known.worker(3), known.names.length];
    })"""
    counts, took, worker, length = columns.call(script, DOCUMENT, change)
    assert counts == {"succeeded": 2, "failed": 1, "pending": 1}
    assert (took, worker, length) == (700, "c.0", 4)


# -- timeline -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def timeline() -> Modules:
    return Modules("columns.js", "timeline.js")


def bar(start: int | None, end: int, worker: str = "w", queued: int = 0) -> dict[str, Any]:
    return {"name": f"{start}", "start": start, "end": end, "worker": worker, "queued": queued}


def test_bars_of_tasks(timeline: Modules) -> None:
    bars = timeline.call("((d) => barsOf(new Columns(d), 1000))", DOCUMENT)
    assert [(one["queued"], one["start"], one["end"]) for one in bars] == [
        (0, 10, 100),
        (100, 120, 170),
        (100, 500, 1000),
    ]


def test_bars_of_a_worker_do_not_overlap(timeline: Modules) -> None:
    bars = [bar(0, 10), bar(5, 20), bar(12, 30), bar(None, 50), bar(3, 4, "v")]
    rows = timeline.call("rowsBy", bars, "worker")
    assert [(row["name"], [one["start"] for one in row["bars"]]) for row in rows] == [
        ("v", [3]),
        ("w", [0, 12]),
        ("", [5]),
    ]
    assert len(timeline.call("rowsBy", bars, "task")) == 5


EARLIER = {
    "tasks": ["clean_1", "clean_1", "clean_2"],
    "attempts": [1, 2, 1],
    "outcomes": ["retry", "died", "again"],
    "workers": ["w.0", "w.0", "w.1"],
    "queued": [0, 60, 0],
    "started": [5, None, 10],
    "ended": [10, 70, 30],
    "due": [50, None, 90],
}


def test_earlier_attempts_are_read_up_to_a_bound_and_again_after_an_error() -> None:
    """There are more attempts than a page reads, and the second reading of two fails."""
    asked = Modules("timeline_data.js").play(
        """
        var asked = 0, result = [];
        const columns = { attempts: [1], states: "r", retried: {}, items: {} };
        const zeros = Array.from({ length: 1000 }, () => 0);
        get = async () => {
          asked += 1;
          if (asked === 2) throw new Error("Redis is away");
          return { tasks: zeros, started: zeros, queued: zeros, ended: zeros, due: zeros,
                   workers: zeros, outcomes: zeros, attempts: zeros,
                   cursor: `${asked}`, more: true };
        };
        (async () => {
          const data = new TimelineData({ id: "r1", columns });
          await data.refresh().catch(() => {});
          result.push(asked, data.earlier.length);
          await data.refresh();
          result.push(asked, data.earlier.length);
          columns.states = "s";
          await data.refresh();
          result.push(asked, data.earlier.length);
        })();
        """
    )
    assert asked == [2, 1000, 21, 20_000, 21, 20_000]


def test_earlier_attempts_are_in_the_row_of_their_task(timeline: Modules) -> None:
    bars = timeline.call("barsOfAttempts", EARLIER)
    assert [(one["state"], one["start"], one["end"], one["due"]) for one in bars] == [
        ("failed", 5, 10, 50),
        ("failed", None, 70, None),
        ("waiting", 10, 30, 90),
    ]
    last = [
        {"name": "clean_1", "attempt": 3, "queued": 80, "start": 90, "end": 99, "worker": "w.0"},
        {"name": "clean_2", "attempt": 1, "queued": 0, "start": 10, "end": 10, "worker": "w.1"},
    ]
    every = timeline.call("withEarlier", last, bars)
    assert len(every) == 4, "the last attempt of a task that waits is an earlier one"
    rows = timeline.call("rowsBy", every, "task")
    assert [(row["name"], [one["attempt"] for one in row["bars"]]) for row in rows] == [
        ("clean_1", [1, 2, 3]),
        ("clean_2", [1]),
    ]


def test_an_idle_time_is_folded(timeline: Modules) -> None:
    hour = 3_600_000
    bars = [bar(0, 60_000), bar(hour, hour + 60_000)]
    parts = timeline.call("folded", bars, hour + 60_000)
    assert len(parts) == 2
    assert timeline.call("lengthOf", parts) < 150_000
    places = [timeline.call("placeOf", parts, time) for time in range(0, hour + 60_000, 10_000)]
    assert places == sorted(places)
    assert timeline.call("placeOf", parts, hour + 1) - timeline.call("placeOf", parts, hour) == 1
    unfolded = timeline.call("folded", bars, hour + 60_000, {"isOn": False})
    assert unfolded == [{"from": 0, "to": hour + 60_000, "at": 0}]


def test_no_idle_time_is_folded_away_between_short_ones(timeline: Modules) -> None:
    bars = [bar(0, 1000), bar(3000, 4000)]
    assert timeline.call("folded", bars, 4000) == [{"from": 0, "to": 4000, "at": 0}]
    assert timeline.call("folded", [], 0) == [{"from": 0, "to": 0, "at": 0}]


def test_marks_of_the_axis_are_round(timeline: Modules) -> None:
    marks = timeline.call("marks", [{"from": 0, "to": 60_000, "at": 0}], 0, 60_000, 9_000)
    assert [mark["text"] for mark in marks] == [
        "0",
        *(f"{ten} s" for ten in (10, 20, 30, 40, 50)),
        "1 min 0 s",
    ]
    far = timeline.call("marks", [{"from": 0, "to": 1e12, "at": 0}], 0, 1e12, 1e11)
    assert 2 <= len(far) <= 12


def test_the_first_bar_in_view(timeline: Modules) -> None:
    bars = [bar(at, at + 5) for at in range(0, 1000, 10)]
    for time in (-1, 0, 5, 6, 500, 999, 5000):
        wanted = next((at for at, one in enumerate(bars) if one["end"] >= time), len(bars))
        assert timeline.call("firstAfter", bars, time) == wanted


# -- graph ----------------------------------------------------------------------------------------


def test_what_a_box_shows() -> None:
    plan = Modules("columns.js", "plan.js")
    script = "((d, box) => ({c: countsOf(box, new Columns(d)), b: barOf(box, new Columns(d))}))"
    stack = plan.call(script, DOCUMENT, {"tasks": [0, 1, 2]})
    assert stack["c"] == stack["b"] == {"succeeded": 1, "failed": 1, "running": 1}
    assert plan.call("leading", stack["c"]) == "failed"
    mapped = plan.call(script, DOCUMENT, {"tasks": [3]})
    assert (mapped["c"], mapped["b"]) == ({"pending": 1}, {"failed": 1, "succeeded": 4})
    parts = plan.call("shares", mapped["b"])
    assert [(part["state"], part["from"], part["to"]) for part in parts] == [
        ("succeeded", 0, 0.8),
        ("failed", 0.8, 1),
    ]
    boxes = [{"tasks": [0]}, {"tasks": [1, 2]}, {"tasks": [3]}]
    script = "((boxes, d, text, state) => found(boxes, new Columns(d), text, state))"
    assert plan.call(script, boxes, DOCUMENT, " REP", "") == [2]
    assert plan.call(script, boxes, DOCUMENT, "l", "") == [0, 1]
    assert plan.call(script, boxes, DOCUMENT, " ", "") == []
    assert plan.call(script, boxes, DOCUMENT, "", "failed") == [1, 2], "the last has failed items"
    assert plan.call(script, boxes, DOCUMENT, "rep", "running") == []


def test_only_what_is_in_view_is_drawn() -> None:
    plan = Modules("plan.js")
    window = {"left": 0, "top": 0, "right": 100, "bottom": 50}
    assert plan.call("isSeen", [-20, 10, 30, 10], window)
    assert not plan.call("isSeen", [-20, 10, 10, 10], window)
    assert not plan.call("isSeen", [10, 51, 10, 10], window)
    assert plan.call("around", [5, 1, 2, 8, 9, 3]) == [2, 1, 7, 7]
