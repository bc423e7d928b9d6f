"""The thread of the log collector that sends lines to Redis.

It makes one call at a time. While Redis cannot be reached, it repeats that call with its number, so
nothing is stored twice, and the backlog keeps what is read meanwhile within its bounds. It never
makes the thread wait that reads the pipes.

When a child has died, its lines are sent at once, and ``acknowledge`` is called when they are
stored or cannot be: the parent waits for that, for a short time, before it reports the death.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from flowkit.daemon.outage import OutageLog
from flowkit.exceptions import StoreError
from flowkit.protocol.log_store import LogStore

from .log_backlog import Backlog, Batch

IDLE_S = 60.0
PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
LAST_S = 3.0  # in which it must send what is left when the worker has ended


class LogSender:
    """Sends the backlog of one worker."""

    def __init__(
        self,
        store: LogStore,
        backlog: Backlog,
        outages: OutageLog,
        *,
        run_bytes: int,
        first_call: int = 0,
        acknowledge: Callable[[str], None],
    ) -> None:
        """``run_bytes``: what is kept of one run. ``acknowledge`` gets the first lane of a
        child. ``first_call``: the number before the first call.
        """
        self._store = store
        self._backlog = backlog
        self._outages = outages
        self._run_bytes = run_bytes
        self._first_call = first_call
        self._acknowledge = acknowledge
        self._calls: dict[str, int] = {}
        self._current: tuple[Batch, int] | None = None
        self._dead: list[Sequence[str]] = []
        self._is_closed = threading.Event()
        self._pause = 0.0

    def flush(self, lanes: Sequence[str]) -> None:
        """Send what the dead child with these lanes has printed, and acknowledge it. Any thread."""
        self._backlog.end(lanes)
        self._dead.append(lanes)
        self._backlog.wake()

    def close(self) -> None:
        """Make ``run`` send what is left, within ``LAST_S``, and return. Any thread."""
        self._is_closed.set()
        self._backlog.close()

    def run(self) -> None:
        """Send until closed."""
        while not self._is_closed.is_set():
            # A batch that Redis did not take is not in the backlog any more.
            self._backlog.wait(IDLE_S if self._current is None else 0.0)
            self.run_once()
        deadline = time.monotonic() + LAST_S
        while not self.run_once(everything=True) and time.monotonic() < deadline:
            time.sleep(PAUSE_S)

    def run_once(self, *, everything: bool = False) -> bool:
        """Send all that is due; return whether Redis took it."""
        try:
            while self._send_next(everything=everything):
                pass
        except StoreError as error:
            self._outages.away(error)
            self._acknowledge_dead(all_of_them=True)
            self._rest()
            return False
        self._pause = 0.0
        self._acknowledge_dead()
        return True

    def _rest(self) -> None:
        self._pause = min(max(PAUSE_S, 2 * self._pause), LONGEST_PAUSE_S)
        self._is_closed.wait(self._pause)

    def _send_next(self, *, everything: bool) -> bool:
        """Send one batch; return whether there was one. Raises StoreError."""
        if self._current is None:
            batch = self._backlog.next_batch(everything=everything)
            if batch is None:
                return False
            self._calls[batch.lane] = call = self._calls.get(batch.lane, self._first_call) + 1
            self._current = batch, call
        batch, call = self._current
        ids = self._store.append_logs(
            batch.run,
            batch.lane,
            call,
            batch.new_chunks(),
            most_bytes=self._run_bytes,
            delete=batch.gone(),
        )
        self._current = None
        self._backlog.stored(batch, ids)
        self._outages.back()
        return True

    def _acknowledge_dead(self, *, all_of_them: bool = False) -> None:
        for lanes in list(self._dead):
            if all_of_them or not self._backlog.has_news_of(lanes):
                self._dead.remove(lanes)
                with suppress(OSError):
                    self._acknowledge(lanes[0])


def start(sender: LogSender) -> threading.Thread:
    """Run a sender in a separate thread."""
    thread = threading.Thread(target=sender.run, name="log-sender", daemon=True)
    thread.start()
    return thread
