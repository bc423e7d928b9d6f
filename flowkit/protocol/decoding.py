"""Decoding of values from Redis: the border that validates everything before it is used.

Anyone who can write to Redis can write anything, so each value has a parser that checks its type,
size, digits and range (see ``limits``). A parser returns a value that is safe to use or raises
``CorruptData``. It never guesses, and its cost is bounded by the limit, not by the value. The
scripts check with the same limits: ``lua/_lib/border.lua``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from ..core.lanes import LANE, WORKER_ID
from ..exceptions import StoreError
from .keys import RUN_ID
from .limits import MAX_LANE, MAX_LANES, MAX_QUEUE, MAX_RUN_ID, TASK_DIGITS, TIME_DIGITS

PART = 1000  # maximum number of items in one script call
SHOWN = 60  # maximum bytes of a value that an error quotes

State = TypeVar("State", bound=StrEnum)

_DIGEST = re.compile(rb"[0-9a-f]{64}")
_WORKER = re.compile(WORKER_ID.encode())
_LANE = re.compile(LANE.encode())
_LIST = re.compile(rb"[A-Za-z0-9_.\-]{1,%d}(?:~async)?(?:@[0-9a-f]{16})?" % MAX_QUEUE)
_LEVELS = re.compile(rb"[!0-9]{0,11}")
_STOP = re.compile(rb"[A-Za-z0-9_.:\-]{1,128},(?:0|[1-9][0-9]{0,6}),(?:0|[1-9][0-9]{0,8})")
_ANNOUNCEMENT_ID = re.compile(rb"[0-9]{1,20}-[0-9]{1,20}")


class CorruptData(StoreError):
    """The data of one run in Redis is invalid or missing.

    Other errors of the store may pass within a minute and say nothing about a run.
    """


class Oversized(CorruptData):
    """A reply exceeds the size limit, so it was not read completely."""


class NoMemory(StoreError, MemoryError):
    """The data in Redis is valid, but this process has too little memory to read it now."""


def shown(data: object) -> str:
    """Return a short, printable form of a value for an error message."""
    if not isinstance(data, bytes):
        return f"a value of type {type(data).__name__}"
    more = f" and {len(data) - SHOWN} more bytes" if len(data) > SHOWN else ""
    return f"{data[:SHOWN]!r}{more}"


def text_of(data: bytes) -> str:
    """Decode a name. Bytes that are not UTF-8 give a name that nothing in Redis has."""
    return data[: 4 * MAX_RUN_ID].decode("utf-8", "backslashreplace")


# -- one value ------------------------------------------------------------------------------------


def number(data: object, what: str, digits: int = TIME_DIGITS) -> int:
    """Decode an integer of at most ``digits`` decimal digits. Raises CorruptData."""
    if isinstance(data, bytes) and len(data) <= digits and data.isdigit():
        return int(data)
    raise CorruptData(f"{what} is not a number of up to {digits} digits: {shown(data)}")


def task_number(data: object) -> int:
    """Decode the number of a task, which has no leading zeros. Raises CorruptData."""
    task = number(data, "the number of a task", TASK_DIGITS)
    if data != str(task).encode():
        raise CorruptData(f"the number of a task has leading zeros: {shown(data)}")
    return task


def is_run_id(name: str) -> bool:
    """Return whether a run can have this id."""
    return RUN_ID.fullmatch(name) is not None


def run_id(data: object) -> str:
    """Decode the id of a run. Raises CorruptData."""
    if isinstance(data, bytes) and len(data) <= 4 * MAX_RUN_ID:
        name = data.decode("utf-8", "replace")
        if is_run_id(name):
            return name
    raise CorruptData(f"not a valid run id: {shown(data)}")


def digest(data: object) -> str:
    """Decode the digest of a graph. Raises CorruptData."""
    return _matching(data, _DIGEST, 64, "the digest of a graph")


def worker_id(data: object) -> str:
    """Decode the id of a worker. Raises CorruptData."""
    return _matching(data, _WORKER, MAX_LANE, "the id of a worker")


def is_worker(name: bytes) -> bool:
    """Return whether a worker can have this id."""
    return len(name) <= MAX_LANE and _WORKER.fullmatch(name) is not None


def lane(data: object) -> str:
    """Decode the name of a lane of a worker. Raises CorruptData."""
    return _matching(data, _LANE, MAX_LANE, "the name of a lane")


def announcement_id(data: object) -> str:
    """Decode the id of an announcement of facts. Raises CorruptData."""
    return _matching(data, _ANNOUNCEMENT_ID, 41, "the id of an announcement")


def state(data: object, states: type[State]) -> State:
    """Decode a state of a task or a run. Raises CorruptData."""
    if isinstance(data, bytes) and len(data) <= 32:
        name = data.decode("ascii", "replace")
        if name in states.__members__.values():
            return states(name)
    raise CorruptData(f"unknown state: {shown(data)}")


def _matching(data: object, pattern: re.Pattern[bytes], longest: int, what: str) -> str:
    if isinstance(data, bytes) and len(data) <= longest and pattern.fullmatch(data):
        return data.decode("ascii")
    raise CorruptData(f"{what} is damaged: {shown(data)}")


# -- several --------------------------------------------------------------------------------------


def named(resuming: object) -> tuple[int, ...] | None:
    """Decode the field that ``resume`` writes: "from 3 7", or "1" if no task was named.

    Raises CorruptData.
    """
    if resuming is None:
        return None
    if not isinstance(resuming, bytes):
        raise CorruptData(f"the tasks of a resume are damaged: {shown(resuming)}")
    return tuple(map(task_number, resuming.partition(b"from ")[2].split()))


def lane_names(worker: bytes, lanes: object) -> list[str]:
    """Return the lanes that a worker has registered, without invalid names."""
    if not isinstance(lanes, bytes) or len(lanes) > MAX_LANES * MAX_LANE:
        return []
    names = [lane for lane in lanes.split()[:MAX_LANES] if _LANE.fullmatch(lane)]
    return [lane.decode("ascii") for lane in names if lane.startswith(worker + b".")]


def is_list(name: bytes) -> bool:
    """Return whether a ready list can have this name."""
    return _LIST.fullmatch(name) is not None


def levels_of(flat: Sequence[object]) -> list[tuple[str, str]]:
    """Return (ready list, its levels) from the hash of levels, without damaged items."""
    return [
        (name.decode("ascii"), levels.decode("ascii"))
        for name, levels in pairs(flat)
        if is_list(name) and _LEVELS.fullmatch(levels)
    ]


def stops_of(text: bytes) -> list[str]:
    """Return the attempts that a heartbeat says to stop, without invalid ones."""
    return [stop.decode("ascii") for stop in text.split(b" ") if _STOP.fullmatch(stop)]


def text_list(text: bytes) -> list[str]:
    """Decode names separated by spaces, as scripts join them."""
    return text.decode("utf-8", "backslashreplace").split()


def pairs(flat: Sequence[Any]) -> Iterable[tuple[Any, Any]]:
    """Return the pairs of a flat reply: field, value, field, value …"""
    return zip(flat[::2], flat[1::2], strict=True)


def in_parts(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Split a list into parts of the size that one script call takes."""
    return (items[at : at + PART] for at in range(0, len(items), PART))
