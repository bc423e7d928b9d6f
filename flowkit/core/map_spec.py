"""What is fixed about a mapped task when its DAG is compiled: over which tasks, and how.

A mapped task has an item for each element of an upstream result. How many there are is known only
in the run, see ``expansion.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from .graph import Graph

FUNCTION = "="  # begins a label that is the reference of a function, not a format string
MAX_LABEL = 1000  # characters
MAX_ACTIVE = 1_000_000
MAX_OVER = 100  # tasks that one is mapped over


class Problem(StrEnum):
    """Why a task cannot be mapped over the results that it got."""

    UNMAPPABLE = "unmappable"  # one is no list, tuple, range or dict
    LENGTHS = "lengths"  # their lengths differ
    TOO_MANY = "too_many"  # there are no numbers for so many items


@dataclass(frozen=True, slots=True)
class MapSpec:
    """How a task is mapped.

    ``over``: the upstream tasks (numbers) whose elements are taken together; its other upstream
    results go whole to each item. ``flatten``: over the elements of the lists that the items of a
    mapped upstream task returned. ``collect``: items that fail do not fail the mapped task.
    ``max_active``: the most items that are dispatched at a time, 0 for no limit. ``label``: a
    format string, or ``=`` and the reference of a function; "" for none.
    """

    over: tuple[int, ...]
    flatten: bool = False
    collect: bool = False
    max_active: int = 0
    label: str = ""


Maps = Mapping[int, MapSpec]  # by task number


def check_maps(graph: Graph, maps: Maps) -> None:
    """Check how the tasks of a stored graph are mapped. Raises ValueError."""
    for task, spec in maps.items():
        if not 0 <= task < len(graph):
            raise ValueError("it maps a task that does not exist")
        if not 0 < len(spec.over) <= MAX_OVER or len(set(spec.over)) < len(spec.over):
            raise ValueError("a mapped task in it names no task to map over, or too many")
        if not set(spec.over) <= set(graph.inputs(task)):
            raise ValueError("a mapped task in it is mapped over a task that is not upstream")
        if spec.flatten and (len(spec.over) > 1 or spec.over[0] not in maps):
            raise ValueError("a task in it flattens what is not one mapped task")
        if not 0 <= spec.max_active <= MAX_ACTIVE or len(spec.label) > MAX_LABEL:
            raise ValueError("a mapped task in it has an option that is out of range")


def counted_tasks(maps: Maps) -> frozenset[int]:
    """Return the tasks whose results are lists that are mapped.

    Of a mapped task among them, these are the results of its items.
    """
    return frozenset(
        source
        for spec in maps.values()
        for source in spec.over
        if spec.flatten or source not in maps
    )


def label_sources(graph: Graph, maps: Maps) -> dict[int, int]:
    """Return the mapped tasks whose items have labels: each with the task that makes them.

    That is the task itself, if it has a label. Otherwise, an item that stands behind another item
    has the label of that one.
    """
    sources: dict[int, int] = {}
    if not any(spec.label for spec in maps.values()):
        return sources
    for task in [task for task in graph.order() if task in maps]:
        spec = maps[task]
        behind = () if spec.flatten else spec.over
        made_by = (
            task if spec.label else next((sources[up] for up in behind if up in sources), None)
        )
        if made_by is not None:
            sources[task] = made_by
    return sources
