"""The desk of one lane: outcomes go out over it, claims come in.

Both travel in one call (``complete`` records a batch and claims the next). Thread-safe: the lane's
own thread and its reporter use it. A call that lost its reply is sent again by the Link with the
same call number, so nothing is claimed twice and no outcome is lost. A claim that Redis believes
to be here and that is not known here is given back as soon as a reply tells of it.

If the process dies here: outcomes not yet sent are lost and their attempts are made again.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from ..protocol.decoding import Oversized, text_of
from ..protocol.once import lost_once
from ..protocol.oversize import RequestTooLarge
from ..protocol.records import ErrorInfo
from ..protocol.worker_store import Claim, Exchange, Outcome, WorkerStore

MAX_BATCH = 500
SMALL_BYTES = 4096  # an outcome of this size is not what a server finds too large
_UNSURE = lost_once("its worker does not know any more whether it has started it")


class Desk:
    """Outcomes to send and claims to run, of one lane."""

    def __init__(
        self,
        store: WorkerStore,
        lane: str,
        lists: Sequence[str],
        *,
        share: int = 1,
        on_stale: Callable[[str], None] = lambda key: None,
        on_sent: Callable[[Sequence[str], Sequence[str]], None] = lambda sent, refused: None,
        on_refused: Callable[[Outcome], None] = lambda outcome: None,
    ) -> None:
        """``share``: how many claimers a short list is divided among. ``on_sent`` hears whose
        outcomes were sent and which of them came too late, before the claims that came with it.
        ``on_refused`` hears of an outcome that replaces one which the server finds too large.
        """
        self.lane = lane
        self.lists = tuple(lists)
        self.share = share
        self.inbox: deque[Claim] = deque()
        self._outbox: list[Outcome] = []
        self._store = store
        self._lock = threading.Lock()
        self._call = 0
        self._on_stale = on_stale
        self._on_sent = on_sent
        self._on_refused = on_refused
        self._most = MAX_BATCH  # attempts to claim at once
        self._was_unread = False  # whether claims came that were too large to be read
        self._mine: set[str] = set()  # the claims that this lane knows to hold
        self._when_sent: dict[str, Callable[[], None]] = {}

    @property
    def unsent(self) -> int:
        """How many outcomes wait to be sent."""
        return len(self._outbox)

    def put(self, outcome: Outcome, when_sent: Callable[[], None] | None = None) -> None:
        """Add an outcome to the next batch.

        ``when_sent`` is called once Redis has recorded it, in the thread that has sent it.
        """
        if when_sent is not None:
            self._when_sent[_key_of(outcome)] = when_sent
        self._outbox.append(outcome)

    def exchange(self, limit: int) -> int:
        """Send what there is, claim up to ``limit``; return how many attempts came in.

        Raises LeaseLost, RedisUnavailable (only while stopping: the Link waits otherwise).
        """
        with self._lock:
            if not self._outbox and limit == 0:
                return 0
            self._call += 1 if limit else 0
            outcomes, reply = self._claim(min(limit, self._most))
            del self._outbox[: len(outcomes)]
            gone = [_key_of(outcome) for outcome in outcomes]
            self._mine.difference_update(gone)
            self._mine.update([claim.key for claim in reply.claims])
            if reply.held > len(self._mine):
                self._give_back_unknown()
            self._on_sent(gone, reply.stale)  # what came in may need it
            self.inbox.extend(reply.claims)
        for key in gone if self._when_sent else ():
            self._when_sent.pop(key, lambda: None)()
        for key in reply.stale:
            self._on_stale(key)
        return len(reply.claims)

    def _claim(self, limit: int) -> tuple[Sequence[Outcome], Exchange]:
        """Send outcomes and claim. Raises Oversized for claims that together are too large to read.

        The next call then claims half as many, and gives back what came with the unread reply.
        """
        try:
            sent = self._send(limit)
        except Oversized:
            self._most, self._was_unread = max(1, limit // 2), True
            raise
        self._most = min(2 * self._most, MAX_BATCH)
        return sent

    def _send(self, limit: int) -> tuple[Sequence[Outcome], Exchange]:
        """Send as many outcomes as the server takes at once; return them and its answer.

        A single one that it refuses by its size becomes a failure of its task: it would be sent
        for ever, and with it all others. Nothing is recorded of a refused request.
        """
        most = MAX_BATCH
        while True:
            outcomes = self._outbox[:most]
            try:
                reply = self._store.complete(
                    self.lane, outcomes, self._call, limit, self.share, self.lists
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

    def flush(self) -> None:
        """Send all outcomes."""
        while self._outbox:
            self.exchange(0)

    def give_back(self) -> int:
        """Release every claim that has not been started; return how many."""
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

    def _give_back_unknown(self) -> None:
        """Release claims that Redis believes this lane holds and it does not know of.

        They come from a store that went back in time, or from a reply that was lost for good;
        nobody else would ever finish them. In the first case they have run already. Those of a
        reply that was too large to be read have not started.
        """
        unsure, self._was_unread = b"" if self._was_unread else _UNSURE, False
        unknown = {key for key in self._store.holdings(self.lane) if text_of(key) not in self._mine}
        if unknown:
            self._store.release(self.lane, sorted(unknown), unsure)


def _refused(outcome: Outcome, error: RequestTooLarge) -> Outcome:
    task, attempt, *_ = outcome.token.split(",")
    message = f"its outcome has {len(outcome.payload):,} bytes, and {error}"
    info = ErrorInfo("ValueTooLarge", message)
    return Outcome(outcome.run, f"{task},{attempt},F", info.pack())


def _key_of(outcome: Outcome) -> str:
    return f"{outcome.run},{outcome.token.partition(',')[0]}"
