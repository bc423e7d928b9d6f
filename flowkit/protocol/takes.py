"""The run parameters that a DAG takes, as they are stored beside its graph.

They are not part of the graph, for three reasons. An older release refuses a graph with a field
that it does not know, and here it needs to know nothing. A default may be written differently in
each process, and would change the digest of the graph. And no scheduler and no worker reads them.

The form is a msgpack list: its format, then a list for each parameter. A parameter with more items
than this release knows is read as far as it does. Everything else that is not as written here is
refused, and read in bounds: it is text of a store.

A parameter takes 20 to 80 bytes here: name, annotation and default with a byte or two each, and one
for what it is. A DAG with three of them takes 300 bytes of Redis, key and all, however many runs it
has.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgpack

from ..core.taken_parameter import LONGEST_NAME, LONGEST_TEXT, MOST_TAKEN, TakenParameter
from .bounded_reads import Field, read_in_bounds, whole
from .decoding import CorruptData
from .limits import MAX_TAKES_BYTES
from .store import Store

FORMAT = 1
# Beyond the TTL of the last submission. A run that takes longer has a form without annotations.
KEEP_TAKES_MS = 30 * 86_400_000
_FIELD = "takes"
_ITEMS = 5  # name, annotation, flags, default, documentation
_REQUIRED, _CLOSED, _INFERRED = 1, 2, 4
_LONGEST = {0: LONGEST_NAME, 1: 2 * LONGEST_TEXT, 3: 2 * LONGEST_TEXT, 4: 2 * LONGEST_TEXT}


def pack_takes(takes: Sequence[TakenParameter]) -> bytes:
    """Return the stored form, b"" for none, and for more than is stored."""
    if not takes:
        return b""
    packed: bytes = msgpack.packb([FORMAT, *map(_items, takes)])
    return packed if len(packed) <= MAX_TAKES_BYTES // 2 else b""


def unpack_takes(packed: bytes) -> tuple[TakenParameter, ...]:
    """Read the stored form. Raises CorruptData for anything else."""
    try:
        unpacker = msgpack.Unpacker(
            max_buffer_size=MAX_TAKES_BYTES,
            max_array_len=MOST_TAKEN + 1,
            max_map_len=0,
            max_ext_len=0,
            max_str_len=8 * LONGEST_TEXT,  # bytes
            max_bin_len=0,
        )
        unpacker.feed(packed)
        version, *takes = unpacker.unpack()
        if version != FORMAT or unpacker.tell() != len(packed):
            raise ValueError(f"it has format {str(version)[:20]}, or bytes follow it")
        found = tuple(map(_parameter, takes))
        if len({parameter.name for parameter in found}) < len(found):
            raise ValueError("it has a parameter twice")
    except Exception as error:  # msgpack has many
        why = str(error)[:200] or type(error).__name__
        raise CorruptData(f"the run parameters of its graph cannot be read: {why}") from None
    return found


def _items(parameter: TakenParameter) -> list[object]:
    flags = _REQUIRED * parameter.required | _CLOSED * parameter.is_closed
    flags |= _INFERRED * parameter.is_inferred
    items: list[object] = [parameter.name, parameter.annotation, flags]
    items += [parameter.default, parameter.doc]
    while not items[-1]:
        items.pop()
    return [_storable(item) for item in items]


def _storable(item: object) -> object:
    """Return a text that UTF-8 can hold."""
    return item.encode("utf-8", "replace").decode() if isinstance(item, str) else item


def _parameter(items: Sequence[object]) -> TakenParameter:
    if not isinstance(items, list) or not items:
        raise ValueError("a parameter is missing")
    given = ["", "", 0, "", ""]
    given[: len(items)] = items[:_ITEMS]
    for at, longest in _LONGEST.items():
        text = given[at]
        if not isinstance(text, str) or len(text) > longest:
            raise ValueError(f"a text of it is missing, or has more than {longest} characters")
    name, annotation, flags, default, doc = given
    if type(flags) is not int or flags < 0 or not str(name).isidentifier():
        raise ValueError("the name or the kind of a parameter is wrong")
    return TakenParameter(
        name=str(name),
        annotation=str(annotation),
        is_closed=bool(flags & _CLOSED),
        is_inferred=bool(flags & _INFERRED),
        required=bool(flags & _REQUIRED),
        default=str(default),
        doc=str(doc),
    )


class TakesReads(Store):
    """Reads what a DAG takes."""

    def read_takes(self, digest: str) -> bytes:
        """Return the stored form, which may be signed; b"" if it is unknown. Two round trips.

        Raises CorruptData.
        """
        field = Field(self.keys.takes(digest), _FIELD, MAX_TAKES_BYTES)
        (packed,) = read_in_bounds(self.link, [field])
        return whole(packed) or b""
