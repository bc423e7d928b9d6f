"""Which shard a run belongs to: a function of its id and of the number of shards, of nothing else.

Highest random weight, also called rendezvous hashing (D. Thaler and C. Ravishankar, "Using
name-based mappings to increase hit rates", IEEE/ACM Transactions on Networking 6 (1), 1998): each
shard gets a weight from a hash of its position and the id, and the heaviest has the run. A shard
that is appended changes nobody else's weight, so an id stays where it is or moves to the new one,
and of n shards only 1 in n + 1 ids moves to the next.

The hash is part of the format of what is stored: another one would look for runs elsewhere.
"""

from __future__ import annotations

import hashlib


def owner(run: str, shards: int) -> int:
    """Return the position of the shard that a run belongs to, of so many shards."""
    return former_owners(run, shards)[0] if shards > 1 else 0


def former_owners(run: str, shards: int, since: int = 1) -> list[int]:
    """Return the positions that the run has belonged to since there were so many shards, newest
    first. The first one is that of today. They are few: 1/1 + 1/2 + … + 1/n at most, on average.
    """
    heaviest = b""
    owners: list[int] = []
    for position in range(shards):
        weight = hashlib.blake2b(f"{position} {run}".encode(), digest_size=8).digest()
        if weight > heaviest:
            heaviest = weight
            owners = [*(owners if position >= since else ()), position]
    return owners[::-1]
