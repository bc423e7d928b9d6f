"""The elements of a result over which other tasks are mapped: packed one by one, in blocks.

An item task reads its block, not the whole list. A block has the elements of ``K`` consecutive
places, as many as fit into about ``BLOCK_BYTES``: as separate fields, small elements would take
twenty times their size in Redis.

    lengths of the packed elements, as a msgpack list | the elements, one after the other

The length of None is 0, as nothing is stored for a result of None.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import msgpack

from flowkit.codec.packing import pack
from flowkit.core.numbering import MOST_NUMBERS
from flowkit.execution.elements import elements_of
from flowkit.protocol.items import Items, refused
from flowkit.protocol.limits import MAX_BLOCK

BLOCK_BYTES = 4096
MOST_BLOCK_BYTES = 64 * 1024  # of a block with more than one element


class BrokenBlock(ValueError):
    """A block that no release writes."""


class PackedItems(NamedTuple):
    """What a result is for those that are mapped over it, and the blocks to store."""

    items: Items
    blocks: Sequence[bytes] = ()


def pack_items(value: object, max_bytes: int, most: int) -> PackedItems:
    """Pack the elements of a result, if it can be mapped.

    ``max_bytes``: of one element. ``most``: how many can be mapped; more are counted only. Raises
    CodecError for an element that cannot be packed, with its place.
    """
    elements = elements_of(value)
    if elements is None:
        return PackedItems(refused(value))
    try:
        count = len(elements)
    except OverflowError:  # a range may have more elements than any list
        count = MOST_NUMBERS
    if count > most:
        return PackedItems(Items(min(count, MOST_NUMBERS - 1)))
    body, ends = bytearray(), array("Q")
    for at, element in enumerate(elements):
        if element is not None:
            body += pack(element, max_bytes=max_bytes, root=f"result[{at}]")
        ends.append(len(body))
    size = _block_size(ends)
    blocks = [_block(body, ends, at, min(at + size, count)) for at in range(0, count, size)]
    return PackedItems(Items(count, size), blocks)


def _block_size(ends: Sequence[int]) -> int:
    """Return how many elements a block has. ``ends``: where each packed element ends."""
    if not ends:
        return 1
    size = max(1, min(MAX_BLOCK, BLOCK_BYTES * len(ends) // max(1, ends[-1])))
    while size > 1 and _longest(ends, size) > MOST_BLOCK_BYTES:
        size //= 2
    return size


def _longest(ends: Sequence[int], size: int) -> int:
    """Return the bytes of the largest block, with blocks of ``size`` elements."""
    borders = [0, *ends[size - 1 :: size], ends[-1]]
    return max(end - begin for begin, end in pairwise(borders))


def _block(body: bytearray, ends: Sequence[int], first: int, last: int) -> bytes:
    begin = ends[first - 1] if first else 0
    borders = [begin, *ends[first:last]]
    lengths: bytes = msgpack.packb([end - start for start, end in pairwise(borders)])
    return lengths + body[begin : borders[-1]]


class Block:
    """A block that was read: its elements, packed. None and a lost element are not told apart."""

    __slots__ = ("_data", "_ends")

    def __init__(self, data: bytes, count: int) -> None:
        """``count``: the number of its elements. Raises BrokenBlock."""
        self._data = data
        self._ends = array("Q", _ends_in(data, count))

    @property
    def size(self) -> int:
        """The bytes that it takes in memory."""
        return len(self._data) + 8 * len(self._ends)

    def element(self, place: int) -> bytes:
        """Return a packed element, b"" for None."""
        return self._data[self._ends[place] : self._ends[place + 1]]


def _ends_in(data: bytes, count: int) -> Iterable[int]:
    unpacker = msgpack.Unpacker(max_array_len=MAX_BLOCK, max_buffer_size=len(data) or 1)
    unpacker.feed(data)
    try:
        found = unpacker.read_array_header()
        lengths = [unpacker.unpack() for _ in range(count)]
        begin = unpacker.tell()
    except Exception as error:
        raise BrokenBlock(str(error)) from None
    if found != count or not all(type(length) is int and length >= 0 for length in lengths):
        raise BrokenBlock(f"it has {found} elements instead of {count}")
    ends = list(accumulate(lengths, initial=begin))
    if ends[-1] != len(data):
        raise BrokenBlock("its elements have other lengths")
    return ends
