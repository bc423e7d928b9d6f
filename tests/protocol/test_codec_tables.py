"""numpy and pandas values: what comes back equals what went in, down to dtype and labels."""

from __future__ import annotations

import base64
import subprocess
import sys
import zoneinfo
from datetime import UTC, timedelta, timezone
from typing import Any

import msgpack
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from tables import assert_same

from flowkit.codec.bulk import is_apart
from flowkit.codec.digests import digest
from flowkit.codec.libraries import portable
from flowkit.codec.packing import BrokenValue, UnpackableValue, ValueTooLarge, pack, unpack
from flowkit.codec.wire import HEADS, Code

ARRAYS = [
    np.arange(6).reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(10)[::2],
    np.array(5),
    np.zeros((0, 3), "f4"),
    np.array([True, False]),
    np.array([1 + 2j]),
    np.array(["a", "bcd", ""]),
    np.array([b"a", b"bcd"]),
    np.array([""]),
    np.array([1, 2], ">i4"),
    np.array(["é𝄞"], ">U2"),
    np.array([np.nan, np.inf], "f2"),
    np.array(["2024-01-01", "NaT"], "M8[D]"),
    np.array([5], "m8[25s]"),
]


def dtype_of(array: Any) -> str:
    return str(array.dtype.str)


@pytest.mark.parametrize("array", ARRAYS, ids=dtype_of)
def test_arrays(array: Any) -> None:
    back: Any = unpack(pack({"rows": [array]}))["rows"][0]  # type: ignore[index]
    assert type(back) is np.ndarray
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()
    assert back.flags.writeable
    assert back.flags.f_contiguous or not array.flags.f_contiguous


plain_dtypes = st.one_of(
    st_numpy.boolean_dtypes(),
    st_numpy.integer_dtypes(endianness="?"),
    st_numpy.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    st_numpy.complex_number_dtypes(endianness="?", sizes=(64, 128)),
    st_numpy.datetime64_dtypes(endianness="?"),
    st_numpy.unicode_string_dtypes(endianness="?"),
)


@settings(max_examples=100, deadline=None)
@given(st_numpy.arrays(plain_dtypes, st_numpy.array_shapes(min_side=0, max_side=3)))
def test_any_plain_array(array: Any) -> None:
    back: Any = unpack(pack(array))
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    "scalar",
    [
        np.float64(1.5),
        np.float32(1.5),
        np.int8(-3),
        np.uint64(2**64 - 1),
        np.bool_(True),
        np.complex64(1j),
        np.str_("a\0"),
        np.bytes_(b"a\0"),
        np.datetime64("2024-01-01T00:00", "m"),
        np.timedelta64(3, "D"),
    ],
    ids=repr,
)
def test_scalars_keep_their_type_and_serve_as_keys(scalar: Any) -> None:
    back: Any = unpack(pack({scalar: [scalar]}))
    ((key, (item,)),) = back.items()
    assert type(key) is type(item) is type(scalar)
    assert key == item == scalar
    if isinstance(scalar, str | bytes):  # numpy compares without the trailing NULs
        assert list(item) == list(scalar)
    assert item.dtype == scalar.dtype


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.zeros(2, np.longdouble), "of dtype float128 cannot be stored"),
        (np.longdouble(1), "of dtype float128 cannot be stored"),
        (np.ma.array([1, 2]), "Return value.tolist(), which has None for masked items"),
        (np.void(b"x"), "value.tolist()"),
    ],
    ids=["long double", "long scalar", "masked", "void"],
)
def test_arrays_without_a_portable_meaning_are_refused(array: Any, text: str) -> None:
    with pytest.raises(UnpackableValue) as caught:
        pack({"a": array})
    assert text in str(caught.value)
    assert caught.value.path == "result['a']"


FRAMES = [
    pd.DataFrame({"a": [1, 2], "b": [0.5, None], "c": ["x", None], "d": [True, False]}),
    pd.DataFrame({"t": pd.to_datetime(["2024-01-01", None])}, index=["x", "y"]),
    pd.DataFrame(),
    pd.DataFrame(index=[3, 1]),
    pd.DataFrame({"o": pd.Series(["x", None, 1, 2.5, True], dtype=object)}),
    pd.DataFrame([[1, "a"], [2, "b"]], columns=["same", "same"]),
    pd.DataFrame({"a": [1], 2: [2], None: [3]}),
    pd.DataFrame({"n": [1, 2]}, index=pd.date_range("2024-01-01", periods=2, freq="D", name="day")),
    pd.DataFrame({"n": np.arange(3, dtype="i1")}, index=pd.RangeIndex(2, 8, 2, name="r")),
    pd.DataFrame({"d": pd.to_timedelta([1, 2], unit="s")}, index=pd.to_timedelta([1, 2], unit="h")),
]


