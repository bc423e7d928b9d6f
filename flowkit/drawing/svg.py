"""Draw a DAG as SVG: one text without scripts, fonts or external resources.

It has its own background, follows the reader's light or dark scheme, and shows in tooltips what
does not fit: full names, error messages, the ends of an edge. All text is escaped when it is
inserted (``_text``), wherever it comes from.

A large DAG is drawn with stacks (``stacks``). One that is too large even so is refused: it would be
unreadable, and too much for a browser.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from unicodedata import east_asian_width

from ..basics.counted import counted
from ..basics.display_text import escape_text
from ..core.states import TaskState
from ..exceptions import DAGError
from .layers import Layers, layers_of
from .marks import Mark
from .picture import EMPTY, Picture
from .places import Places, Point, place
from .stacks import (
    MOST_BOXES,
    MOST_EDGES,
    Stacks,
    boxes_of,
    is_too_large,
    shown_names,
    subtitle_of,
    title_of,
)
from .style import LOOKS, style_sheet

EASY_TASKS = 100  # in a larger DAG, similar tasks are stacked unless the caller objects

LONGEST_NAME, LONGEST_LINE = 30, 240
_MONO_PX, _SANS_PX, _NARROW_PX, _WIDE_PX, _TITLE_PX = 7.55, 7.1, 4.2, 10.2, 9.0
_MARGIN, _HEADER, _LEAST_WIDTH, _SIGN_ROOM = 22.0, 62.0, 92.0, 18.0


def as_svg(picture: Picture, collapse: bool | None = None) -> str:
    """Return the picture as SVG.

    ``collapse``: whether similar tasks share a box; None: only in a large DAG. Raises DAGError for
    a DAG that is too large to draw.
    """
    boxes = _boxes(picture, collapse)
    layers = layers_of(len(boxes.members), boxes.edges)
    places = place([_size(picture, members) for members in boxes.members], layers, boxes.edges)
    body = [*_edges(picture, boxes, layers, places)]
    for at, members in enumerate(boxes.members):
        body += _box(picture, members, places.boxes[at])
    top = _header(picture)
    width = max(places.width, _header_width(picture)) + 2 * _MARGIN
    height = places.height + _HEADER + _MARGIN + (8 if picture.names else 0)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="flowkit" width="{width:.0f}" '
            f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
            f'aria-label="DAG {_text(picture.name)}, {len(picture.names)} tasks">',
            f"<style>\n{style_sheet(picture.states(), picture.item_states())}\n</style>",
            '<rect class="page" width="100%" height="100%" rx="10"/>',
            *top,
            f'<g transform="translate({_MARGIN:g} {_HEADER + 8:g})">',
            *body,
            "</g>",
            "</svg>",
        ]
    )


def _boxes(picture: Picture, collapse: bool | None) -> Stacks:
    """Return the boxes. Raises DAGError if there are too many boxes or edges."""
    boxes = boxes_of(picture, collapse, EASY_TASKS)
    if is_too_large(boxes):
        hint = "" if collapse is not False else "It may fit without collapse=False. "
        raise DAGError(
            f"DAG {picture.name!r} is too large for an SVG: {len(boxes.members):,} boxes and "
            f"{len(boxes.edges):,} edges, of at most {MOST_BOXES:,} and {MOST_EDGES:,}. {hint}"
            "Use to_dot() with Graphviz, or visualize() for a list."
        )
    return boxes


# -- header -----------------------------------------------------------------------------------


def _header(picture: Picture) -> Iterator[str]:
    """Yield the DAG's name, and the number of tasks or their states."""
    x = _MARGIN
    yield f'<text class="title" x="{x:g}" y="30">{_text(_cut(picture.name, 60))}</text>'
    if not picture.names:
        yield f'<text class="muted" x="{x:g}" y="50">{EMPTY}</text>'
        return
    if not picture.states():
        yield f'<text class="muted" x="{x:g}" y="50">{_totals(picture)}</text>'
        return
    for state, label in _legend(picture):
        yield f'<g class="{state.value}">{_sign(state, x + 6, 46)}'
        yield f'<text class="said" x="{x + 17:g}" y="50">{label}</text></g>'
        x += _legend_width(label)


