"""The threads and the event loop that a run in this process shares with the runs that it calls."""

from __future__ import annotations

from collections.abc import Callable

from ..execution.attempt_contexts import AttemptContexts
from .threads import LoopThread, ThreadPool


class Lanes:
    """The lanes of one run and of those below it. ``bounded``: the caller set ``max_workers``.

    ``is_stuck``: whether an attempt was abandoned, so that a thread may never end.
    """

    def __init__(self, max_workers: int, *, bounded: bool) -> None:
        self.bounded = bounded
        self.contexts = AttemptContexts()
        self.pool: ThreadPool[Callable[[], bool]] = ThreadPool(_call, max_workers, self.contexts)
        self.loop = LoopThread()
        self.is_stuck = False

    def stop(self, *, at_once: bool) -> None:
        """End the threads. ``at_once``: do not wait for running attempts."""
        wait = not at_once and not self.is_stuck
        self.pool.stop(wait=wait)
        self.loop.stop(wait=wait)


def _call(attempt: Callable[[], bool]) -> bool:
    return attempt()
