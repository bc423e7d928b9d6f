"""Submissions: what a client sends for a run, and whether a run exists that equals it.

The script compares bytes, which is fast and right for a call that is sent twice. But equal values
may be packed to different bytes: the order of a set differs between processes, and a dict keeps its
insertion order. So before a run id is reported as taken, the values are compared by the digest that
also identifies results and cached calls. If the stored values cannot be read here (a class is
missing, or another key signed them), the runs count as different.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..codec.digests import digest
from ..codec.packing import CodecError, pack, unpack
from ..codec.provenance import Provenance, params_purpose
from ..exceptions import DAGError, FlowkitError, RedisUnavailable, RunExists
from ..protocol.client_store import ClientStore, Submission
from ..protocol.graphs import digest_of, pack_graph, unpack_graph
from .run_ids import check_run_id, new_run_id

if TYPE_CHECKING:
    from ..core.compiled import CompiledDAG
    from .shard import ShardConnection


def submission_of(
    compiled: CompiledDAG,
    packed: bytes,
    run_id: str | None,
    params: Mapping[str, object] | None,
    ttl: int,
    max_bytes: int,
) -> Submission:
    """Return the submission of one run.

    ``ttl``: seconds. ``max_bytes``: the limit of its packed parameters. Raises ValueError for an
    invalid id, DAGError for parameters that cannot be stored.
    """
    return Submission(
        run=new_run_id() if run_id is None else check_run_id(run_id),
        dag_name=compiled.name,
        digest=digest_of(packed),
        packed_graph=packed,
        packed_params=_packed(compiled.name, params, max_bytes) if params else b"",
        total=len(compiled.graph),
        ttl_ms=ttl * 1000,
    )


def _packed(dag_name: str, params: Mapping[str, object], max_bytes: int) -> bytes:
    try:
        return pack(dict(params), max_bytes=max_bytes, root="params")
    except CodecError as error:
        raise DAGError(
            f"a parameter of the run of DAG {dag_name!r} cannot be sent to workers: {error}"
        ) from error


def send(submission: Submission, shard: ShardConnection, provenance: Provenance) -> None:
    """Sign a submission and send it to a shard.

    Raises RunExists if another run has the id, RedisUnavailable.
    """
    submission = signed(submission, provenance, shard.shard.namespace)
    with shard.store() as store:
        try:
            store.submit(submission, graph_known=submission.digest in shard.graphs)
        except RunExists:
            if not is_same_run(store, submission, provenance):
                raise
    shard.graphs.add(submission.digest)


def send_many(
    submissions: Sequence[Submission], shards: Sequence[ShardConnection], provenance: Provenance
) -> None:
    """Sign submissions and send each to its shard, in few round trips. Raises RedisUnavailable."""
    parts: dict[ShardConnection, list[Submission]] = {}
    for submission, shard in zip(submissions, shards, strict=True):
        ready = signed(submission, provenance, shard.shard.namespace)
        parts.setdefault(shard, []).append(ready)
    for shard, part in parts.items():
        with shard.store() as store:
            store.submit_many(part)


def signed(submission: Submission, provenance: Provenance, namespace: str) -> Submission:
    """Return the submission with signed parameters, if this process has a key.

    Empty parameters are signed too, so that workers know that the run comes from a key holder.
    """
    if not provenance:
        return submission
    purpose = params_purpose(namespace, submission.run, submission.digest)
    return replace(submission, packed_params=provenance.sign(submission.packed_params, purpose))


def is_same_run(store: ClientStore, submission: Submission, provenance: Provenance) -> bool:
    """Return whether the existing run with this id has an equal graph and equal parameters.

    Raises RedisUnavailable.
    """
    try:
        record, stored = store.read_run(submission.run), store.read_params(submission.run)
        purpose = params_purpose(store.keys.namespace, submission.run, record.digest)
        what = f"the parameters of run {submission.run}"
        ours_purpose = params_purpose(store.keys.namespace, submission.run, submission.digest)
        ours = provenance.open(submission.packed_params, ours_purpose, what)
        if not _are_equal(provenance.open(stored, purpose, what), ours):
            return False
        if record.digest == submission.digest:
            return True
        graph = store.read_graph(record.digest)
        return graph is not None and _is_same_graph(graph, unpack_graph(submission.packed_graph))
    except RedisUnavailable:
        raise
    except (FlowkitError, CodecError):
        return False


def _is_same_graph(first: CompiledDAG, second: CompiledDAG) -> bool:
    if first.kwargs.keys() != second.kwargs.keys():
        return False
    if pack_graph(replace(first, kwargs={})) != pack_graph(replace(second, kwargs={})):
        return False
    return all(_are_equal(packed, second.kwargs[task]) for task, packed in first.kwargs.items())


def _are_equal(first: bytes, second: bytes) -> bool:
    """Compare packed values, ignoring the order of sets and dicts."""
    return first == second or _digest_of(first) == _digest_of(second)


def _digest_of(packed: bytes) -> str:
    value = unpack(packed, max_bytes=len(packed)) if packed else {}
    return digest(value, "value")
