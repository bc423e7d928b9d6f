"""What a resolver knows of mapped tasks, as a value: taken down and set up, as in ``memory``."""

from __future__ import annotations

from array import array
from collections import deque
from typing import Any

from flowkit.core.map_state import MapState
from flowkit.core.run import Run


def maps_down(run: Run) -> tuple[Any, ...]:
    """Return what a run knows of its mapped tasks, () if it has none."""
    expansion, ends = run._frontier.expansion, run._frontier._ends
    if expansion is None or ends is None:
        return ()
    lengths = tuple(sorted(expansion._lengths.items()))
    return (lengths, run._total, ends._closing, *map(_down, expansion.maps.values()))


def _down(mapped: MapState) -> tuple[Any, ...]:
    return (
        mapped.gate,
        mapped.length,
        mapped.open,
        None if mapped.active is None else frozenset(mapped.active),
        mapped.others,
        mapped.halted,
        mapped.started,
        None if mapped._elements is None else tuple(mapped._elements),
        None if mapped._ready is None else tuple(mapped._ready),
        mapped._next,
    )


def maps_up(run: Run, maps: tuple[Any, ...]) -> None:
    """Give a new run what another one knew of its mapped tasks."""
    expansion, ends = run._frontier.expansion, run._frontier._ends
    if expansion is None or ends is None:
        return
    lengths, run._total, ends._closing, *each = maps
    expansion._lengths = dict(lengths)
    for mapped, known in zip(expansion.maps.values(), each, strict=True):
        mapped.gate, mapped.length, mapped.open, active, mapped.others, *more = known
        mapped.halted, mapped.started, elements, ready, mapped._next = more
        mapped.active = None if active is None else set(active)
        mapped._elements = None if elements is None else array("i", elements)
        mapped._ready = None if ready is None else deque(ready)
