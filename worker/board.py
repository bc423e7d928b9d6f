"""The board: shared memory in which a child writes what it is executing, for its parent to read.

The parent needs it at moments when the child cannot be asked: after its death (which task is to
blame) and while it hangs (has a deadline passed). One slot per attempt that can execute at a time:
slot 0 is the sync lane's, the others are the async lane's. Writing a slot costs about a
microsecond, so it is done for every attempt.

A slot: busy flag, deadline (monotonic seconds, 0 for none; the clock is the machine's, so it is
the same in both processes), length, text. The text is ``run,task,attempt|token|limit|name``: who
it is; the outcome to record should its deadline pass and the timeout in seconds, empty without
one; the task's name, if the child knew it in time. A suspect's attempt ends in ``!``. The policy
is the child's to know, not the parent's. The flag is raised last and lowered first; a reader that
must be sure stops the child before it looks.

Behind the slots is one byte for each ``Mark``, and then the child's last word: 0, or one more than
the ``ExitCode`` with which it ends itself. Exit codes cannot say that, since user code chooses them
as well.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

SLOT_BYTES = 384
_HEAD = struct.Struct("=BdH")
_DEADLINE = struct.Struct("=d")
_TEXT = re.compile(
    r"([A-Za-z0-9_.:\-]{1,128}),([0-9]{1,7}),([0-9]{1,9})(!?)"
    r"(?:\|([0-9]{1,7},[0-9]{1,9},[A-Z][A-Za-z0-9_.,!~\-]*)?"
    r"\|([0-9]{1,20}(?:\.[0-9]{1,20})?(?:e[+-]?[0-9]{1,3})?)?"
    r"\|(.*))?",
    re.DOTALL,
)
_MAX_TEXT = SLOT_BYTES - _HEAD.size


class Mark(IntEnum):
    """What a child says of itself.

    ``READY``: it has loaded the app. ``WAITS``: the task of its sync lane waits for the end of
    another run; ``LOOP_WAITS``: one that blocks its event loop does.
    """

    READY = 0
    WAITS = 1
    LOOP_WAITS = 2


@dataclass(frozen=True, slots=True)
class Executing:
    """One attempt that a child is executing.

    ``token``: the outcome if its deadline passes; ``limit``: its timeout in seconds;
    ``suspect``: it was executing when a process died before.
    """

    slot: int
    run: str
    task: int
    attempt: int
    deadline: float
    token: str = ""
    limit: float = 0.0
    name: str = ""
    suspect: bool = False

    @property
    def key(self) -> str:
        """How scripts name it."""
        return f"{self.run},{self.task}"

    def __str__(self) -> str:
        task = repr(self.name) if self.name else str(self.task)
        return f"task {task} of run {self.run} (attempt {self.attempt})"


class Board:
    """The slots of one child. Create it before forking: both sides then share it."""

    def __init__(self, async_slots: int) -> None:
        """One slot for the sync lane and ``async_slots`` for the async one."""
        self.slots = 1 + async_slots
        self._marks_at = self.slots * SLOT_BYTES
        self._memory = mmap.mmap(-1, self._marks_at + len(Mark) + 1)

    def mark(self, mark: Mark, *, on: bool = True) -> None:
        """Set a mark, or take it back."""
        self._memory[self._marks_at + mark] = on

    def is_marked(self, mark: Mark) -> bool:
        """Return whether a mark is set."""
        return bool(self._memory[self._marks_at + mark])

    def enter(self, slot: int, text: str, deadline: float = 0.0) -> None:
        """Note that ``slot`` executes ``text`` from now on."""
        at = slot * SLOT_BYTES
        data = text.encode()[:_MAX_TEXT]
        end = at + _HEAD.size + len(data)
        self._memory[at] = 0
        self._memory[at + _HEAD.size : end] = data
        _HEAD.pack_into(self._memory, at, 0, deadline, len(data))
        self._memory[at] = 1

    def disarm(self, slot: int) -> None:
        """Take back the deadline of what ``slot`` executes: the call was over in time."""
        _DEADLINE.pack_into(self._memory, slot * SLOT_BYTES + 1, 0.0)

    def leave(self, slot: int) -> None:
        """Note that ``slot`` executes nothing."""
        self._memory[slot * SLOT_BYTES] = 0

    def say_end(self, code: int) -> None:
        """Note, as the child, that it ends itself now, and why."""
        self._memory[self._marks_at + len(Mark)] = code + 1

    @property
    def said_end(self) -> int | None:
        """Why the child ended itself; None if something else ended it."""
        word = self._memory[self._marks_at + len(Mark)]
        return word - 1 if word else None

    def executing(self) -> Iterator[Executing]:
        """Yield what is executing now."""
        for slot in range(self.slots):
            at = slot * SLOT_BYTES
            if not self._memory[at]:
                continue
            _, deadline, length = _HEAD.unpack_from(self._memory, at)
            start = at + _HEAD.size
            text = self._memory[start : start + length].decode("utf-8", "ignore")
            fields = _TEXT.fullmatch(text)
            if fields is None:
                continue  # user code has written here, which must not end the parent
            run, task, attempt, suspect, token, limit, name = fields.groups(default="")
            yield Executing(
                slot,
                run,
                int(task),
                int(attempt),
                deadline,
                token,
                float(limit or 0),
                name,
                bool(suspect),
            )

    def overdue(self, now: float) -> bool:
        """Return whether some deadline lies before ``now``: a cheap look, to be confirmed."""
        for slot in range(self.slots):
            busy, deadline, _ = _HEAD.unpack_from(self._memory, slot * SLOT_BYTES)
            if busy and 0.0 < deadline < now:
                return True
        return False

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()
