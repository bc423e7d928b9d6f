"""Memories: what a task that comes again keeps for its next attempt.

The text is ``TIMES,VALUE``: how often the task has come again, and the packed value, empty for
None. It is in the hash ``run:<id>:inputs``, as the field ``N^`` of task N. The script ``complete``
writes it with the outcome, and a worker reads it if the attempt has the flag ``spent.Flag.AGAIN``.
"""

from __future__ import annotations

import re

from .decoding import CorruptData
from .limits import ATTEMPT_DIGITS

_MEMORY = re.compile(rb"([1-9][0-9]{0,%d})," % (ATTEMPT_DIGITS - 1))


def memory_field(task: int) -> str:
    """Return the name of the field of a task."""
    return f"{task}^"


def encode_memory(times: int, value: bytes) -> bytes:
    """Return the stored form of a memory."""
    return b"%d,%b" % (times, value)


def decode_memory(data: bytes | None) -> tuple[int, bytes]:
    """Return the number of times and the packed value. Raises CorruptData."""
    match = _MEMORY.match(data) if data is not None else None
    if data is None or match is None:
        state = "missing" if data is None else "damaged"
        raise CorruptData(
            f"what this task kept when it asked to come again is {state} in Redis. Resume the run: "
            "the task then starts from the beginning"
        )
    return int(match[1]), data[match.end() :]
