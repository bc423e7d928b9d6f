"""A client's connections to one shard: one for calls, and others that listen to runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from ..basics.pages import SECURE_REDIS, page
from ..basics.per_process import PerProcess
from ..configuration.shards import Shard
from ..core.cause_texts import why_leaderless
from ..core.worker_info import WorkerInfo
from ..exceptions import FlowkitError, RunDamaged
from ..protocol.bounded_reads import WRONG_KEY
from ..protocol.client_store import ClientStore
from ..protocol.decoding import CorruptData
from ..protocol.feed import Feed
from ..protocol.link import Link
from ..protocol.listings import Listing
from ..protocol.reply_errors import WrongType
from ..protocol.server_checks import check_schema, check_server, check_shard_position
from ..protocol.shared_feed import SharedFeed

FEEDS_KEPT = 4
SOON_S = 2.0
# The limit of each attempt: no call of a client takes Redis long. It is shorter for a client with
# less patience, but never so short that it cuts off the answer of a busy Redis.
ANSWER_S, LEAST_ANSWER_S = 5.0, 1.0


class ShardConnection:
    """The connections to ``shard``. Threads may share them: each call locks the connection.

    A forked child opens new connections (``Link`` and ``Feed`` do that) and has its own lock and
    feeds.
    """

    def __init__(
        self,
        shard: Shard,
        *,
        patience: float,
        allow_eviction: bool,
        max_value: int,
        hidden: tuple[str, ...] = (),
    ) -> None:
        """Do not connect yet. ``patience``: seconds that a call tries to reach Redis.

        ``max_value``: the largest value to read, in bytes. ``hidden``: patterns of what exports of
        its runs hide.
        """
        self.shard = shard
        self.hidden = hidden
        self.graphs: set[str] = set()  # digests that this client has sent there
        self.first: int | None = None  # number of shards at first, None until it is known
        self._allow_eviction = allow_eviction
        self._max_value = max_value
        self._is_checked = False
        self._is_closed = False
        self._lock = PerProcess(threading.RLock)
        self._feeds: PerProcess[list[Feed]] = PerProcess(list)
        self._answer_s = min(ANSWER_S, max(patience, LEAST_ANSWER_S))
        self._store = ClientStore(self._link(patience, self._answer_s), shard.namespace)

    @property
    def has_answered(self) -> bool:
        """Whether the shard has ever answered and is the right one."""
        return self._is_checked

    def be_patient(self, patience: float) -> None:
        """Let each call from now on try for ``patience`` seconds to reach Redis."""
        with self._lock.get():
            self._store.link.patience = patience

    @contextmanager
    def until(self, deadline: float | None) -> Iterator[None]:
        """Let no call within a ``with`` block try to reach Redis after ``deadline``.

        ``deadline``: a time of the monotonic clock, None for no deadline. So a wait with a timeout
        ends in time, even if Redis cannot be reached or refuses writes. An attempt that has begun
        ends by its own limit.
        """
        if deadline is None:
            yield
            return
        with self._lock.get(), self._store.link.impatient(max(0.0, deadline - time.monotonic())):
            yield

    def check(self) -> None:
        """Check that the Redis is fit and is the right shard, unless that is known.

        Raises UnfitRedis, WrongShards, RedisUnavailable.
        """
        if not self._is_checked:
            self._check(self._store)

    def look(self) -> None:
        """Make the same check, but wait only ``SOON_S`` seconds. Raises what ``check`` raises."""
        link = self._link(0.0, SOON_S)
        with closing(ClientStore(link, self.shard.namespace)) as store:
            self._check(store)

    def _link(self, patience: float, read_timeout: float) -> Link:
        return Link(
            self.shard.url,
            name="flowkit-client",
            patience=patience,
            read_timeout=read_timeout,
            max_value=self._max_value,
            origin=self.shard.origin,
        )

    def _check(self, store: ClientStore) -> None:
        check_server(store.link, allow_eviction=self._allow_eviction)
        check_schema(store)
        self.first = check_shard_position(
            store.link, self.shard.namespace, self.shard.shard_position
        )
        self._is_checked = True

    @contextmanager
    def store(self) -> Iterator[ClientStore]:
        """Lock the connection for the calls within a ``with`` block.

        Raises FlowkitError after ``close``, and what ``check`` raises.
        """
        with self._lock.get():
            self._check_open()
            self.check()
            yield self._store

    @contextmanager
    def run_store(self, run_id: str) -> Iterator[ClientStore]:
        """Lock the connection for calls about one run.

        Raises RunDamaged if data of that run cannot be read, and what ``store`` raises.
        """
        try:
            with self.store() as store:
                yield store
        except WrongType:
            raise damaged(run_id, WRONG_KEY) from None
        except CorruptData as error:
            raise damaged(run_id, str(error)) from None

    @contextmanager
    def feed(self, run_id: str) -> Iterator[Feed]:
        """Listen to one run within a ``with`` block. The connection is kept for the next run."""
        with self._lock.get():
            self._check_open()
            feeds = self._feeds.get()
            kept = feeds.pop() if feeds else None
            feed = kept or Feed(self.shard.url, self.shard.namespace, read_timeout=self._answer_s)
        feed.listen(run_id)
        try:
            yield feed
        finally:
            feed.leave()
            with self._lock.get():
                feeds = self._feeds.get()
                if len(feeds) < FEEDS_KEPT and not self._is_closed:
                    feeds.append(feed)
                else:
                    feed.close()

    def shared_feed(self) -> SharedFeed:
        """Return a new feed for many runs, which the caller opens and closes."""
        return SharedFeed(self.shard.url, self.shard.namespace, read_timeout=self._answer_s)

    def workers(self) -> Listing[WorkerInfo]:
        """Return the live workers of this shard, damaged descriptions included."""
        with self.store() as store:
            return store.alive_workers()

    def why_leaderless(self) -> str:
        """Return why no scheduler leads this shard, without a remedy; "" while one does."""
        with self.store() as store:
            return why_leaderless(store.lease_left_ms())

    def close(self) -> None:
        """Close the connections. Handles of runs in this shard can no longer be used."""
        with self._lock.get():
            self._is_closed = True
            self._store.close()
            for feed in self._feeds.get():
                feed.close()
            self._feeds.get().clear()

    def _check_open(self) -> None:
        if self._is_closed:
            raise closed_client()


def closed_client() -> FlowkitError:
    """Return the error for the use of a client or a handle after ``close``."""
    return FlowkitError(
        "this client and its handles are closed: create another with Client.connect()"
    )


def damaged(run_id: str, problem: str) -> RunDamaged:
    """Return the error for a run whose data cannot be read, and what is wrong with it."""
    return RunDamaged(
        run_id,
        f"run {run_id!r} is damaged in Redis: {problem}. Submit it again under another id, and see "
        f"who else can write to that Redis: {page(SECURE_REDIS)}",
    )
