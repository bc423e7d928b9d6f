"""What a worker tells of its children besides its lease: how many are ready, and how many wait.

A child is ready when it has loaded the app; before that nobody knows whether the app works.

A task that waits for another run holds its process meanwhile. If all processes do, and what those
runs need is in the queues of this worker, they wait for ever and nothing else shows it: so the
counts are part of the worker's description, where ``flowkit status`` finds them, and a warning
names the tasks. It is said once, until some process is free again.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from ..core.shorten import shorten
from ..logging import FlowkitLogger, LogLevel
from .board import Board, Mark
from .children import Kid

SAY_AFTER_S = 5.0  # a wait that ends sooner is nobody's trouble
MOST_NAMES = 1000  # characters


@dataclass(frozen=True, slots=True)
class ChildCounts:
    """How many children are ready, and in how many the sync lane or the event loop waits."""

    ready: int = 0
    waiting: int = 0


class SelfReport:
    """The counts of one worker, and its warning. ``worker()``: the present incarnation."""

    def __init__(
        self,
        logger: FlowkitLogger,
        worker: Callable[[], str],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = logger
        self._worker = worker
        self._monotonic = monotonic
        self._all_wait_since: float | None = None
        self._was_said = False

    def look(self, kids: Collection[Kid]) -> ChildCounts:
        """Return the counts now; say so if all children have been waiting for a while."""
        waiting = [kid for kid in kids if _waits(kid)]
        if kids and len(waiting) == len(kids):
            self._all_wait(waiting)
        else:
            self._all_wait_since, self._was_said = None, False
        ready = sum(kid.board.is_marked(Mark.READY) for kid in kids)
        return ChildCounts(ready, len(waiting))

    def _all_wait(self, kids: Collection[Kid]) -> None:
        now = self._monotonic()
        if self._all_wait_since is None:
            self._all_wait_since = now
        if self._was_said or now - self._all_wait_since < SAY_AFTER_S:
            return
        self._was_said = True
        tasks = ", ".join(str(one) for kid in kids for one in kid.board.executing())
        count = "The process" if len(kids) == 1 else f"All {len(kids)} processes"
        self._log.event(
            LogLevel.WARNING,
            "all_waiting",
            f"{count} of worker {self._worker()} wait for other runs: {shorten(tasks, MOST_NAMES)}."
            " Runs that need this worker never start then. Start more workers, or submit such runs "
            "without waiting for them in a task",
            worker=self._worker(),
        )


def note_wait(board: Board, *, begins: bool) -> None:
    """Note on a child's board that the task which runs in this thread waits for a run, or no more.

    Only what holds a lane counts: the main thread is the sync lane, and who waits in the event
    loop's thread blocks the loop.
    """
    if threading.current_thread() is threading.main_thread():
        board.mark(Mark.WAITS, on=begins)
    elif asyncio._get_running_loop() is not None:
        board.mark(Mark.LOOP_WAITS, on=begins)


def _waits(kid: Kid) -> bool:
    return kid.board.is_marked(Mark.WAITS) or kid.board.is_marked(Mark.LOOP_WAITS)
