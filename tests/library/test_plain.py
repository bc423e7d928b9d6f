"""What ``--json`` makes of values that JSON cannot hold."""

from __future__ import annotations

import datetime as dt
import json
import math
import sys
from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.codec.plain import plain


class Color(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    at: dt.date


class Odd:
    def __repr__(self) -> str:
        return "<odd \x1b[2J>"


UTC_NOON = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (2**80, 2**80),
        (1.5, 1.5),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        ("\x1b[red]", "\x1b[red]"),
        (b"\x00\xff", {"base64": "AP8="}),
        (UTC_NOON, "2026-01-02T12:00:00+00:00"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.time(1, 2), "01:02:00"),
        (dt.timedelta(minutes=1.5), 90.0),
        ((1, (2,)), [1, [2]]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (deque([1]), [1]),
        (Decimal("1.10"), "1.10"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("/a"), "/a"),
        (Color.RED, "red"),
        (Point(1, dt.date(2026, 1, 2)), {"x": 1, "at": "2026-01-02"}),
        ({1: "a", (2, 3): "b"}, {"1": "a", "(2, 3)": "b"}),
        ({1: "a", "1": "b"}, [[1, "a"], ["1", "b"]]),
        (np.int64(3), 3),
        (np.array([[1.0, math.nan]]), [[1.0, "NaN"]]),
        (pd.Series([1, 2]), [1, 2]),
        (pd.DataFrame({"a": [1], "b": ["x"]}), [{"a": 1, "b": "x"}]),
        (pl.DataFrame({"a": [1], "b": ["x"]}), [{"a": 1, "b": "x"}]),
        (pl.Series([1, None]), [1, None]),
        (pa.table({"a": [1], "b": ["x"]}), [{"a": 1, "b": "x"}]),
        (pa.array([1, None]), [1, None]),
        (Odd(), "<odd \\x1b[2J>"),
    ],
)
def test_each_kind_of_value_has_one_form(value: object, shown: object) -> None:
    assert plain(value) == shown
    json.dumps(plain(value), allow_nan=False)


_KEYS = st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.floats())
_VALUES = st.recursive(
    st.one_of(_KEYS, st.binary(), st.dates(), st.decimals(), st.uuids(), st.timedeltas()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(_KEYS, inner), st.tuples(inner)),
    max_leaves=12,
)


@given(_VALUES)
def test_all_output_is_strict_json(value: object) -> None:
    text = json.dumps(plain(value), allow_nan=False)
    assert text.isascii()
    assert json.loads(text) == plain(value)


def test_a_value_with_more_items_than_bytes_is_described() -> None:
    """Sixteen bytes in Redis made ``flowkit result --json`` ask for terabytes."""
    for value in (
        pd.RangeIndex(0, 2**40),
        np.empty((2**31, 0)),
        pd.DataFrame(index=pd.RangeIndex(2**40)),
    ):
        assert isinstance(plain(value), str)
    assert plain(pd.RangeIndex(3)) == [0, 1, 2]


@pytest.mark.parametrize("most_digits", [640, 4300])
def test_an_int_that_python_refuses_to_spell_is_shown_in_hexadecimal(most_digits: int) -> None:
    """Also where it refuses earlier than by default (PYTHONINTMAXSTRDIGITS)."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(most_digits)
    try:
        numbers = [0, 10**600, -(10**1000), 10**5000]
        shown = json.loads(json.dumps(plain({"n": numbers})))["n"]
    finally:
        sys.set_int_max_str_digits(before)
    assert [int(str(item), 0) for item in shown] == numbers
