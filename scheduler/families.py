"""Families: runs that tasks have called, and the runs of these tasks, their parents.

The scripts wake a task in the step that ends the last run which it has called. Here is what takes
more than one step. A run that stops stops its children: their tasks end with them. When a run is
over, the TTL of its children starts. And each sweep looks at some of the tasks that wait, in case a
child is gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from flowkit.exceptions import NotPermitted
from flowkit.protocol.decoding import CorruptData, Oversized
from flowkit.protocol.parent_store import WaitingTask
from flowkit.protocol.scheduler_store import SchedulerStore

from .active import Active

WAITING_AT_ONCE = 50  # tasks that one sweep looks at


class Families:
    """Parents and children of runs. Not thread-safe."""

    def __init__(self, store: SchedulerStore, active: Mapping[str, Active]) -> None:
        self._store = store
        self._active = active
        self._cursor = "0"

    def stop_children(self, run: str, tasks: Sequence[int]) -> None:
        """Cancel the runs that these tasks wait for, since their run is stopping."""
        for task in tasks:
            try:
                children = self._store.called_runs(run, task)
            except CorruptData:  # the sweep wakes the task
                continue
            self._store.cancel_children(run, children)

    def leave_children(self, run: str) -> None:
        """Start the TTL of the children of a run that is over.

        Those that a task still waits for, because its run could not be read, are cancelled. Nothing
        happens if the run is not over: anyone can say so, and a fact that is read again after a
        takeover may be older than a resume. What is too large to be read is left.
        """
        if self._store.is_running(run):
            return
        with suppress(Oversized):
            for children in self._store.open_runs(run):
                self._store.cancel_children(run, children)
            for children in self._store.all_called_runs(run):
                self._store.expire_children(children)

    def sweep(self) -> int:
        """Wake tasks whose children are over or gone; return how many.

        Entries of tasks that do not wait are removed: of those whose run is gone, and damaged ones.
        """
        try:
            part = self._store.waiting_tasks(self._cursor, WAITING_AT_ONCE)
        except NotPermitted:  # with the access rules of an older release no task waits for runs
            return 0
        self._cursor, woken = part.cursor, 0
        unreadable: list[bytes | str] = [*part.damaged]
        for item in part.tasks:
            try:
                woken += self._store.recount_calls(item)
            except CorruptData:
                woken += self._wake_damaged(item)
                unreadable.append(item.entry)
        if unreadable:
            self._store.prune_parents(unreadable)
        return woken

    def _wake_damaged(self, item: WaitingTask) -> bool:
        active = self._active.get(item.run)
        if active is None or not active.dag.is_valid(item.task):
            return False
        ready, level, _ = active.place(item.task)
        return self._store.wake_damaged(item, ready, level)
