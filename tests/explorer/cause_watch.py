"""Watches a search: each cause names a process that is able to change it. See ``causes``."""

from __future__ import annotations

from array import array
from collections import defaultdict

from flowkit.core.causes import Kind, Mover

from .causes import Signature, false_alarm, names, open_tasks, signature, wrong_in
from .state import Move, Setup, State


class CauseWatch:
    """Notes the signature of each task in each state, and who could change it.

    ``seen``: the kinds of causes that came up.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._tasks = range(max([len(setup.plan.names) - 1, *setup.plan.items]) + 1)
        self._ids: dict[Signature, int] = {}
        self._signatures = [array("i") for _ in self._tasks]  # by state, -1 if not visited yet
        # Moves of the process that the cause of a task names, as pairs of states.
        self._moves: list[list[tuple[int, int]]] = [[] for _ in self._tasks]
        self._must: list[dict[int, Kind]] = [{} for _ in self._tasks]
        self.seen: dict[Kind, int] = defaultdict(int)

    def state(self, number: int, state: State) -> str | None:
        """Note a state. Return what one of its causes says that is not so."""
        for task in self._tasks:
            found = signature(self._setup, state.keys, task)
            known = self._signatures[task]
            known.extend([-1] * (number + 1 - len(known)))
            known[number] = self._ids.setdefault(found, len(self._ids))
        for task, cause in open_tasks(self._setup, state.keys):
            self.seen[cause.kind] += 1
            if cause.row.by is Mover.TIME:
                assert cause.until_ms is not None
                later = state.keys._replace(now=cause.until_ms)
                if dict(open_tasks(self._setup, later))[task].kind is cause.kind:
                    return f"task {task}: {cause.kind} is not over when it says"
            elif cause.row.by is not Mover.ROOT:
                self._must[task][number] = cause.kind
        return wrong_in(self._setup, state)

    def move(self, number: int, state: State, move: Move, target: int) -> str | None:
        """Note a move, if the cause of a task names its process."""
        if number != target:
            for task in self._tasks:
                if number in self._must[task] and names(self._setup, state.keys, task, move):
                    self._moves[task].append((number, target))
        return false_alarm(self._setup, state, move)

    def judge(self) -> tuple[int, str] | None:
        """Return a state in which the named process cannot change the cause of a task."""
        for task in self._tasks:
            stuck = self._must[task].keys() - self._changeable(task)
            if stuck:
                first = min(stuck)
                kinds = sorted({self._must[task][number].value for number in stuck})
                what = f"{len(stuck):,} states with {', '.join(kinds)}"
                kind = self._must[task][first].value
                return first, f"task {task}: nothing that {kind} names changes it; {what}"
        return None

    def _changeable(self, task: int) -> set[int]:
        """Return the states from which the named process alone changes what is said of a task."""
        signatures, before = self._signatures[task], defaultdict(list)
        walk: list[int] = []
        for source, target in self._moves[task]:
            if signatures[source] != signatures[target]:
                walk.append(source)
            else:
                before[target].append(source)
        reached = set(walk)
        for number in walk:  # grows while it is walked
            fresh = [source for source in before[number] if source not in reached]
            reached.update(fresh)
            walk += fresh
        return reached
