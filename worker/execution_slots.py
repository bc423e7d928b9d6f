"""Execution slots: shared memory in which a child writes what it is executing, for its parent.

The parent reads it when it cannot ask the child: after a death, to find the task to blame, and
while the child hangs, to see whether a deadline has passed. There is one slot per attempt that can
execute at a time: slot 0 belongs to the sync lane, the others to the async lane. Writing a slot
costs about a microsecond, so the child does it for every attempt.

A slot holds a busy flag, a deadline (monotonic seconds, 0 for none; the clock is the machine's, so
both processes read the same time), a length and a text. The text is
``run,task,attempt|token|limit|name``: the attempt; the text of the outcome to record if the
deadline passes (see ``protocol.outcomes``) and the timeout in seconds, both empty without a
deadline; and the name of the task, if the child knew it in time. The attempt of a suspect ends in
``!``. Only the child knows the policy, so it writes the outcome in advance. The flag is set last
and cleared first. A reader that must be certain stops the child before it reads.

After the slots comes one byte for each ``ChildMark``, and then the exit reason: 0, or one more than
the ``ExitReason`` for which the child ends itself. The exit code of the process cannot tell that,
since user code can choose any exit code. Last come the id of the app that the child has loaded,
and the version of its code.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import re
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from flowkit.core.app_version import MAX_APP_VERSION, is_app_version
from flowkit.protocol.app_functions import ID_CHARS, is_id
from flowkit.protocol.outcomes import Outcome

from .lane_counts import LaneCounts
from .progress_board import ProgressBoard

SLOT_BYTES = 384
_HEAD = struct.Struct("=BdH")
_DEADLINE = struct.Struct("=d")
_TEXT = re.compile(
    r"([A-Za-z0-9_.:\-]{1,128}),([0-9]{1,7}),([0-9]{1,9})(!?)"
    r"(?:\|([0-9]{1,7},[0-9]{1,9},[A-Z][A-Za-z0-9_.,!~@\-]*)?"
    r"\|([0-9]{1,20}(?:\.[0-9]{1,20})?(?:e[+-]?[0-9]{1,3})?)?"
    r"\|(.*))?",
    re.DOTALL,
)
_APP_CHARS = ID_CHARS + MAX_APP_VERSION
_MAX_TEXT = SLOT_BYTES - _HEAD.size


# Not on macOS, which has no memfd_create either.
_SEALS = sum(getattr(fcntl, f"F_SEAL_{name}", 0) for name in ("SHRINK", "GROW", "SEAL"))


class ChildMark(IntEnum):
    """What a child reports about itself.

    ``READY``: it has loaded the app. ``WAITS``: the task in its sync lane waits for another run to
    end. ``LOOP_WAITS``: a task that blocks its event loop waits for another run to end. ``DRAINS``:
    it starts nothing more.
    """

    READY = 0
    WAITS = 1
    LOOP_WAITS = 2
    DRAINS = 3


@dataclass(frozen=True, slots=True)
class Executing:
    """One attempt that a child is executing.

    ``outcome``: the one to record if its deadline passes. ``limit``: its timeout in seconds.
    ``suspect``: it was executing when an earlier process died.
    """

    slot: int
    run: str
    task: int
    attempt: int
    deadline: float
    outcome: Outcome | None = None
    limit: float = 0.0
    name: str = ""
    suspect: bool = False

    @property
    def key(self) -> str:
        """The task as scripts name it: ``run,task``."""
        return f"{self.run},{self.task}"

    def __str__(self) -> str:
        task = repr(self.name) if self.name else str(self.task)
        return f"task {task} of run {self.run} (attempt {self.attempt})"


class ExecutionSlots:
    """The slots of one child. Create them before forking, so that both processes share them."""

    def __init__(self, async_slots: int, queues: int = 1, *, in_file: bool = False) -> None:
        """Create one slot for the sync lane and ``async_slots`` for the async lane.

        ``queues``: how many queues the worker serves, for ``counts``. ``in_file``: in memory that a
        process which exists already can map by its ``descriptor``.
        """
        self.count = 1 + async_slots
        self.counts = LaneCounts(queues)
        self.progress = ProgressBoard(self.count)
        self._marks_at = self.count * SLOT_BYTES
        size = self._marks_at + len(ChildMark) + 1 + _APP_CHARS
        self.descriptor = _memory_file(size) if in_file else -1
        self._memory = mmap.mmap(self.descriptor, size)

    def mark(self, mark: ChildMark, *, on: bool = True) -> None:
        """Set or clear a mark."""
        self._memory[self._marks_at + mark] = on

    def is_marked(self, mark: ChildMark) -> bool:
        """Return whether a mark is set."""
        return bool(self._memory[self._marks_at + mark])

    def enter(self, slot: int, text: str, deadline: float = 0.0) -> None:
        """Record that ``slot`` executes ``text``. ``deadline``: monotonic seconds, 0 for none."""
        at = slot * SLOT_BYTES
        data = text.encode()[:_MAX_TEXT]
        end = at + _HEAD.size + len(data)
        self._memory[at] = 0
        self._memory[at + _HEAD.size : end] = data
        _HEAD.pack_into(self._memory, at, 0, deadline, len(data))
        self._memory[at] = 1

    def disarm(self, slot: int) -> None:
        """Clear the deadline of ``slot``: the call ended in time."""
        _DEADLINE.pack_into(self._memory, slot * SLOT_BYTES + 1, 0.0)

    def leave(self, slot: int) -> None:
        """Record that ``slot`` executes nothing."""
        self._memory[slot * SLOT_BYTES] = 0

    def record_exit_reason(self, code: int) -> None:
        """Record, in the child, why it ends itself now."""
        self._memory[self._marks_at + len(ChildMark)] = code + 1

    def record_app(self, app: str, version: str) -> None:
        """Record, in the child, the id and the version of the app that it has loaded."""
        text = (app + version).encode().ljust(_APP_CHARS, b"\0")
        self._memory[self._marks_at + len(ChildMark) + 1 :] = text

    @property
    def app(self) -> str:
        """The id of the app that the child has loaded, "" while there is none."""
        text = self._app_text()[:ID_CHARS]
        return text if is_id(text) else ""

    @property
    def app_version(self) -> str:
        """The version of the app that the child has loaded, "" while there is none."""
        text = self._app_text()[ID_CHARS:].rstrip("\0")
        return text if is_app_version(text) else ""

    def _app_text(self) -> str:
        return self._memory[self._marks_at + len(ChildMark) + 1 :].decode("ascii", "replace")

    @property
    def exit_reason(self) -> int | None:
        """Why the child ended itself; None if something else ended it."""
        reason = self._memory[self._marks_at + len(ChildMark)]
        return reason - 1 if reason else None

    def executing(self) -> Iterator[Executing]:
        """Yield the attempts that are executing now."""
        for slot in range(self.count):
            if self._memory[slot * SLOT_BYTES]:
                executing = read_slot(self._memory, slot)
                if executing is not None:
                    yield executing

    def busy(self) -> tuple[int, int]:
        """Return how many slots of the sync lane, and of the async lane, are in use."""
        flags = self._memory[0 : self._marks_at : SLOT_BYTES]
        return int(flags[0] != 0), len(flags) - 1 - flags.count(0, 1)

    def overdue(self, now: float) -> bool:
        """Return whether a deadline lies before ``now``. The check is cheap; confirm the answer."""
        for slot in range(self.count):
            busy, deadline, _ = _HEAD.unpack_from(self._memory, slot * SLOT_BYTES)
            if busy and 0.0 < deadline < now:
                return True
        return False

    def close(self) -> None:
        """Release the memory, and keep the totals of ``counts``."""
        self.counts.close()
        self.progress.close()
        self._memory.close()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def read_slot(memory: mmap.mmap, slot: int) -> Executing | None:
    """Return the attempt in a slot, None if it is free or was overwritten by user code."""
    at = slot * SLOT_BYTES
    busy, deadline, length = _HEAD.unpack_from(memory, at)
    if not busy:
        return None
    start = at + _HEAD.size
    fields = _TEXT.fullmatch(memory[start : start + length].decode("utf-8", "ignore"))
    if fields is None:
        return None
    run, task, attempt, suspect, token, limit, name = fields.groups(default="")
    try:
        outcome = Outcome.decode(run, token) if token else None
    except ValueError:
        return None
    seconds = float(limit or 0)
    return Executing(
        slot, run, int(task), int(attempt), deadline, outcome, seconds, name, bool(suspect)
    )


def _memory_file(size: int) -> int:
    """Return the descriptor of a file without a name that only exists in memory, if possible.

    Its size is sealed. A task may truncate every descriptor that its process has, and a process
    that reads mapped memory behind the end of its file dies: the parent, and the log collector.
    """
    if not hasattr(os, "memfd_create"):
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
        os.ftruncate(descriptor, size)
        return descriptor
    descriptor = os.memfd_create("flowkit-slots", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, size)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return descriptor
