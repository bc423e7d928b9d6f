"""The stored form of compiled DAGs, addressed by their content.

The form is msgpack of plain lists, with the rows of the graph as raw little-endian 32-bit numbers.
It is compressed unless it is tiny: a graph of 20,000 tasks then takes 5 bytes per task instead of
30, for 3 ms in the client and 1 ms in each reader. graph_writer.py writes it. Decoding checks
everything: sizes, lengths, ranges, cycles.

A graph is decoded item by item, and each item is checked before the next one is read. So a small
input that would expand to a large one (compressed zeros, nested lists) is refused early. A graph of
20,000 tasks takes 3 ms longer than with one call of msgpack, of 33 ms in total.

Releases add fields to policies and DAGs only at the end. A field that an older release did not
write has its default. A field that a newer release added is refused with an error, since its
meaning is unknown here.
"""

from __future__ import annotations

import hashlib
import sys
import zlib
from array import array
from collections.abc import Callable
from dataclasses import fields as fields_of
from typing import TypeVar

import msgpack

from ..core.app_version import MAX_APP_VERSION, is_app_version
from ..core.compiled import CompiledDAG, OnFailure
from ..core.graph import CycleFound, Graph
from ..core.map_spec import MAX_LABEL, Maps, MapSpec, check_maps
from ..core.names import are_names, is_name
from ..core.policy_check import checked_policy
from ..core.retry import Policy
from .decoding import CorruptData, NoMemory
from .graph_file import Allowance, GraphFile, open_graph
from .limits import MAX_EDGES, MAX_GRAPH_BYTES, MAX_REF, MAX_TASKS

T = TypeVar("T")
FORMAT = 1
READ_BYTES = 64 * 1024
POLICY_FIELDS = [field.name for field in fields_of(Policy)]
_FIELDS = 15  # of a DAG; older releases wrote ten, and the last three may be left out
_LEAST_FIELDS = 10
_BROKEN = (
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    CycleFound,
    OverflowError,
    RecursionError,
    zlib.error,
    msgpack.UnpackException,
)


def digest_of(packed: bytes) -> str:
    """Return the digest of a stored graph."""
    return hashlib.sha256(packed).hexdigest()


def unpack_graph(data: bytes) -> CompiledDAG:
    """Decode the stored form. Raises CorruptData if it is invalid, NoMemory."""
    return _read(data, Allowance(MAX_GRAPH_BYTES), lambda file: _Reader(file).dag())


def unpack_names(data: bytes, allowance: Allowance) -> list[str]:
    """Decode only the names of the tasks in a stored graph. Raises CorruptData."""

    def names(file: GraphFile) -> list[str]:
        allowance.spend(len(data))  # it was transferred and hashed in any case
        return _Reader(file).head()[2]

    return _read(data, allowance, names)


def _read(data: bytes, allowance: Allowance, part: Callable[[GraphFile], T]) -> T:
    try:
        return part(open_graph(data, allowance))
    except MemoryError:  # the graph is within the limits, so it is not damaged
        raise NoMemory(
            f"not enough memory to read a graph of {len(data):,} stored bytes. Give this process "
            "more memory, or less work at a time"
        ) from None
    except _BROKEN as error:
        why = str(error)[:300] or type(error).__name__
        raise CorruptData(f"the stored graph cannot be read: {why}") from None


