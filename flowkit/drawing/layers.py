"""Which column each box of a drawing stands in, and the order within a column.

The layered method: a box stands one column right of the last one that it waits for; an edge over
several columns is given a bend in each column between, which takes part in the ordering as a box
does, so that no edge runs through a box; and sweeps over the columns put each box near the middle
of its neighbours, which leaves few crossings. Edges that close a cycle are drawn backwards and take
part as if they were turned round.

Deterministic: the same DAG gives the same drawing. Order of appearance decides where nothing else
does.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

_SWEEPS = 12
_MOST_BENDS = 20_000  # beyond it edges run straight: such a drawing is a hairball anyway

Edge = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Layers:
    """``layer``: the column of each box. ``backward``: numbers of the edges that close a cycle."""

    layer: list[int]
    backward: set[int]

    def turned(self, edges: Sequence[Edge]) -> list[Edge]:
        """Return the edges from left to right, those that close a cycle turned round."""
        back = self.backward
        return [(edge[1], edge[0]) if at in back else edge for at, edge in enumerate(edges)]


@dataclass(slots=True)
class Columns:
    """Boxes and bends by column, from top to bottom. Numbers from ``boxes`` on are bends.

    ``chains``: for each edge the points that it goes through, both ends included. ``left`` and
    ``right``: the neighbours of a point in the column before and after it.
    """

    boxes: int
    columns: list[list[int]]
    chains: list[list[int]]
    left: list[list[int]] = field(default_factory=list)
    right: list[list[int]] = field(default_factory=list)

    def is_bend(self, point: int) -> bool:
        """Whether this point is only there for an edge to go through."""
        return point >= self.boxes


def layers_of(count: int, edges: Sequence[Edge]) -> Layers:
    """Give each box a column: behind what it waits for, and a first box before what needs it."""
    outgoing: list[list[int]] = [[] for _ in range(count)]
    for at, (source, _) in enumerate(edges):
        outgoing[source].append(at)
    order, backward = _depth_first(outgoing, edges)
    found = Layers([0] * count, backward)
    turned = found.turned(edges)
    down: list[list[int]] = [[] for _ in range(count)]
    waits = [False] * count
    for source, target in turned:
        if source != target:
            down[source].append(target)
            waits[target] = True
    layer = found.layer
    for box in order:
        for target in down[box]:
            layer[target] = max(layer[target], layer[box] + 1)
    for box in range(count):
        if down[box] and not waits[box]:
            layer[box] = min(layer[target] for target in down[box]) - 1
    return found


def _depth_first(outgoing: list[list[int]], edges: Sequence[Edge]) -> tuple[list[int], set[int]]:
    """Return the boxes so that edges lead onwards, and the edges that lead back all the same."""
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
    found = _with_bends(layers, edges)
    points = sum(map(len, found.columns))
    found.left, found.right = [[] for _ in range(points)], [[] for _ in range(points)]
    links = {pair for chain in found.chains for pair in pairwise(chain)}
    for source, target in sorted(links):
        found.right[source].append(target)
        found.left[target].append(source)
    _untangle(found)
    return found


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


def _untangle(found: Columns) -> None:
    """Sweep to the right and to the left in turn, and keep the best order that was met."""
    sweeps = _SWEEPS if len(found.left) <= 5_000 else 4
    best, fewest = [list(column) for column in found.columns], _crossings(found)
    for sweep in range(sweeps):
        if fewest == 0:
            break
        rightward = sweep % 2 == 0
        _sweep(found, rightward=rightward)
        crossings = _crossings(found)
        if crossings < fewest:
            best, fewest = [list(column) for column in found.columns], crossings
    found.columns = best


def _sweep(found: Columns, *, rightward: bool) -> None:
    near = found.left if rightward else found.right
    place = _places(found)
    for column in found.columns if rightward else reversed(found.columns):
        wanted = {
            point: sum(place[other] for other in near[point]) / len(near[point])
            if near[point]
            else place[point]
            for point in column
        }
        column.sort(key=wanted.__getitem__)
        for at, point in enumerate(column):
            place[point] = at


def _places(found: Columns) -> list[int]:
    place = [0] * len(found.left)
    for column in found.columns:
        for at, point in enumerate(column):
            place[point] = at
    return place


def _crossings(found: Columns) -> int:
    """Count the pairs of edges that cross between neighbouring columns."""
    place = _places(found)
    total = 0
    for column in found.columns:
        seen: list[int] = []
        for point in column:
            ends = sorted(place[other] for other in found.right[point])
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total
