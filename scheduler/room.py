"""Limit the memory of active runs, whatever is submitted.

A run of a large DAG costs its submitter a few hundred bytes in Redis, and the scheduler megabytes.
Runs without room wait, in the order in which they came, until others are over. Their state in Redis
is "running", and none of their tasks is queued. Runs of small DAGs are always admitted.

A run for which the process could not allocate memory waits too. One of them is retried after a
pause, which grows while none succeeds: the process may be short of memory, or the run too large
for it. Other runs continue meanwhile.

The figures per task were measured with a DAG of two million tasks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from flowkit.core.compiled import CompiledDAG
from flowkit.core.triggers import Trigger

from .active import Active

MOST_BYTES = 512 * 1024 * 1024
SMALL = 1000  # tasks of a run that is always admitted
GRAPH_BYTES, RUN_BYTES, TRIGGER_BYTES = 100, 4, 75  # per task: once per DAG, and per run
ITEM_BYTES = 40  # per item of a mapped task; up to 4 unless it is mapped over another one
DROPPING_BYTES = 4  # per task, in a run that does not keep all results
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0


class Room:
    """Knows which runs of large DAGs are in memory, and which wait."""

    def __init__(
        self, most_bytes: int = MOST_BYTES, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most_bytes
        self._monotonic = monotonic
        self._late: dict[str, None] = {}  # runs that failed for lack of memory
        self._pause = FIRST_PAUSE_S
        self._again_at = 0.0
        self._inside: dict[str, _Weight] = {}
        self.waiting: dict[str, int] = {}  # run → the most bytes that it needs

    def admit(self, run: str, dag: CompiledDAG) -> bool:
        """Admit a run to memory, or return False if it has to wait. A single run always fits."""
        if len(dag.graph) <= SMALL:
            return True
        weight = _weight(dag)
        others = {name: inside for name, inside in self._inside.items() if name != run}
        if others and _bytes({**others, run: weight}) > self._most:
            self.waiting[run] = _bytes({run: weight})
            return False
        self._inside[run] = weight
        self.waiting.pop(run, None)
        return True

    def grow(self, active: Active) -> None:
        """Count the items that a run has grown by. A run in memory stays there."""
        items = active.state.items
        if items <= SMALL:
            return
        known = self._inside.get(active.run)
        if known is None or known.items < items:
            self._inside[active.run] = (known or _weight(active.dag))._replace(items=items)

    def next(self) -> str | None:
        """Return the run that has waited longest if it fits now, else None.

        A run that failed for lack of memory comes first, when it is due.
        """
        if self.is_due():
            self._again_at = self._monotonic() + self._pause
            return next(iter(self._late))
        for run, needed in self.waiting.items():
            fits = not self._inside or _bytes(self._inside) + needed <= self._most
            return run if fits else None
        return None

    def leave(self, run: str) -> None:
        """Record that a run is no longer in memory, or no longer waits."""
        self._inside.pop(run, None)
        self._late.pop(run, None)
        self.waiting.pop(run, None)

    def postpone(self, run: str) -> float:
        """Record a lack of memory for a run; return the seconds until a run is retried."""
        self.leave(run)
        self._late[run] = None  # behind the others
        pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE_S)
        self._again_at = self._monotonic() + pause
        return pause

    def settle(self, run: str) -> None:
        """Record that a run was opened."""
        if run in self._late:
            del self._late[run]
            self._pause = FIRST_PAUSE_S

    def is_due(self) -> bool:
        """Return whether a run that failed for lack of memory is due for a retry."""
        return bool(self._late) and self._monotonic() >= self._again_at

    def clear(self) -> None:
        """Forget all runs."""
        self._inside.clear()
        self._late.clear()
        self.waiting.clear()


class _Weight(NamedTuple):
    """What a run needs: its DAG, kept with it, the bytes of the DAG, the bytes of the run, and
    its number of items.
    """

    dag: CompiledDAG
    graph: int
    own: int
    items: int = 0


def _weight(dag: CompiledDAG) -> _Weight:
    """Weigh a DAG, once per run, because its triggers are counted task by task."""
    tasks = len(dag.graph)
    own = RUN_BYTES * tasks + _triggers(dag)
    if not all(policy.keep_result for policy in dag.policies):
        own += DROPPING_BYTES * tasks
    return _Weight(dag, GRAPH_BYTES * tasks, own)


def _bytes(runs: dict[str, _Weight]) -> int:
    graphs = {id(weight.dag): weight.graph for weight in runs.values()}
    own = (weight.own + ITEM_BYTES * weight.items for weight in runs.values())
    return sum(graphs.values()) + sum(own)


def _triggers(dag: CompiledDAG) -> int:
    special = {
        number
        for number, policy in enumerate(dag.policies)
        if policy.trigger is not Trigger.NONE_FAILED
    }
    return TRIGGER_BYTES * sum(policy in special for policy in dag.policy_of) if special else 0
