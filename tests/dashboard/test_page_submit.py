"""What a form of run parameters sends, and the command that does the same."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from javascript import Modules

from flowkit.cli.given import parse_params


@pytest.fixture(scope="module")
def modules() -> Modules:
    return Modules("form_changes.js", "commands.js")


def parameter(name: str, text: str | None = None, **more: Any) -> dict[str, Any]:
    plain = {"type": "int", "known": True, "required": False, "default": "", "description": ""}
    return {**plain, "name": name, "example": "5", "given": text is not None, "text": text, **more}


def field(modules: Modules, given: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**modules.call("fieldOf", given), **changes}


def test_an_untouched_form_changes_nothing(modules: Modules) -> None:
    fields = [
        field(modules, parameter("size", "7", required=True)),
        field(modules, parameter("empty", "")),
        field(modules, parameter("point", given=True)),  # there is no text for its value
        field(modules, parameter("limit")),
    ]
    assert [item["out"] for item in fields] == [False, False, False, True]
    assert modules.call("changesOf", fields) == {"params": {}, "without": []}
    assert [modules.call("problemOf", item) for item in fields] == [""] * 4


def test_only_what_differs_is_sent(modules: Modules) -> None:
    fields = [
        field(modules, parameter("size", "7"), text="8"),
        field(modules, parameter("emptied", "x"), text=""),
        field(modules, parameter("left", "x"), out=True),
        field(modules, parameter("limit"), text="3", out=False),
        field(modules, parameter("blank"), out=False),
        field(modules, parameter("point", given=True), text="[1]"),
    ]
    assert modules.call("changesOf", fields) == {
        "params": {"size": "8", "emptied": "", "limit": "3", "blank": "", "point": "[1]"},
        "without": ["left"],
    }


def test_a_required_parameter_needs_a_value(modules: Modules) -> None:
    needed = field(modules, parameter("size", required=True))
    assert not needed["out"]
    assert modules.call("problemOf", needed) == "A run needs a value, such as 5."
    assert modules.call("problemOf", {**needed, "text": "1"}) == ""


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (parameter("a", description="How many."), "How many. Example: 5"),
        (parameter("a", "5"), ""),
        (parameter("a", given=True), "left empty, it is as in the earlier run"),
        (parameter("a", type="Point", known=False), "Its type is not known here"),
        (parameter("a", type="", known=False), "It has no annotation"),
    ],
)
def test_the_hint_of_a_field(modules: Modules, given: dict[str, Any], says: str) -> None:
    assert says in modules.call("hintOf", given)


@pytest.mark.parametrize(
    "text", ["5", "", "a b", "it's", "@file", "@@", "a=b", "$(id)", "`id`", "-x", "räk\n✓", "\\"]
)
def test_the_command_gives_the_same(modules: Modules, text: str) -> None:
    command = modules.call("againCommand", "r1", {"params": {"size": text}, "without": ["word"]})
    words = shlex.split(command)
    assert words[:5] == ["flowkit", "submit", "--again", "r1", "-p"]
    assert words[6:] == ["--without", "word"]
    assert parse_params([words[5]])["size"].text == text  # type: ignore[union-attr]
