"""`describe` shows any value in one short, harmless line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.codec.errors import human_size
from flowkit.codec.packing import describe


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Chatty:
    def __repr__(self) -> str:
        return "one\ntwo\x1b[31m\u202e\ud800"


class Wrong:
    def __repr__(self) -> str:
        return 5  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        ("a\n", "'a\\n'"),
        ([1, {"a": (2,)}], "[1, {'a': (2,)}]"),
        (Chatty(), "one\\ntwo\\x1b[31m\\u202e\\ud800"),
        (b"abc", "b'abc'"),
    ],
)
def test_small_values_in_full(value: Any, text: str) -> None:
    assert describe(value) == text


@pytest.mark.parametrize("value", [Rude(), Wrong(), [Rude()], {"a": Wrong()}])
def test_a_failing_repr_is_no_failure(value: Any) -> None:
    assert describe(value).isprintable()


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, b"x" * 10**6, [["y" * 500] * 50] * 50, 10**100_000, set(range(10**5))],
    ids=["text", "bytes", "lists", "int", "set"],
)
@pytest.mark.parametrize("limit", [1, 20, 200])
def test_long_values_are_cut(value: Any, limit: int) -> None:
    text = describe(value, limit)
    assert len(text) <= limit
    assert text


def test_deep_and_cyclic_values() -> None:
    ring: list[Any] = []
    ring.append(ring)
    assert describe(ring).startswith("[[")
    assert describe(10**100_000) == "<int of 332193 bits>"
    assert describe([10**5000, {"a": -(10**5000)}]) == (
        "[<int of 16610 bits>, {'a': <int of 16610 bits>}]"
    ), "one number hid the others"


@given(st.text(st.characters(exclude_categories=())), st.integers(1, 50))
def test_any_text_is_shortened_and_printable(text: str, limit: int) -> None:
    shown = describe(text, limit)
    assert shown.isprintable()
    assert 0 < len(shown) <= limit


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1024**2 - 1, "1023.9 KiB"),
        (64 * 1024**2, "64.0 MiB"),
        (5 * 1024**3 // 2, "2.5 GiB"),
        (2**200, f"{2**160}.0 TiB"),
    ],
)
def test_sizes_in_words(size: int, text: str) -> None:
    assert human_size(size) == text
