"""The advice of refusals, followed to the letter: it works, and it loses nothing silently."""

from __future__ import annotations

import re
from contextlib import suppress
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from flowkit.codec.packing import UnpackableValue, pack, unpack


def code_in(reason: str) -> str:
    """Return the code that a refusal advises: the longest that Python reads."""
    advice = re.search(r"(?:Return|Use|Cast it to another type:) (.*)", reason)
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
    names = {"value": value, "column": value, "index": value, "numpy": np, "pl": pl, "pyarrow": pa}
    return unpack(pack(eval(code_in(caught.value.reason), names)))


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (pd.offsets.Day(1), "<Day>"),
        (np.ma.array([1, 2, 3], mask=[0, 1, 0]), [1, None, 3]),
        (np.ma.masked, None),
        (np.rec.array([(1, 2.5)], dtype=[("a", int), ("b", float)]), [(1, 2.5)]),
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


def test_of_a_sparse_column() -> None:
    column = pd.Series(pd.arrays.SparseArray([0, 1]))
    assert followed(column).tolist() == [0, 1]
    assert followed(column, refused=pd.DataFrame({"t": column})).tolist() == [0, 1]
    assert followed(column.array).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (pl.LazyFrame({"a": [1]}), pl.DataFrame({"a": [1]})),
        (pa.scalar(1), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_of_a_value_of_polars_or_pyarrow(value: Any, kept: Any) -> None:
    back = followed(value)
    assert back.equals(kept) if isinstance(kept, pl.DataFrame) else back == kept


@pytest.mark.parametrize(
    ("column", "kept"),
    [
        (pa.array(["x"], pa.string_view()), ["x"]),
        (pa.array([b"x"], pa.binary_view()), [b"x"]),
        (pa.array([1, 1], pa.run_end_encoded(pa.int32(), pa.int64())), [1, 1]),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_of_a_column_of_arrow(column: Any, kept: list[Any]) -> None:
    assert followed(column).to_pylist() == kept
    assert followed(column, refused=pa.table({"t": column})).to_pylist() == kept


@pytest.mark.parametrize(
    ("column", "kept"),
    [
        (pl.Series("a", [1], dtype=pl.Int128), ["1"]),
        (pl.Series("a", [Decimal(1)], dtype=pl.Object), ["1"]),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
def test_of_a_column_of_polars(column: Any, kept: list[Any]) -> None:
    assert followed(column).to_list() == kept
    assert followed(column, refused=column.to_frame()).to_list() == kept


def test_open_resources_are_not_converted() -> None:
    for value in (pd.Series([1]).groupby([1]), pd.Series([1, 2]).rolling(2)):
        with pytest.raises(
            UnpackableValue, match="Compute the data that is needed, and return that"
        ):
            pack(value)


def test_a_limit_names_its_setting() -> None:
    with pytest.raises(Exception, match=r"raise the limit \(FLOWKIT_MAX_RESULT_BYTES, for all"):
        pack(b"x" * 20, max_bytes=10)
