"""Submissions: what a client sends for each run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..codec.packing import CodecError, pack
from ..core.compiled import CompiledDAG
from ..definition.app_version import code_of_app
from ..exceptions import DAGError
from ..protocol.client_store import Submission
from ..protocol.graph_writer import pack_graph
from ..protocol.graphs import digest_of
from ..protocol.takes import pack_takes
from ..settings import Settings
from .caller import caller
from .run_ids import check_run_id, new_run_id


class PackedParams(bytes):
    """Parameters that are packed already, b"" for none."""


# The id that was chosen for a run, None for a new one, and its parameters.
Given = tuple[str | None, Mapping[str, object] | PackedParams | None]


def submissions_of(
    compiled: CompiledDAG,
    runs: Iterable[Given],
    settings: Settings,
    *,
    ttl: int,
) -> list[Submission]:
    """Return a submission for each run.

    ``settings``: they bound the packed parameters of a run, and may have the version of the app.
    ``ttl``: seconds. Raises ValueError for an invalid id, DAGError for a DAG or parameters that
    cannot be stored.
    """
    max_bytes, version = settings.max_result_bytes, settings.app_version or code_of_app()
    packed, by = pack_graph(compiled), caller()
    digest, takes = digest_of(packed), pack_takes(compiled.takes)
    return [
        Submission(
            run=new_run_id() if run_id is None else check_run_id(run_id),
            dag_name=compiled.name,
            digest=digest,
            packed_graph=packed,
            packed_params=packed_params(compiled.name, params, max_bytes),
            total=len(compiled.graph),
            ttl_ms=ttl * 1000,
            version=version,
            pinned=compiled.pinned,
            by=by,
            packed_takes=takes,
        )
        for run_id, params in runs
    ]


def packed_params(
    dag_name: str, params: Mapping[str, object] | PackedParams | None, max_bytes: int
) -> bytes:
    """Return the parameters of a run as they are stored, b"" for none. Raises DAGError."""
    if not params:
        return b""
    if isinstance(params, PackedParams):
        if len(params) > max_bytes:
            raise DAGError(
                f"the parameters of the run of DAG {dag_name!r} take {len(params):,} bytes, and "
                f"{max_bytes:,} are allowed. Raise the limit: FLOWKIT_MAX_RESULT_BYTES"
            )
        return bytes(params)
    try:
        return pack(dict(params), max_bytes=max_bytes, root="params")
    except CodecError as error:
        raise DAGError(
            f"a parameter of the run of DAG {dag_name!r} cannot be sent to workers: {error}"
        ) from error
