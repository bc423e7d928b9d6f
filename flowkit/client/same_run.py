"""Whether a submission equals the run that already has its id.

The script compares bytes, which is fast and right for a call that is sent twice. But equal values
may be packed to different bytes: the order of a set differs between processes, and a dict keeps its
insertion order. So before a run id is reported as taken, the values are compared by the digest that
also identifies results and cached calls. If the stored values cannot be read here (a class is
missing, or another key signed them), the runs count as different.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..codec.digests import digest
from ..codec.packing import CodecError, unpack
from ..codec.provenance import Provenance, params_purpose
from ..exceptions import FlowkitError, RedisUnavailable
from ..protocol.client_store import ClientStore, Submission
from ..protocol.graph_writer import pack_graph
from ..protocol.graphs import unpack_graph

if TYPE_CHECKING:
    from ..core.compiled import CompiledDAG


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
