"""Bars that show how many tasks, or items of a mapped task, are in each state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# In the order of the bar. What is left of it has not started.
IN_BAR = ("succeeded", "skipped", "failed", "upstream_failed", "cancelled", "running")
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters of bars, and of the lines around them."""

    full: str = "━"
    part: str = "╍"
    empty: str = "─"
    dot: str = "·"
    more: str = "…"
    times: str = "×"
    spinner: str = _SPINNER


ASCII = Glyphs("=", "~", "-", "|", "...", "x", "|/-\\")
UNICODE = Glyphs()


def glyphs_for(encoding: str | None) -> Glyphs:
    """Return the characters that an output with this encoding can show."""
    return UNICODE if "utf" in (encoding or "").lower() else ASCII


def sizes_in(states: Mapping[str, int], total: int, cells: int) -> dict[str, int]:
    """Return how many of the cells of a bar each state gets: at least one if it has any task.

    The largest state also gets what rounding leaves over of a bar in which nothing is left.
    """
    sizes = {
        state: max(1, cells * states[state] // max(1, total))
        for state in IN_BAR
        if states.get(state)
    }
    while sum(sizes.values()) > cells:
        sizes[max(sizes, key=lambda state: sizes[state])] -= 1
    if sizes and sum(states[state] for state in sizes) >= total:
        largest = max(sizes, key=lambda state: sizes[state])
        sizes[largest] += cells - sum(sizes.values())
    return sizes


def bar(states: Mapping[str, int], cells: int, glyphs: Glyphs) -> str:
    """Return a bar without colours."""
    sizes = sizes_in(states, sum(states.values()), cells)
    drawn = "".join(
        (glyphs.part if state == "running" else glyphs.full) * size for state, size in sizes.items()
    )
    return drawn + glyphs.empty * (cells - len(drawn))
