"""The search: breadth first, so that what is found comes with a shortest trace.

Safety is asked of every move. When all states are known, a search backwards from those in which
the run is over shows from which of them no end can be reached by processes doing their work:
without further faults, and without help from a client.
"""

from __future__ import annotations

import gc
import time
from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from .canonical import canonical
from .safety import broken_by
from .state import Move, Setup, State
from .system import begin, moves


@dataclass
class Report:
    """What a search found. ``wrong``: what is broken, '' for nothing; ``trace``: how."""

    states: int = 0
    moves: int = 0
    depth: int = 0
    ends: int = 0
    seconds: float = 0.0
    complete: bool = False
    wrong: str = ""
    trace: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        how = "all states" if self.complete else "not all states"
        return (
            f"{self.states:,} states, {self.moves:,} moves, depth {self.depth}, "
            f"{self.ends:,} states in which the run is over; {how}, {self.seconds:.1f} s"
        )


class Watcher(Protocol):
    """Looks on while a search goes through the states, and judges them when all are known."""

    def state(self, number: int, state: State) -> str | None:
        """Return what is wrong in a state, which has this number."""

    def move(self, number: int, state: State, move: Move, target: int) -> str | None:
        """Return what is wrong with a move from a state to the one with the number ``target``."""

    def judge(self) -> tuple[int, str] | None:
        """Return a state (number) in which something is wrong, and what, when all are known."""


class Search:
    """One search. ``progress`` hears of the report now and then."""

    def __init__(
        self,
        setup: Setup,
        *,
        most: int = 10_000_000,
        progress: Callable[[Report], None] = lambda report: None,
        watcher: Watcher | None = None,
    ) -> None:
        self._setup = setup
        self._watcher = watcher
        self._first = canonical(begin(setup)[0])
        self._most = most
        self._progress = progress
        self._numbers: dict[State, int] = {}
        self._parents = array("q")
        self._depths = array("i")
        self._sources, self._targets = array("i"), array("i")  # moves that are work
        self._ends: list[int] = []
        self.report = Report()

    def run(self) -> Report:
        """Search until all states are known, or something is wrong."""
        gc.disable()  # nothing here is garbage, and to look through it all again and again is slow
        try:
            return self._run()
        finally:
            gc.enable()

    def _run(self) -> Report:
        report, began = self.report, time.perf_counter()
        frontier: deque[State] = deque()
        self._note(self._first, -1, 0, frontier)
        while frontier and not report.wrong:
            if len(self._numbers) >= self._most:
                break
            self._visit(frontier.popleft(), frontier)
            if report.states % 5000 == 0 and frontier:
                report.seconds = time.perf_counter() - began
                self._progress(report)
        report.complete = not frontier and not report.wrong
        if report.complete:
            self._look_for_dead_ends()
        if report.complete and self._watcher is not None and not report.wrong:
            self._hear(self._watcher.judge())
        report.seconds = time.perf_counter() - began
        return report

    def _note(self, state: State, parent: int, depth: int, frontier: deque[State]) -> int:
        number = self._numbers.setdefault(state, len(self._numbers))
        if number == len(self._parents):
            self._parents.append(parent)
            self._depths.append(depth)
            self.report.depth = max(self.report.depth, depth)
            frontier.append(state)
            if state.keys.run is not None and state.keys.field("state") != "running":
                self._ends.append(number)
                self.report.ends += 1
        return number

    def _visit(self, state: State, frontier: deque[State]) -> None:
        report, number, watcher = self.report, self._numbers[state], self._watcher
        report.states += 1
        if watcher is not None and (wrong := watcher.state(number, state)):
            self._hear((number, wrong))
            return
        for move in moves(self._setup, state):
            report.moves += 1
            wrong = broken_by(self._setup, state, move)
            if wrong:
                report.wrong = wrong
                report.trace = [*self._trace(number), move.label]
                return
            target = self._note(canonical(move.state), number, self._depths[number] + 1, frontier)
            if watcher is not None and (wrong := watcher.move(number, state, move, target)):
                self._hear((number, wrong), move.label)
                return
            if not move.kind and target != number:
                self._sources.append(number)
                self._targets.append(target)

    def _hear(self, found: tuple[int, str] | None, *more: str) -> None:
        if found is not None:
            self.report.wrong = found[1]
            self.report.trace = [*self._trace(found[0]), *more]

    # -- liveness -------------------------------------------------------------------------------

    def _look_for_dead_ends(self) -> None:
        count = len(self._numbers)
        before: list[list[int]] = [[] for _ in range(count)]
        for source, target in zip(self._sources, self._targets, strict=True):
            before[target].append(source)
        reached = bytearray(count)
        walk = list(self._ends)
        for number in walk:
            reached[number] = 1
        for number in walk:  # grows while it is walked
            for source in before[number]:
                if not reached[source]:
                    reached[source] = 1
                    walk.append(source)
        stuck = reached.find(0)  # the first one is one of the shortest
        if stuck >= 0:
            self.report.wrong = f"from {reached.count(0):,} states no end can be reached"
            self.report.trace = self._trace(stuck)

    # -- the trace ------------------------------------------------------------------------------

    def _trace(self, number: int) -> list[str]:
        """Return the labels of the moves to a state, created again from the start."""
        path = [number]
        while self._parents[path[-1]] >= 0:
            path.append(self._parents[path[-1]])
        state, trace = self._first, []
        for wanted in reversed(path[:-1]):
            for move in moves(self._setup, state):
                behind = canonical(move.state)
                if self._numbers.get(behind) == wanted:
                    trace.append(move.label)
                    state = behind
                    break
        return trace
