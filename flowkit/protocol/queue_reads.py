"""Reads of the queues: which ready lists exist, and which runs have a backlog behind them.

They are functions, since the stores of clients and of the scheduler share them, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping

from .decoding import is_run_id, levels_of, text_of
from .keys import Keys, base_of
from .link import Link

Place = tuple[str, str]  # ready list, level


def places(link: Link, keys: Keys) -> dict[Place, bool]:
    """Return all valid ready lists from which workers claim, and whether they look for backlogs.

    One round trip, two if there are lists of functions. Claims only look where ``levels`` says that
    there may be some, and only into lists of functions that are named in ``parked``.
    """
    flat = link.call("HGETALL", keys.levels())
    lists, noted = levels_of(flat), set(map(text_of, flat[::2]))
    parts = [
        (name, *name.partition("@"))
        for name, _ in lists
        if "@" not in name or f"{base_of(name)}@" in noted
    ]
    reads = [
        ("SISMEMBER", keys.parked(base), function) for _, base, mark, function in parts if mark
    ]
    parked = iter(link.batch_each(reads) if reads else ())
    known = {name for name, _, mark, _ in parts if not mark or next(parked) == 1}
    return {
        (name, level): f"{name}+" in noted
        for name, levels in lists
        if name in known
        for level in levels
    }


def backlogs(
    link: Link, keys: Keys, places: Mapping[Place, bool], most: int = 0
) -> list[tuple[str, str, str]]:
    """Return (ready list, level, run) of the runs that have a turn there. One round trip.

    ``most``: of the runs of each place, 0 for all.
    """
    there = [place for place, has_backlogs in places.items() if has_backlogs]
    turns = [("LRANGE", keys.turns(*place), 0, most - 1) for place in there]
    waiting: dict[tuple[str, str, str], None] = {}  # a run may have a turn twice
    for (name, level), runs in zip(there, link.batch_each(turns) if turns else (), strict=True):
        if isinstance(runs, list):
            ids = filter(is_run_id, map(text_of, runs))
            waiting.update({(name, level, run): None for run in ids})
    return list(waiting)
