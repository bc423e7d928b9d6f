"""Submissions: what a client sends for each run, and sending them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..codec.packing import CodecError, pack
from ..codec.provenance import Provenance
from ..core.compiled import CompiledDAG
from ..exceptions import DAGError
from ..protocol.client_store import ClientStore, Submission
from ..protocol.graphs import digest_of, pack_graph
from .run_ids import check_run_id, new_run_id
from .same_run import is_same_run
from .shard import ShardConnection


def submissions_of(
    compiled: CompiledDAG,
    runs: Iterable[tuple[str | None, Mapping[str, object] | None]],
    *,
    ttl: int,
    max_bytes: int,
) -> list[Submission]:
    """Return a submission for each run: its id, None for a new one, and its parameters.

    ``ttl``: seconds. ``max_bytes``: the limit of the packed parameters of a run. Raises ValueError
    for an invalid id, DAGError for a DAG or parameters that cannot be stored.
    """
    packed = pack_graph(compiled)
    digest = digest_of(packed)
    return [
        Submission(
            run=new_run_id() if run_id is None else check_run_id(run_id),
            dag_name=compiled.name,
            digest=digest,
            packed_graph=packed,
            packed_params=_packed(compiled.name, params, max_bytes) if params else b"",
            total=len(compiled.graph),
            ttl_ms=ttl * 1000,
        )
        for run_id, params in runs
    ]


def send(
    submissions: Sequence[Submission], shard: ShardConnection, provenance: Provenance
) -> list[bool]:
    """Sign runs of one DAG and submit them to a shard. Return which of them are new.

    Raises RunExists, RedisUnavailable.
    """
    signed = [item.signed(provenance, shard.shard.namespace) for item in submissions]

    def is_same(store: ClientStore, submission: Submission) -> bool:
        return is_same_run(store, submission, provenance)

    digest = signed[0].digest
    with shard.store() as store:
        if len(signed) > 1:
            new = store.submit_many(signed, is_same=is_same)
        else:
            new = [store.submit(signed[0], graph_known=digest in shard.graphs, is_same=is_same)]
    shard.graphs.add(digest)
    return new


def _packed(dag_name: str, params: Mapping[str, object], max_bytes: int) -> bytes:
    try:
        return pack(dict(params), max_bytes=max_bytes, root="params")
    except CodecError as error:
        raise DAGError(
            f"a parameter of the run of DAG {dag_name!r} cannot be sent to workers: {error}"
        ) from error
