"""Values for display touch no class and no library, and stay within their bounds."""

from __future__ import annotations

import dataclasses
import enum
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from nasty import NASTY

from flowkit.client.previews import LARGE, SMALL, WHOLE, Room, preview_of
from flowkit.codec.packing import BrokenValue, pack, unpack


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass(frozen=True)
class Point:
    """A class that tells when it is built."""

    x: int
    colour: Colour

    def __getattr__(self, name: str) -> object:
        raise AssertionError("code of the class runs")


VALUES = {
    "dict": ({"a": [1, 2.5, None, True]}, {"a": [1, 2.5, None, True]}),
    "tuple": ((1, "x"), [1, "x"]),
    "Point": (Point(1, Colour.RED), {"x": 1, "colour": "Colour.RED"}),
    "str": ("x", "x"),
    "None": (None, None),
    "Decimal": (Decimal("1.5"), "1.5"),
    "bytes": (b"ab", {"base64": "YWI="}),
    "set": ({3}, [3]),
}


@pytest.mark.parametrize("kind", VALUES)
def test_a_value_is_named_and_shown(kind: str) -> None:
    value, shown = VALUES[kind]
    preview = preview_of(pack(value), SMALL)
    assert (preview.type, preview.value, preview.cut) == (kind, shown, False)


def test_known_classes_are_not_used_either() -> None:
    value = unpack(pack({Point(2, Colour.RED): [Point(1, Colour.RED)]}), inert=True)
    assert isinstance(value, dict)
    ((key, (inner,)),) = value.items()
    assert type(key) is type(inner) is not Point
    assert inner == {"x": 1, "colour": "Colour.RED"}


def test_values_of_libraries_are_named_and_import_nothing(tmp_path: Path) -> None:
    np = pytest.importorskip("numpy")
    pd = pytest.importorskip("pandas")
    packed = tmp_path / "packed"
    frame = pd.DataFrame({"a": [1], "b": ["x"], "c": pd.to_datetime(["2020-01-01"])})
    values = [np.zeros((2, 3)), np.float64(1), np.array([None]), frame, frame["a"], frame.index]
    packed.write_bytes(pack([*values, np.zeros(100_000), pd.Timestamp("2020-01-01")]))
    program = (
        "import sys; from flowkit.client.previews import WHOLE, preview_of\n"
        "preview = preview_of(open(sys.argv[1], 'rb').read(), WHOLE)\n"
        "print(preview.value)\n"
        "assert not {'numpy', 'pandas', 'pyarrow', 'polars'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", program, str(packed)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for words in ("numpy array: <f8, shape (2, 3)", "pandas DataFrame", "pandas Series"):
        assert words in done.stdout


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10**6,
        b"x" * 10**6,
        list(range(10**5)),
        {str(n): n for n in range(10**5)},
        {"k" * 10**5: 1},
        [["x" * 100] * 100] * 10,
        {n: {n: {n: "x" * 50} for n in range(10)} for n in range(50)},
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("room", [SMALL, LARGE], ids=["small", "large"])
def test_what_is_shown_is_bounded(value: object, room: Room) -> None:
    preview = preview_of(pack(value), room._replace(size=10**7))
    assert preview.cut
    assert len(json.dumps(preview.value)) < 3 * room.characters + 10 * room.items


def test_a_deep_value_is_cut() -> None:
    value: object = 1
    for _ in range(40):
        value = [value]
    assert preview_of(pack(value), SMALL).cut


def test_what_is_too_large_or_damaged_says_so() -> None:
    assert "too large" in preview_of(pack("x" * 10**5), SMALL).problem
    assert "cannot be read" in preview_of(b"\xc1", SMALL).problem
    with pytest.raises(BrokenValue):
        unpack(pack(Point(1, Colour.RED))[:-1], inert=True)


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())
def test_every_text_stays_what_it_is(text: str) -> None:
    value = {text: [text, (text,)]}
    preview = preview_of(pack(value), WHOLE)
    assert json.loads(json.dumps(preview.value)) == {text: [text, [text]]}
