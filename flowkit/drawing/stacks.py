"""Stacks: similar tasks in a large DAG are drawn as one box.

Tasks may share a stack if they are in the same layer and the same state, if their names differ only
in a number (or, where that is not enough, in anything), and if their upstream and downstream tasks
are similar too. Fewer than ``_LEAST`` of them stay apart. So a fan-out of 10,000 tasks is one stack
beside its three failed tasks, and parallel chains become one chain of stacks. An edge leads from an
earlier layer to a later one, so stacks cannot form a cycle where tasks did not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from .layers import Layers, layers_of
from .marks import duration_text
from .picture import Picture

MOST_BOXES, MOST_EDGES = 2_000, 10_000
_ROUNDS = 6
_LEAST = 4
# A match begins at the first of several separators only. Otherwise a name of n underscores is read
# n times.
_NUMBER = re.compile(r"(?<![\s_.-])[\s_.-]*\d+")
_MOST_NAMES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Stacks:
    """The tasks that each box represents, and the edges between the boxes.

    The first ``passing`` edges pass data; the others are order edges.
    """

    members: Sequence[Sequence[int]]
    edges: Sequence[tuple[int, int]]
    passing: int


def unstacked(picture: Picture) -> Stacks:
    """Return one box per task."""
    edges = [*picture.edges, *picture.order]
    return Stacks([(task,) for task in range(len(picture.names))], edges, len(picture.edges))


def is_too_large(boxes: Stacks) -> bool:
    """Return whether there are more boxes or edges than are placed."""
    return len(boxes.members) > MOST_BOXES or len(boxes.edges) > MOST_EDGES


def boxes_of(picture: Picture, collapse: bool | None, easy: int) -> Stacks:
    """Return the boxes of a drawing, which may be too large.

    ``collapse``: whether similar tasks share a box; None: if there are more than ``easy`` tasks.
    """
    boxes = unstacked(picture)
    if collapse or (collapse is None and len(picture.names) > easy):
        layers = layers_of(len(picture.names), boxes.edges)
        boxes = stacked(picture, layers, by_name=True)
        if is_too_large(boxes):
            boxes = stacked(picture, layers, by_name=False)
    return boxes


def stacked(picture: Picture, layers: Layers, *, by_name: bool) -> Stacks:
    """Return a box per group of similar tasks. ``by_name``: their names must be similar too."""
    kind: Callable[[str], str] = _stem if by_name else lambda name: ""
    colors = _numbered(
        [
            (layers.layer[task], kind(name), mark and mark.state, task in picture.mapped)
            for task, (name, mark) in enumerate(zip(picture.names, picture.marks, strict=True))
        ]
    )
    colors = _apart_if_few(_refined(colors, picture))
    members: list[list[int]] = [[] for _ in range(max(colors, default=-1) + 1)]
    for task, color in enumerate(colors):
        members[color].append(task)
    passing = dict.fromkeys((colors[source], colors[target]) for source, target in picture.edges)
    order = dict.fromkeys((colors[source], colors[target]) for source, target in picture.order)
    return Stacks(members, list(passing | order), len(passing))


def _stem(name: str) -> str:
    return _NUMBER.sub("", name)


def _refined(colors: list[int], picture: Picture) -> list[int]:
    """Separate tasks whose neighbours differ, in rounds, until nothing changes or rounds end."""
    for _ in range(_ROUNDS):
        up: list[set[int]] = [set() for _ in colors]
        down: list[set[int]] = [set() for _ in colors]
        for source, target in picture.edges:
            up[target].add(colors[source])
            down[source].add(colors[target])
        for source, target in picture.order:  # negative: apart from the colours of data edges
            up[target].add(~colors[source])
            down[source].add(~colors[target])
        around = zip(colors, map(frozenset, up), map(frozenset, down), strict=True)
        finer = _numbered(list(around))
        if max(finer, default=0) == max(colors, default=0):
            break
        colors = finer
    return colors


def _apart_if_few(colors: list[int]) -> list[int]:
    sizes = Counter(colors)
    return _numbered(
        [(color, -1 if sizes[color] >= _LEAST else task) for task, color in enumerate(colors)]
    )


def _numbered(keys: Sequence[Hashable]) -> list[int]:
    """Replace keys by numbers, in order of first appearance."""
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(key, len(numbers)) for key in keys]


def title_of(picture: Picture, members: Sequence[int]) -> str:
    """Return the name on a box: the task's own, or the common part of the names in a stack."""
    first, last = picture.title(members[0]), picture.title(members[-1])
    if len(members) == 1:
        return first
    stems = {_stem(picture.title(task)) for task in members}
    numbers = _NUMBER.findall(first)
    if len(stems) == 1 and len(numbers) == 1:
        return _NUMBER.sub(lambda match: _without_digits(match[0]) + "…", first)
    return f"{first} … {last}"


def _without_digits(text: str) -> str:
    return text.rstrip("0123456789")


def subtitle_of(picture: Picture, members: Sequence[int]) -> str:
    """Return the line below the name: the state of the task, or the number and state of several."""
    mark = picture.marks[members[0]]
    if len(members) == 1:
        return "" if mark is None else mark.text
    parts = [f"{len(members):,} tasks"]
    if mark is not None:
        parts.append(mark.state.value.replace("_", " "))
        times = [task_mark.duration for task in members if (task_mark := picture.marks[task])]
        known = [time for time in times if time is not None]
        if known:
            parts.append(f"up to {duration_text(max(known))}")
    return " · ".join(parts)


def shown_names(picture: Picture, members: Sequence[int]) -> list[str]:
    """Return the names of a box for its tooltip; of many, only the first ones."""
    shown = [picture.title(task) for task in members[:_MOST_NAMES_SHOWN]]
    left = len(members) - len(shown)
    return [*shown, f"… and {left:,} more"] if left else shown
