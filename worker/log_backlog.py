"""The backlog of the log collector: what it has read and Redis does not have yet, of all attempts.

The thread that reads pipes adds to it and the thread that sends takes from it; one lock guards it.
What is added waits for ``EVERY_S``, so that a task that prints slowly does not make a call for each
line; lines of an attempt that is over do not wait. All attempts together keep at most
``MOST_BYTES``: above that, the lines of the attempt that has the most are dropped, and their
numbers show it. Of more than ``MOST_ATTEMPTS`` attempts, those of the oldest are dropped: a task
can write the names of any number of attempts.

The numbers of the lines of an attempt are kept until its child is dead, or until there are more
than ``MOST_ATTEMPTS`` newer ones: a thread that it left behind may still print.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flowkit.protocol.log_store import NewChunk

from .attempt_log import MOST_CHUNKS, AttemptLog, Chunk, Place

EVERY_S = 0.5
MOST_BYTES = 64 * 1024 * 1024
MOST_ATTEMPTS = 5_000
CALL_BYTES = 1024 * 1024  # of lines in one call
MOST_GONE = 100  # ids of one attempt to delete in one call
MOST_PARTS = 500  # attempts in one call


@dataclass(frozen=True, slots=True)
class Batch:
    """What one call stores: of one run and one lane."""

    run: str
    lane: str
    parts: list[tuple[AttemptLog, list[Chunk], list[tuple[str, int]]]]
    generation: int = 0

    def new_chunks(self) -> list[NewChunk]:
        """Return the chunks as the store takes them."""
        return [
            NewChunk(
                log.place.task,
                log.place.attempt,
                chunk.first,
                chunk.count,
                bytes(chunk.data),
                self.generation,
            )
            for log, chunks, _ in self.parts
            for chunk in chunks
        ]

    def gone(self) -> list[tuple[str, int]]:
        """Return the ids of the chunks to delete, and their bytes."""
        return [item for _, _, gone in self.parts for item in gone]


class Backlog:
    """The lines of all attempts that one worker's children run."""

    def __init__(
        self,
        attempt_bytes: int,
        *,
        generation: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``attempt_bytes``: what is kept of one attempt. ``generation``: of the collector."""
        self._generation = generation
        self._half = attempt_bytes // 2
        self._monotonic = monotonic
        self._logs: dict[Place, AttemptLog] = {}
        self._changed: dict[Place, float] = {}  # since when they have something to send
        self._news = threading.Condition()
        self._is_closed = False

    @contextmanager
    def adding(self) -> Iterator[None]:
        """Lock the backlog while the records of a pipe are read."""
        with self._news:
            try:
                yield
            finally:  # also after garbage, behind good lines
                self._drop_above_bound()
                if self._changed:
                    self._news.notify_all()

    def log_of(self, place: Place) -> AttemptLog:
        """Return the log of an attempt; the first call makes it. The caller holds the lock."""
        log = self._logs.get(place)
        if log is None:
            log = self._logs[place] = AttemptLog(place, self._half, on_news=self._note)
            if len(self._logs) > MOST_ATTEMPTS:
                self._forget_oldest()
        return log

    def _note(self, log: AttemptLog) -> None:
        self._logs.setdefault(log.place, log)  # it may have been forgotten
        self._changed.setdefault(log.place, self._monotonic())
        if len(self._changed) > MOST_ATTEMPTS:
            oldest = next(iter(self._changed))
            del self._changed[oldest]
            self._logs[oldest].drop_pending()

    def _forget_oldest(self) -> None:
        for place in self._logs:
            if place not in self._changed:
                del self._logs[place]
                return

    def _drop_above_bound(self) -> None:
        total = sum(self._logs[place].pending_bytes for place in self._changed)
        while total > MOST_BYTES:
            largest = max(self._changed, key=lambda place: self._logs[place].pending_bytes)
            total -= self._logs[largest].drop_pending()
            if not self._logs[largest].has_news:
                del self._changed[largest]

    # -- sending --------------------------------------------------------------------------------

    def wait(self, longest: float) -> None:
        """Wait until something is due, for at most ``longest`` seconds."""
        with self._news:
            delay = self._delay()
            if delay > 0 and not self._is_closed:
                self._news.wait(min(delay, longest))

    def _delay(self) -> float:
        if not self._changed:
            return 3600.0
        if any(self._logs[place].is_over for place in self._changed):
            return 0.0
        return min(self._changed.values()) + EVERY_S - self._monotonic()

    def next_batch(self, *, everything: bool = False) -> Batch | None:
        """Hand out what is due of one run and lane, None if nothing is due.

        ``everything``: also what is not due. The batch must be stored or dropped before the next.
        """
        with self._news:
            now, size, count = self._monotonic(), 0, 0
            batch: Batch | None = None
            for place, since in list(self._changed.items()):
                log = self._logs[place]
                if not (everything or log.is_over or now - since >= EVERY_S):
                    continue
                if batch is None:
                    batch = Batch(place.run, place.lane, [], self._generation)
                if (batch.run, batch.lane) != (place.run, place.lane):
                    continue
                chunks = log.take(CALL_BYTES - size, MOST_CHUNKS - count)
                gone = log.take_gone(MOST_GONE)
                size += sum(len(chunk.data) for chunk in chunks)
                count += len(chunks)
                batch.parts.append((log, chunks, gone))
                if not log.has_news:
                    del self._changed[place]
                if size >= CALL_BYTES or count >= MOST_CHUNKS or len(batch.parts) >= MOST_PARTS:
                    break
            return batch

    def stored(self, batch: Batch, ids: list[str] | None) -> None:
        """A batch is stored under these ids, "" for what was refused; None: its run is gone."""
        with self._news:
            names = iter(ids or ())
            for log, chunks, _ in batch.parts:
                for chunk in chunks:
                    name = next(names, "")
                    if name:
                        log.stored(chunk, name)
                    else:
                        log.refuse()
                if log.is_refused:
                    self._changed.pop(log.place, None)

    def end(self, lanes: Iterable[str]) -> None:
        """The child with these lanes is dead: nothing waits any longer."""
        lanes = tuple(lanes)
        with self._news:
            for place, log in list(self._logs.items()):
                if place.lane in lanes:
                    log.is_over = True
                    if place not in self._changed:
                        del self._logs[place]
            self._news.notify_all()

    def has_news_of(self, lanes: Iterable[str]) -> bool:
        """Return whether lines of these lanes wait to be sent."""
        lanes = tuple(lanes)
        with self._news:
            return any(place.lane in lanes for place in self._changed)

    def wake(self) -> None:
        """End a ``wait``."""
        with self._news:
            self._news.notify_all()

    def close(self) -> None:
        """Let no ``wait`` wait any longer."""
        with self._news:
            self._is_closed = True
            self._news.notify_all()
