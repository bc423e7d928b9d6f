"""Reads of the queues: which ready lists exist, and which runs have a backlog behind them.

They are functions, since the stores of clients and of the scheduler share them, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

from .decoding import is_run_id, levels_of, text_of
from .keys import Keys
from .link import Link


def places(link: Link, keys: Keys) -> list[tuple[str, str]]:
    """Return (ready list, level) of all valid ready lists from which workers claim.

    One round trip, two if there are lists of functions. Claims only look into those that are named
    in ``parked``.
    """
    lists = levels_of(link.call("HGETALL", keys.levels()))
    parts = [(name, *name.partition("@")) for name, _ in lists]
    reads = [
        ("SISMEMBER", keys.parked(base), function) for _, base, mark, function in parts if mark
    ]
    parked = iter(link.batch_each(reads) if reads else ())
    known = {name for name, _, mark, _ in parts if not mark or next(parked) == 1}
    return [(name, level) for name, levels in lists if name in known for level in levels]


def backlogs(
    link: Link, keys: Keys, places: Sequence[tuple[str, str]]
) -> list[tuple[str, str, str]]:
    """Return (ready list, level, run) of the runs that have a turn there. One round trip."""
    turns = [("LRANGE", keys.turns(*place), 0, -1) for place in places]
    found: dict[tuple[str, str, str], None] = {}  # a run may have a turn twice
    for (name, level), runs in zip(places, link.batch_each(turns), strict=True):
        if isinstance(runs, list):
            ids = filter(is_run_id, map(text_of, runs))
            found.update({(name, level, run): None for run in ids})
    return list(found)
