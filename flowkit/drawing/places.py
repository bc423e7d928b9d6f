"""Compute the position of each box of a drawing, and the line of each edge.

Columns go from left to right; all boxes in a column have the same width. Passes over the columns
find the heights: each box and bend wants the level of its neighbours, and gets as close to it as
space and order allow (``_settled`` finds the best compromise).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .layers import Columns, Edge, Layers, columns_of

ROW_GAP, BEND_ROOM, LEAST_COLUMN_GAP, MOST_COLUMN_GAP = 16.0, 14.0, 52.0, 190.0
_PASSES = 15  # the two before the last consider both sides; the last aligns chains
# Boxes align with boxes and bends with bends, so that most edges are straight. A box considers
# bends only if it has no other neighbours; a bend gives boxes little weight, and yields to them.
_BOX_PULL, _BEND_WEIGHT = 0.2, 0.1

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Places:
    """``boxes``: left, top, width, height of each. ``lines``: points of each edge, two per column.

    A line begins at the right of a box and ends at the left of one. For an edge that closes a
    cycle, it runs from the target to the source. The line of an edge from a box to itself is empty.
    """

    boxes: list[tuple[float, float, float, float]]
    lines: list[list[Point]]
    width: float
    height: float


def place(sizes: Sequence[tuple[float, float]], layers: Layers, edges: Sequence[Edge]) -> Places:
    """Return the positions of boxes with these sizes (width, height), starting at (0, 0)."""
    columns = columns_of(layers, edges)
    heights = [size[1] for size in sizes] + [0.0] * (len(columns.left) - len(sizes))
    middle = _levels(columns, heights)
    top = min((middle[box] - sizes[box][1] / 2 for box in range(len(sizes))), default=0.0)
    top = min([top, *middle])
    middle = [level - top for level in middle]
    widths = [
        max((sizes[box][0] for box in column if not columns.is_bend(box)), default=0.0)
        for column in columns.columns
    ]
    lefts = _lefts(columns, widths, middle)
    column_of = [0] * len(middle)
    for at, column in enumerate(columns.columns):
        for point in column:
            column_of[point] = at
    span = [(lefts[at], lefts[at] + widths[at]) for at in column_of]
    boxes = [
        (span[box][0], middle[box] - height / 2, widths[column_of[box]], height)
        for box, (_, height) in enumerate(sizes)
    ]
    lines = [_line(chain, span, middle) for chain in columns.chains]
    bottom = max([*(box[1] + box[3] for box in boxes), *middle], default=0.0)
    return Places(boxes, lines, lefts[-1] + widths[-1] if widths else 0.0, bottom)


def _line(chain: list[int], span: list[tuple[float, float]], middle: list[float]) -> list[Point]:
    first, last = chain[0], chain[-1]
    if first == last:
        return []
    points = [(span[first][1], middle[first])]
    for bend in chain[1:-1]:
        points += [(span[bend][0], middle[bend]), (span[bend][1], middle[bend])]
    return [*points, (span[last][0], middle[last])]


def _lefts(columns: Columns, widths: list[float], middle: list[float]) -> list[float]:
    """Return the left side of each column. Steep edges get wider gaps."""
    lefts, at = [], 0.0
    for column, width in zip(columns.columns, widths, strict=True):
        lefts.append(at)
        climbs = [abs(middle[p] - middle[other]) for p in column for other in columns.right[p]]
        gap = LEAST_COLUMN_GAP + 0.16 * max(climbs, default=0.0)
        at += width + min(gap, MOST_COLUMN_GAP)
    return lefts


def _levels(columns: Columns, heights: list[float]) -> list[float]:
    """Return the height of the middle of each box and bend."""
    offsets = [_offsets(column, heights) for column in columns.columns]
    level = [0.0] * len(heights)
    for column, offset in zip(columns.columns, offsets, strict=True):
        for point, below in zip(column, offset, strict=True):
            level[point] = below - offset[-1] / 2
    for turn in range(_PASSES):
        rightward = turn % 2 == 0
        steps = list(zip(columns.columns, offsets, strict=True))
        both = turn in (_PASSES - 3, _PASSES - 2)
        for column, offset in steps if rightward else reversed(steps):
            wishes = [
                _wish(columns, level, point, rightward=rightward, both=both) for point in column
            ]
            for point, settled in zip(column, _settled(wishes, offset), strict=True):
                level[point] = settled
    return level


def _offsets(column: list[int], heights: list[float]) -> list[float]:
    """Return the least distance of each point from the first point of a column."""
    offsets, at, above = [], 0.0, None
    for point in column:
        if above is not None:
            room = ROW_GAP if heights[above] and heights[point] else BEND_ROOM
            at += heights[above] / 2 + room + heights[point] / 2
        offsets.append(at)
        above = point
    return offsets


def _wish(
    columns: Columns, level: list[float], point: int, *, rightward: bool, both: bool
) -> tuple[float, float]:
    """Return the preferred level of a point, and the weight of that preference."""
    near = columns.left[point] if rightward else columns.right[point]
    if both or not near or columns.is_bend(point):
        near = columns.left[point] + columns.right[point]
    if not near:
        return level[point], 0.1
    if columns.is_bend(point):
        pulls = [1.0 if columns.is_bend(other) else _BOX_PULL for other in near]
        wanted = sum(level[other] * pull for other, pull in zip(near, pulls, strict=True))
        return wanted / sum(pulls), _BEND_WEIGHT
    boxes = [other for other in near if not columns.is_bend(other)] or near
    return sum(level[other] for other in boxes) / len(boxes), 1.0


def _settled(wishes: list[tuple[float, float]], offsets: list[float]) -> list[float]:
    """Return the levels closest to the wishes by least squares, at least ``offsets`` apart.

    Neighbours that would overlap become one block, at the mean of their wishes: the
    pool-adjacent-violators algorithm.
    """
    blocks: list[tuple[float, float, int]] = []
    for (wanted, pull), offset in zip(wishes, offsets, strict=True):
        level, weight, size = wanted - offset, pull, 1
        while blocks and blocks[-1][0] > level:
            above, heavy, more = blocks.pop()
            level = (level * weight + above * heavy) / (weight + heavy)
            weight, size = weight + heavy, size + more
        blocks.append((level, weight, size))
    spread = [level for level, _, size in blocks for _ in range(size)]
    return [level + offset for level, offset in zip(spread, offsets, strict=True)]
