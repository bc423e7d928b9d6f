"""Text is shown by the page as the command line shows it: what is hidden becomes its escape."""

from __future__ import annotations

import unicodedata

import pytest
from javascript import Modules
from nasty import NASTY, harmful

from flowkit.basics.display_text import escape_text

KEPT = "\n\t"  # what text of several lines has


@pytest.fixture(scope="module")
def visible() -> Modules:
    return Modules("visible.js")


def expected(text: str) -> str:
    return "".join(char if char in KEPT else escape_text(char) for char in text)


@pytest.mark.parametrize("name", NASTY)
def test_nothing_hidden_is_shown(visible: Modules, name: str) -> None:
    shown = visible.call("visible", NASTY[name])
    assert shown == expected(NASTY[name])
    assert harmful(shown) == []


def test_the_rule_is_that_of_the_command_line(visible: Modules) -> None:
    """Unassigned characters differ by release of Unicode, so they are left out."""
    chars = [char for char in map(chr, range(0x10FFFF)) if unicodedata.category(char) != "Cn"]
    hidden = [char for char in chars if not char.isprintable()]
    text = " ".join([*chars[::7], *hidden[:9000]])  # apart, so that no two make a pair
    assert visible.call("visible", text) == expected(text)
    joined = "\u0646\u200c\u0645 \U0001f469\u200d\U0001f52c"
    assert visible.call("visible", joined) == joined
