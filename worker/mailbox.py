"""The mailbox of one lane: it sends outcomes and receives claims.

Both travel in one call (``complete`` records a batch and claims the next). The mailbox is
thread-safe: the lane's thread and its reporter use it. If a reply is lost, the Link sends the call
again with the same call number, so nothing is claimed twice and no outcome is lost. If a reply
shows that Redis assigns more claims to this lane than the lane knows, the unknown ones are given
back.

If the process dies here, outcomes that were not sent are lost and their attempts run again.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from flowkit.protocol.decoding import Oversized, text_of
from flowkit.protocol.once import lost_once
from flowkit.protocol.outcomes import Outcome, OutcomeCode
from flowkit.protocol.oversize import RequestTooLarge
from flowkit.protocol.records import ErrorInfo
from flowkit.protocol.worker_store import Claim, Exchange, WorkerStore

MAX_BATCH = 500
SMALL_BYTES = 4096  # an outcome of up to this size is not why a server finds a request too large
_UNSURE = lost_once("its worker no longer knows whether it has started it")


class Mailbox:
    """The outcomes to send and the claims to run of one lane."""

    def __init__(
        self,
        store: WorkerStore,
        lane: str,
        lists: Sequence[str],
        *,
        claimers: int = 1,
        app: str = "",
        on_stale: Callable[[str], None] = lambda key: None,
        on_sent: Callable[[Sequence[str], Sequence[str]], None] = lambda sent, refused: None,
        on_refused: Callable[[Outcome], None] = lambda outcome: None,
    ) -> None:
        """``claimers``: how many of them a short list is divided among. ``app``: the id of the app.

        ``on_stale`` gets the key of each outcome that came too late. ``on_sent`` gets the keys of
        all outcomes sent and of those that came too late, before the claims of the same reply are
        available. ``on_refused`` gets the outcome that replaces one too large for the server.
        """
        self.lane = lane
        self.lists = tuple(lists)
        self.claimers = claimers
        self.app = app
        self.inbox: deque[Claim] = deque()
        self._outbox: list[Outcome] = []
        self._store = store
        self._lock = threading.Lock()
        self._call = 0
        self._on_stale = on_stale
        self._on_sent = on_sent
        self._on_refused = on_refused
        self._most = MAX_BATCH  # attempts to claim at once
        self._was_unread = False  # whether a reply with claims was too large to be read
        self._mine: set[str] = set()  # the claims that this lane knows it holds
        self._on_recorded: dict[str, Callable[[], None]] = {}

    @property
    def unsent(self) -> int:
        """The number of outcomes that were not sent yet."""
        return len(self._outbox)

    def put(self, outcome: Outcome, on_recorded: Callable[[], None] | None = None) -> None:
        """Add an outcome to the next batch.

        ``on_recorded`` is called when Redis has recorded it, in the thread that sent it.
        """
        if on_recorded is not None:
            self._on_recorded[outcome.key] = on_recorded
        self._outbox.append(outcome)

    def exchange(self, limit: int) -> int:
        """Send the outcomes and claim up to ``limit`` attempts; return how many were claimed.

        Raises LeaseLost, and RedisUnavailable while stopping (otherwise the Link waits).
        """
        with self._lock:
            if not self._outbox and limit == 0:
                return 0
            self._call += 1 if limit else 0
            outcomes, reply = self._claim(min(limit, self._most))
            del self._outbox[: len(outcomes)]
            sent = [outcome.key for outcome in outcomes]
            self._mine.difference_update(sent)
            self._mine.update([claim.key for claim in reply.claims])
            if reply.held > len(self._mine):
                self._give_back_unknown()
            self._on_sent(sent, reply.stale)  # the claims may need these results
            self.inbox.extend(reply.claims)
        for key in sent if self._on_recorded else ():
            self._on_recorded.pop(key, lambda: None)()
        for key in reply.stale:
            self._on_stale(key)
        return len(reply.claims)

    def _claim(self, limit: int) -> tuple[Sequence[Outcome], Exchange]:
        """Send outcomes and claim. Raises Oversized if the claims together are too large to read.

        The next call then claims half as many, and gives back the claims of the unread reply.
        """
        try:
            sent = self._send(limit)
        except Oversized:
            self._most, self._was_unread = max(1, limit // 2), True
            raise
        self._most = min(2 * self._most, MAX_BATCH)
        return sent

    def _send(self, limit: int) -> tuple[Sequence[Outcome], Exchange]:
        """Send as many outcomes as the server accepts at once; return them and its reply.

        If the server refuses a single outcome for its size, the task fails instead: otherwise the
        lane would retry that outcome forever and send no other. A refused request records nothing.
        """
        most = self._store_items()
        while True:
            outcomes = self._outbox[:most]
            try:
                reply = self._store.complete(
                    self.lane, outcomes, self._call, limit, self.claimers, self.lists, self.app
                )
            except RequestTooLarge as error:
                if len(outcomes) > 1:
                    most = len(outcomes) // 2
                    continue
                if not outcomes or len(outcomes[0].payload) <= SMALL_BYTES:
                    raise
                self._outbox[0] = _refused(outcomes[0], error)
                self._on_refused(self._outbox[0])
            else:
                return outcomes, reply

    def _store_items(self) -> int:
        """Store the elements of results that are mapped; return how many outcomes may be sent.

        If the process dies before it sends them, the attempts run again, and store them again.
        """
        outcomes = self._outbox[:MAX_BATCH]
        for at, outcome in enumerate(outcomes):
            if outcome.blocks:
                try:
                    self._store.store_items(self.lane, outcome)
                except RequestTooLarge as error:
                    self._outbox[at] = _refused(outcome, error)
                    self._on_refused(self._outbox[at])
        return len(outcomes)

    def flush(self) -> None:
        """Send all outcomes."""
        while self._outbox:
            self.exchange(0)

    def give_back(self) -> int:
        """Release every claim that has not started; return how many."""
        with self._lock:
            keys: list[str] = []
            while True:
                try:
                    keys.append(self.inbox.pop().key)
                except IndexError:
                    break
            if keys:
                self._store.release(self.lane, keys)
                self._mine.difference_update(keys)
            return len(keys)

    def hand_on(self, claim: Claim, function: str) -> None:
        """Give a claim that has not started to the workers whose app has its function (an id)."""
        with self._lock:
            self._store.release(self.lane, [f"{claim.key}@{function}"])
            self._mine.discard(claim.key)

    def _give_back_unknown(self) -> None:
        """Release the claims that Redis assigns to this lane and that the lane does not know.

        They come from a store that went back in time, or from a reply that was lost for good. No
        other lane would ever finish them. In the first case they have run already. Those of a
        reply that was too large to be read have not started.
        """
        unsure, self._was_unread = b"" if self._was_unread else _UNSURE, False
        unknown = {key for key in self._store.holdings(self.lane) if text_of(key) not in self._mine}
        if unknown:
            self._store.release(self.lane, sorted(unknown), unsure)


def _refused(outcome: Outcome, error: RequestTooLarge) -> Outcome:
    message = f"its outcome has {len(outcome.payload):,} bytes, and {error}"
    info = ErrorInfo("ValueTooLarge", message)
    kind = OutcomeCode.FAILED
    return Outcome(outcome.run, outcome.task, outcome.attempt, kind, info.pack())
