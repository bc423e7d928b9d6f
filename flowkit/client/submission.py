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
from ..settings import Settings
from .caller import caller
from .run_ids import check_run_id, new_run_id

# The id that was chosen for a run, None for a new one, and its parameters.
Given = tuple[str | None, Mapping[str, object] | None]


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
            version=version,
            pinned=compiled.pinned,
            by=by,
        )
        for run_id, params in runs
    ]


def _packed(dag_name: str, params: Mapping[str, object], max_bytes: int) -> bytes:
    try:
        return pack(dict(params), max_bytes=max_bytes, root="params")
    except CodecError as error:
        raise DAGError(
            f"a parameter of the run of DAG {dag_name!r} cannot be sent to workers: {error}"
        ) from error
