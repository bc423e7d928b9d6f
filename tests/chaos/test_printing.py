"""The comparison of printed and kept lines, with forged ones."""

from __future__ import annotations

import re

import pytest

from .printing import missing, wrong

FIRST, SECOND = ("a", 1, "p.1"), ("a", 2, "p.2")


def test_a_line_that_was_not_noted_may_be_there_or_not() -> None:
    for kept in ({FIRST: [0, 1, 2]}, {FIRST: [0, 1], SECOND: [0]}):
        assert list(missing({FIRST: [0, 1]}, kept)) == []
        assert list(wrong({FIRST: [0, 1]}, kept)) == []


@pytest.mark.parametrize(
    ("kept", "sentence"),
    [
        ({FIRST: [0, 2]}, r"printed 3 lines in attempt 1 \(p.1\), and these .*: \[1\]"),
        ({}, r"these are not in its logs: \[0, 1, 2\]"),
        ({FIRST: [0, 1, 1, 2]}, "twice or not in order"),
        ({FIRST: [0, 2, 1]}, "twice or not in order"),
        ({FIRST: [0, 1, 2], ("a", 2, "p.1"): [0, 1]}, "attempt 2 of a have lines of p.1"),
    ],
)
def test_each_broken_rule_is_found(
    kept: dict[tuple[str, int, str], list[int]], sentence: str
) -> None:
    noted = {FIRST: [0, 1, 2]}
    (found,) = [*missing(noted, kept), *wrong(noted, kept)]
    assert re.search(sentence, found)
