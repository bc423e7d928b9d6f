"""Which Python values fit an annotation: nothing is converted, and nothing is refused wrongly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, NewType, TypeVar
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from kinds import Level, Opaque, Plan, Point, Readable, Region, Row, Window

from flowkit.parameters.agreement import common
from flowkit.parameters.annotations import NOTHING, name_of
from flowkit.parameters.fitting import fits

T = TypeVar("T")
Day = NewType("Day", date)
NOW = datetime(2026, 11, 28)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (5, int),
        (5, float),
        (True, int),
        (Level.LOW, int),
        (np.int64(5), int),
        (np.float32(0.5), float),
        (np.bool_(True), bool),
        (NOW, date),
        (pd.Timestamp(NOW), datetime),
        (NOW.date(), Day),
        (None, int | None),
        ("x", str | int),
        ("x", Sequence[str]),
        (Path("x"), PurePath),
        (bytearray(b"x"), bytes),
        ("a", Literal["a"]),
        (Region.EU, Literal[Region.EU]),
        ([1, 2], list[int]),
        ([], list[Opaque]),
        ((1, "a"), tuple[int, str]),
        ((1, 2, 3), tuple[int, ...]),
        ((), tuple[()]),
        ({"a": [1]}, dict[str, list[int]]),
        ({"a": 1}, Mapping[str, float]),
        ([1], Iterable[int]),
        (range(3), Sequence[int]),
        ({"name": "a"}, Row),
        (Point(1), tuple[int, int]),
        (Window(date(2026, 1, 1)), Annotated[Window, "when"]),
        (pd.DataFrame(), pd.DataFrame),
        (Mock(), Opaque),
        (Opaque(), Readable),
        (5, Readable),
        (len, Callable[[list[int]], int]),
        (5, Callable[[], int]),
        (object(), object),
        (object(), Any),
        (object(), T),
        ([5], list["Unknown"]),  # type: ignore[name-defined] # noqa: F821
    ],
)
def test_what_a_type_checker_accepts_fits(value: object, annotation: Any) -> None:
    assert fits(value, annotation)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        ("5", int),
        (5.0, int),
        ("False", bool),
        (1, bool),
        (5, str),
        ("2026-11-28", date),
        (date(2026, 1, 1), datetime),
        ("x", Path),
        (Path("x"), str),
        (None, int),
        ("x", int | None),
        (1, Literal[True]),
        ("c", Literal["a", "b"]),
        ("eu", Region),
        (1, Level),
        ("90s", timedelta),
        (1.1, Decimal),
        (["1"], list[int]),
        ((1,), list[int]),
        ([1], tuple[int, ...]),
        ((1, 2, 3), tuple[int, str]),
        ({"a": "1"}, dict[str, int]),
        ({1: 1}, dict[str, int]),
        ([[1], ["a"]], list[list[int]]),
        ({"first": NOW}, Window),
        (Mock(), date),
        ("frame", pd.DataFrame),
        ([1], Opaque),
        ([], Row),
        (5, Iterable[int]),
    ],
)
def test_what_plainly_contradicts_does_not_fit(value: object, annotation: Any) -> None:
    assert not fits(value, annotation)


def test_a_value_that_contains_itself_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert fits(loop, list[Any])
    assert not fits(loop, list[int])


@pytest.mark.parametrize(
    ("first", "second", "agreed"),
    [
        (int, int, int),
        (str | None, str, str),
        (int | str | None, None | str, str | None),
        (int, float, int),
        (Any, date, date),
        (date, object, date),
        (datetime, date, datetime),
        (Path, PurePath, Path),
        (list[int], list, list[int]),
        (list, list[int], list[int]),
        (list[int], Sequence[int], list[int]),
        (list[Any], list[int], list[Any]),
        (Literal["a", "b"], Literal["b", "c"], Literal["b"]),
        (Literal["a", 1], str, Literal["a"]),
        (Annotated[int, "x"], int, int),
        (Day, date, date),
        (Opaque, Readable, Opaque),
    ],
)
def test_annotations_agree_on_what_fits_both(first: Any, second: Any, agreed: Any) -> None:
    assert common(first, second) == agreed
    assert common(second, first) in (agreed, second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (date, str),
        (int, str | None),
        (bool, float),
        (Path, str),
        (list[int], list[str]),
        (dict[str, int], dict[str, str]),
        (list[int], set[int]),
        (Literal["a"], Literal["b"]),
        (Literal["a"], int),
        (Window, Plan),
    ],
)
def test_annotations_that_no_value_fits_contradict_each_other(first: Any, second: Any) -> None:
    assert common(first, second) is NOTHING
    assert common(second, first) is NOTHING


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (int, "int"),
        (date, "date"),
        (int | None, "int | None"),
        (dict[str, list[date]], "dict[str, list[date]]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (Literal["a", 1, Region.EU], "Literal['a', 1, Region.EU]"),
        (Annotated[Path, "x"], "Path"),
        (Any, "Any"),
        (Window, "Window"),
        (list["Unknown"], "list[Unknown]"),  # type: ignore[name-defined] # noqa: F821
    ],
)
def test_an_annotation_is_named_as_it_is_written(annotation: Any, name: str) -> None:
    assert name_of(annotation) == name
