"""The ids of child runs: they follow from the attempt that calls them.

So an attempt that is repeated, or an outcome that is sent again, finds the same child runs.
"""

from __future__ import annotations

from hashlib import blake2b

from ..codec.digests import joined

ID_BYTES = 10  # as random as the ids of other runs


def child_run_id(run: str, life: str, attempt: tuple[int, int], position: int) -> str:
    """Return the id of a child run.

    ``life``: which submission and resume of ``run`` it is. ``attempt``: task and attempt, numbers.
    ``position``: of the call among those of the attempt.
    """
    parts = (run, life, *map(str, attempt), str(position))
    data = joined("call", [part.encode() for part in parts])
    return blake2b(data, digest_size=ID_BYTES).hexdigest()
