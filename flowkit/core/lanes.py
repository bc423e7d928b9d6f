"""The names of lanes.

A worker is started under an id that is never used again. Its N-th child has two lanes:
``WORKER.N`` claims attempts of plain functions, ``WORKER.Na`` those of ``async`` ones. N counts
from 0 and is never reused, so a lane names one start of one process. The scripts take these names
apart too: ``take_once.lua`` and ``reap.lua`` (the worker), ``suspects.lua`` (the other lane of the
child) and ``versions.lua`` (the child).
"""

from __future__ import annotations

# The grammar, as regular expressions.
WORKER_ID = r"[A-Za-z0-9_\-]{1,64}"
LANE = rf"{WORKER_ID}\.[0-9]{{1,9}}a?"

_ASYNC = "a"


def lanes_of(worker: str, number: int) -> tuple[str, str]:
    """Return the lanes of a worker's child: for plain and for async functions."""
    lane = f"{worker}.{number}"
    return lane, lane + _ASYNC


def is_async_lane(lane: str) -> bool:
    """Return whether a lane is one for async functions."""
    return lane.endswith(_ASYNC)


def worker_of(lane: str) -> str:
    """Return the id of the worker that a lane belongs to; "" for no lane."""
    return lane.partition(".")[0]


def child_of(lane: str) -> str:
    """Return the name of the child that a lane belongs to, which both of its lanes begin with."""
    return lane.removesuffix(_ASYNC)
