"""What docs/security.md says is denied can be seen being denied: each line names a test."""

from __future__ import annotations

import re
import shlex

from command_lines import matching_tests
from pages import ROOT

PAGE = ROOT / "docs" / "security.md"


def rows() -> list[list[str]]:
    """Return the rows of the tables of threats."""
    tables = re.findall(
        r"^\| (?:They|It) can \| .* \| Test \|\n\|[- |]+\|\n((?:\|.*\n)+)",
        PAGE.read_text(),
        re.MULTILINE,
    )
    lines = [line for table in tables for line in table.splitlines()]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_threat_names_an_existing_test() -> None:
    result = rows()
    assert len(result) >= 20
    lost = [row[-1] for row in result if not matching_tests(shlex.split(row[-1].strip("`")))]
    assert lost == []


def test_other_tests_named_on_the_page_exist() -> None:
    named = re.findall(r"\(`(tests/[^`]+)`\)", PAGE.read_text())
    assert [words for words in named if not matching_tests(shlex.split(words))] == []


def test_the_page_names_every_limit_of_the_border() -> None:
    for name in ("decoding.py", "limits.py", "border.lua", "display_text.py"):
        assert f"[{name}](" in PAGE.read_text()