@pytest.mark.parametrize("number", range(len(FRAMES)))
def test_frames(number: int) -> None:
    frame = FRAMES[number].copy()
    frame.attrs = {"source": ("db", 1)}
    back: Any = unpack(pack([frame]))[0]  # type: ignore[index]
    pd.testing.assert_frame_equal(back, frame, check_exact=True, check_column_type=True)
    assert back.attrs == frame.attrs
    assert type(back.index) is type(frame.index)


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1, 2], name=("a", 1)),
        pd.Series(["x", None], index=["p", "q"]),
        pd.Series([], dtype="f4"),
        pd.Series([1.5], index=pd.Index([2.5], name="w")),
    ],
    ids=["ints", "text", "empty", "float index"],
)
def test_series(series: Any) -> None:
    back: Any = unpack(pack((series,)))[0]  # type: ignore[index]
    pd.testing.assert_series_equal(back, series, check_exact=True)


@pytest.mark.parametrize(
    "index",
    [
        pd.Index([1, 2], name="i"),
        pd.Index(["a", "b"]),
        pd.Index(["a", 1], dtype=object),
        pd.RangeIndex(5),
        pd.date_range("2024-01-01", periods=3, freq="ME"),
        pd.DatetimeIndex(["2024-01-05", "2024-01-01"]),
        pd.timedelta_range("1h", periods=2),
    ],
    ids=repr,
)
def test_indexes(index: Any) -> None:
    back: Any = unpack(pack(index))
    pd.testing.assert_index_equal(back, index, exact=True)
    assert getattr(back, "freq", None) == getattr(index, "freq", None)


@pytest.mark.parametrize(
    "zone",
    [None, UTC, timezone(timedelta(hours=3)), zoneinfo.ZoneInfo("Europe/Paris")],
    ids=str,
)
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps(zone: Any, unit: str) -> None:
    stamp = pd.Timestamp("2024-10-27 00:30:01.123456789").as_unit(unit)
    if zone is not None:
        stamp = stamp.tz_localize("UTC").tz_convert(zone)
    back: Any = unpack(pack([stamp]))[0]  # type: ignore[index]
    assert type(back) is pd.Timestamp
    assert back == stamp
    assert (back.unit, str(back.tzinfo), back.fold) == (unit, str(stamp.tzinfo), stamp.fold)


@pytest.mark.parametrize(
    ("table", "path", "text"),
    [
        (pd.Series([1], name=("a", object)), "result.name[1]", "Return its name"),
        (
            pd.date_range("2024-01-01", periods=1, freq=pd.offsets.CDay(holidays=["2024-01-02"])),
            "result",
            "index.freq = None",
        ),
    ],
    ids=[
        "name",
        "frequency",
    ],
)
def test_tables_that_would_change_are_refused(table: Any, path: str, text: str) -> None:
    with pytest.raises(UnpackableValue) as caught:
        pack(table)
    assert caught.value.path == path
    assert text in str(caught.value)


def test_tables_too_large_are_refused_before_they_are_copied() -> None:
    array = np.zeros(1000)
    with pytest.raises(ValueTooLarge, match=r"result is too large .*'big'"):
        pack({"small": 1, "big": array}, max_bytes=5000)
    # Each element takes a byte at least: the sum is known without packing.
    with pytest.raises(ValueTooLarge):
        pack([array] * 1000, max_bytes=100_000)
    with pytest.raises(ValueTooLarge):
        pack([pd.DataFrame({"a": array})] * 1000, max_bytes=100_000)


