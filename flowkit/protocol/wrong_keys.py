"""Which keys of a namespace hold another type of value than flowkit writes there.

Redis says only that some key does. This asks each with a read that fits its type alone, once
something has gone wrong: then a name is worth a round trip.
"""

from __future__ import annotations

from .reply_errors import WrongType
from .store import Store


def wrong_keys(store: Store) -> str:
    """Return which keys of all runs are to be removed, and why; "" if none of them is wrong.

    Raises StoreError.
    """
    keys = store.keys
    reads: list[tuple[str, tuple[object, ...]]] = [
        ("sorted set", ("ZCARD", keys.runs())),
        ("set", ("SMEMBERS", keys.active())),
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
