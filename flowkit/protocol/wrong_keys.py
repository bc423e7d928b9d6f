"""Finds the keys of a namespace that hold a value of the wrong type.

Redis only reports that some key does. After such an error, this module reads each key with a
command of the expected type, which names the key for one round trip.
"""

from __future__ import annotations

from .reply_errors import WrongType
from .store import Store


def wrong_keys(store: Store) -> str:
    """Return which shared keys must be removed, and why; "" if none of them is wrong.

    Raises StoreError.
    """
    keys = store.keys
    reads: list[tuple[str, tuple[object, ...]]] = [
        ("sorted set", ("ZCARD", keys.runs())),
        ("set", ("SMEMBERS", keys.active())),
        ("set", ("SCARD", keys.parents())),
        ("sorted set", ("ZCARD", keys.dead())),
        ("hash", ("HLEN", keys.graphs())),
        ("hash", ("HLEN", keys.levels())),
        ("sorted set", ("ZCARD", keys.delayed())),
        ("stream", ("XRANGE", keys.events(), "-", "+", "COUNT", 1)),
        ("string", ("GET", keys.cursor())),
        ("list", ("LLEN", keys.quarantine())),
        ("string", ("GET", keys.leader())),
        ("string", ("GET", keys.layout())),
        ("sorted set", ("ZCARD", keys.workers())),
        ("string", ("GET", keys.schema())),
    ]
    replies = store.link.batch_each([read for _, read in reads])
    wrong = [
        f"{read[1]} is no {kind}"
        for (kind, read), reply in zip(reads, replies, strict=True)
        if isinstance(reply, WrongType)
    ]
    return f"{' and '.join(wrong)}: delete or rename it" if wrong else ""
