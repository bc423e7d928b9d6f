"""Tables with columns of any type: what comes back is equal, and has one digest everywhere."""

from __future__ import annotations

import copy
import datetime as dt
import subprocess
import sys
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import pytz
from hypothesis import strategies as st
from samples import sampled
from tables import LONG, TABLES, assert_same

from flowkit.codec.digests import digest
from flowkit.codec.libraries import portable
from flowkit.codec.packing import UnpackableValue, ValueTooLarge, pack, unpack

named = pytest.mark.parametrize("name", list(TABLES))


def there_and_back(value: Any) -> Any:
    back: Any = unpack(pack({"inside": [value]}))
    return back["inside"][0]


@named
def test_what_comes_back_is_equal(name: str) -> None:
    value = TABLES[name]
    before = copy.deepcopy(value)
    assert_same(there_and_back(value), value)
    assert_same(unpack(pack(value)), value)
    assert_same(value, before)  # packing changes nothing


@named
def test_a_digest_is_the_same_for_an_equal_value(name: str) -> None:
    value = TABLES[name]
    wanted = digest(value, "value")
    assert digest(there_and_back(value), "value") == wanted
    assert digest(copy.deepcopy(value), "value") == wanted


def test_digests_differ_for_different_values() -> None:
    assert len({digest(value, "value") for value in TABLES.values()}) == len(TABLES)


def test_a_digest_does_not_depend_on_chunks_nor_on_what_is_behind_missing_values() -> None:
    item = pa.chunked_array([["a", "b", None]])
    many = pa.chunked_array([["x", "a"], ["b", None]])[1:]
    hidden = pa.Array.from_buffers(
        pa.int64(), 2, [pa.py_buffer(b"\x01"), pa.py_buffer(np.array([7, 99]).tobytes())]
    )
    assert digest(item, "v") == digest(many, "v")
    assert digest(hidden, "v") == digest(pa.array([7, None]), "v")
    sets = [pd.Series([{f"k{n}": n for n in order}]) for order in ((1, 2), (2, 1))]
    assert digest(sets[0], "v") == digest(sets[1], "v")


@pytest.mark.parametrize("name", [name for name in TABLES if name.startswith(("pandas", "numpy"))])
def test_portable_tables_of_pandas_and_numpy_travel_too(name: str) -> None:
    """Only arrays that lie in Arrow need it; text is stored as a list."""
    value = TABLES[name]
    if "arrow" in name:
        with portable(), pytest.raises(UnpackableValue, match=r"extra \[arrow\]"):
            pack(value)
        return
    with portable():
        packed = pack(value)
        assert b"ARROW" not in packed
        assert digest(value, "value")
    assert_same(unpack(packed), value)


def test_a_frame_that_came_back_can_be_changed() -> None:
    frame = pd.DataFrame(
        {
            "n": range(100_000),
            "f": 0.5,
            "c": pd.Categorical(["a"] * 100_000),
            "i": pd.array([1] * 100_000, dtype="Int64"),
            "t": pd.Timestamp("2026", tz="UTC"),
            "s": "text",
        }
    )
    for value in (frame, frame[["n", "f"]]):
        back: Any = unpack(pack(value))
        again: Any = unpack(pack(value))
        for place, label in enumerate(value.columns):
            back.iloc[0, place] = back[label].iloc[1]
            back[label].to_numpy()
        back.loc[0, "n"] = -1
        assert_same(again, value)  # they share nothing
        assert back["n"].iloc[0] == -1


# -- any ------------------------------------------------------------------------------------------

times = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1))
columns = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1)).map(lambda items: pd.Series(items, dtype="int64")),
    st.lists(st.floats()).map(lambda items: pd.Series(items, dtype="float64")),
    st.lists(st.none() | st.integers(0, 255)).map(lambda items: pd.Series(items, dtype="UInt8")),
    st.lists(st.none() | st.booleans()).map(lambda items: pd.Series(items, dtype="boolean")),
    st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]))).map(
        lambda items: pd.Series(items, dtype="str")
    ),
    st.lists(st.none() | st.sampled_from("abc")).map(
        lambda items: pd.Series(pd.Categorical(items, ["c", "a", "b"], ordered=True))
    ),
    st.lists(st.none() | times).map(
        lambda items: pd.Series(pd.DatetimeIndex(items, tz="UTC").tz_convert("Europe/Paris"))
    ),
    st.lists(
        st.none()
        | st.text()
        | st.integers()
        | st.dates()
        | st.booleans()
        | st.decimals(allow_nan=False)
        | st.lists(st.integers())
    ).map(lambda items: pd.Series(items, dtype=object)),
    st.lists(st.none() | st.lists(st.none() | st.integers(0, 9))).map(
        lambda items: pd.Series(items, dtype=pd.ArrowDtype(pa.list_(pa.int8())))
    ),
)
labels = st.none() | st.integers() | st.text() | st.tuples(st.text(), st.integers())


def may_be_level(column: Any) -> bool:
    return column.dtype != object and not isinstance(column.dtype, pd.ArrowDtype)


