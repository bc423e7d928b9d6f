"""What a client sends to have a run accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from .exceptions import DAGError
from .protocol.client_store import Submission
from .protocol.codec import CodecError, pack
from .protocol.graphs import digest_of
from .protocol.provenance import Provenance, params_purpose
from .run_ids import check_run_id, new_run_id

if TYPE_CHECKING:
    from .core.compiled import CompiledDAG


def submission_of(
    compiled: CompiledDAG,
    packed: bytes,
    run_id: str | None,
    params: Mapping[str, object] | None,
    ttl: int,
    max_bytes: int,
) -> Submission:
    """Return what is sent for one run. ``ttl``: seconds. ``max_bytes``: of its packed parameters.

    Raises ValueError for the id, DAGError for parameters that cannot be stored.
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


def signed(submission: Submission, provenance: Provenance, namespace: str) -> Submission:
    """Return the submission with its parameters signed, if this process holds a key.

    Missing parameters are signed too: so workers know that a run is from one that holds the key.
    """
    if not provenance:
        return submission
    purpose = params_purpose(namespace, submission.run, submission.digest)
    return replace(submission, packed_params=provenance.sign(submission.packed_params, purpose))