class _Reader:
    """Reads the items of an uncompressed graph one after the other."""

    def __init__(self, file: GraphFile) -> None:
        self._file = file
        self._unpacker = msgpack.Unpacker(
            file,
            read_size=READ_BYTES,
            max_buffer_size=MAX_GRAPH_BYTES,
            max_str_len=4 * MAX_REF,  # bytes of the longest text
            max_array_len=0,  # lists are read by their headers, and nothing else nests
            max_map_len=0,
            max_ext_len=0,
        )
        self._item = self._unpacker.unpack

    def head(self) -> tuple[int, str, list[str]]:
        """Read the number of fields, the name of the DAG, and the names of its tasks.

        Raises one of _BROKEN.
        """
        fields = self._unpacker.read_array_header()
        version = self._whole()
        if version != FORMAT:
            raise ValueError(
                f"it has format {version} and this release reads {FORMAT}; upgrade flowkit here"
            )
        if fields > _FIELDS:
            raise ValueError(
                f"a DAG in it has {fields} properties and this release knows {_FIELDS}; "
                "upgrade flowkit here"
            )
        if fields < _LEAST_FIELDS:
            raise ValueError(f"it has {fields} fields, and at least {_LEAST_FIELDS} are required")
        name = self._text()
        names = [self._item() for _ in range(self._length(MAX_TASKS, "tasks"))]
        if not (is_name(name) and set(map(type, names)) <= {str} and are_names(names)):
            raise ValueError("a name in it is not a valid name of a task or a DAG")
        return fields, name, names

    def dag(self) -> CompiledDAG:
        """Read the whole graph. Raises one of _BROKEN."""
        fields, name, names = self.head()
        graph = _graph(names, self._numbers(MAX_TASKS + 1), self._numbers(MAX_EDGES))
        policies = tuple(self._policy() for _ in range(self._length(len(names), "policies")))
        policy_of = _index(self._numbers(MAX_TASKS), len(names), len(policies))
        refs = tuple(self._text(MAX_REF) for _ in range(self._length(len(names), "functions")))
        ref_of = _index(self._numbers(MAX_TASKS), len(names), len(refs))
        kwargs = dict(self._fixed(len(names)) for _ in range(self._length(len(names), "arguments")))
        on_failure = OnFailure(self._text() if fields > _LEAST_FIELDS else OnFailure.STOP)
        on_retry = self._text(MAX_REF) if fields > _LEAST_FIELDS + 1 else ""
        pinned = self._text(MAX_APP_VERSION) if fields > _LEAST_FIELDS + 2 else ""
        if pinned and not is_app_version(pinned):
            raise ValueError("the version that it is pinned to is none of an app")
        if fields > _LEAST_FIELDS + 3 and (counts := self._numbers(MAX_TASKS)):
            graph = graph.with_order(_order_counts(graph, counts))
        maps: Maps = {}
        if fields > _LEAST_FIELDS + 4:
            most = self._length(len(names), "mapped tasks")
            maps = dict(self._map(len(names)) for _ in range(most))
            check_maps(graph, maps)
        if self._unpacker.read_bytes(1) or self._file.read(1):
            raise ValueError("bytes follow it that are not part of it")
        return CompiledDAG(
            name,
            graph,
            policies,
            policy_of,
            refs,
            ref_of,
            kwargs,
            on_failure,
            on_retry,
            pinned,
            maps,
        )

    # -- items ----------------------------------------------------------------------------------

    def _length(self, most: int, what: str) -> int:
        most = max(most, 1)  # an empty graph may have a policy that no task has
        length: int = self._unpacker.read_array_header()
        if length > most:
            raise ValueError(f"it has {length} {what}; the limit is {most}")
        return length

    def _text(self, most: int = 200) -> str:
        text = self._item()
        if not isinstance(text, str) or len(text) > most:
            raise ValueError(f"a text in it is missing, or has more than {most} characters")
        return text

    def _whole(self) -> int:
        value = self._item()
        if type(value) is not int:
            raise ValueError("a number in it is missing")
        return value

    def _bytes(self) -> bytes:
        data = self._item()
        if not isinstance(data, bytes):
            raise ValueError("bytes in it are missing")
        return data

    def _numbers(self, most: int) -> array[int]:
        data = self._bytes()
        if len(data) > 4 * most:
            raise ValueError(f"it has more than {most} numbers in a row")
        return _to_array(data)

    def _policy(self) -> Policy:
        length = self._unpacker.read_array_header()
        if length > len(POLICY_FIELDS):
            raise ValueError(
                f"a task in it has {length} properties and this release knows "
                f"{len(POLICY_FIELDS)}; upgrade flowkit here"
            )
        return checked_policy({name: self._item() for name in POLICY_FIELDS[:length]})

    def _map(self, tasks: int) -> tuple[int, MapSpec]:
        if self._unpacker.read_array_header() != 5:
            raise ValueError("a mapped task in it has another number of properties")
        task = self._whole()
        over = tuple(self._whole() for _ in range(self._length(tasks, "tasks to map over")))
        flags = self._whole()
        if not 0 <= flags <= 3:
            raise ValueError("a mapped task in it has flags that are unknown; upgrade flowkit here")
        return task, MapSpec(
            over,
            flatten=bool(flags & 1),
            collect=bool(flags & 2),
            max_active=self._whole(),
            label=self._text(MAX_LABEL),
        )

    def _fixed(self, tasks: int) -> tuple[int, bytes]:
        if self._unpacker.read_array_header() != 2:
            raise ValueError("its fixed arguments are not pairs")
        task = self._whole()
        if not 0 <= task < tasks:
            raise ValueError("it has fixed arguments of tasks that do not exist")
        return task, self._bytes()


def _graph(names: list[str], rows: array[int], ups: array[int]) -> Graph:
    count = len(names)
    if (
        len(rows) != count + 1
        or rows[0] != 0  # else a few bytes could claim two thousand million rows
        or rows[-1] != len(ups)
        or list(rows) != sorted(rows)
        or (ups and not (min(ups) >= 0 and max(ups) < count))
    ):
        raise ValueError("its rows do not fit its tasks")
    graph = Graph(names, rows, ups)
    graph.check_acyclic()
    return graph


def _order_counts(graph: Graph, counts: array[int]) -> array[int]:
    """Return the numbers of order edges, which an older release would take for arguments."""
    if len(counts) != len(graph):
        raise ValueError("its order edges do not fit its tasks")
    for count, edges in zip(counts, graph.in_degrees(), strict=True):
        if not 0 <= count <= edges:
            raise ValueError("it has more order edges than edges")
    return counts


def _index(numbers: array[int], tasks: int, entries: int) -> array[int]:
    if len(numbers) != tasks or (tasks and not (min(numbers) >= 0 and max(numbers) < entries)):
        raise ValueError("its tables do not fit its tasks")
    return numbers


def _to_array(data: bytes) -> array[int]:
    numbers = array("i")
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
