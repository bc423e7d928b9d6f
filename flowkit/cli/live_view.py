"""What a terminal shows of a run while it runs: its running tasks, and a bar with counts below.

Pure: a ``View`` and the size of the terminal become lines. One line per running task, the longest
first: name, attempt (after the first), elapsed time, what its function has reported, worker. Where
they do not fit, tasks of one mapped task (``load[0]``, ``load[1]``, …) become one line, and the
last line says how many more there are. A narrow terminal shows the worker and the bars last.

Texts of others are escaped here. Without UTF-8, the lines are ASCII.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from ..basics.display_text import escape_text
from ..client.running import Running, RunningTask
from ..core.task_progress import TaskProgress
from .bar import UNICODE, Glyphs, sizes_in
from .output import STATE_STYLES, cut

MOST_ROWS, ROWS_BESIDE = 20, 4  # lines of the terminal that are left for what scrolls above
WIDE, MEDIUM = 100, 60
_NAME, _TEXT = 40, 40  # most characters of a name, and of what a task reports
_NUMBER = re.compile(r"[0-9]+|(?<=\[)[^\[\]]*(?=\])")


@dataclass(frozen=True, slots=True)
class View:
    """What is known of a run at one moment.

    ``counts``: tasks by state, as the scheduler counts them: there, running tasks are queued ones.
    ``rate``: tasks that end per second. ``left``: estimated seconds to the end, None if unknown.
    """

    dag_name: str = ""
    total: int = 0
    done: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    running: Running = field(default_factory=Running)
    rate: float = 0.0
    left: float | None = None

    def states(self) -> dict[str, int]:
        """Return the counts with running tasks apart from queued ones."""
        counts = dict(self.counts)
        running = min(self.running.total, max(0, self.total - self.done))
        counts["queued"] = max(0, counts.get("queued", 0) - running)
        counts["running"] = running
        return {state: number for state, number in counts.items() if number}


def lines_of(
    view: View, now: float, width: int, height: int, glyphs: Glyphs = UNICODE
) -> list[Text]:
    """Return the lines of a view, each at most ``width`` cells. ``now``: monotonic seconds."""
    room = max(1, min(MOST_ROWS, height - ROWS_BESIDE))
    since = max(0.0, now - view.running.at)
    rows, hidden = fold(view.running, room, glyphs)
    names = [row.name for row in rows]
    wide = min(max(map(cell_len, names), default=0), _NAME, max(10, width // 3))
    lines = [
        _row_line(row, _fitted(name, wide, glyphs), since, width, glyphs)
        for row, name in zip(rows, names, strict=True)
    ]
    if hidden:
        least = "" if view.running.is_whole else "at least "
        lines.append(Text(f"  {glyphs.more} and {least}{hidden:,} more running", "dim"))
    lines.append(_bar_line(view, now, width, glyphs))
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
        if cell_len(line.plain) > width:
            line.truncate(width, overflow="ellipsis" if glyphs is UNICODE else "crop")
    return lines


def _fitted(name: str, wide: int, glyphs: Glyphs) -> str:
    """Return the name in exactly ``wide`` cells. What is cut off leaves a mark."""
    if cell_len(name) <= wide:
        return set_cell_size(name, wide)
    return set_cell_size(name, wide - cell_len(glyphs.more)) + glyphs.more


# -- rows -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A line of one task, or of several that are folded into one. ``name`` is escaped."""

    name: str
    elapsed: float
    attempt: int = 1
    worker: str = ""
    progress: TaskProgress | None = None
    count: int = 1


def fold(running: Running, room: int, glyphs: Glyphs = UNICODE) -> tuple[list[Row], int]:
    """Return at most ``room`` rows for the running tasks, and how many tasks they leave out.

    One line of ``room`` is kept for that number, if there are any.
    """
    tasks = running.tasks
    if running.total <= room and len(tasks) <= room:
        return [_row(task) for task in tasks], max(0, running.total - len(tasks))
    groups: dict[str, list[RunningTask]] = {}
    for task in tasks:
        groups.setdefault(_group_of(task.name, glyphs), []).append(task)
    more = Counter(_group_of(name, glyphs) for name in running.others)
    folded = [
        _row(group[0]) if len(group) + more[name] == 1 else _folded(name, group, more[name])
        for name, group in groups.items()
    ]
    left_out = running.total - sum(row.count for row in folded)
    if len(folded) > room or (left_out > 0 and len(folded) == room):
        folded = folded[: max(0, room - 1)]
    return folded, max(0, running.total - sum(row.count for row in folded))


