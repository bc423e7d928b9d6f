"""Assign each box of a drawing to a column, and order the boxes within a column.

This is the layered method. A box is one column right of the last box that it depends on. An edge
over several columns gets a bend in each column between, which is ordered like a box, so that no
edge crosses a box. Sweeps over the columns move each box near the middle of its neighbours, which
leaves few crossings. Edges that close a cycle are drawn backwards and treated as if reversed.

Deterministic: the same DAG gives the same drawing. Ties are decided by order of appearance.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

_SWEEPS = 12
_MOST_BENDS = 20_000  # further edges are straight: such a drawing is unreadable anyway

Edge = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Layers:
    """``layer``: the column of each box. ``backward``: numbers of the edges that close a cycle."""

    layer: list[int]
    backward: set[int]

    def turned(self, edges: Sequence[Edge]) -> list[Edge]:
        """Return the edges from left to right; those that close a cycle are reversed."""
        back = self.backward
        return [(edge[1], edge[0]) if at in back else edge for at, edge in enumerate(edges)]


@dataclass(slots=True)
class Columns:
    """Boxes and bends by column, from top to bottom. Numbers from ``boxes`` on are bends.

    ``chains``: for each edge the points that it passes, including both ends. ``left`` and
    ``right``: the neighbours of a point in the columns before and after it.
    """

    boxes: int
    columns: list[list[int]]
    chains: list[list[int]]
    left: list[list[int]] = field(default_factory=list)
    right: list[list[int]] = field(default_factory=list)

    def is_bend(self, point: int) -> bool:
        """Return whether this point is a bend of an edge."""
        return point >= self.boxes


def layers_of(count: int, edges: Sequence[Edge]) -> Layers:
    """Assign columns: a box after its upstream boxes, a first box just before its downstream."""
    outgoing: list[list[int]] = [[] for _ in range(count)]
    for at, (source, _) in enumerate(edges):
        outgoing[source].append(at)
    order, backward = _depth_first(outgoing, edges)
    layers = Layers([0] * count, backward)
    turned = layers.turned(edges)
    down: list[list[int]] = [[] for _ in range(count)]
    has_upstream = [False] * count
    for source, target in turned:
        if source != target:
            down[source].append(target)
            has_upstream[target] = True
    layer = layers.layer
    for box in order:
        for target in down[box]:
            layer[target] = max(layer[target], layer[box] + 1)
    for box in range(count):
        if down[box] and not has_upstream[box]:
            layer[box] = min(layer[target] for target in down[box]) - 1
    return layers


def _depth_first(outgoing: list[list[int]], edges: Sequence[Edge]) -> tuple[list[int], set[int]]:
    """Return the boxes in topological order, and the edges that close a cycle."""
    new, on_the_way, done = 0, 1, 2
    state = [new] * len(outgoing)
    backward: set[int] = set()
    finished: list[int] = []
    for root in range(len(outgoing)):
        if state[root] != new:
            continue
        state[root] = on_the_way
        path = [(root, iter(outgoing[root]))]
        while path:
            box, rest = path[-1]
            for at in rest:
                target = edges[at][1]
                if state[target] == on_the_way:
                    backward.add(at)
                elif state[target] == new:
                    state[target] = on_the_way
                    path.append((target, iter(outgoing[target])))
                    break
            else:
                state[box] = done
                finished.append(box)
                path.pop()
    return finished[::-1], backward


def columns_of(layers: Layers, edges: Sequence[Edge]) -> Columns:
    """Arrange boxes and bends in columns with few crossings."""
    columns = _with_bends(layers, edges)
    points = sum(map(len, columns.columns))
    columns.left, columns.right = [[] for _ in range(points)], [[] for _ in range(points)]
    links = {pair for chain in columns.chains for pair in pairwise(chain)}
    for source, target in sorted(links):
        columns.right[source].append(target)
        columns.left[target].append(source)
    _untangle(columns)
    return columns


def _with_bends(layers: Layers, edges: Sequence[Edge]) -> Columns:
    """Give long edges their bends; the edges that leave one box share theirs."""
    layer = layers.layer
    columns: list[list[int]] = [[] for _ in range(max(layer, default=-1) + 1)]
    for box, column in enumerate(layer):
        columns[column].append(box)
    turned = layers.turned(edges)
    bends: dict[tuple[int, int, bool], int] = {}
    chains = []
    for at, (source, target) in enumerate(turned):
        chain = [source]
        for column in range(layer[source] + 1, layer[target]):
            key = (source, column, at in layers.backward)
            if key not in bends:
                if len(bends) >= _MOST_BENDS:
                    break
                bends[key] = len(layer) + len(bends)
                columns[column].append(bends[key])
            chain.append(bends[key])
        chains.append([*chain, target])
    return Columns(len(layer), columns, chains)


def _untangle(columns: Columns) -> None:
    """Sweep to the right and to the left in turn, and keep the best order that was met."""
    sweeps = _SWEEPS if len(columns.left) <= 5_000 else 4
    best, fewest = [list(column) for column in columns.columns], _crossings(columns)
    for sweep in range(sweeps):
        if fewest == 0:
            break
        rightward = sweep % 2 == 0
        _sweep(columns, rightward=rightward)
        crossings = _crossings(columns)
        if crossings < fewest:
            best, fewest = [list(column) for column in columns.columns], crossings
    columns.columns = best


def _sweep(columns: Columns, *, rightward: bool) -> None:
    near = columns.left if rightward else columns.right
    place = _places(columns)
    for column in columns.columns if rightward else reversed(columns.columns):
        wanted = {
            point: sum(place[other] for other in near[point]) / len(near[point])
            if near[point]
            else place[point]
            for point in column
        }
        column.sort(key=wanted.__getitem__)
        for at, point in enumerate(column):
            place[point] = at


def _places(columns: Columns) -> list[int]:
    place = [0] * len(columns.left)
    for column in columns.columns:
        for at, point in enumerate(column):
            place[point] = at
    return place


def _crossings(columns: Columns) -> int:
    """Count the pairs of edges that cross between neighbouring columns."""
    place = _places(columns)
    total = 0
    for column in columns.columns:
        seen: list[int] = []
        for point in column:
            ends = sorted(place[other] for other in columns.right[point])
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total