def forged(code: Code, *items: Any) -> bytes:
    return msgpack.packb([HEADS[code], *items])  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "data",
    [
        forged(Code.ARRAY, "|O", "C", b"12345678", 1),
        forged(Code.ARRAY, "i4,f8", "C", b"", 0),
        forged(Code.ARRAY, "<i8", "C", b"1234567", 1),
        forged(Code.ARRAY, "<i8", "C", b"12345678", 2**40),
        forged(Code.ARRAY, "<i8", "C", b"12345678", -1),
        forged(Code.ARRAY, "<i8", "K", b"12345678", 1),
        forged(Code.ARRAY, "|b1", "C", b"\x02", 1),
        forged(Code.ARRAY, "<U1", "C", b"\xff\xff\xff\xff", 1),
        forged(Code.ARRAY, "<i8", "C", b"12345678", "1"),
        forged(Code.ARRAY, "<i8", "C", b"", *[0] * 70),
        forged(Code.ARRAY),
        forged(Code.ARRAY_SCALAR, "<f16", b"0" * 16),
        forged(Code.ARRAY_SCALAR, "U", b"bytes"),
        forged(Code.INDEX, "object", 5, None, None),
        forged(Code.INDEX, "int32", [1], None, None),
        forged(Code.RANGE_INDEX, 0, 1, 0, None),
        forged(Code.SERIES, "str", ["a"], None, "no index", {}),
        forged(Code.FRAME, 1, 2, {}),
        forged(Code.TIMESTAMP, 1, "Y"),
        forged(Code.TIMESTAMP, -(2**63), "ns"),
    ],
)
def test_forged_tables_are_broken_values(data: bytes) -> None:
    with pytest.raises(BrokenValue, match=r"^The stored value cannot be read: "):
        unpack(data)


# Written by the release before tables of any type: each value, and its digest.
STORED = [
    (
        pd.DataFrame(
            {
                "n": [1, 2],
                "t": ["x", None],
                "o": pd.Series([1, "y"], dtype=object),
                "d": pd.to_datetime(["2026-01-01", None]),
            },
            index=pd.date_range("2026-01-01", periods=2, freq="D", name="day"),
        ),
        "nMcAMJXHAC2jc3RylKFuoXShb6FkwMCVxwAtpzxNOFt1c12VxwArpzxNOFt1c12hQ8QQAEAgRkhHBgAA"
        "oPdjXEcGAAKjZGF5oUSBpnNvdXJjZZPHACCiZGIBozxpOJXHACujPGk4oUPEEAEAAAAAAAAAAgAAAAAA"
        "AAACo3N0cpKheMCmb2JqZWN0kst/+AAAAAAAAMt/+AAAAAAAAKc8TThbdXNdlccAK6c8TThbdXNdoUPE"
        "EABAIEZIRwYAAAAAAAAAAIAC",
        "9937f6704ab3ea7911f6de4990ff5281",
    ),
    (
        pd.Series([1.5, None], name="s", index=["a", "b"]),
        "lscAL6M8ZjiVxwArozxmOKFDxBAAAAAAAAD4PwAAAAAAAPh/AqFzlccALaNzdHKSoWGhYsDAgA==",
        "36dfe5bc117c2aef62b3fa2b3e368a45",
    ),
    (
        pd.RangeIndex(2, 8, 2),
        "lccALgIIAsA=",
        "dcbc25029096836e620eb4e1389f8312",
    ),
    (
        np.arange(3),
        "lccAK6M8aTihQ8QYAAAAAAAAAAABAAAAAAAAAAIAAAAAAAAAAw==",
        "7aa2b5547f66ed8a682a16bd9d92dad9",
    ),
    (
        pd.Series(["x", None] * 40),
        "lscAL6NzdHLcAFCheMCheMCheMCheMCheMCheMCheMCheMCheMCheMCheMCheMCheMCheMCheMCheMCh"
        "eMCheMCheMCheMCheMCheMCheMCheMCheMCheMCheMCheMCheMCheMCheMCheMCheMCheMCheMCheMCh"
        "eMCheMCheMCheMDAlccALgBQAcCA",
        "6a711ba49d52b8e4d08ff0ce921b90f5",
    ),
]


@pytest.mark.parametrize("number", range(len(STORED)))
def test_values_of_the_release_before(number: int) -> None:
    value, stored, digested = STORED[number]
    if number == 0:
        value.attrs = {"source": ("db", 1)}
    packed = base64.b64decode(stored)
    assert_same(unpack(packed), value)
    assert digest(value, "value") == digested
    with portable():
        assert pack(value) == packed  # the form that the release before reads


@pytest.mark.parametrize(("size", "lies_apart"), [(2**20 - 1, False), (2**20, True)])
def test_which_arrays_lie_apart_so_that_older_releases_refuse_them(
    size: int, lies_apart: bool
) -> None:
    """docs/reference/values.md and the changelog name this size."""
    array = np.zeros(size, "u1")
    assert is_apart(pack(array)) is lies_apart
    assert is_apart(pack(pd.DataFrame({"zeros": array}))) is lies_apart


def test_packing_plain_values_imports_none_of_them() -> None:
    script = (
        "import sys\n"
        "from flowkit.codec.packing import pack, unpack\n"
        "unpack(pack([(1, {2}), {'a': 1.5}]))\n"
        "loaded = {'numpy', 'pandas', 'polars', 'pyarrow'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
