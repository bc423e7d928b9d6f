"""The blocks of elements: what is packed into them comes out of them."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.codec.errors import CodecError
from flowkit.codec.packing import unpack
from flowkit.execution.elements import elements_of
from flowkit.protocol.items import Items
from flowkit.worker.items import MOST_BLOCK_BYTES, Block, BrokenBlock, pack_items

MOST = 1_000_000


def elements_in(value: object) -> list[object]:
    """Pack a value and read all of its elements again."""
    items, blocks = pack_items(value, MOST, MOST)
    assert len(blocks) == items.blocks
    found: list[object] = []
    for at, data in enumerate(blocks):
        count = min(items.block, items.count - at * items.block)
        block = Block(data, count)
        packed = [block.element(place) for place in range(count)]
        found += [unpack(item) if item else None for item in packed]
    assert len(found) == items.count
    return found


@given(st.lists(st.none() | st.integers() | st.text() | st.lists(st.booleans()), max_size=2000))
def test_elements_come_back(value: list[object]) -> None:
    assert elements_in(value) == value


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        ([], []),
        ((1, None), [1, None]),
        (range(7, 1, -2), [7, 5, 3]),
        ({"a": 1, 2: [3]}, [("a", 1), (2, [3])]),
        (["x" * 100_000, 1, "y" * 100_000], ["x" * 100_000, 1, "y" * 100_000]),
        ([1] * 10_000, [1] * 10_000),
    ],
)
def test_what_can_be_mapped(value: object, elements: list[object]) -> None:
    assert elements_in(value) == elements


@pytest.mark.parametrize("value", [None, "text", b"bytes", 5, {1, 2}, 1.5, object()])
def test_what_cannot_be_mapped(value: object) -> None:
    items, blocks = pack_items(value, MOST, MOST)
    assert (items.refused, list(blocks)) == (type(value).__name__, [])
    assert elements_of(value) is None


def test_small_elements_share_blocks_and_large_ones_do_not() -> None:
    small, blocks = pack_items(list(range(10_000)), MOST, MOST)
    assert small == Items(10_000, 512)
    assert sum(map(len, blocks)) < 10_000 * 5
    large, blocks = pack_items(["x" * 3000] * 10, MOST, MOST)
    assert (large.block, len(blocks)) == (1, 10)
    mixed, blocks = pack_items([*range(5000), "x" * 40_000, *range(5000)], MOST, MOST)
    assert mixed.block > 1
    assert max(map(len, blocks)) <= MOST_BLOCK_BYTES + 5 * mixed.block


def test_more_than_can_be_mapped_are_counted_only() -> None:
    assert pack_items(range(10**9), MOST, 1000) == (Items(9_999_999), ())
    assert pack_items(range(2**63 - 1, 1 - 2**63, -1), MOST, 1000) == (Items(9_999_999), ())
    assert pack_items([1] * 1001, MOST, 1000) == (Items(1001), ())


def test_an_element_that_cannot_be_packed_is_named() -> None:
    with pytest.raises(CodecError, match=r"result\[2\]\['at'\]"):
        pack_items([1, 2, {"at": object()}], MOST, MOST)


@given(st.binary(max_size=50), st.integers(1, 5))
def test_damaged_blocks_are_refused_or_read(data: bytes, count: int) -> None:
    try:
        block = Block(data, count)
    except BrokenBlock:
        return
    assert sum(len(block.element(place)) for place in range(count)) <= len(data)


@pytest.mark.parametrize(
    "lengths", [[1], [1, 1, 1], [1, 2], [-1, 3], [1, "1"], [2**64 - 1, 1], [1.0, 1]]
)
def test_a_block_of_another_form_is_refused(lengths: list[object]) -> None:
    with pytest.raises(BrokenBlock):
        Block(msgpack.packb(lengths) + b"ab", 2)
