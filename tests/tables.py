"""Values with columns, and what makes two of them equal: every test of them uses these."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

LONG = 200  # rows: enough for text to be stored as Arrow
NAN = float("nan")


def arrow_series(values: list[Any], kind: Any) -> Any:
    return pd.Series(pd.array(values, dtype=pd.ArrowDtype(kind)))


PANDAS: dict[str, Any] = {
    "category": pd.DataFrame({"c": pd.Categorical(["b", None], ["b", "a", "c"], ordered=True)}),
    "category of ints": pd.Series([3, 1], dtype="category"),
    "zone by key": pd.DataFrame({"d": pd.date_range("2026-03-28", periods=3, tz="Europe/Paris")}),
    "zone of minutes": pd.Series([pd.Timestamp("2026-01-01 00:00+05:30"), pd.NaT]),
    "zone and frequency": pd.date_range("2026-03-28", periods=3, freq="D", tz="Europe/Paris"),
    "seconds": pd.Series(pd.to_datetime(["2026-01-01", None])).astype("M8[s]"),
    "Int64": pd.DataFrame({"n": pd.array([1, None], dtype="Int64")}),
    "UInt8": pd.Series([1, None], dtype="UInt8"),
    "Float32": pd.Series([1.5, None], dtype="Float32"),
    "boolean": pd.Series([True, None], dtype="boolean"),
    "str": pd.DataFrame({"s": ["a", None, "é𝄞"] * LONG}),
    "string": pd.Series(["a", None] * LONG, dtype="string"),
    "string python": pd.Series(["a", None], dtype="string[python]"),
    "text objects": pd.Series(["a", None] * LONG, dtype=object),
    "text and NaN": pd.Series(["a", NAN] * LONG, dtype=object),
    "None and NaN": pd.Series(["a", NAN, None] * LONG, dtype=object),
    "surrogates": pd.Series(["\ud800"] * LONG, dtype=object),
    "bytes": pd.Series([b"a", None] * LONG, dtype=object),
    "dates": pd.Series([dt.date(2026, 1, 1), None] * LONG, dtype=object),
    "few dates": pd.DataFrame({"o": [dt.date(2026, 1, 1)]}),
    "decimals": pd.DataFrame({"o": [Decimal("1.10"), Decimal("NaN")]}),
    "lists": pd.DataFrame({"o": [[1, 2], [], (1,), {"k": {1}}]}),
    "arrays in cells": pd.Series([np.arange(2), np.arange(2)]),
    "mixed": pd.DataFrame({"o": [1, "x", 1.5, True, None, b"", dt.date(2026, 1, 1)]}),
    "missing": pd.Series([pd.NaT, pd.NA, None, NAN], dtype=object),
    "scalars": pd.Series(
        [pd.Timestamp("2026", tz="UTC"), pd.Timedelta("1s"), pd.Period("2026-01"), 2**70],
        dtype=object,
    ),
    "intervals in objects": pd.Series([pd.Interval(0, 1), pd.Interval(0.5, 1, "left")]).astype(
        object
    ),
    "timedelta": pd.DataFrame({"t": pd.to_timedelta([1, None], unit="h")}),
    "period": pd.Series(pd.period_range("2026-01", periods=2, freq="M")),
    "period index": pd.period_range("2026-01-04", periods=2, freq="W-SUN", name="w"),
    "interval": pd.Series(pd.cut([1, 2, 3], 2)),
    "interval index": pd.IntervalIndex.from_breaks(
        pd.date_range("2026", periods=3), closed="both", name="i"
    ),
    "arrow ints": pd.DataFrame({"n": pd.array([1, None], dtype="int64[pyarrow]")}),
    "arrow decimal": arrow_series([Decimal("1.10"), None], pa.decimal128(10, 2)),
    "arrow lists": arrow_series([[1], None], pa.list_(pa.int64())),
    "arrow text": arrow_series(["a", None], pa.string()),
    "MultiIndex": pd.DataFrame(
        {"v": [1, 2]}, pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", None])
    ),
    "unused levels": pd.Series(range(4), pd.MultiIndex.from_product([["a", "b"], [1, 2]]))[:2],
    "MultiIndex with a gap": pd.MultiIndex.from_tuples([("a", None), (None, "x")]),
    "MultiIndex of categories": pd.MultiIndex.from_arrays(
        [pd.Categorical(["a", "b"]), pd.date_range("2026", periods=2, tz="UTC")]
    ),
    "empty MultiIndex": pd.MultiIndex.from_tuples([], names=["a", "b"]),
    "levels of columns": pd.DataFrame({"g": [1, 1], "v": [1.0, 2.0]})
    .groupby("g")
    .agg({"v": ["mean", "max"]}),
    "index of categories": pd.DataFrame({"v": [1]}, pd.CategoricalIndex(["x"], name="c")),
    "index of objects": pd.Index([(1, 2), dt.date(2026, 1, 1), None], dtype=object),
    "labels": pd.DataFrame({"a": [1], 2: [2], None: [3], dt.date(2026, 1, 1): [4]}),
    "same labels": pd.DataFrame([[1, "x"]], columns=["a", "a"]).astype({"a": object}),
    "no rows": pd.DataFrame({"c": pd.Categorical([], ["a"]), "s": pd.Series([], dtype="str")}),
    "no columns": pd.DataFrame(index=pd.RangeIndex(3, name="r")),
    "nothing": pd.DataFrame(),
    "many columns": pd.DataFrame({number: pd.array([number], "Int16") for number in range(150)}),
    "unique labels": pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False),
    "named by a tuple": pd.Series([1], name=("a", dt.date(2026, 1, 1)), dtype="Int64"),
    "array": pd.array([1, None], dtype="Int64"),
    "Categorical": pd.Categorical(["a"]),
}

NUMPY: dict[str, Any] = {
    "objects": np.array([1, "x", None, {"a": [1]}], dtype=object),
    "matrix of objects": np.array([[1, 2], [3, None]], dtype=object),
    "lists": np.array([[1], [2, 3]], dtype=object),
    "no dimensions": np.array(None, dtype=object),
    "no items": np.zeros((0, 2), dtype=object),
    "structured": np.array([(1, 2.5, "é")], dtype=[("a", ">i4"), ("b", "f8"), ("c", "U1")]),
    "nested": np.ones(2, dtype=[("a", [("x", "f8"), ("y", "i2", (2, 3))]), ("b", "M8[s]")]),
    "aligned": np.zeros((2, 3), np.dtype({"names": ["a", "b"], "formats": ["i1", "f8"]}, True)),
    "with gaps": np.ones(
        1, np.dtype({"names": ["a"], "formats": ["i1"], "offsets": [3], "itemsize": 9})
    ),
    "no records": np.zeros(0, "i4,f8"),
    "large": np.arange(LONG * 200, dtype="i4").reshape(2, -1),
    "large by columns": np.asfortranarray(np.arange(LONG * 200.0).reshape(2, -1)),
    "large and strided": np.arange(LONG * 400)[::2],
}

POLARS: dict[str, Any] = {
    "frame": pl.DataFrame({"a": [1, None], "s": ["x", None], "f": [NAN, 1.0]}),
    "long": pl.DataFrame({"a": range(LONG * 100)}),
    "enum": pl.DataFrame({"e": pl.Series(["x"], dtype=pl.Enum(["y", "x", ""]))}),
    "categorical": pl.Series("c", ["u", "v", None], dtype=pl.Categorical),
    "times": pl.DataFrame(
        {
            "t": [dt.time(1, 2, 3), None],
            "d": [dt.timedelta(1), None],
            "z": pl.Series([0, 1], dtype=pl.Datetime("ms", "Europe/Paris")),
        }
    ),
    "nested": pl.DataFrame({"l": [[1], None], "s": [{"k": "v"}, None]}),
    "fixed lists": pl.Series("a", [[1, 2]], dtype=pl.Array(pl.Int8, 2)),
    "decimal": pl.Series("d", [Decimal("1.10")]),
    "null": pl.Series("n", [None, None]),
    "no rows": pl.DataFrame(schema={"a": pl.Int8, "s": pl.String}),
    "nothing": pl.DataFrame(),
    "series without a name": pl.Series([1]),
}

ARROW: dict[str, Any] = {
    "table": pa.table({"a": [1, None], "d": pa.array(["x", "y"]).dictionary_encode()}),
    "chunks": pa.table({"a": pa.chunked_array([["x"], [], ["y"]])}),
    "metadata": pa.table({"a": [1]}).replace_schema_metadata({"k": b"\xff"}),
    "not nullable": pa.table({"a": [1]}, pa.schema([pa.field("a", pa.int8(), False)])),
    "same names": pa.Table.from_arrays([pa.array([1]), pa.array(["x"])], ["a", "a"]),
    "batch": pa.record_batch({"a": [1], "s": ["x"]}),
    "empty batch": pa.record_batch({"a": pa.array([], pa.int8())}),
    "array": pa.array([1, None]),
    "slice": pa.array(["a", "b", "c"])[1:],
    "chunked": pa.chunked_array([[1], [2]]),
    "no chunks": pa.chunked_array([], pa.int8()),
    "struct": pa.array([{"a": [1]}, None]),
    "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
    "nulls": pa.nulls(5),
    "zones": pa.array([1, None], pa.timestamp("us", "Europe/Paris")),
    "nothing": pa.table({}),
    "long": pa.array(["text"] * LONG * 100),
    "dictionaries": pa.chunked_array(
        [pa.array(["x"]).dictionary_encode(), pa.array(["y"]).dictionary_encode()]
    ),
}

TABLES: dict[str, Any] = {
    f"{family}: {name}": value
    for family, values in {
        "pandas": PANDAS,
        "numpy": NUMPY,
        "polars": POLARS,
        "pyarrow": ARROW,
    }.items()
    for name, value in values.items()
}


def assert_same(back: Any, value: Any) -> None:
    """Assert that two values are equal, with types, labels, order, zones and attributes."""
    assert type(back) is type(value)
    if isinstance(value, pd.DataFrame):
        pd.testing.assert_frame_equal(back, value, check_exact=True, check_column_type=True)
        assert (back.attrs, back.flags) == (value.attrs, value.flags)
        for place in range(value.shape[1]):
            assert_same_cells(back.iloc[:, place], value.iloc[:, place])
    elif isinstance(value, pd.Series):
        pd.testing.assert_series_equal(back, value, check_exact=True)
        assert (back.attrs, back.flags) == (value.attrs, value.flags)
        assert_same_cells(back, value)
    elif isinstance(value, pd.Index):
        pd.testing.assert_index_equal(back, value, exact=True)
        assert getattr(back, "freq", None) == getattr(value, "freq", None)
    elif isinstance(value, pd.api.extensions.ExtensionArray):
        pd.testing.assert_extension_array_equal(back, value, check_exact=True)
    elif isinstance(value, np.ndarray):
        assert (back.dtype, back.shape) == (value.dtype, value.shape)
        assert back.flags.writeable
        assert value.ndim < 2 or back.flags.f_contiguous or not value.flags.f_contiguous
        np.testing.assert_array_equal(back, value)
    elif isinstance(value, pl.DataFrame):
        assert back.schema == value.schema
        assert back.equals(value)
    elif isinstance(value, pl.Series):
        assert (back.name, back.dtype) == (value.name, value.dtype)
        assert back.equals(value)
    elif isinstance(value, pa.Table | pa.RecordBatch):
        assert back.equals(value, check_metadata=True)
    else:
        assert back.type == value.type
        assert back.equals(value)


def assert_same_cells(back: Any, value: Any) -> None:
    """Assert that the cells of two equal columns have the same classes: None is not NaN."""
    assert back.dtype == value.dtype
    if value.dtype == object:
        assert list(map(type, back)) == list(map(type, value))
        assert list(map(repr, back)) == list(map(repr, value))
