"""The progress reporter: sends to Redis how far the attempts of this worker have got.

It is one of the duties of the worker's parent. It sends at most twice a second, and only what has
changed on the boards of the children, so a worker whose tasks report nothing sends nothing. What
cannot be sent is dropped: the next report replaces it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator

from flowkit.exceptions import LeaseLost, StoreError
from flowkit.execution.progress import INTERVAL_S
from flowkit.protocol.progress_store import ProgressStore

from .children import ChildProcess

AGAIN_S = 5.0  # after a failure
KEEP_S = 900.0  # between reports without news, so that what is stored does not expire


class ProgressReporter:
    """Reports for one incarnation of a worker."""

    def __init__(
        self,
        store: ProgressStore,
        worker: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._worker = worker
        self._monotonic = monotonic
        self._seen: dict[int, int] = {}  # by child: changes of its board
        self._sent: dict[str, str] = {}
        self._next = self._expiring = 0.0

    def report(self, children: Collection[ChildProcess]) -> None:
        """Send what has changed since the last call, if it is time."""
        now = self._monotonic()
        if now < self._next:
            return
        seen = {child.pid: child.slots.progress.changes for child in children}
        if not any(seen.values()) and not self._sent:
            return
        is_due = bool(self._sent) and now >= self._expiring
        if seen == self._seen and not is_due:
            return
        self._next = now + INTERVAL_S
        current = dict(item for child in children for item in _reports(child))
        written = {name: text for name, text in current.items() if self._sent.get(name) != text}
        gone = [name for name in self._sent if name not in current]
        try:
            if written or gone or is_due:
                self._store.report_progress(self._worker, written, gone)
        except LeaseLost:
            return  # the next heartbeat finds out too, and starts over
        except StoreError:  # the heartbeat logs outages
            self._next = now + AGAIN_S
            return
        self._sent, self._seen = current, seen
        self._expiring = now + KEEP_S


def _reports(child: ChildProcess) -> Iterator[tuple[str, str]]:
    """Yield attempts that a child executes, and ``lane,done,total,text``."""
    lanes = {
        f"{item.key},{item.attempt}": child.lanes[item.slot > 0] for item in child.slots.executing()
    }
    for attempt, text in child.slots.progress.read():
        if attempt in lanes:
            yield attempt, f"{lanes[attempt]},{text}"
