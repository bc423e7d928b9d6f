"""What a worker reports about its children: how many are ready, and how many are waiting.

A child is ready when it has loaded the app. Before that it is unknown whether the app works.

A task that waits for another run occupies its process meanwhile. If every process is occupied in
this way, and those runs need the queues of this worker, all of them wait forever and nothing else
shows it. So the counts are part of the worker's description, where ``flowkit status`` reads them,
and a warning names the tasks. The warning is logged once, until some process is free again.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from flowkit.basics.shorten import shorten
from flowkit.context import hear_of_waits
from flowkit.events.event import Listener
from flowkit.events.workers import AllProcessesWait
from flowkit.execution.progress import pass_reports_to
from flowkit.protocol.limits import MAX_APPS

from .children import ChildProcess
from .execution_slots import ChildMark, ExecutionSlots

SAY_AFTER_S = 5.0  # a shorter wait is not worth a warning
MOST_NAMES = 1000  # characters


@dataclass(frozen=True, slots=True)
class ChildCounts:
    """How many children are ready, and how many wait in their sync lane or event loop.

    ``apps``: the ids of the apps that they have loaded, and ``versions`` those of the code: one of
    each, unless the files were changed meanwhile; none before the first child has loaded it.
    """

    ready: int = 0
    waiting: int = 0
    apps: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()


class SelfReport:
    """The counts of one worker, and its warning. ``worker()`` returns the current incarnation."""

    def __init__(
        self,
        listener: Listener,
        worker: Callable[[], str],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listener = listener
        self._worker = worker
        self._monotonic = monotonic
        self._all_wait_since: float | None = None
        self._was_said = False
        self._apps: tuple[str, ...] = ()
        self._versions: tuple[str, ...] = ()

    def look(self, children: Collection[ChildProcess]) -> ChildCounts:
        """Return the current counts; log a warning if all children have waited for a while."""
        waiting = [child for child in children if _waits(child)]
        if children and len(waiting) == len(children):
            self._all_wait(waiting)
        else:
            self._all_wait_since, self._was_said = None, False
        ready = sum(child.slots.is_marked(ChildMark.READY) for child in children)
        loaded = [child.slots for child in children if child.slots.app]
        if loaded:  # else the next children will most likely load what the last ones had
            self._apps = _distinct(slots.app for slots in loaded)
            self._versions = _distinct(slots.app_version for slots in loaded)
        return ChildCounts(ready, len(waiting), self._apps, self._versions)

    def _all_wait(self, children: Collection[ChildProcess]) -> None:
        now = self._monotonic()
        if self._all_wait_since is None:
            self._all_wait_since = now
        if self._was_said or now - self._all_wait_since < SAY_AFTER_S:
            return
        self._was_said = True
        tasks = ", ".join(str(item) for child in children for item in child.slots.executing())
        self._listener.hear(
            AllProcessesWait(
                worker=self._worker(),
                processes=len(children),
                executing=shorten(tasks, MOST_NAMES),
            )
        )


def hear_tasks(slots: ExecutionSlots) -> None:
    """In a child, let tasks that wait for a run mark it, and those with a progress report it."""
    hear_of_waits(lambda begins: note_wait(slots, begins=begins))
    pass_reports_to(slots.progress.write)


def note_wait(slots: ExecutionSlots, *, begins: bool) -> None:
    """ChildMark that the task in this thread starts to wait for another run, or stops waiting.

    Only a wait that blocks a lane counts: one in the main thread blocks the sync lane, and one in
    the thread of the event loop blocks the loop.
    """
    if threading.current_thread() is threading.main_thread():
        slots.mark(ChildMark.WAITS, on=begins)
    elif asyncio._get_running_loop() is not None:
        slots.mark(ChildMark.LOOP_WAITS, on=begins)


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the texts without empty ones, each once, in their order."""
    return tuple(dict.fromkeys(text for text in texts if text))[:MAX_APPS]


def _waits(child: ChildProcess) -> bool:
    return child.slots.is_marked(ChildMark.WAITS) or child.slots.is_marked(ChildMark.LOOP_WAITS)
