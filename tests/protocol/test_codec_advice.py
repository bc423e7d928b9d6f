"""The advice of refusals, followed to the letter: it works, and it loses nothing silently."""

from __future__ import annotations

import datetime as dt
import re
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flowkit.codec.packing import UnpackableValue, pack, unpack

NOON = dt.datetime(2026, 1, 2, 12)


def code_in(reason: str) -> str:
    """Return the code that a refusal advises: the longest that Python reads."""
    advice = re.search(r"(?:Return|Use) (.*)", reason)
    assert advice is not None, reason
    for end in range(len(advice[1]), 0, -1):
        code = advice[1][:end]
        with suppress(SyntaxError):
            if code.endswith(")") or code == "None":
                compile(code, "advice", "eval")
                return code
    raise AssertionError(reason)


def followed(value: Any, refused: Any = None) -> Any:
    """Do with a value what its refusal advises, store it, and return what comes back."""
    with pytest.raises(UnpackableValue) as caught:
        pack(value if refused is None else refused)
    names = {"value": value, "column": value, "index": value, "numpy": np}
    return unpack(pack(eval(code_in(caught.value.reason), names)))


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (pd.Timedelta(1, "h"), dt.timedelta(hours=1)),
        (pd.NaT, None),
        (pd.NA, None),
        (pd.Period("2026-01"), "2026-01"),
        (pd.Interval(0, 1), "(0, 1]"),
        (pd.offsets.Day(1), "<Day>"),
        (pd.Categorical(["a", "b"]), ["a", "b"]),
        (pd.array([1, 2], dtype="Int64"), [1, 2]),
        (pd.MultiIndex.from_tuples([(1, "a")]), [(1, "a")]),
        (np.ma.array([1, 2, 3], mask=[0, 1, 0]), [1, None, 3]),
        (np.ma.masked, None),
        (np.rec.array([(1, 2.5)], dtype=[("a", int), ("b", float)]), [(1, 2.5)]),
        (np.zeros(1, "i4,f8"), [(0, 0.0)]),
        (np.array([1, None, "x"], dtype=object), [1, None, "x"]),
        (np.void(b"ab"), b"ab"),
        (np.longdouble(1.5), 1.5),
        (np.clongdouble(1j), 1j),
        (np.dtype("i4"), "int32"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_of_a_value_of_numpy_or_pandas(value: Any, kept: Any) -> None:
    assert followed(value) == kept


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_of_an_array() -> None:
    assert followed(np.asmatrix([[1, 2]])).tolist() == [[1, 2]]
    assert followed(np.array([1.5], dtype=np.longdouble)).tolist() == [1.5]
    assert followed(np.array([1j], dtype=np.clongdouble)).tolist() == [1j]


@pytest.mark.parametrize(
    ("column", "kept"),
    [
        (pd.Series([pd.Timestamp(NOON, tz="Asia/Tokyo")]), [pd.Timestamp(2026, 1, 2, 3)]),
        (pd.Series(["a", None], dtype="category"), ["a", None]),
        (pd.Series([1, None], dtype="Int64"), [1, None]),
        (pd.Series([True, None], dtype="boolean"), [True, None]),
        (pd.Series(["a", None], dtype="string"), ["a", None]),
        (pd.Series(pd.period_range("2026-01", periods=1, freq="M")), ["2026-01"]),
        (pd.Series(pd.interval_range(0, 1)), ["(0, 1]"]),
        (pd.Series(pd.arrays.SparseArray([0, 1])), [0, 1]),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
def test_of_a_column(column: Any, kept: list[Any]) -> None:
    assert followed(column).tolist() == kept
    assert followed(column, refused=pd.DataFrame({"t": column})).tolist() == kept


@pytest.mark.parametrize(
    ("index", "kept"),
    [
        (pd.DatetimeIndex([NOON], tz="Asia/Tokyo"), [pd.Timestamp(2026, 1, 2, 3)]),
        (pd.CategoricalIndex(["a"]), ["a"]),
        (pd.Index([1], dtype="Int64"), [1]),
        (pd.period_range("2026-01", periods=1, freq="M"), ["2026-01"]),
        (pd.interval_range(0, 1), ["(0, 1]"]),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
def test_of_an_index(index: Any, kept: list[Any]) -> None:
    assert followed(index).tolist() == kept


def test_open_resources_are_not_converted() -> None:
    for value in (pd.Series([1]).groupby([1]), pd.Series([1, 2]).rolling(2)):
        with pytest.raises(
            UnpackableValue, match="Compute the data that is needed, and return that"
        ):
            pack(value)


def test_a_limit_names_its_setting() -> None:
    with pytest.raises(Exception, match=r"raise the limit \(FLOWKIT_MAX_RESULT_BYTES, for all"):
        pack(b"x" * 20, max_bytes=10)