def _header_width(picture: Picture) -> float:
    title = _cells(_cut(picture.name, 60)) * _TITLE_PX
    legend = sum(_legend_width(label) for _, label in _legend(picture))
    return max(title, legend, 0.0 if picture.names else _sans_px(EMPTY), 150.0)


def _totals(picture: Picture) -> str:
    edges = len(picture.edges) + len(picture.order)
    return f"{counted(len(picture.names), 'task')} · {counted(edges, 'edge')}"


def _legend(picture: Picture) -> list[tuple[TaskState, str]]:
    counts = Counter(mark.state for mark in picture.marks if mark is not None)
    return [
        (state, f"{counts[state]:,} {state.value.replace('_', ' ')}")
        for state in TaskState
        if counts[state]
    ]


def _legend_width(label: str) -> float:
    return 36 + _sans_px(label)


# -- boxes -------------------------------------------------------------------------------------


def _size(picture: Picture, members: Sequence[int]) -> tuple[float, float]:
    name, subtitle = _cut(title_of(picture, members)), subtitle_of(picture, members)
    text = max(_cells(name) * _MONO_PX, _sans_px(subtitle))
    room = _SIGN_ROOM if picture.marks[members[0]] else 0.0
    return max(_LEAST_WIDTH, text + room + 28), 48.0 if subtitle else 34.0


def _box(
    picture: Picture, members: Sequence[int], at: tuple[float, float, float, float]
) -> Iterator[str]:
    """Yield one box: its tooltip, its frame (several frames for a stack), its icon and its text."""
    x, y, width, height = at
    mark, subtitle = picture.marks[members[0]], subtitle_of(picture, members)
    yield f'<g class="node {mark.state.value if mark else "plain"}">'
    yield f"<title>{_text(*_tooltip(picture, members, subtitle))}</title>"
    for shift in (8, 4) if len(members) > 1 else ():
        yield _frame("box", x + shift, y + shift * 0.75, width, height)
    yield _frame("box front", x, y, width, height)
    if mark is not None:
        yield _frame("tint", x, y, width, height)
        yield _sign(mark.state, x + 17, y + height / 2)
    left = x + (31 if mark else width / 2)
    anchor = "" if mark else ' text-anchor="middle"'
    line = y + (20 if subtitle else 21.5)
    name = _text(_cut(title_of(picture, members)))
    yield f'<text class="name" x="{left:.1f}" y="{line:.1f}"{anchor}>{name}</text>'
    if subtitle:
        kind, below, text = "said" if mark else "muted", line + 17, _text(subtitle)
        yield f'<text class="{kind}" x="{left:.1f}" y="{below:.1f}"{anchor}>{text}</text>'
    if mark is not None and len(members) == 1:
        yield from _bar(mark, x + 10, y + height - 6, width - 20)
    yield "</g>"


def _bar(mark: Mark, x: float, y: float, width: float) -> Iterator[str]:
    """Yield the bar of a mapped task: a part for each state, as wide as its share of the items."""
    total = sum(mark.items.values())
    for state in TaskState:
        if count := mark.items.get(state, 0):
            part = width * count / total
            size = f'width="{part:.1f}" height="3"'
            yield f'<rect class="bar {state.value}" x="{x:.1f}" y="{y:.1f}" {size}/>'
            x += part


def _frame(kind: str, x: float, y: float, width: float, height: float) -> str:
    size = f'width="{width:.1f}" height="{height:.1f}" rx="8"'
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" {size}/>'


def _sign(state: TaskState, x: float, y: float) -> str:
    sign = LOOKS[state].sign
    inner = f'<path class="sign" d="{sign}"/>' if sign else ""
    ring = '<circle class="ring" r="6"/>'
    return f'<g transform="translate({x:.1f} {y:.1f})">{ring}{inner}</g>'


