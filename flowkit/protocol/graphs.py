"""Compiled DAGs on the wire: bytes and back, addressed by their content.

The form is msgpack of plain lists with the graph's rows as raw little-endian 32-bit numbers,
compressed if it is not tiny: a graph of 20,000 tasks then takes 5 bytes a task instead of 30, for
3 ms of the client's time and 1 ms of each reader's. Reading checks everything: sizes, lengths,
ranges, cycles.

Releases differ in how much they know of a task's policy and of a DAG: fields are only ever added at
the end, and what an older release left out has its default. What a newer one wrote beyond them is
refused with a sentence, since nobody here knows what it asks for.
"""

from __future__ import annotations

import hashlib
import sys
import zlib
from array import array
from dataclasses import astuple
from dataclasses import fields as fields_of
from typing import Any

import msgpack

from ..core.compiled import CompiledDAG, OnFailure
from ..core.graph import CycleFound, Graph
from ..core.retry import Policy
from ..core.triggers import Trigger
from .decoding import Damaged

FORMAT = 1
COMPRESS_FROM = 1000  # bytes
MAX_UNPACKED = 2**30  # what a graph may grow to when it is read
_POLICY_FIELDS = [field.name for field in fields_of(Policy)]
_POLICY_DEFAULTS = list(astuple(Policy()))
_POLICY_TYPES = {"queue": str, "priority": int, "retries": int, "delay": int | float,
                 "backoff": int | float, "max_delay": int | float | None,
                 "timeout": int | float | None}  # fmt: skip
_ZLIB = 0x78  # the first byte of a compressed graph; msgpack begins a list otherwise


def pack_graph(dag: CompiledDAG) -> bytes:
    """Return the stored form. The same DAG always gives the same bytes."""
    up_at, up = dag.graph.up_rows
    parts = [
        FORMAT,
        dag.name,
        dag.graph.names,
        _to_bytes(up_at),
        _to_bytes(up),
        [list(astuple(policy)) for policy in dag.policies],
        _to_bytes(dag.policy_of),
        list(dag.refs),
        _to_bytes(dag.ref_of),
        sorted(dag.kwargs.items()),
        dag.on_failure.value,
        dag.on_retry,
    ]
    packed: bytes = msgpack.packb(parts)
    return packed if len(packed) < COMPRESS_FROM else zlib.compress(packed, 1)


def digest_of(packed: bytes) -> str:
    """Return the address of a stored graph."""
    return hashlib.sha256(packed).hexdigest()


def unpack_graph(data: bytes) -> CompiledDAG:
    """Read the stored form. Raises Damaged for anything that is not one."""
    try:
        return _read(data)
    except (
        ValueError,
        TypeError,
        IndexError,
        KeyError,
        CycleFound,
        zlib.error,
        msgpack.UnpackException,
    ) as error:
        raise Damaged(f"the stored graph cannot be read: {error}") from None


def _read(data: bytes) -> CompiledDAG:
    parts = msgpack.unpackb(_decompressed(data))
    if parts[0] != FORMAT:
        raise ValueError(
            f"it has format {parts[0]!r} and this release reads {FORMAT}; upgrade flowkit here"
        )
    _, name, names, up_at, up, policies, policy_of, refs, ref_of, kwargs, *rest = parts
    on_failure, on_retry = _padded(rest, [OnFailure.STOP, ""], "a DAG")
    rows, ups, count = _to_array(up_at), _to_array(up), len(names)
    edges_fit = not ups or (min(ups) >= 0 and max(ups) < count)
    if (
        len(rows) != count + 1
        or rows[0] != 0  # or a few bytes would ask for rows of two thousand million
        or rows[-1] != len(ups)
        or list(rows) != sorted(rows)
        or not edges_fit
    ):
        raise ValueError("its rows do not fit its tasks")
    if not all(type(text) is str for text in (name, on_retry, *names, *refs)):
        raise ValueError("its names are not text")
    graph = Graph(names, rows, ups)
    graph.check_acyclic()
    dag = CompiledDAG(
        name=name,
        graph=graph,
        policies=tuple(_policy(fields) for fields in policies),
        policy_of=_to_array(policy_of),
        refs=tuple(refs),
        ref_of=_to_array(ref_of),
        kwargs=dict(kwargs),
        on_failure=OnFailure(on_failure),
        on_retry=on_retry,
    )
    for table, index in ((dag.policies, dag.policy_of), (dag.refs, dag.ref_of)):
        if len(index) != count or (count and not (min(index) >= 0 and max(index) < len(table))):
            raise ValueError("its tables do not fit its tasks")
    return dag


def _policy(fields: list[Any]) -> Policy:
    given = dict(zip(_POLICY_FIELDS, _padded(fields, _POLICY_DEFAULTS, "a task"), strict=True))
    given["trigger"] = Trigger(given["trigger"])
    for name, kinds in _POLICY_TYPES.items():
        if not isinstance(given[name], kinds):
            raise ValueError(f"the {name} of a task is {given[name]!r}")
    return Policy(**given)


def _padded(found: list[Any], defaults: list[Any], what: str) -> list[Any]:
    """Return what an older release wrote with the defaults of what it did not know."""
    if len(found) > len(defaults):
        raise ValueError(
            f"{what} in it has {len(found)} properties and this release knows {len(defaults)}; "
            "upgrade flowkit here"
        )
    return [*found, *defaults[len(found) :]]


def _decompressed(data: bytes) -> bytes:
    if data[0] != _ZLIB:
        return data
    stream = zlib.decompressobj()
    unpacked = stream.decompress(data, MAX_UNPACKED)
    if not stream.eof:
        raise ValueError("it is cut off, or larger than a graph may be")
    return unpacked


def _to_bytes(numbers: array[int]) -> bytes:
    if sys.byteorder == "big":
        numbers = array("i", numbers)
        numbers.byteswap()
    return numbers.tobytes()


def _to_array(data: bytes) -> array[int]:
    numbers = array("i")
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
