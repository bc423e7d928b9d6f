"""What text and JSON become for each kind of annotation, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, NewType, Optional
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kinds import Checked, Level, Mixed, Opaque, Plan, Point, Region, Row, Tree, Window

from flowkit.parameters.annotations import NOTHING
from flowkit.parameters.conversion import GivenJSON, GivenText, convert
from flowkit.parameters.examples import example_json, example_python, example_text
from flowkit.parameters.fitting import fits
from flowkit.parameters.texts import Misfit

Day = NewType("Day", date)

TEXTS: list[tuple[Any, str, Any]] = [
    (bool, "False", False),
    (bool, "true", True),
    (bool, "0", False),
    (bool, "1", True),
    (int, "5", 5),
    (int, "-7", -7),
    (int, "9" * 40, int("9" * 40)),
    (float, "1.10", 1.1),
    (float, "5", 5.0),
    (float, "1e3", 1000.0),
    (str, "1.10", "1.10"),
    (str, "False", "False"),
    (str, "", ""),
    (str, '"quoted"', '"quoted"'),
    (str, "a\nb\n", "a\nb\n"),
    (str | None, "null", "null"),
    (int | str, "5", "5"),
    (date | str, "2026-11-28", "2026-11-28"),
    (int | None, "null", None),
    (
        Optional[int],  # noqa: UP045
        "None",
        None,
    ),
    (int | float, "5", 5),
    (float | int, "5", 5.0),
    (int | float, "5.5", 5.5),
    (bool | int, "1", 1),
    (bool | int, "true", True),
    (date, "2026-11-28", date(2026, 11, 28)),
    (date, "2026-11-28\n", date(2026, 11, 28)),
    (Day, "2026-11-28", date(2026, 11, 28)),
    (Annotated[date, "which"], "2026-11-28", date(2026, 11, 28)),
    (datetime, "2026-11-28T09:30:00", datetime(2026, 11, 28, 9, 30)),
    (datetime, "2026-11-28T09:30:00Z", datetime(2026, 11, 28, 9, 30, tzinfo=UTC)),
    (date | datetime, "2026-11-28T09:30:00", datetime(2026, 11, 28, 9, 30)),
    (datetime, "2026-11-28T09:30", datetime(2026, 11, 28, 9, 30)),
    (datetime, "2026-11-28 09:30Z", datetime(2026, 11, 28, 9, 30, tzinfo=UTC)),
    (datetime, "2026-11-28T09:30-00:00", datetime(2026, 11, 28, 9, 30, tzinfo=UTC)),
    (time, "09:30", time(9, 30)),
    (time, "09:30:00", time(9, 30)),
    (timedelta, "90s", timedelta(seconds=90)),
    (timedelta, "1.5h", timedelta(minutes=90)),
    (timedelta, "7d", timedelta(days=7)),
    (timedelta, "PT1H30M", timedelta(minutes=90)),
    (Decimal, "1.10", Decimal("1.10")),
    (UUID, "0f8fad5b-d9cb-469f-a165-70867728950e", UUID("0f8fad5bd9cb469fa16570867728950e")),
    (Path, "data/in.csv", Path("data/in.csv")),
    (PurePosixPath, "/x", PurePosixPath("/x")),
    (Path | int, "5", 5),
    (Path | None, "null", None),
    (Region, "eu", Region.EU),
    (Region, "US", Region.US),
    (Level, "2", Level.HIGH),
    (Level, "HIGH", Level.HIGH),
    (Mixed, "all", Mixed.ALL),
    (Mixed, "2", Mixed.SOME),
    (Mixed, "false", Mixed.OFF),
    (Literal["a", "b"], "a", "a"),
    (Literal[1, 2], "2", 2),
    (Literal[True], "true", True),
    (Literal[Region.EU], "eu", Region.EU),
    (list[int], "[1, 2]", [1, 2]),
    (list, '[1, "a"]', [1, "a"]),
    (list[date], '["2026-11-28"]', [date(2026, 11, 28)]),
    (Sequence[int], "[1]", [1]),
    (tuple[int, ...], "[1, 2]", (1, 2)),
    (tuple[int, str], '[1, "a"]', (1, "a")),
    (set[int], "[1, 1]", {1}),
    (frozenset[str], '["a"]', frozenset({"a"})),
    (dict[str, int], '{"a": 1}', {"a": 1}),
    (dict[date, int], '{"2026-11-28": 1}', {date(2026, 11, 28): 1}),
    (Mapping[str, Path], '{"a": "x"}', {"a": Path("x")}),
    (list[Region], '["eu"]', [Region.EU]),
    (Window, '{"first": "2026-11-28"}', Window(date(2026, 11, 28))),
    (
        Plan,
        '{"windows": [{"first": "2026-11-28", "days": 1}], "target": "out"}',
        Plan([Window(date(2026, 11, 28), 1)], Path("out")),
    ),
    (Row, '{"name": "a", "count": 1}', {"name": "a", "count": 1}),
    (Point, "[1, 2]", Point(1, 2)),
]


@pytest.mark.parametrize(("annotation", "text", "value"), TEXTS)
def test_text_becomes_what_is_annotated(annotation: Any, text: str, value: object) -> None:
    converted = convert(GivenText(text), annotation)
    assert converted == value
    assert type(converted) is type(value)
    assert fits(converted, annotation)


REFUSED_TEXTS: list[tuple[Any, str, str]] = [
    (bool, "maybe", ""),
    (bool, "yes", ""),
    (int, "1.0", ""),
    (int, "1e3", ""),
    (int, "1_000", ""),
    (int, " 5", ""),
    (int, "٣", ""),
    (int, "9" * 5000, "an integer of 5,000 digits is too long. Set PYTHONINTMAXSTRDIGITS=5000"),
    (float, "fast", ""),
    (float, "1e400", "number out of range"),
    (int | None, "", ""),
    (date, "5", "invalid RFC3339 encoded date"),
    (date, "20261128", "invalid RFC3339 encoded date"),
    (date, "2026-02-30", "invalid RFC3339 encoded date"),
    (datetime, "1700000000", "write the date, hours and minutes"),
    (timedelta, "5", "write a number and s, m, h or d, or ISO 8601"),
    (timedelta, "1w", "write a number and s, m, h or d, or ISO 8601"),
    (time, "9:30", "write hours and minutes"),
    (timedelta, "9" * 30 + "d", "OverflowError"),
    (Decimal, "ten", "invalid decimal string"),
    (Path, "", "an empty path would be the working directory"),
    (bytes, "abcd", ""),
    (Region, "asia", "its values are eu, us"),
    (Literal["a", "b"], "c", ""),
    (Literal[1], "True", ""),
    (list[int], "1,2", "it is not valid JSON"),
    (list[int], "[1, NaN]", "it is not valid JSON"),
    (list[int], '["1"]', "expected `int`, got `str` - at `$[0]`"),
    (list[str], "[" * 100_000, "it is nested too deeply"),
    (dict[str, int], "[]", ""),
    (Window, '{"first": "2026-11-28", "dyas": 3}', "unknown field 'dyas'. Did you mean 'days'?"),
    (Plan, '{"windows": [{"first": "2026-11-28", "x": 1}]}', "- at `$.windows[0]`"),
    (Row, '{"name": "a", "count": 1, "more": 2}', "unknown field 'more'"),
    (Checked, '{"size": -1}', "size must not be negative"),
    (Opaque, "x", "it is not valid JSON"),
    (Opaque, "5", "no value from outside can be converted to it"),
    (Callable[[], int], "len", "it is not valid JSON"),
    (list[date | str], '["2026-11-28"]', "no value from outside can be converted to it"),
    (date, "\udcff", "UnicodeEncodeError"),
]


@pytest.mark.parametrize(("annotation", "text", "reason"), REFUSED_TEXTS)
def test_text_that_does_not_fit_is_refused_with_the_reason(
    annotation: Any, text: str, reason: str
) -> None:
    with pytest.raises(Misfit) as caught:
        convert(GivenText(text), annotation)
    assert reason in str(caught.value)
    assert bool(str(caught.value)) == bool(reason)


def test_json_keeps_the_types_that_it_has() -> None:
    for annotation, value, expected in [
        (int, 5, 5),
        (float, 5, 5.0),
        (int | str, "5", "5"),
        (float | int, 5, 5),
        (str | None, None, None),
        (date, "2026-11-28", date(2026, 11, 28)),
        (timedelta, "90s", timedelta(seconds=90)),
        (Decimal, "1.10", Decimal("1.10")),
        (Decimal, 1234567890123.45, Decimal("1234567890123.45")),
        (Decimal, 10**30 + 1, Decimal(10**30 + 1)),
        (Level, 2, Level.HIGH),
        (Mixed, False, Mixed.OFF),
        (Any, {"a": [1]}, {"a": [1]}),
        (Window, {"first": "2026-11-28"}, Window(date(2026, 11, 28))),
    ]:
        converted = convert(GivenJSON(value), annotation)
        assert converted == expected
        assert type(converted) is type(expected)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (bool, "False"),
        (bool, 0),
        (int, "5"),
        (int, True),
        (int, 1.5),
        (str, 5),
        (date, 5),
        (timedelta, 5),
        (list[int], {"0": 1}),
        (Path, 5),
        (Path, ""),
        (type(None), 0),
        (Region, None),
        (float, 10**400),
    ],
)
def test_json_of_another_type_is_refused(annotation: Any, value: object) -> None:
    with pytest.raises(Misfit):
        convert(GivenJSON(value), annotation)


@pytest.mark.parametrize(
    ("annotation", "text", "place"),
    [
        (Decimal, "12345678901234567.89", ""),
        (list[Decimal], "[1.5, 12345678901234567.89]", " - at `$[1]`"),
        (dict[str, Decimal], '{"a": 12345678901234567.89}', " - at `$.a`"),
    ],
)
def test_a_decimal_is_never_rounded_on_its_way_through_json(
    annotation: Any, text: str, place: str
) -> None:
    with pytest.raises(Misfit) as caught:
        convert(GivenJSON(json.loads(text)), annotation)
    wanted = f"a number of so many digits is rounded: write it as a string{place}"
    assert str(caught.value) == wanted
    quoted = text.replace("12345678901234567.89", '"12345678901234567.89"')
    assert "12345678901234567.89" in str(convert(GivenJSON(json.loads(quoted)), annotation))


def test_a_name_that_json_gives_twice_is_refused() -> None:
    for annotation in (dict[str, int], Any):
        with pytest.raises(Misfit, match=r"^'a' is given twice$"):
            convert(GivenText('{"b": 1, "a": 1, "a": 2}', is_json=True), annotation)
        with pytest.raises(Misfit, match=r"^'a' is given twice$"):
            convert(GivenText('[{"a": 1, "a": 2}]'), annotation)


def test_json_that_only_its_checks_find_too_deep_is_refused() -> None:
    """Later versions of Python read JSON that is nested deeper than their stack of calls."""
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(Misfit, match="nested too deeply"):
        convert(GivenJSON(deep), list[list])  # type: ignore[type-arg]
    with pytest.raises(Misfit, match="nested too deeply"):
        convert(GivenText("[" * 200_000 + "]" * 200_000), Any)


def test_a_refusal_is_short_however_long_the_names_are() -> None:
    name = "k" * 5_000_000
    for annotation, value in (
        (Checked, {"size": 1, name: 3}),
        (dict[str, Checked], {name: {"size": 1, "z": 3}}),
    ):
        with pytest.raises(Misfit, match="unknown field") as caught:
            convert(GivenJSON(value), annotation)
        assert len(str(caught.value)) < 1_000


def test_an_alias_that_nothing_converts_to_is_refused_with_a_sentence() -> None:
    with pytest.raises(Misfit, match="pass the value from Python"):
        convert(GivenJSON([1]), Iterable[int])


def test_deeply_nested_json_is_refused() -> None:
    value: Any = {"below": []}
    for _ in range(20_000):
        value = {"below": [value]}
    with pytest.raises(Misfit, match="it is nested too deeply"):
        convert(GivenJSON(value), Tree)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-5", -5),
        ("1.5", 1.5),
        ("true", True),
        ("null", None),
        ('"5"', "5"),
        ('[1.10, "a"]', [1.1, "a"]),
        ('{"a": 1}', {"a": 1}),
        ("12\n", 12),
        (" 12 ", 12),
        ("12\xa0", "12\xa0"),
        ("text", "text"),
        ("just words\n", "just words\n"),
        ("007", "007"),
        ("NaN", "NaN"),
        ("2026-11-28", "2026-11-28"),
        ("[1,", "[1,"),
        ("", ""),
    ],
)
def test_without_annotation_json_is_read_if_it_would_be_written_so(
    text: str, value: object
) -> None:
    guessed = convert(GivenText(text), NOTHING)
    assert guessed == value
    assert type(guessed) is type(value)


@pytest.mark.parametrize("text", ["False", "TRUE", "None", "1.10", "1e3", "-0", "1e400", "NULL"])
def test_without_annotation_text_of_two_meanings_is_refused(text: str) -> None:
    with pytest.raises(Misfit, match=f'^it may be the text "{text}" or the value '):
        convert(GivenText(text), Any)
    assert convert(GivenText(text, is_literal=True), Any) == text


@given(st.text())
def test_what_is_guessed_is_the_text_or_the_json_that_is_written_so(text: str) -> None:
    try:
        guessed = convert(GivenText(text), Any)
    except Misfit:
        return
    assert guessed == text or json.loads(text) == guessed


ANNOTATIONS = sorted({repr(item): item for item, _, _ in TEXTS}.items())


@pytest.mark.parametrize(
    "annotation", [item for _, item in ANNOTATIONS], ids=lambda item: repr(item)
)
def test_the_example_of_each_annotation_fits_it(annotation: Any) -> None:
    text = example_text(annotation)
    assert text is not None
    assert fits(convert(GivenText(text), annotation), annotation)
    assert fits(convert(GivenJSON(example_json(annotation)), annotation), annotation)
    assert example_python(annotation)


def test_a_class_that_no_text_stands_for_has_no_example() -> None:
    assert example_json(Opaque) is NOTHING
    assert example_json(list[Opaque]) is NOTHING
    assert example_text(Callable[[], int]) is None


@settings(max_examples=100)
@given(
    st.sampled_from([item for _, item in ANNOTATIONS]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    ),
)
def test_whatever_json_comes_it_fits_afterwards_or_is_refused(annotation: Any, value: Any) -> None:
    try:
        converted = convert(GivenJSON(value), annotation)
    except Misfit:
        return
    assert fits(converted, annotation) or (isinstance(value, float) and math.isnan(value))


@settings(max_examples=200)
@given(
    st.sampled_from([item for _, item in ANNOTATIONS]),
    st.text() | st.sampled_from([text for _, text, _ in TEXTS]),
)
def test_whatever_text_comes_it_fits_afterwards_or_is_refused(annotation: Any, text: str) -> None:
    try:
        converted = convert(GivenText(text), annotation)
    except Misfit:
        return
    assert fits(converted, annotation)
