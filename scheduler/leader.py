"""The leader duty: takes and keeps the scheduler's lease, in a thread and a connection of its own.

Of its own, because rebuilding a run of a million tasks takes longer than a lease, and losing the
lease over it would send the next scheduler into the same work. Should the work itself hang, the
thread notices that nobody has asked for ``WATCHDOG_S`` and lets the lease go.

Schedulers of several shards share them: a leader whose process leads more than that of the standby
passes its lease on (``share``). To everything here that is a lease that was lost, and to the
standby one that it holds without having taken it.

A leader trusts itself until (request sent + lease − margin), whatever the reply's delay was; every
write carries the term besides, so a leader that is wrong about itself changes nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..exceptions import LeaseLost, StoreError, WrongShards
from ..protocol.lease_store import LeaseReply
from ..protocol.scheduler_store import SchedulerStore
from .share import Share

MARGIN = 0.2  # of the lease
WATCHDOG_S = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Leadership:
    """A term that this scheduler has; ``cursor`` is where the one before had got to.

    Equal only to itself: where all data was lost, terms begin at 1 again.
    """

    term: int
    cursor: str


class Leader:
    """Keeps the lease. ``leadership()`` says whether, and since which term, this one leads."""

    def __init__(
        self,
        store: SchedulerStore,
        lease: float,
        standby_poll: float,
        *,
        share: Share | None = None,
        on_held: Callable[[LeaseReply], None] = lambda reply: None,
        on_trouble: Callable[[Exception], None] = lambda error: None,
        on_answer: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``store`` is this duty's alone. Times are in seconds. ``share``: what the process leads
        beside this shard, None for a process of one.

        The callbacks are called in this duty's thread: ``on_held`` when somebody else leads,
        ``on_trouble`` when a try failed, ``on_answer`` when one went through.
        """
        self._store = store
        self._lease = lease
        self._poll = standby_poll
        self._share = share
        self._on_held = on_held
        self._on_trouble = on_trouble
        self._on_answer = on_answer
        self._monotonic = monotonic
        self._current: Leadership | None = None
        self._passed_to = ""  # who got the lease, if it was passed on last
        self._asking = threading.Lock()
        self.refused: WrongShards | None = None  # why there is nothing to lead here
        self._was_accepted = False  # whether the shard has been the one that it is taken for
        self._trusted_until = 0.0
        self._asked = monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="leader", daemon=True)

    def start(self) -> None:
        """Start keeping the lease."""
        self._thread.start()

    def stop(self) -> None:
        """Give the lease up, so that a standby need not wait for its end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def leadership(self) -> Leadership | None:
        """Return the term that this scheduler may act in now, None if it does not lead."""
        self._asked = self._monotonic()
        return self._current if self._asked < self._trusted_until else None

    def heir(self) -> str:
        """Return who leads, if the lease was passed on last. Waits for an answer on its way: a
        lease is gone before this duty has heard to whom.
        """
        with self._asking:
            return self._passed_to

    def run_once(self) -> float:
        """Take or renew the lease; return the seconds until the next time."""
        sent = self._monotonic()
        if sent - self._asked > WATCHDOG_S:
            self._current = None
            self._note_leading(False)
            return self._poll
        lease_ms = round(self._lease * 1000)
        reply = self._store.acquire_lease(lease_ms, self._share.total if self._share else None)
        self._note_leading(reply.leads)
        if not reply.leads:
            self._current = None
            self._on_held(reply)
            return min(self._poll, max(0.01, reply.left_ms / 1000))
        if reply.cursor is not None:
            self._current = Leadership(reply.term, reply.cursor)
        elif self._current is None or self._current.term != reply.term:
            # It held the lease without knowing: the reply of the taking was lost, or came late.
            self._current = Leadership(reply.term, self._store.read_cursor())
        self._trusted_until = sent + self._lease * (1 - MARGIN)
        self._passed_to = ""
        if self._share is not None and self._share.gives_way_to(reply.standby):
            self._pass_on(self._share, reply.term, lease_ms)
        return self._lease / 3

    def let_go_if_over(self) -> None:
        """Say that this shard is not led any more, if the lease could not be renewed in time."""
        if self._monotonic() >= self._trusted_until:
            self._note_leading(False)

    def _note_leading(self, leads: bool) -> None:
        if self._share is not None:
            self._share.note(leads=leads)

    def _pass_on(self, share: Share, term: int, lease_ms: int) -> None:
        """Let who stands by lead, if it still does; from then on this one stands by."""
        heir = self._store.hand_over_lease(term, lease_ms, share.most)
        if heir is not None:
            share.note_passed_on()
            self._passed_to = heir
            self._current = None

    def _keep(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            try:
                with self._asking:
                    pause = self.run_once()
                self._was_accepted = True
                self._on_answer()
            except LeaseLost:  # by the time it was to be passed on
                pause = 0.0
            except WrongShards as error:
                self._current = None
                if not self._was_accepted:
                    self.refused = error
                    return
                # It was changed after this scheduler had been accepted, so it may be repaired.
                self.let_go_if_over()
                self._on_trouble(error)
                pause = self._poll
            except StoreError as error:
                self.let_go_if_over()
                self._on_trouble(error)
                pause = self._poll
        self._leave()

    def _leave(self) -> None:
        """Give the lease up, also one that was passed on and not heard of, or stop standing by."""
        if self._current is None and self._share is None:
            return
        self._current = None
        try:
            self._store.acquire_lease(0)
        except StoreError as error:
            self._on_trouble(error)
