"""Reads of the queues: which ready lists exist, and which runs have a backlog behind them.

They are functions, since the stores of clients and of the scheduler share them, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .decoding import is_run_id, levels_of, text_of
from .keys import Keys, base_of
from .link import Link

Place = tuple[str, str]  # ready list, level
MOST_LISTS = 10_000  # of which clients read the length


class ListLength(NamedTuple):
    """How many attempts a list holds. ``run``: whose backlog it is, "" for the list itself."""

    ready_list: str
    level: str
    run: str
    key: str
    length: int


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


def list_lengths(link: Link, keys: Keys) -> tuple[list[ListLength], bool]:
    """Return how many attempts wait where workers claim from, and whether there are more lists.

    Three or four round trips. At most ``MOST_LISTS`` lists; one of a wrong type counts as empty.
    """
    there = places(link, keys)
    lists = [(name, level, "", keys.ready(name, level)) for name, level in there]
    lists += [
        (name, level, run, keys.backlog(name, level, run))
        for name, level, run in backlogs(link, keys, there, MOST_LISTS + 1)
    ]
    is_cut = len(lists) > MOST_LISTS
    del lists[MOST_LISTS:]
    lengths = link.batch_each([("LLEN", key) for *_, key in lists])
    return [
        ListLength(*item, length if isinstance(length, int) else 0)
        for item, length in zip(lists, lengths, strict=True)
    ], is_cut
