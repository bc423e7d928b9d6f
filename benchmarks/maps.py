"""The workloads with mapped tasks: their pace, their memory, and what they cost other runs."""

from __future__ import annotations

import time
from statistics import median

from flowkit.core.states import RunState

from . import app
from .daemons import BrokenSystemError
from .system import System

WAIT_S = 600.0
CHAIN = 3  # maps, one behind the other
HOPS = 50  # of the chain beside a map
Figures = dict[str, float]


def measure(system: System, items: int, name: str) -> Figures:
    """One run with a map over a list of no-ops, and one with a chain of maps."""
    figures: Figures = {}
    for key, maps in (("map", 1), ("map-chain", CHAIN)):
        seconds = _seconds(system, items, maps, f"{name}_{maps}")
        figures[key] = (maps * items + 2) / seconds
    return figures


def measure_one(system: System, items: int, name: str) -> None:
    """One run with a map over a list."""
    _seconds(system, items, 1, name)


def _seconds(system: System, items: int, maps: int, name: str) -> float:
    began = time.perf_counter()
    handle = system.client.submit(app.mapped(items, maps, name))
    state = handle.wait(WAIT_S)
    seconds = time.perf_counter() - began
    if state is not RunState.SUCCEEDED or handle.result("count_list") != items:
        raise BrokenSystemError("a map ended with a wrong answer: its figure is worthless")
    return seconds


def beside(system: System, items: int, name: str) -> Figures:
    """Chains of another run, alone and while a map expands and runs: the times per hop."""
    alone = [_hop_ms(system) for _ in range(3)]
    handle = system.client.submit(app.mapped(items, 1, name))
    busy: list[float] = []
    while handle.record().state is RunState.RUNNING:
        busy.append(_hop_ms(system))
    return {"map-beside": median(busy) if busy else 0.0, "map-beside-alone": median(alone)}


def _hop_ms(system: System) -> float:
    began = time.perf_counter()
    if system.client.submit(app.chain(HOPS)).wait(WAIT_S) is not RunState.SUCCEEDED:
        raise BrokenSystemError("a chain beside a map failed: its figure is worthless")
    return (time.perf_counter() - began) / HOPS * 1000
