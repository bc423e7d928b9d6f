"""A shard as a client uses it: the connection for calls, and those that listen to runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TypeVar

from .at_once import ask_at_once
from .exceptions import FlowkitError, RunDamaged
from .per_process import PerProcess
from .protocol.client_store import ClientStore
from .protocol.decoding import CorruptData
from .protocol.feed import Feed
from .protocol.fitness import check_layout, check_schema, check_server
from .protocol.link import Link
from .protocol.list_reads import WRONG_KEY
from .protocol.listings import Listing
from .protocol.pages import SECURE_REDIS, page
from .protocol.reply_errors import WrongType
from .protocol.shards import Shard

T = TypeVar("T")
FEEDS_KEPT = 4
SOON_S, LOOK_AGAIN_S = 2.0, 0.2
# For each try: no call of a client takes Redis long. Less if the client has less patience, but
# rather too long than an end of what a busy Redis would have answered.
ANSWER_S, LEAST_ANSWER_S = 5.0, 1.0


class ShardConnection:
    """The shard ``shard``. Threads may share it: each call takes the connection for itself.

    A forked child connects anew (``Link`` and ``Feed`` see to it) and has its own lock and feeds.
    """

    def __init__(
        self, shard: Shard, *, patience: float, allow_eviction: bool, max_value: int
    ) -> None:
        """``patience``: seconds that a call tries to reach Redis. ``max_value``: bytes of the
        largest value that is read. Nothing is connected yet.
        """
        self.shard = shard
        self.graphs: set[str] = set()  # digests that this client has sent there
        self.first: int | None = None  # how many shards there were at first, once it has said so
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
        """Whether the shard was ever asked who it is, and is the right one."""
        return self._is_checked

    def be_patient(self, patience: float) -> None:
        """Have each call from now on try for so many seconds to reach Redis."""
        with self._lock.get():
            self._store.link.patience = patience

    @contextmanager
    def until(self, deadline: float | None) -> Iterator[None]:
        """Have no call within a ``with`` block try to reach Redis beyond ``deadline``.

        ``deadline`` is a time of the monotonic clock, None for none: a wait with a timeout ends
        when it says, also where Redis is away or refuses writes. A try that has begun is ended by
        its own limit.
        """
        if deadline is None:
            yield
            return
        with self._lock.get(), self._store.link.impatient(max(0.0, deadline - time.monotonic())):
            yield

    def check(self) -> None:
        """Look whether the Redis is fit and the shard is this one, unless that is known.

        Raises UnfitRedis, WrongShards, RedisUnavailable.
        """
        if not self._is_checked:
            self._check(self._store)

    def look(self) -> None:
        """Do the same if the shard answers soon. Raises what ``check`` raises, soon."""
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
        self.first = check_layout(store.link, self.shard.namespace, self.shard.layout)
        self._is_checked = True

    @contextmanager
    def store(self) -> Iterator[ClientStore]:
        """Have the connection for oneself within a ``with`` block; what handles call through.

        Raises FlowkitError once it is closed, and what ``check`` raises.
        """
        with self._lock.get():
            self._check_open()
            self.check()
            yield self._store

    @contextmanager
    def run_store(self, run_id: str) -> Iterator[ClientStore]:
        """Have the connection for calls about one run.

        Raises RunDamaged for what cannot be read of that run, and what ``store`` raises.
        """
        try:
            with self.store() as store:
                yield store
        except WrongType:
            raise _damaged(run_id, WRONG_KEY) from None
        except CorruptData as error:
            raise _damaged(run_id, str(error)) from None

    @contextmanager
    def feed(self, run_id: str) -> Iterator[Feed]:
        """Listen to one run within a ``with`` block; the connection is kept for the next one."""
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

    def close(self) -> None:
        """Close the connections; handles of runs there can no longer be used."""
        with self._lock.get():
            self._is_closed = True
            self._store.close()
            for feed in self._feeds.get():
                feed.close()
            self._feeds.get().clear()

    def _check_open(self) -> None:
        if self._is_closed:
            raise FlowkitError(
                "this client is closed, and its handles with it: make another with Client.connect()"
            )


def _damaged(run_id: str, problem: str) -> RunDamaged:
    return RunDamaged(
        run_id,
        f"run {run_id!r} is damaged in Redis: {problem}. Submit it anew under another id, and see "
        f"who else can write to that Redis: {page(SECURE_REDIS)}",
    )


def reach_one(shards: Sequence[ShardConnection], patience: float) -> None:
    """Wait until one of the shards answers; the others are waited for when they are needed.

    ``patience``: seconds to try. One that hangs is given ``SOON_S`` of them. Raises UnfitRedis,
    WrongShards, and RedisUnavailable if none answers.
    """
    if len(shards) == 1:
        shards[0].check()
        return
    deadline = time.monotonic() + patience
    while True:
        places = [one.shard for one in shards]
        found = ask_at_once(lambda shard: shards[shard.position].look(), places, SOON_S)
        away = [one for one in found if one is not None]
        if len(away) < len(shards):
            return
        if time.monotonic() >= deadline:
            raise away[0]
        time.sleep(LOOK_AGAIN_S)


def gather(
    shards: Sequence[ShardConnection],
    read: Callable[[ClientStore], Listing[T]],
    age: Callable[[T], float],
    limit: int,
) -> Listing[T]:
    """Return what all shards list, the items with the greatest ``age`` first, at most ``limit``."""
    found: Listing[T] = Listing()
    for shard in shards:
        with shard.store() as store:
            found.take(read(store))
    if len(shards) > 1:
        found.sort(key=age, reverse=True)
    found.cut(limit)
    return found


def answering_first(shards: Iterable[ShardConnection]) -> list[ShardConnection]:
    """Return the shards in their order, those behind that have never answered: whoever looks for a
    run then waits for them only if no other one has it.
    """
    return sorted(shards, key=lambda one: not one.has_answered)