@st.composite
def frames(draw: st.DrawFn) -> Any:
    drawn = draw(st.lists(st.tuples(labels, columns), max_size=4))
    rows = min((len(column) for _, column in drawn), default=draw(st.integers(0, 3)))
    levels = [column.iloc[:rows] for column in draw(st.lists(columns, max_size=2))]
    if not levels or any(len(level) < rows for level in levels):
        index: Any = pd.RangeIndex(rows, name=draw(labels))
    elif len(levels) == 1 or not all(map(may_be_level, levels)):
        index = pd.Index(levels[0], name=draw(labels))
    else:
        index = pd.MultiIndex.from_arrays(levels, names=[draw(labels), draw(labels)])
    frame = pd.DataFrame(
        {place: column.iloc[:rows].array for place, (_, column) in enumerate(drawn)}
    )
    frame.index = index
    frame.columns = pd.Index([label for label, _ in drawn], dtype=object, tupleize_cols=False)
    frame.attrs = draw(st.dictionaries(st.text(), st.integers() | st.text(), max_size=2))
    return frame


@sampled(frames(), few=100, many=1000)
def test_any_frame(frame: Any) -> None:
    back = there_and_back(frame)
    assert_same(back, frame)
    assert digest(back, "value") == digest(frame, "value")


# -- refused --------------------------------------------------------------------------------------


class Currency(pa.ExtensionType):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(pa.int64(), "test.currency")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: Any, data: bytes) -> Any:
        return cls()


@pytest.mark.parametrize(
    ("value", "path", "text"),
    [
        (pl.DataFrame({"a": [1]}).lazy(), "result", "Return value.collect()"),
        (pl.DataFrame({"o": [object()]}), "result['o']", "has the polars type Object"),
        (pl.DataFrame({"w": pl.Series([1], dtype=pl.Int128)}), "result['w']", "Int128"),
        (pa.scalar(1), "result", "Return value.as_py()"),
        (pa.table({"v": pa.array(["x"], pa.string_view())}), "result['v']", "large_string()"),
        (pa.ExtensionArray.from_storage(Currency(), pa.array([1])), "result", "column.storage"),
        (
            pa.table({"m": pa.ExtensionArray.from_storage(Currency(), pa.array([1]))}),
            "result['m']",
            "column.storage",
        ),
        (pa.array([1], pa.run_end_encoded(pa.int32(), pa.int64())), "result", "run_end_decode"),
        (pd.DataFrame({"s": pd.arrays.SparseArray([0, 1])}), "result['s']", "astype('int64')"),
        (pd.DataFrame({"o": [{"k": [object()]}]}), "result['o'][0]['k'][0]", "Return plain data"),
        (pd.Series([1, object()]), "result[1]", "Return plain data"),
        (np.array([1, object()], dtype=object), "result[1]", "Return plain data"),
        (np.zeros(1, [("a", [("b", np.longdouble)])]), "result['a']['b']", "float128"),
        (np.zeros(1, [(("title", "a"), "i4")]), "result['a']", "titles"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value[:12],
)
def test_what_would_change_is_refused(value: Any, path: str, text: str) -> None:
    with pytest.raises(UnpackableValue) as caught:
        pack(value)
    assert caught.value.path == path
    assert text in str(caught.value)


def test_a_table_that_contains_itself_is_refused() -> None:
    cell: list[Any] = []
    cell.append(pd.Series([cell], dtype=object))
    with pytest.raises(UnpackableValue, match="contains itself"):
        pack(cell)


def test_large_tables_name_their_size() -> None:
    frame = pd.DataFrame({"small": [1] * LONG, "text": ["x" * 1000] * LONG})
    with pytest.raises(ValueTooLarge, match="too large to be stored"):
        pack([frame], max_bytes=100 * 1024)
    bits = pa.array([True] * 10_000)
    assert pack(bits, max_bytes=4000)  # fewer bytes than values


def test_a_process_portable_says_what_to_install(tmp_path: Any) -> None:
    (tmp_path / "value").write_bytes(pack(pd.Series(["a"] * LONG)))
    script = (
        "import sys\n"
        "sys.modules['pyarrow'] = None\n"
        "from flowkit.codec.packing import BrokenValue, unpack\n"
        "try:\n"
        "    unpack(open(sys.argv[1], 'rb').read())\n"
        "except BrokenValue as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "value")]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "it needs pyarrow, which is not installed in this process" in said
    assert "pip install 'pyarrow>=17', which is flowkit's extra [arrow]" in said


def test_decimals_keep_their_digits() -> None:
    back = there_and_back(pd.Series([Decimal("1.10"), Decimal("1E+2")]))
    assert list(map(str, back)) == ["1.10", "1E+2"]


def test_zones_of_pytz_stay_zones_of_pytz() -> None:
    """pandas 2 makes them."""
    zone = pytz.timezone("Europe/Paris")
    for value in (
        pd.date_range("2026-03-28", periods=3, tz=zone),
        pd.Series(pd.date_range("2026-03-28", periods=3, tz=zone)),
        pd.Timestamp("2026-03-28", tz=zone),
    ):
        back = there_and_back(value)
        made = back.dt.tz if isinstance(value, pd.Series) else back.tz
        assert type(made).__module__.startswith("pytz")
        assert str(made) == "Europe/Paris"
        assert (back == value) if isinstance(value, pd.Timestamp) else (back == value).all()
