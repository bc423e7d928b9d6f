"""The leader duty: takes and keeps the scheduler's lease, in its own thread and connection.

Its own, because rebuilding a run of a million tasks takes longer than a lease. Losing the lease
over that would send the next scheduler into the same work. If the work itself hangs, the thread
notices that ``leadership`` has not been called for ``WATCHDOG_S``, and lets the lease expire.

The schedulers of several shards balance them: a leader whose process leads more shards than that
of the standby hands its lease over (``share``). For the other duties, that is a lost lease. The
standby finds that it holds a lease that it did not take.

A leader trusts itself until (request sent + lease − margin), however late the reply came. Every
write also carries the term, so a leader that is wrong about itself changes nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from flowkit.exceptions import LeaseLost, StoreError, WrongShards
from flowkit.protocol.lease_store import LeaseReply
from flowkit.protocol.scheduler_store import SchedulerStore

from .shard_balance import ShardBalance

MARGIN = 0.2  # of the lease
WATCHDOG_S = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Leadership:
    """A term of this scheduler. ``cursor``: how far the previous leader had got.

    Equal only to itself: after all data was lost, terms begin at 1 again.
    """

    term: int
    cursor: str


class Leader:
    """Keeps the lease. ``leadership()`` returns the current term, or None."""

    def __init__(
        self,
        store: SchedulerStore,
        lease: float,
        standby_poll: float,
        *,
        shard_balance: ShardBalance | None = None,
        on_held: Callable[[LeaseReply], None] = lambda reply: None,
        on_trouble: Callable[[Exception], None] = lambda error: None,
        on_answer: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``store`` is used by this duty only. Times are in seconds. ``shard_balance``: the other
        shards that this process leads, None for a process with one shard.

        The callbacks are called in this duty's thread: ``on_held`` when another scheduler leads,
        ``on_trouble`` when a request failed, ``on_answer`` when one succeeded.
        """
        self._store = store
        self._lease = lease
        self._poll = standby_poll
        self._shard_balance = shard_balance
        self._on_held = on_held
        self._on_trouble = on_trouble
        self._on_answer = on_answer
        self._monotonic = monotonic
        self._current: Leadership | None = None
        self._handed_to = ""  # the scheduler that got the lease, if it was handed over
        self._asking = threading.Lock()
        self.refused: WrongShards | None = None  # why this scheduler cannot lead here
        self._was_accepted = False  # whether the shard has accepted its position
        self._trusted_until = 0.0
        self._asked = monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="leader", daemon=True)

    def start(self) -> None:
        """Start keeping the lease."""
        self._thread.start()

    def stop(self) -> None:
        """Release the lease, so that a standby need not wait until it expires."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def leadership(self) -> Leadership | None:
        """Return the term that this scheduler may act in now, None if it does not lead."""
        self._asked = self._monotonic()
        return self._current if self._asked < self._trusted_until else None

    def successor(self) -> str:
        """Return the new leader if the lease was handed over, else "".

        Waits for a request in progress: the lease is gone before this duty knows the new leader.
        """
        with self._asking:
            return self._handed_to

    def run_once(self) -> float:
        """Take or renew the lease; return the seconds until the next time."""
        sent = self._monotonic()
        if sent - self._asked > WATCHDOG_S:
            self._current = None
            self._note_leading(False)
            return self._poll
        lease_ms = round(self._lease * 1000)
        balance = self._shard_balance
        reply = self._store.acquire_lease(lease_ms, balance.total if balance else None)
        self._note_leading(reply.leads)
        if not reply.leads:
            self._current = None
            self._on_held(reply)
            return min(self._poll, max(0.01, reply.left_ms / 1000))
        if reply.cursor is not None:
            self._current = Leadership(reply.term, reply.cursor)
        elif self._current is None or self._current.term != reply.term:
            # It already held the lease: the reply to its request was lost or came late.
            self._current = Leadership(reply.term, self._store.read_cursor())
        self._trusted_until = sent + self._lease * (1 - MARGIN)
        self._handed_to = ""
        if balance is not None and balance.should_hand_over_to(reply.standby):
            self._hand_over_lease(balance, reply.term, lease_ms)
        return self._lease / 3

    def let_go_if_over(self) -> None:
        """Record that this shard has no leader if the lease could not be renewed in time."""
        if self._monotonic() >= self._trusted_until:
            self._note_leading(False)

    def _note_leading(self, leads: bool) -> None:
        if self._shard_balance is not None:
            self._shard_balance.note(leads=leads)

    def _hand_over_lease(self, balance: ShardBalance, term: int, lease_ms: int) -> None:
        """Let the standby lead, if it still stands by. This scheduler then stands by."""
        successor = self._store.hand_over_lease(term, lease_ms, balance.most)
        if successor is not None:
            balance.note_handed_over()
            self._handed_to = successor
            self._current = None

    def _keep(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            try:
                with self._asking:
                    pause = self.run_once()
                self._was_accepted = True
                self._on_answer()
            except LeaseLost:  # lost before it could be handed over
                pause = 0.0
            except WrongShards as error:
                self._current = None
                if not self._was_accepted:
                    self.refused = error
                    return
                # It changed after this scheduler had been accepted, so it may be repaired.
                self.let_go_if_over()
                self._on_trouble(error)
                pause = self._poll
            except StoreError as error:
                self.let_go_if_over()
                self._on_trouble(error)
                pause = self._poll
        self._leave()

    def _leave(self) -> None:
        """Release the lease, even if it was handed over without a reply, or stop standing by."""
        if self._current is None and self._shard_balance is None:
            return
        self._current = None
        try:
            self._store.acquire_lease(0)
        except StoreError as error:
            self._on_trouble(error)
