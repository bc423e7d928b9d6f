"""Sending of submissions to their shards, in as few round trips as there can be."""

from __future__ import annotations

from collections.abc import Sequence

from ..codec.provenance import Provenance
from ..exceptions import RunExists
from ..protocol.client_store import Submission
from .same_run import is_same_run
from .shard import ShardConnection


def send(submission: Submission, shard: ShardConnection, provenance: Provenance) -> None:
    """Sign a submission and send it to a shard.

    Raises RunExists if another run has the id, RedisUnavailable.
    """
    with shard.store() as store:
        submission = submission.signed(provenance, shard.shard.namespace)
        try:
            store.submit(submission, graph_known=submission.digest in shard.graphs)
        except RunExists:
            if not is_same_run(store, submission, provenance):
                raise
    shard.graphs.add(submission.digest)


def send_many(
    submissions: Sequence[Submission], shards: Sequence[ShardConnection], provenance: Provenance
) -> None:
    """Sign submissions and send each to its shard. Raises RedisUnavailable."""
    parts: dict[ShardConnection, list[Submission]] = {}
    for submission, shard in zip(submissions, shards, strict=True):
        parts.setdefault(shard, []).append(submission)
    for shard, part in parts.items():
        namespace = shard.shard.namespace
        with shard.store() as store:
            store.submit_many([item.signed(provenance, namespace) for item in part])
