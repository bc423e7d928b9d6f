"""Repair queues: ready lists and ``delayed`` that hold less than the records say they should.

Queue entries are only hints. They are lost when keys are deleted by hand, or when a store is
restored from an older copy. Records are the truth, so missing entries are restored from them. The
claim that pops an entry too many drops it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from flowkit.core.snapshot import CHILDREN
from flowkit.core.states import TaskState
from flowkit.protocol.decoding import CorruptData
from flowkit.protocol.records import TaskRecord
from flowkit.protocol.scheduler_store import SchedulerStore

from .active import Active
from .serving import Serving


class QueueRepair:
    """Compares the queues with the records, for the runs in ``active``."""

    def __init__(
        self,
        store: SchedulerStore,
        active: Mapping[str, Active],
        serving: Serving | None = None,
        on_broken: Callable[[str, Exception], None] = lambda run, error: None,
    ) -> None:
        """``on_broken`` is called with a run whose records cannot be read, and may drop it."""
        self._store = store
        self._active = active
        self._serving = serving or Serving(store)
        self._on_broken = on_broken

    def sweep(self) -> int:
        """Repair the queues if entries seem to be missing; return how many were.

        A dispatched task is in a ready list, in ``delayed`` or in a lane's claims. If those hold
        fewer tasks than were dispatched, an entry was lost, or is just being reported.
        """
        expected = sum(active.state.dispatched for active in self._active.values())
        return self.repair() if self._store.findable() < expected else 0

    def repair(self) -> int:
        """Restore the entries of tasks that their records call queued or waiting."""
        wanted = {
            run: tasks
            for run, active in self._active.items()
            if (tasks := active.state.dispatched_tasks())
        }
        if not wanted:
            return 0
        lists = {place.ready for run in wanted for place in self._active[run].places}
        for run, tasks in wanted.items():  # workers of an older release never need these
            if (active := self._active[run]).dag.pinned:
                lists.update(self._list_of(active, active.place(at).ready, at) for at in tasks)
        listed = self._store.listed(lists, self._serving.lists_without_turns())
        records = self._store.read_records_of(wanted)
        return sum(self._repair_run(self._active[run], tasks, listed) for run, tasks in records)

    def _repair_run(
        self, active: Active, records: Iterable[tuple[int, TaskRecord]], listed: set[str]
    ) -> int:
        try:
            missing = self._missing(active, records, listed)
        except CorruptData as error:
            self._on_broken(active.run, error)
            return 0
        restored = 0
        by_verb: dict[str, list[tuple[int, str, str]]] = {}
        for entry in missing:
            by_verb.setdefault(self._serving.verb(active, entry[1]), []).append(entry)
        for verb, entries in by_verb.items():
            restored += self._store.requeue(active.run, entries, verb)
        return restored

    def _missing(
        self, active: Active, records: Iterable[tuple[int, TaskRecord]], listed: set[str]
    ) -> list[tuple[int, str, str]]:
        missing: list[tuple[int, str, str]] = []
        for task, record in records:
            ready, level, _ = active.place(task)
            if record.state is TaskState.QUEUED:
                entries = {f"{active.run},{task},{record.attempt}"}
            elif record.state is TaskState.WAITING and record.reason != CHILDREN:
                head = f"{active.run},{task},{record.attempt + 1}"
                lists = self._serving.lists_of(active, ready, task)
                entries = {f"{head},{name},{level}" for name in lists}
            else:
                continue
            if entries.isdisjoint(listed):
                missing.append((task, self._list_of(active, ready, task), level))
        return missing

    def _list_of(self, active: Active, ready: str, task: int) -> str:
        ((name, _),) = self._serving.by_list(active, ready, (task,))
        return name