def _tooltip(picture: Picture, members: Sequence[int], subtitle: str) -> list[str]:
    lines = shown_names(picture, members)
    if subtitle:
        lines.append(subtitle)
    mark = picture.marks[members[0]]
    if mark is not None and mark.error:
        lines += mark.error.split("\n", 3)[:3]
    return [line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + "…" for line in lines]


# -- edges -------------------------------------------------------------------------------------


def _edges(picture: Picture, boxes: Stacks, layers: Layers, places: Places) -> Iterator[str]:
    """Yield the lines, then their arrowheads, one per end point. Order edges are dotted."""
    heads: dict[tuple[Point, bool], None] = {}
    yield '<g class="edges">'
    for at, (source, target) in enumerate(boxes.edges):
        back = at in layers.backward
        line = places.lines[at]
        heads[(line[0] if back else line[-1]) if line else _loop_end(places, source), back] = None
        way = _way(line, back=back) if line else _loop(places, source)
        ends = (title_of(picture, boxes.members[box]) for box in (source, target))
        order = at >= boxes.passing
        kind = " ".join(["order"] * order + ["back"] * back)
        title = _text(" → ".join(ends) + (" (order only)" if order else ""))
        yield f'<path{_class(kind)} d="{way}"><title>{title}</title></path>'
    yield '</g>\n<g class="heads">'
    for (x, y), back in heads:
        kind, step = ("back", 8) if back else ("", -8)
        yield f'<path{_class(kind)} d="M{x:.1f} {y:.1f}l{step}-4v8z"/>'
    yield "</g>"


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _way(line: list[Point], *, back: bool) -> str:
    """Return a smooth line: a curve through each gap, and straight through each column."""
    points = list(line)
    if back:
        points[0] = points[0][0] + 6, points[0][1]
    else:
        points[-1] = points[-1][0] - 6, points[-1][1]
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for at in range(1, len(points)):
        (x, y), (before, above) = points[at], points[at - 1]
        if at % 2 == 0 or abs(y - above) < 0.05:
            parts.append(f"L{x:.1f} {y:.1f}")
        else:
            half = (x + before) / 2
            parts.append(f"C{half:.1f} {above:.1f} {half:.1f} {y:.1f} {x:.1f} {y:.1f}")
    return "".join(parts)


def _loop(places: Places, box: int) -> str:
    """Return the line from a box to itself: out of its right side and back into it."""
    x, y = _loop_end(places, box)
    out = f"{x + 22:.1f} {y - 16:.1f} {x + 22:.1f} {y:.1f}"
    return f"M{x:.1f} {y - 12:.1f}C{out} {x + 6:.1f} {y:.1f}"


def _loop_end(places: Places, box: int) -> Point:
    x, y, width, height = places.boxes[box]
    return x + width, y + height / 2 + 4


# -- text --------------------------------------------------------------------------------------


def _text(*lines: str) -> str:
    return "\n".join(escape(escape_text(line)) for line in lines)


def _cut(name: str, longest: int = LONGEST_NAME) -> str:
    """Shorten a name in its middle: the numbers that distinguish tasks are at the end."""
    shown = escape_text(name)
    if _cells(shown) <= longest:
        return shown
    begin, end = shown[: longest - 11], shown[-10:]
    while _cells(begin) + _cells(end) >= longest:
        begin, end = begin[:-1], end[1:] if len(end) > len(begin) else end
    return f"{begin}…{end}"


def _sans_px(text: str) -> float:
    """Return the approximate width of text that flowkit itself writes."""
    widths = (_NARROW_PX if c in " iltfrj1·" else _WIDE_PX if c in "mw" else _SANS_PX for c in text)
    return sum(widths)


def _cells(text: str) -> int:
    """Return the width of text in letters. A Chinese or Japanese character is two letters wide."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)