def _row(task: RunningTask) -> Row:
    name, worker = escape_text(cut(task.name, 2 * _NAME)), escape_text(task.worker)
    return Row(name, task.elapsed, task.attempt, worker, task.progress)


def _group_of(name: str, glyphs: Glyphs) -> str:
    """Return the name without its numbers: similar tasks are made by ``bind`` in a loop."""
    return _NUMBER.sub(glyphs.more, name)


def _folded(name: str, group: Sequence[RunningTask], more: int) -> Row:
    """Return the row of a group, of which ``more`` tasks are known by their names only."""
    longest = max(task.elapsed for task in group)
    return Row(escape_text(cut(name, 2 * _NAME)), longest, count=len(group) + more)


def _row_line(row: Row, name: str, since: float, width: int, glyphs: Glyphs) -> Text:
    line = Text("  ")
    line.append(name, STATE_STYLES["running"])
    if row.count > 1:
        line.append(f"  {glyphs.times}{row.count:,}, the longest {clock(row.elapsed + since)}")
        return line
    line.append(f"  {clock(row.elapsed + since):>8}")
    if row.attempt > 1:
        line.append(f"  attempt {row.attempt}", "yellow")
    if row.progress is not None:
        line.append("  ")
        if width >= MEDIUM and row.progress.fraction is not None:
            full = int(10 * row.progress.fraction)
            line.append(glyphs.full * full, "green")
            line.append(glyphs.empty * (10 - full) + " ", "dim")
        line.append(escape_text(cut(" ".join(str(row.progress).split()), _TEXT)))
    if width >= WIDE and row.worker:
        line.append(f"  {glyphs.dot} worker {row.worker}", "dim")
    return line


# -- the bar ------------------------------------------------------------------------------------


def _bar_line(view: View, now: float, width: int, glyphs: Glyphs) -> Text:
    states = view.states()
    line = Text(glyphs.spinner[int(now * 10) % len(glyphs.spinner)] + " ", "green")
    line.append(cut(escape_text(cut(view.dag_name, 80)), _NAME), "bold")
    line.append(" ")
    if width >= MEDIUM:
        _append_bar(line, states, view.total, 30 if width >= WIDE else 15, glyphs)
        line.append(" ")
    line.append(f"{view.done}/{view.total}", "bold")
    parts = [f"{view.rate:,.1f}/s"] if view.rate else []
    if view.left is not None:
        parts.append(f"about {clock(view.left, whole=True)} left")
    words = ", ".join(
        f"{number:,} {state.replace('_', ' ')}"
        for state, number in sorted(states.items(), key=_place)
        if state not in ("succeeded", "pending")
    )
    parts += [words] if words else []
    for part in parts:
        line.append(f" {glyphs.dot} {part}")
    return line


def _append_bar(
    line: Text, states: Mapping[str, int], total: int, cells: int, glyphs: Glyphs
) -> None:
    """Append a bar, in which each state that has any task gets a cell."""
    sizes = sizes_in(states, total, cells)
    for state, size in sizes.items():
        glyph = glyphs.part if state == "running" else glyphs.full
        line.append(glyph * size, STATE_STYLES[state])
    line.append(glyphs.empty * (cells - sum(sizes.values())), "dim")


def _place(item: tuple[str, int]) -> int:
    order = ("failed", "running", "queued", "waiting", "upstream_failed", "cancelled", "skipped")
    return order.index(item[0]) if item[0] in order else len(order)


def clock(seconds: float, *, whole: bool = False) -> str:
    """Return a duration that is still growing: "0.4 s", "3 min 02 s", "5 h 10 min"."""
    if seconds < 59.95:
        return f"{max(1, round(seconds))} s" if whole else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} days {hours % 24} h"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
