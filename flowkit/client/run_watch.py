"""Watching the runs of one shard that an asyncio program waits for.

One thread and one connection serve all waits of a client in a shard. The thread listens to the
feeds of the runs, and reads the records of those with messages together: all of them every
``LOOK_ANYWAY_S`` seconds, so a lost message only costs time. It ends with the last wait, and the
next wait starts another, so an idle client has none. A wait learns of each look in its own thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence

from ..basics.per_process import PerProcess
from ..core.run_record import RunProgress
from ..exceptions import FlowkitError, RedisUnavailable
from ..protocol.decoding import CorruptData
from ..protocol.shared_feed import SharedFeed
from .run_wait import LOOK_AGAIN_S, LOOK_ANYWAY_S, OUTAGE_S, continues_without
from .shard import ShardConnection, damaged

LOOK_AT_ONCE = 500  # runs to read together
THREAD = "flowkit-watch"
Look = RunProgress | Exception


class _Waits:
    """What the thread of one process works on. ``feed``: None while there is no thread."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.feed: SharedFeed | None = None
        self.by_run: dict[str, list[Watched]] = {}

    def of(self, runs: Iterable[str] | None = None) -> list[Watched]:
        """Return the waits for some runs, by default for all."""
        with self.lock:
            chosen = self.by_run if runs is None else runs
            return [wait for run in chosen for wait in self.by_run.get(run, ())]


class Watched:
    """A wait for a run. ``tell`` is called in the thread of the watch, and must not block.

    ``trouble``: why Redis cannot be reached, None while it answers.
    """

    def __init__(self, run_id: str, tell: Callable[[Look], None]) -> None:
        self.run_id = run_id
        self.tell = tell
        self.trouble: RedisUnavailable | None = None
        self.began = time.monotonic()


class RunWatch:
    """The waits of one client in one shard. Any thread may call its methods."""

    def __init__(self, shard: ShardConnection) -> None:
        self._shard = shard
        self._state = PerProcess(_Waits)  # a forked child has neither the thread nor the waits

    def add(self, wait: Watched) -> None:
        """Begin to look at a run."""
        waits = self._state.get()
        with waits.lock:
            waits.by_run.setdefault(wait.run_id, []).append(wait)
            if waits.feed is not None:
                waits.feed.wake()
                return
            feed = waits.feed = self._shard.shared_feed()
            args = waits, feed
            try:
                threading.Thread(target=self._work, args=args, name=THREAD, daemon=True).start()
            except BaseException:  # no thread: the next wait must try again, not wait forever
                waits.feed = None
                feed.close()
                raise

    def remove(self, wait: Watched) -> None:
        """End a wait."""
        waits = self._state.get()
        with waits.lock:
            same_run = waits.by_run.get(wait.run_id, [])
            if wait in same_run:
                same_run.remove(wait)
            if not same_run:
                waits.by_run.pop(wait.run_id, None)
            if waits.feed is not None:
                waits.feed.wake()

    def close(self, error: FlowkitError) -> None:
        """End all waits with an error."""
        for wait in self._state.get().of():
            wait.tell(error)
            self.remove(wait)

    # -- in the thread of the watch -------------------------------------------------------------

    def _work(self, waits: _Waits, feed: SharedFeed) -> None:
        try:
            feed.open()
            self._watch(waits, feed)
        except Exception as error:  # a bug: no wait may last forever because of it
            with waits.lock:
                waits.feed = None
            for wait in waits.of():
                wait.tell(error)
        finally:
            feed.close()

    def _watch(self, waits: _Waits, feed: SharedFeed) -> None:
        listened = set[str]()
        look_at = answered = time.monotonic()
        while True:
            with waits.lock:
                wanted = set(waits.by_run)
                if not wanted:
                    waits.feed = None
                    return
            feed.leave(listened - wanted)
            feed.listen(wanted - listened)
            listened = wanted
            runs = feed.changed(max(0.0, look_at - time.monotonic()))
            now = time.monotonic()
            if now >= look_at:
                runs, look_at = runs | wanted, now + LOOK_ANYWAY_S
            if runs and self._look(waits, sorted(runs), answered):
                answered = time.monotonic()
            elif runs:
                look_at = min(look_at, now + LOOK_AGAIN_S)
            if not feed.is_open:
                look_at = min(look_at, now + LOOK_AGAIN_S)
                feed.open()

    def _look(self, waits: _Waits, runs: Sequence[str], answered: float) -> bool:
        """Read runs and tell the waits; return whether Redis has answered."""
        for at in range(0, len(runs), LOOK_AT_ONCE):
            some = runs[at : at + LOOK_AT_ONCE]
            try:
                with self._shard.store() as store:
                    looks = store.read_progress_of(some)
            except RedisUnavailable as error:
                self._suffer(waits, error, answered)
                return False
            except FlowkitError as error:  # the client is closed
                looks = [error] * len(some)
            for run, look in zip(some, looks, strict=True):
                is_damaged = isinstance(look, CorruptData)
                self._tell(waits, run, damaged(run, str(look)) if is_damaged else look)
        return True

    def _tell(self, waits: _Waits, run: str, look: Look) -> None:
        for wait in waits.of([run]):
            wait.trouble = None
            wait.tell(look)

    def _suffer(self, waits: _Waits, error: RedisUnavailable, answered: float) -> None:
        now = time.monotonic()
        for wait in waits.of():
            wait.trouble = error
            if now - max(answered, wait.began) >= OUTAGE_S:
                wait.tell(continues_without(error, wait.run_id))
