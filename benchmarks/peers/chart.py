"""The medians as bars, in an SVG that is readable on light and dark pages.

There is one panel per figure, with the best peer on top. The longest bar is always the best, so a
time is drawn as its inverse. A peer without the figure has no bar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from .. import report
from .catalogue import PEERS
from .figures import METRICS, Row

SHOWN = ("drain", "round-trip-p50", "chain", "fan-out", "fan-out-large", "layered", "cpu", "sleeps")
ACROSS, WIDTH, NAMES, VALUES, LINE, TITLE, GAP = 2, 400, 80, 70, 18, 30, 20
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; }
  .foot { fill: #57606a; }
  rect { fill: #8c959f; }
  .own { fill: #0969da; }
  .limit { fill: #d0d7de; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .foot { fill: #8d96a0; }
    rect { fill: #6e7681; }
    .own { fill: #4493f8; }
    .limit { fill: #3d444d; }
  }
"""


def as_svg(rows: Sequence[Row], around: Mapping[str, object]) -> str:
    """Return the picture. Raises ValueError if there is no figure that it shows."""
    panels = [(key, _ranked(rows, key)) for key in SHOWN]
    panels = [(key, result) for key, result in panels if result]
    if not panels:
        raise ValueError(f"none of these was measured, so there is no picture: {', '.join(SHOWN)}")
    parts, top = [], GAP
    for at in range(0, len(panels), ACROSS):
        beside = panels[at : at + ACROSS]
        for number, (key, result) in enumerate(beside):
            parts += _panel(key, result, GAP + number * (WIDTH + GAP), top)
        top += TITLE + LINE * max(len(result) for _, result in beside) + GAP
    said = f"Medians, two worker processes each; {around.get('cores', '?')} cores."
    parts.append(_text(GAP, top, said, "foot"))
    width, height = GAP + ACROSS * (WIDTH + GAP), top + GAP
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">',
            "<title>flowkit and its peers on one redis-server</title>",
            f"<style>{STYLE}</style>",
            *parts,
            "</svg>\n",
        ]
    )


def _ranked(rows: Sequence[Row], key: str) -> list[tuple[Row, float]]:
    """Return the rows of a figure, the best first, each with how good it is."""
    more = METRICS[key].more_is_better
    result = [
        (row, row.median if more else 1 / row.median)
        for row in rows
        if row.key == key and row.median is not None and row.median > 0
    ]
    return sorted(result, key=lambda pair: -pair[1])


def _panel(key: str, found: Sequence[tuple[Row, float]], left: int, top: int) -> list[str]:
    metric = METRICS[key]
    parts = [_text(left, top + 12, f"{metric.label}, {metric.unit}", "title")]
    longest = WIDTH - NAMES - VALUES
    best = found[0][1]
    for number, (row, good) in enumerate(found):
        y = top + TITLE + number * LINE
        kind = {"flowkit": "own", "ceiling": "limit"}.get(row.peer, "")
        long = max(1.0, good / best * longest)
        parts.append(_text(left, y, PEERS[row.peer].title))
        parts.append(
            f'<rect class="{kind}" x="{left + NAMES}" y="{y - 10}" '
            f'width="{long:.1f}" height="{LINE - 6}"/>'
        )
        parts.append(_text(left + NAMES + long + 6, y, report.number(row.median or 0.0)))
    return parts


def _text(x: float, y: float, said: str, kind: str = "") -> str:
    shape = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y}"{shape}>{escape(said)}</text>'
