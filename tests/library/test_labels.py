"""Labels of items: what a format string may read, and that it never does anything else."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.basics.display_text import error_text, escape_text
from flowkit.definition.labels import LONGEST, check_template, label_text

FILE = SimpleNamespace(name="eu.csv", size=1234, _secret="x", tags={"a": 1, "b": [7, 8]})


class Hostile:
    """A value whose attributes and texts raise, or are long and wild."""

    def __str__(self) -> NoReturn:
        raise SystemError("no text")

    @property
    def wide(self) -> str:
        return "\x1b[31m" + "x" * 10_000

    def method(self) -> None:
        """Nothing."""


def made(label: Any, *args: object, items: int = 1) -> str:
    """The label, or "? " and the error that was reported. There is no label then."""
    names = ("path", "size", "rest")[: len(args)]
    errors: list[BaseException] = []
    text = label_text(label, names, args, args[:items], errors.append)
    assert not (text and errors)
    return f"? {error_text(errors[0])}" if errors else text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{item}", "eu"),
        ("{}", "eu"),
        ("{0} of {1}", "eu of 7"),
        ("{} of {}", "eu of 7"),
        ("{path}/{size:03d}", "eu/007"),
        ("{path!r:>6}", "  'eu'"),
        ("{{{item}}}", "{eu}"),
        ("no field", "no field"),
        ("{item[0]}", "e"),
        ("", ""),
    ],
)
def test_a_format_string_is_filled(template: str, text: str) -> None:
    check_template(template, ("path", "size"), any_number=False)
    assert made(template, "eu", 7) == text


def test_attributes_and_keys_are_read() -> None:
    assert made("{item.name} {0.tags[a]} {path.tags[b][1]}", FILE) == "eu.csv 1 8"


def test_a_function_gets_the_items() -> None:
    assert made(lambda path, size: f"{path}-{size}", "eu", 7, "whole", items=2) == "eu-7"


@pytest.mark.parametrize(
    "template",
    [
        "{item.__class__}",
        "{item._secret}",
        "{item[_secret]}",
        "{_item}",
        "{item.name.__init__.__globals__}",
        "{item:{size}}",
        "{item:9999}",
        "{item:>1000000000}",
        "{item.name()}",
        "{item[}",
        "{item!x}",
        "{",
        "}",
        "{item.}",
        "{1000}",
    ],
)
def test_anything_else_is_refused_where_it_is_written_and_read(template: str) -> None:
    with pytest.raises(ValueError):
        check_template(template, ("path", "size"), any_number=True)
    assert made(template, FILE, 7).startswith("? ")


@pytest.mark.parametrize(
    "value", [len, Hostile.method, Hostile().method, pytest, Hostile, (number for number in ())]
)
def test_nothing_is_read_of_code(value: object) -> None:
    for attribute in ("func_globals", "gi_frame", "name", "mro"):
        assert made(f"{{item.{attribute}}}", value).startswith("? TypeError: a label does not read")


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("{item.nothing}", "? AttributeError: "),
        ("{item[nothing]}", "? TypeError: "),
        ("{item}", "? SystemError: no text"),
        ("{5}", "? IndexError: "),
        ("{other}", "? KeyError: 'other'"),
        (lambda item: 1 / 0, "? ZeroDivisionError: division by zero"),
        (lambda: "", "? TypeError: "),
    ],
)
def test_an_error_is_reported_and_leaves_no_label(label: Any, text: str) -> None:
    assert made(label, Hostile()).startswith(text)


def test_a_label_is_one_short_and_harmless_line() -> None:
    assert made("{item.wide}", Hostile()) == "\\x1b[31m" + "x" * (LONGEST - 9) + "…"
    assert made("{item}", "a\nb\u202e") == "a\\nb\\u202e"


def templates() -> Iterator[st.SearchStrategy[str]]:
    yield st.text(max_size=20)
    yield st.text(alphabet="{}[].:!_0item", max_size=20)


@given(st.one_of(*templates()))
def test_any_template_is_refused_or_filled(template: str) -> None:
    text = made(template, "eu", 7)
    if not text.startswith("? "):
        assert len(text) <= LONGEST
        assert escape_text(text) == text
    try:
        check_template(template, ("path", "size"), any_number=False)
    except ValueError:
        return
    assert not text.startswith("? ValueError: {")
