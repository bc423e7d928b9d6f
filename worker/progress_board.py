"""The progress board: shared memory in which a child writes how far its attempts have got.

The parent reads it, and sends to Redis what has changed (``progress_reporter.py``). A thread of the
child writes it, at most twice a second and only while a task reports something. Only the last
report matters, so memory fits better than a pipe: nothing queues up behind the lines that tasks
print, the parent reads only when it is about to send, and a child that is killed leaves its last
report behind. Writing an entry takes 2 µs; a parent that looks in vain, 0.3 µs per child.

The board begins with a counter of changes. An entry has a flag, a number that each write changes, a
length and a text: ``run,task,attempt,done,total,text``. A reader ignores an entry whose number
changes while it reads. User code can overwrite the memory, so the parent validates each entry, and
takes only those of attempts that the child is executing.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Mapping

from flowkit.execution.progress import Key, Report, Reporter
from flowkit.protocol.limits import MAX_PROGRESS_BYTES
from flowkit.protocol.progress_fields import ATTEMPT, is_progress, progress_text

_CHANGES = struct.Struct("=Q")
_HEAD = struct.Struct("=BIH")
_MAX_TEXT = MAX_PROGRESS_BYTES + 160  # the attempt takes up to 146 bytes
_ENTRY = _HEAD.size + _MAX_TEXT


class ProgressBoard:
    """The entries of one child. Create it before forking, so that both processes share it."""

    def __init__(self, count: int) -> None:
        """``count``: how many attempts the child can execute at a time. Unused entries take no
        memory."""
        self._count = count
        self._memory = mmap.mmap(-1, _CHANGES.size + count * _ENTRY)
        self._written: dict[Key, tuple[int, Report]] = {}

    # -- in the child ---------------------------------------------------------------------------

    def write(self, reporters: Mapping[Key, Reporter]) -> None:
        """Write the reports that have changed, and remove those of other attempts."""
        changes = 0
        for key in [key for key in self._written if key not in reporters]:
            at, _ = self._written.pop(key)
            self._memory[_place(at)] = 0
            changes += 1
        for key, reporter in reporters.items():
            report, before = reporter.report, self._written.get(key)
            if reporter.number >= 0 and (before is None or before[1] is not report):
                place = self._free() if before is None else before[0]
                if place is not None:
                    self._write(place, key, reporter)
                    self._written[key] = place, report
                    changes += 1
        if changes:
            _CHANGES.pack_into(self._memory, 0, (self.changes + changes) % 2**64)

    def _free(self) -> int | None:
        taken = {at for at, _ in self._written.values()}
        return next((at for at in range(self._count) if at not in taken), None)

    def _write(self, at: int, key: Key, reporter: Reporter) -> None:
        attempt = f"{reporter.run_id},{reporter.number},{key[2]}"
        text = f"{attempt},{progress_text(reporter.progress())}"
        data = text.encode("utf-8", "replace")[:_MAX_TEXT]
        start = _place(at)
        _, number, _ = _HEAD.unpack_from(self._memory, start)
        _HEAD.pack_into(self._memory, start, 0, (number + 1) % 2**32, len(data))
        self._memory[start + _HEAD.size : start + _HEAD.size + len(data)] = data
        self._memory[start] = 1

    # -- in the parent --------------------------------------------------------------------------

    @property
    def changes(self) -> int:
        """How often entries were written or removed."""
        number: int = _CHANGES.unpack_from(self._memory, 0)[0]
        return number

    def read(self) -> Iterator[tuple[str, str]]:
        """Yield the attempts (``run,task,attempt``) and what they report (``done,total,text``)."""
        for at in range(self._count):
            start = _place(at)
            head = self._memory[start : start + _HEAD.size]
            busy, _, length = _HEAD.unpack(head)
            if not busy or length > _MAX_TEXT:
                continue
            data = self._memory[start + _HEAD.size : start + _HEAD.size + length]
            if self._memory[start : start + _HEAD.size] != head:
                continue  # it is being written, so there will be another change
            text = data.decode("utf-8", "replace")
            attempt = ATTEMPT.match(text)
            if attempt is not None and text[attempt.end() : attempt.end() + 1] == ",":
                report = text[attempt.end() + 1 :]
                if is_progress(report):
                    yield attempt[0], report

    def close(self) -> None:
        """Release the memory."""
        self._memory.close()


def _place(at: int) -> int:
    return _CHANGES.size + at * _ENTRY
