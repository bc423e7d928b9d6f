"""Sending submissions to their shards, in as few round trips as possible."""

from __future__ import annotations

from collections.abc import Sequence

from ..codec.provenance import Provenance
from ..protocol.client_store import ClientStore, Submission
from .same_run import is_same_run
from .shard import ShardConnection


def send(
    submissions: Sequence[Submission], shards: Sequence[ShardConnection], provenance: Provenance
) -> list[bool]:
    """Sign runs of one DAG and send each to its shard. Return which of them are new.

    Raises RunExists if another run has the id, RedisUnavailable.
    """
    parts: dict[ShardConnection, list[int]] = {}
    for at, shard in enumerate(shards):
        parts.setdefault(shard, []).append(at)
    new: dict[int, bool] = {}
    for shard, places in parts.items():
        part = [submissions[at] for at in places]
        new.update(zip(places, _send_part(part, shard, provenance), strict=True))
    return [new[at] for at in range(len(submissions))]


def _send_part(
    submissions: Sequence[Submission], shard: ShardConnection, provenance: Provenance
) -> list[bool]:
    def is_same(store: ClientStore, submission: Submission) -> bool:
        return is_same_run(store, submission, provenance)

    namespace, digest = shard.shard.namespace, submissions[0].digest
    with shard.store() as store:
        signed = [item.signed(provenance, namespace) for item in submissions]
        if len(signed) > 1:
            new = store.submit_many(signed, is_same=is_same)
        else:
            new = [store.submit(signed[0], graph_known=digest in shard.graphs, is_same=is_same)]
    shard.graphs.add(digest)
    return new
