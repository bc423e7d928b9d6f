"""The view of a run on a terminal, as lines of text."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from flowkit.cli.bar import ASCII, sizes_in
from flowkit.cli.live_view import Row, View, clock, fold, lines_of
from flowkit.client.running import Running, RunningTask
from flowkit.core.task_progress import TaskProgress

ROWS = TaskProgress(1200, 5000, "rows")


def running(*tasks: RunningTask, total: int | None = None, whole: bool = True) -> Running:
    return Running(tasks, len(tasks) if total is None else total, whole, at=100.0)


def mapped(name: str, count: int) -> list[RunningTask]:
    return [RunningTask(f"{name}[{at}]", 1, "w.0", 10.0 - at / 10) for at in range(count)]


VIEW = View(
    "etl",
    20,
    12,
    {"succeeded": 11, "failed": 1, "queued": 5, "pending": 3},
    running(
        RunningTask("load", 1, "W1.0", 12.34, ROWS),
        RunningTask("parse[3]", 2, "W1.1", 3.0),
        RunningTask("Übersicht", 1, "W2.0a", 0.0, TaskProgress(3, None, "of many")),
    ),
    3.14159,
    83.0,
)


def shown(view: View, width: int = 120, height: int = 40, now: float = 100.0) -> list[str]:
    """What a terminal without colours shows."""
    out = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    lines = lines_of(view, now, width, height)
    with out.capture() as capture:
        out.print(Text("\n").join(lines), soft_wrap=True)
    return [line.rstrip() for line in capture.get().splitlines()]


def test_a_wide_terminal_shows_everything() -> None:
    assert shown(VIEW) == [
        "  load         12.3 s  ━━──────── 1,200/5,000 rows  · worker W1.0",
        "  parse[3]      3.0 s  attempt 2  · worker W1.1",
        "  Übersicht     0.0 s  3 of many  · worker W2.0a",
        "⠋ etl ━━━━━━━━━━━━━━━━━╍╍╍╍───────── 12/20 · 3.1/s · about 1 min 23 s left · 1 failed, "
        "3 running, 2 queued",
    ]


def test_clocks_move_between_two_looks() -> None:
    assert shown(VIEW, now=160.25)[0].startswith("  load       1 min 13 s  ")


def test_a_narrower_terminal_shows_less_and_wraps_no_line() -> None:
    assert shown(VIEW, 80) == [
        "  load         12.3 s  ━━──────── 1,200/5,000 rows",
        "  parse[3]      3.0 s  attempt 2",
        "  Übersicht     0.0 s  3 of many",
        "⠋ etl ━━━━━━━━━╍╍──── 12/20 · 3.1/s · about 1 min 23 s left · 1 failed, 3 runni…",
    ]
    assert shown(VIEW, 40) == [
        "  load         12.3 s  1,200/5,000 rows",
        "  parse[3]      3.0 s  attempt 2",
        "  Übersicht     0.0 s  3 of many",
        "⠋ etl 12/20 · 3.1/s · about 1 min 23 s …",
    ]
    for width in range(1, 120):
        assert all(cell_len(line) <= width for line in shown(VIEW, width))


def test_without_utf8_the_lines_are_ascii() -> None:
    view = View("etl", 20, 12, VIEW.counts, running(*mapped("load", 30), total=99), 1.0, 2.0)
    lines = [line.plain for line in lines_of(view, 100.0, 120, 40, ASCII)]
    assert "".join(lines).isascii()
    assert lines == [
        "  load[...]  x30, the longest 10.0 s",
        "  ... and 69 more running",
        "| etl ==================~~~~~~~~~~~~ 12/20 | 1.0/s | about 2 s left | 1 failed, 8 running",
    ]


def test_what_does_not_fit_is_folded_by_its_mapped_task() -> None:
    single = RunningTask("load", 1, "w.0", 20.0)
    tasks = [single, *mapped("parse", 8), *mapped("store", 2)]
    assert fold(running(*tasks), 11)[0] == [row_of(task) for task in tasks]
    rows, hidden = fold(running(*tasks), 10)
    assert rows == [row_of(single), Row("parse[…]", 10.0, count=8), Row("store[…]", 10.0, count=2)]
    assert hidden == 0


def test_names_that_differ_by_numbers_are_folded() -> None:
    tasks = [RunningTask(f"load_{at}_of_9", 1, "w.0", 1.0) for at in range(9)]
    rows, hidden = fold(running(*tasks, RunningTask("step_2", 1, "w.0", 0.5)), 3)
    assert rows == [Row("load_…_of_…", 1.0, count=9), Row("step_2", 0.5, 1, "w.0")]
    assert hidden == 0


def test_a_name_that_is_cut_off_says_so() -> None:
    task = RunningTask("load_the_orders_of_the_last_month", 1, "w.0", 1.0)
    view = View("etl", 1, 0, {}, running(task))
    assert shown(view, 60)[0].startswith("  load_the_orders_of_…     1.0 s")
    assert shown(view, 120)[0].startswith("  load_the_orders_of_the_last_month     1.0 s")


def test_tasks_that_are_known_by_name_are_folded_too() -> None:
    tasks = tuple(mapped("parse", 3))
    others = ("parse[7]", "parse[8]", "load[1]", "other")
    rows, hidden = fold(Running(tasks, 8, others=others), 2)
    assert rows == [Row("parse[…]", 10.0, count=5)]
    assert hidden == 3


def row_of(task: RunningTask) -> Row:
    return Row(task.name, task.elapsed, task.attempt, task.worker, task.progress)


@pytest.mark.parametrize(
    ("names", "total", "room", "kept", "hidden"),
    [
        (["a", "b", "c"], 3, 3, 3, 0),
        (["a", "b", "c", "d"], 4, 3, 2, 2),
        (["a", "b"], 50, 2, 1, 49),
        (["a", "b"], 50, 3, 2, 48),
        (["a[0]", "a[1]"], 2, 1, 1, 0),
        ([], 7, 5, 0, 7),
        ([], 0, 5, 0, 0),
    ],
)
def test_what_is_left_out_is_counted(
    names: Sequence[str], total: int, room: int, kept: int, hidden: int
) -> None:
    tasks = [RunningTask(name, 1, "w.0", 1.0) for name in names]
    rows, left_out = fold(running(*tasks, total=total), room)
    assert (len(rows), left_out) == (kept, hidden)
    assert len(rows) + (left_out > 0) <= max(room, 1) or not names


def test_a_small_terminal_keeps_lines_for_what_scrolls() -> None:
    tasks = [RunningTask(f"task{chr(97 + at)}", 1, "w.0", 1.0) for at in range(30)]
    view = View("etl", 50, 0, {}, running(*tasks, total=1037))
    assert len(shown(view, height=10)) == 7
    lines = shown(view, height=100)
    assert len(lines) == 21
    assert lines[-2] == "  … and 1,018 more running"
    view = View("etl", 50, 0, {}, running(*tasks, total=1037, whole=False))
    assert shown(view)[-2] == "  … and at least 1,018 more running"


def test_texts_of_others_steer_nothing() -> None:
    evil = "\x1b[2J\n\u202eforged[red]"
    task = RunningTask(evil, 1, evil, 1.0, TaskProgress(1, None, evil))
    for height in (40, 1):
        lines = shown(View(evil, 1, 0, {}, running(task)), 200, height)
        assert len(lines) == 2
        assert not {"\x1b", "\u202e"} & set("".join(lines))
        assert "\\x1b[2J" in lines[0]
        assert "[red]" in lines[0], "no markup is read"


def test_running_tasks_are_counted_apart_from_queued_ones() -> None:
    counts = {"succeeded": 2, "queued": 5}
    assert View("d", 9, 2, counts, running(*mapped("a", 3))).states() == {
        "succeeded": 2,
        "queued": 2,
        "running": 3,
    }
    late = View("d", 4, 3, {"succeeded": 3}, running(*mapped("a", 3)))
    assert late.states() == {"succeeded": 3, "running": 1}, "more cannot be running"
    assert View().states() == {}


def test_each_state_has_a_part_of_the_bar() -> None:
    counts = {"succeeded": 9997, "failed": 1, "cancelled": 1, "queued": 1}
    line = lines_of(View("d", 10_000, 9999, counts, running(*mapped("a", 1))), 100.0, 100, 40)[-1]
    styles = [str(span.style) for span in line.spans]
    assert {"red", "yellow", "cyan"} <= set(styles)


def test_a_bar_is_full_when_nothing_is_left() -> None:
    assert sizes_in({"succeeded": 17, "cancelled": 23}, 40, 10) == {"succeeded": 4, "cancelled": 6}
    assert sum(sizes_in({"succeeded": 17, "cancelled": 22}, 40, 10).values()) < 10
    assert sizes_in({}, 0, 10) == {}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.9, "59.9 s"),
        (59.96, "1 min 00 s"),
        (3_599.6, "1 h 00 min"),
        (200_000, "2 days 7 h"),
    ],
)
def test_a_growing_duration(seconds: float, text: str) -> None:
    assert clock(seconds) == text
    assert clock(0.2, whole=True) == "1 s"
