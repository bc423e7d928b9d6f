"""The pipe by which a child's output reaches the log collector: its records, and its write end.

What a task printed must survive whatever ends the child, so each line leaves the process before
``print`` returns: as one record, with one ``write`` into a pipe that another process reads. The
collector (``log_collector``) is that process. Its end of the pipe also outlives the parent.

Records. Each is one line of at most ``MAX_RECORD`` bytes, so that a write is atomic, also among
the processes that a task forks. ``KIND REF PAYLOAD``, without a blank between the first two:

    A7 RUN,TASK,ATTEMPT,LANE        from now on 7 stands for this attempt; TASK is its number
    L7 1764508800123 20o TEXT       a line: time (ms), level (two digits), stream, text
    D7 12                           so many lines of it could not be written
    E7 RUN,TASK,ATTEMPT,LANE        the attempt is over: send what it printed at once
    F1 1                            the app filters lines (1) or no longer does (0); no attempt

The letter of the stream is o (stdout), e (stderr), l (log record) or p (a program); a capital
letter continues the line of the record before it, which was too long. A line feed within a text is
the byte ``0xFF``, which no UTF-8 text has. Progress takes another way: see ``progress_board``.

Measured (Linux 6, Python 3.11, 100 bytes per line): a write into a pipe takes 0.24 µs, as long as
its reader does not wait for each line; a ring in shared memory, written from Python, 0.33 µs, and
it would need a lock among forked processes. So it is a pipe. The collector reads at most every 20
ms, and a pipe of 1 MiB holds what a task prints meanwhile.

If the collector is gone or does not read, a task waits for at most ``WAIT_S`` once; after that its
lines are dropped and counted until the pipe has room again. Nothing here raises.
"""

from __future__ import annotations

import fcntl
import os
import select
import threading
from contextlib import suppress
from dataclasses import dataclass

from flowkit.clock import SYSTEM_CLOCK
from flowkit.context import attempt_fields
from flowkit.logging.streams import Who
from flowkit.protocol.log_chunks import STREAM_LETTERS

MAX_RECORD = 4096  # PIPE_BUF of Linux; what POSIX promises (512) is too short for lines
PIPE_BYTES = 1024 * 1024
WAIT_S = 1.0
MOST_OPEN = 10_000  # attempts that are announced and not over
LETTERS = {stream: letter for letter, stream in STREAM_LETTERS.items()}
LINE_FEED = b"\xff"
_F_SETPIPE_SZ = 1031  # Linux; fcntl of Python 3.11 may lack the name


class OutputPipe:
    """The write end of one child. It is a ``LineSink`` of ``flowkit.logging``."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.set_blocking(descriptor, False)
        self._lock = threading.Lock()
        self._renew_lock()
        os.register_at_fork(after_in_child=self._renew_lock)
        self._refs: dict[Who, int] = {}
        self._places: dict[int, str] = {}
        self._next = 1
        self._dropped: dict[int, int] = {}
        self._is_stuck = False

    def _renew_lock(self) -> None:
        # Another thread may hold the lock while a task forks.
        self._lock = threading.Lock()

    # -- what the log passes on -----------------------------------------------------------------

    def add(self, whose: Who, level: int, stream: str, text: str) -> None:
        """Write a line. A text that is too long for a record takes several."""
        ref = self._ref_of(whose)
        if ref is None:
            return
        data = text.encode("utf-8", "backslashreplace").replace(b"\n", LINE_FEED)
        letter = LETTERS[stream]
        head = f"L{ref} {SYSTEM_CLOCK.wall_ms():013d} {max(0, min(level, 99)):02d}"
        first = f"{head}{letter} ".encode()
        if len(first) + len(data) < MAX_RECORD:
            self._write_line(ref, first + data + b"\n")
            return
        with self._lock:
            most = MAX_RECORD - len(first) - 1
            for number, piece in enumerate(_pieces(data, most)):
                start = f"{head}{letter.upper()} ".encode() if number else first
                self._write_line(ref, start + piece + b"\n")

    def filters_changed(self, *, any_left: bool) -> None:
        """Tell whether the app filters lines, which it cannot do with the output of programs."""
        self._write(b"F1 1\n" if any_left else b"F1 0\n")

    def announce_again(self) -> None:
        """Another collector reads the pipe from now on: tell it what the numbers stand for."""
        with self._lock:
            for ref, place in list(self._places.items()):
                self._write(f"A{ref} {place}\n".encode())

    def end(self, whose: Who) -> None:
        """The attempt is over."""
        ref = self._refs.pop(whose, None)
        if ref is not None:
            # A collector that was just started may not know the number yet.
            self._write(f"E{ref} {self._places.pop(ref, '')}\n".encode())

    # -- records --------------------------------------------------------------------------------

    def _ref_of(self, whose: Who) -> int | None:
        """Return the number that stands for an attempt; announce it the first time.

        None for an attempt that is not the current one and was never announced: its place is
        unknown.
        """
        ref = self._refs.get(whose)
        if ref is not None:
            return ref
        fields = attempt_fields()
        if fields is None or fields[:3] != whose or not fields[7]:
            return None
        task, lane = fields[6:]
        with self._lock:
            if whose in self._refs:
                return self._refs[whose]
            if len(self._refs) >= MOST_OPEN:
                self._places.pop(self._refs.pop(next(iter(self._refs))), None)
            ref, self._next = self._next, self._next + 1
            place = f"{whose[0]},{task},{whose[2]},{lane}"
            if not self._write(f"A{ref} {place}\n".encode()):
                return None
            self._places[ref] = place
            self._refs[whose] = ref
        return ref

    def _write_line(self, ref: int, record: bytes) -> None:
        dropped = self._dropped.pop(ref, 0) if self._dropped else 0
        if dropped and not self._write(f"D{ref} {dropped}\n".encode()):
            self._dropped[ref] = dropped + 1
        elif not self._write(record):
            self._dropped[ref] = self._dropped.get(ref, 0) + 1

    def _write(self, record: bytes) -> bool:
        try:
            os.write(self._descriptor, record)
        except BlockingIOError:
            return self._write_later(record)
        except OSError:  # the collector and the parent are gone
            return False
        self._is_stuck = False
        return True

    def _write_later(self, record: bytes) -> bool:
        """Wait for room, but only once while the collector does not read."""
        wait, self._is_stuck = 0.0 if self._is_stuck else WAIT_S, True
        with suppress(OSError, ValueError):
            poll = select.poll()
            poll.register(self._descriptor, select.POLLOUT)
            if poll.poll(wait * 1000):
                os.write(self._descriptor, record)
                self._is_stuck = False
                return True
        return False


@dataclass(frozen=True, slots=True)
class ChildPipes:
    """The write ends of one child. ``token``: for the marks in the output of programs."""

    records: int
    programs: int
    token: str

    def close(self) -> None:
        """Close them: they are the child's."""
        os.close(self.records)
        os.close(self.programs)


def new_pipe() -> tuple[int, int]:
    """Return the read end and the write end of a pipe with room for what a flood prints."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    # A user has 64 MiB of pipes; beyond that, the ordinary 64 KiB have to do.
    with suppress(OSError, ValueError):
        fcntl.fcntl(writer, _F_SETPIPE_SZ, PIPE_BYTES)
    return reader, writer


def _pieces(data: bytes, most: int) -> list[bytes]:
    """Cut a text into pieces that are UTF-8 each."""
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        end = min(at + most, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(data[at:end])
        at = end
    return pieces
