"""What the log collector holds of one attempt: its lines that are not in Redis yet.

Rules:

- The first half of the bound of an attempt is its head, which is kept. What follows is its tail, of
  which the newest half of the bound is kept: older chunks are dropped here if they were not sent,
  else deleted in Redis with the next call. A line counts with its number whether it is kept or
  not, so a reader sees from the numbers of the chunks how many lines are missing.
- A chunk is whole records of at most ``CHUNK_BYTES``. It ends before a record that continues a
  line, if it can.
- Chunks that were handed out are older than all that is pending, and are stored before the next
  ones are handed out.

A record here is what Redis stores, without the reference of the pipe:
``1764508800123 20o TEXT``. The collector's lock guards all of this.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

CHUNK_BYTES, LEAST_CHUNK_BYTES = 64 * 1024, 1024
MOST_CHUNKS = 1000  # in one call: a script takes a few thousand values
MOST_SMALL = 100  # chunks of a few lines between gaps; only a task that forges records makes them
_STREAM_AT = 16  # of the letter in a record
_MOST_BACK = 64  # records of one line that a cut is moved back


@dataclass(slots=True)
class Chunk:
    """Some consecutive records. ``first``: the number of the first one, from 1."""

    first: int
    count: int
    data: bytearray
    is_head: bool


@dataclass(frozen=True, slots=True)
class Place:
    """The attempt whose lines these are."""

    run: str
    task: int
    attempt: int
    lane: str


@dataclass(slots=True)
class AttemptLog:
    """The lines of one attempt. ``half``: bytes of its head, and of its tail.

    ``is_over``: the attempt has ended, so its lines are sent at once. ``is_refused``: Redis does
    not want its lines, since its run is gone. ``on_news`` is called when there is something to
    send.
    """

    place: Place
    half: int
    is_over: bool = False
    is_refused: bool = False
    pending: deque[Chunk] = field(default_factory=deque)
    pending_bytes: int = 0
    on_news: Callable[[AttemptLog], None] = lambda log: None
    _next: int = 1
    _tail_from: int = 0  # the tail begins behind the newest line that was dropped
    _is_head: bool = True
    _head_bytes: int = 0
    _pending_tail: int = 0  # bytes of the tail: pending,
    _handed_tail: int = 0  # handed out,
    _stored_tail: int = 0  # and in Redis
    _stored: deque[tuple[str, int]] = field(default_factory=deque)  # of the tail: id, bytes
    _gone: list[tuple[str, int]] = field(default_factory=list)  # of those to delete

    def add(self, records: bytes) -> None:
        """Add records, each with its line feed."""
        if self.is_refused:
            return
        at = 0
        while at < len(records):
            end = _cut(records, at, self._chunk_bytes)
            self._add(records[at:end])
            at = end
        self._trim()
        self.on_news(self)

    @property
    def _chunk_bytes(self) -> int:
        """The size of chunks: small enough that dropping one leaves most of a small bound."""
        return max(LEAST_CHUNK_BYTES, min(CHUNK_BYTES, self.half // 8))

    def skip(self, lines: int) -> None:
        """Count lines that were lost on the way."""
        self._next += lines

    def take(self, most: int, count: int = MOST_CHUNKS) -> list[Chunk]:
        """Hand out at most ``count`` chunks of at most about ``most`` bytes, the oldest first."""
        taken: list[Chunk] = []
        while self.pending and most > 0 and len(taken) < count:
            chunk = self.pending.popleft()
            most -= len(chunk.data)
            self._count(chunk, -1)
            if not chunk.is_head:
                self._handed_tail += len(chunk.data)
            taken.append(chunk)
        return taken

    def take_gone(self, most: int) -> list[tuple[str, int]]:
        """Hand out chunks to delete in Redis: their ids and bytes."""
        taken, self._gone = self._gone[:most], self._gone[most:]
        return taken

    def stored(self, chunk: Chunk, entry: str) -> None:
        """A chunk is in Redis under this id."""
        if chunk.is_head:
            return
        size = len(chunk.data)
        self._handed_tail -= size
        if chunk.first < self._tail_from:
            self._gone.append((entry, size))  # newer lines were dropped meanwhile
        else:
            self._stored.append((entry, size))
            self._stored_tail += size
        self._trim()
        if self._gone:
            self.on_news(self)

    def refuse(self) -> None:
        """Redis does not want the lines of this attempt."""
        self.is_refused = True
        self.drop_pending()
        self._gone.clear()

    def drop_pending(self) -> int:
        """Drop what is not in Redis yet; return the bytes. The numbers show that it is missing."""
        dropped = self.pending_bytes
        while self.pending:
            self._count(self.pending.popleft(), -1)
        return dropped

    @property
    def has_news(self) -> bool:
        """Whether something is to be sent."""
        return bool(self.pending or self._gone)

    def _count(self, chunk: Chunk, sign: int) -> None:
        self.pending_bytes += sign * len(chunk.data)
        if not chunk.is_head:
            self._pending_tail += sign * len(chunk.data)

    def _add(self, records: bytes) -> None:
        count, size = records.count(b"\n"), len(records)
        is_head = self._is_head and self._head_bytes + size <= self.half
        self._is_head = is_head
        last = self.pending[-1] if self.pending else None
        is_gap = last is None or last.first + last.count != self._next
        is_small = last is not None and len(last.data) < LEAST_CHUNK_BYTES
        if is_gap and is_small and len(self.pending) > MOST_SMALL:
            self._next += count
            return
        if (
            last is not None
            and not is_gap
            and last.is_head == is_head
            and len(last.data) + size <= self._chunk_bytes
        ):
            last.data += records
            last.count += count
        else:
            self.pending.append(Chunk(self._next, count, bytearray(records), is_head))
        self._next += count
        self.pending_bytes += size
        if is_head:
            self._head_bytes += size
        else:
            self._pending_tail += size

    def _trim(self) -> None:
        """Drop the oldest chunks of the tail until the rest fits its bound.

        Chunks in Redis are deleted by the call that stores what takes their place.
        """
        newer = self._pending_tail + self._handed_tail
        while self._stored and newer + self._stored_tail > self.half:
            entry, size = self._stored.popleft()
            self._gone.append((entry, size))
            self._stored_tail -= size
        if self._pending_tail <= self.half:
            return
        kept: deque[Chunk] = deque()
        for chunk in self.pending:
            if chunk.is_head or self._pending_tail <= self.half:
                kept.append(chunk)
                continue
            self._count(chunk, -1)
            self._tail_from = chunk.first + chunk.count
        self.pending = kept


def _cut(records: bytes, at: int, most: int) -> int:
    """Return where the chunk that begins at ``at`` ends: after ``most`` bytes if it can."""
    if len(records) - at <= most:
        return len(records)
    end = last = records.rfind(b"\n", at, at + most) + 1
    if end <= at:  # one record is longer
        return records.index(b"\n", at) + 1
    for _ in range(_MOST_BACK):
        if end <= at:
            break
        if not records[end + _STREAM_AT : end + _STREAM_AT + 1].isupper():
            return end
        end = records.rfind(b"\n", at, end - 1) + 1
    return last
