"""The API reference has every public name, and every public name says what it does."""

from __future__ import annotations

import builtins
import re
from enum import Enum
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
from api_objects import WHOLE, entries, public_objects
from pages import ROOT
from render_api import Anchors, api_page, markdown

import flowkit
from flowkit import exceptions
from flowkit.codec import errors as codec_errors

PAGE = ROOT / "docs" / "api.md"
OBJECTS = [item for objects in public_objects().values() for item in objects]


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text() == api_page(), "run python docs/refresh.py"


def test_every_exported_name_is_in_it() -> None:
    shown = {item.__name__ for item in OBJECTS} | {"__version__"}
    assert set(flowkit.__all__) - shown == set()
    headings = set(re.findall(r"^### (.+)$", PAGE.read_text(), re.MULTILINE))
    assert {item.__name__ for item in OBJECTS} == headings
    assert "`__version__`" in PAGE.read_text()


@pytest.mark.parametrize("name", sorted(name for name in WHOLE if find_spec(name)))
def test_every_public_class_of_these_modules_is_in_it(name: str) -> None:
    classes = {
        key
        for key, item in vars(import_module(name)).items()
        if isinstance(item, type) and item.__module__ == name and not key.startswith("_")
    }
    assert classes - {item.__name__ for item in OBJECTS} == set()


@pytest.mark.parametrize("one", OBJECTS, ids=lambda item: item.__name__)
def test_every_public_object_and_member_says_what_it_does(one: Any) -> None:
    silent = [entry.name for entry in entries(one) if not entry.about]
    assert silent == []


@pytest.mark.parametrize("one", OBJECTS, ids=lambda item: item.__name__)
def test_errors_that_are_named_exist(one: Any) -> None:
    known = vars(builtins) | vars(exceptions) | vars(codec_errors)
    named = [
        word
        for entry in entries(one)
        for sentence in re.findall(r"Raises? .*?(?:\.\s|\.$|\Z)", entry.about, re.DOTALL)
        for word in re.findall(r"\b[A-Z]\w+(?:Error|Lost|NotFound|Over|Timeout|Value)\b", sentence)
    ]
    assert [word for word in named if word not in known] == []


def test_nothing_in_it_depends_on_this_process() -> None:
    page = PAGE.read_text()
    assert " at 0x" not in page
    assert "<object" not in page
    assert "typing." not in page


# -- how it is made ---------------------------------------------------------------------------


class Sample:
    """A thing. ``size``: in bytes.

    sample = Sample(3)
    """

    def __init__(self, size: int, *more: str, color: str | None = None) -> None:
        """Make one. Raises ValueError."""

    @property
    def size(self) -> int:
        """Bytes."""
        return 0

    @classmethod
    def parse(cls, text: str, /, strict: bool = True) -> Sample:
        """Read one."""
        raise NotImplementedError

    def _hidden(self) -> None: ...


class Color(Enum):
    """One of two."""

    RED = "red"


def test_signatures_are_written_as_in_the_source() -> None:
    first, *members = entries(Sample)
    assert first.signature == "Sample(size: int, *more: str, color: str | None = None)"
    assert first.about.startswith("A thing.")
    assert first.about.endswith("Make one. Raises ValueError.")
    assert [(member.name, member.signature) for member in members] == [
        ("Sample.size", "int"),
        ("Sample.parse", "Sample.parse(text: str, /, strict: bool = True) -> Sample"),
    ]


def test_classes_that_users_do_not_create_show_no_constructor() -> None:
    (only,) = entries(Color)
    assert (only.signature, only.about) == ("", "One of two.")


def test_docstrings_become_markdown() -> None:
    text = markdown("A ``thing`` of *args, not <html>.\n\n    x = 1\n    y = 2\n\nEnd.")
    assert text == ("A `thing` of \\*args, not &lt;html>.\n\n```text\nx = 1\ny = 2\n```\n\nEnd.")


def test_anchors_match_those_of_github() -> None:
    made = Anchors()
    assert [made.add(heading) for heading in ("Task", "task", "… a `when=` goes")] == [
        "task",
        "task-1",
        "-a-when-goes",
    ]
