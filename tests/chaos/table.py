"""The table of scenarios: what is promised, what plays it, and how large it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from . import (
    calling,
    deploys,
    killing,
    mapping,
    memory,
    mixed,
    outages,
    printing,
    stopping,
    turns,
    unfit,
    versions,
)
from .stage import Stage

Size = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One promise. ``short`` and ``full`` are what ``play`` gets; ``aof``: Redis keeps its data."""

    name: str
    row: str
    claim: str
    play: Callable[..., None]
    short: Size
    full: Size
    aof: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a scenario went. ``rerun``: the command that draws the same faults again."""

    name: str
    row: str
    claim: str
    seed: int
    full: bool
    seconds: float
    figures: dict[str, float | int | str]
    violations: list[str]
    rerun: str
    logs: str = field(default="", repr=False)

    @property
    def passed(self) -> bool:
        return not self.violations

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "passed": self.passed, "logs": None}


SCENARIOS = {
    item.name: item
    for item in (
        Scenario(
            "under-fire", "R1", "every accepted run reaches exactly one end",
            killing.under_fire,
            {"runs": 1, "tasks": 300, "ms": 15}, {"runs": 10, "tasks": 10_000, "ms": 5},
        ),
        Scenario(
            "map-under-fire", "R25", "no item is lost, and none counts twice",
            mapping.map_under_fire, {"items": 150, "ms": 10}, {"items": 10_000, "ms": 5},
        ),
        Scenario(
            "calls-under-fire", "R26", "no run that a task calls is lost, and none is called twice",
            calling.calls_under_fire,
            {"parents": 5, "width": 3, "ms": 40}, {"parents": 100, "width": 5, "ms": 5},
        ),
        Scenario(
            "sent-twice", "R2", "one recorded outcome per task, never changed",
            partial(killing.under_fire, twice=True),
            {"runs": 1, "tasks": 300, "ms": 15}, {"runs": 10, "tasks": 10_000, "ms": 5},
        ),
        Scenario(
            "retried-soon", "R6", "what a killed process did is done again soon",
            killing.retried_soon,
            {"children": 8, "parents": 1, "takeovers": 1, "lease": 2.0},
            {"children": 100, "parents": 10, "takeovers": 10, "lease": 2.0},
        ),
        Scenario(
            "no-fault", "R7", "no fault, no repetition",
            killing.nothing_repeats, {"tasks": 5_000}, {"tasks": 100_000},
        ),
        Scenario(
            "poison", "R8", "a poison task stops after 3 deaths, no innocent is blamed",
            killing.poison_stops, {"rounds": 2, "good": 200}, {"rounds": 10, "good": 1_000},
        ),
        Scenario(
            "schedulers", "R9", "any number of schedulers equals one",
            killing.schedulers_agree,
            {"counts": (1, 2, 5), "tasks": 120}, {"counts": (1, 2, 5), "tasks": 4_000},
        ),
        Scenario(
            "clean-stop", "R19", "shutdown is clean",
            killing.stops_cleanly, {"rounds": 1, "tasks": 600}, {"rounds": 10, "tasks": 6_000},
        ),
        Scenario(
            "stale", "R4", "a stale worker commits nothing",
            stopping.stale_commits_nothing,
            {"rounds": 2, "lease": 0.6}, {"rounds": 100, "lease": 0.6},
        ),
        Scenario(
            "hints", "R10", "queues rebuild from state",
            outages.queues_rebuild,
            {"rounds": 1, "tasks": 150, "sweep": 2.0},
            {"rounds": 10, "tasks": 1_000, "sweep": 10.0},
        ),
        Scenario(
            "loss", "R11", "lost data is never silent",
            outages.loss_is_told, {"rounds": 1, "cuts": 1}, {"rounds": 5, "cuts": 100}, aof=True,
        ),
        Scenario(
            "expiry", "R12", "nothing expires under a live run; nothing is left after the TTL",
            outages.nothing_is_left,
            {"ttl": 1, "seconds": 2, "sweep": 1.0}, {"ttl": 2, "seconds": 30, "sweep": 10.0},
        ),
        Scenario(
            "outage", "R14", "outages are calm",
            outages.outages_are_calm,
            {"away": 3, "tasks": 200}, {"away": 60, "tasks": 2_000}, aof=True,
        ),
        Scenario(
            "hangs", "R16", "timeout and cancel end what will not end, with all that it started",
            stopping.hangs_are_ended,
            {"rounds": 1}, {"rounds": 5},
        ),
        Scenario(
            "memory", "R15", "memory is bounded",
            memory.memory_is_bounded,
            {
                "tasks": 20_000, "further": 4, "small": 5_000, "load_s": 4.0, "noise_mb": 3.0,
                "kept": 500_000,
            },
            {"tasks": 1_000_000, "further": 6, "small": 100_000, "load_s": 600.0, "noise_mb": 0.5},
        ),
        Scenario(
            "unfit", "R18", "a full or unfit Redis fails closed, and is mended without a restart",
            unfit.unfit_is_calm,
            {"rounds": 1, "tasks": 200, "hold": 1.0, "kinds": unfit.SOME},
            {"rounds": 5, "tasks": 1_000, "hold": 30.0},
        ),
        Scenario(
            "versions", "R20", "releases work side by side",
            versions.releases_mix,
            {"tasks": 120, "ms": 10, "combinations": versions.SOME},
            {"tasks": 2_000, "ms": 5, "older": ""},
        ),
        Scenario(
            "rolling-deploy", "R21", "a rolling deployment of the app costs nothing",
            deploys.deploys_roll,
            {"workers": 3, "tasks": 50, "ms": 20, "before": 2.0},
            {"workers": 20, "tasks": 500, "ms": 100, "before": 20.0},
        ),
        Scenario(
            "two-apps", "R22", "apps with different functions share a queue",
            deploys.two_apps_share,
            {"workers": 2, "tasks": 50, "ms": 20, "seconds": 5, "away": 3.0},
            {"workers": 4, "tasks": 500, "ms": 20, "seconds": 60, "away": 15.0},
        ),
        Scenario(
            "turns", "R23", "runs that share a queue take turns",
            turns.runs_take_turns,
            {
                "large": 2_000, "probes": 10, "runs": 6, "tasks": 400, "ms": 2,
                "small": 100,
                "behind": 1_000, "kills": 6, "worst": 2.0,
            },
            {
                "large": 20_000, "probes": 50, "runs": 100, "tasks": 1_000, "ms": 0,
                "small": 10_000,
                "behind": 20_000, "kills": 60,
            },
        ),
        Scenario(
            "printing", "R24", "what a killed task had printed is in its logs",
            printing.lines_are_kept,
            {"runs": 1, "tasks": 200, "lines": 40, "ms": 1},
            {"runs": 3, "tasks": 500, "lines": 100, "ms": 1},
        ),
        Scenario(
            "mixed", "all", "whatever happens, runs end once and losses are told",
            mixed.everything_at_once,
            {"runs": 1, "tasks": 250, "losses": False, "every": 0.3},
            {"runs": 20, "tasks": 3_000, "losses": True, "every": 0.5},
            aof=True,
        ),
    )
}  # fmt: skip


def play(scenario: Scenario, seed: int, *, full: bool, older: str | None = None) -> Verdict:
    """Play a scenario on its own stage; whatever it raises is a violation.

    ``older``: the revision that ``versions`` mixes with this one, in all combinations.
    """
    began = time.monotonic()
    size, words = scenario.full if full else scenario.short, " --full" if full else ""
    if older is not None and scenario.play is versions.releases_mix:
        size = {**size, "older": older, "combinations": versions.COMBINATIONS}
        words = f"{words} --older {older}"
    with Stage(seed, aof=scenario.aof) as stage:
        try:
            scenario.play(stage, **size)
            stage.check_processes()
        except Exception as error:
            stage.violations.append(f"{type(error).__name__}: {error}")
        logs = stage.system.logs() if stage.violations else ""
    return Verdict(
        scenario.name,
        scenario.row,
        scenario.claim,
        seed,
        full,
        round(time.monotonic() - began, 1),
        stage.figures,
        stage.violations,
        f"python -m tests.chaos {scenario.name} --seed {seed}{words}",
        logs,
    )
