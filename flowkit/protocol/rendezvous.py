"""The shard of a run, a function of only the run's id and the number of shards.

Highest random weight, also called rendezvous hashing (D. Thaler and C. Ravishankar, "Using
name-based mappings to increase hit rates", IEEE/ACM Transactions on Networking 6 (1), 1998): each
shard gets a weight from a hash of its position and the id, and the heaviest one has the run. An
appended shard does not change the other weights, so an id stays or moves to the new shard. If
there were n shards, 1 of n + 1 ids moves.

The hash is part of the stored format: with another hash, runs would be looked up elsewhere.
"""

from __future__ import annotations

import hashlib


def owner(run: str, shards: int) -> int:
    """Return the position of the shard of a run, among ``shards`` shards."""
    return former_owners(run, shards)[0] if shards > 1 else 0


def former_owners(run: str, shards: int, since: int = 1) -> list[int]:
    """Return the positions of the run since there were ``since`` shards, newest first.

    The first one is the current position. On average there are at most 1/1 + 1/2 + … + 1/n.
    """
    heaviest = b""
    owners: list[int] = []
    for position in range(shards):
        weight = hashlib.blake2b(f"{position} {run}".encode(), digest_size=8).digest()
        if weight > heaviest:
            heaviest = weight
            owners = [*(owners if position >= since else ()), position]
    return owners[::-1]
