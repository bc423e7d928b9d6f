"""Writing the stored form of a compiled DAG, which graphs.py describes and reads.

A DAG that exceeds the limits of reading is refused here, before it is stored.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from operator import attrgetter

import msgpack

from ..core.compiled import CompiledDAG
from ..core.map_spec import MapSpec
from ..core.retry import Policy
from ..exceptions import DAGError
from .graphs import FORMAT, POLICY_FIELDS
from .limits import MAX_EDGES, MAX_GRAPH_BYTES, MAX_TASKS

COMPRESS_FROM = 1000  # bytes
_values_of = attrgetter(*POLICY_FIELDS)


def pack_graph(dag: CompiledDAG) -> bytes:
    """Return the stored form. The same DAG always gives the same bytes."""
    up_at, up = dag.graph.up_rows
    parts = [
        FORMAT,
        dag.name,
        dag.graph.names,
        _to_bytes(up_at),
        _to_bytes(up),
        [_packed(policy) for policy in dag.policies],
        _to_bytes(dag.policy_of),
        list(dag.refs),
        _to_bytes(dag.ref_of),
        sorted(dag.kwargs.items()),
        dag.on_failure.value,
        dag.on_retry,
    ]
    order_counts = dag.graph.order_counts
    optional: list[object] = [
        dag.pinned,
        b"" if order_counts is None else _to_bytes(order_counts),
        [_packed_map(task, spec) for task, spec in sorted(dag.maps.items())],
    ]
    while optional and not optional[-1]:  # so that older releases can run the DAG
        optional.pop()
    parts += optional
    packed: bytes = msgpack.packb(parts)
    _check_size(dag, len(packed))
    return packed if len(packed) < COMPRESS_FROM else zlib.compress(packed, 1)


def _packed(policy: Policy) -> tuple[object, ...]:
    """Return the fields of a policy. The last one is left out if it has its default, so that older
    releases can run the DAG."""
    values: tuple[object, ...] = _values_of(policy)
    return values[:-1] if policy.keep_result else values


def _packed_map(task: int, spec: MapSpec) -> list[object]:
    return [task, spec.over, spec.flatten | spec.collect << 1, spec.max_active, spec.label]


def _check_size(dag: CompiledDAG, size: int) -> None:
    """Refuse a DAG that exceeds the limits of decoding."""
    sizes = (
        (len(dag.graph), MAX_TASKS, "tasks", "Split it into several DAGs"),
        (dag.graph.edge_count, MAX_EDGES, "edges", "Put a task in between that gathers results"),
        (size, MAX_GRAPH_BYTES, "bytes", "Store large fixed arguments and pass their names on"),
    )
    for actual, most, what, remedy in sizes:
        if actual > most:
            raise DAGError(
                f"DAG {dag.name!r} is too large for workers: it has {actual:,} {what}, and "
                f"{most:,} are allowed. {remedy}."
            )


def _to_bytes(numbers: array[int]) -> bytes:
    if sys.byteorder == "big":
        numbers = array("i", numbers)
        numbers.byteswap()
    return numbers.tobytes()
