"""A sampled test tries as many values as it says, and more of them in the slow tests."""

from __future__ import annotations

import inspect

import hypothesis.strategies as st
import pytest
from hypothesis import example
from samples import sampled


@sampled(st.integers(0), few=5, many=9)
@example(-1)
def note(tried: list[int], value: int) -> None:
    tried.append(value)


@pytest.mark.parametrize("examples", [5, 9])
def test_all_values_are_tried_after_the_examples(examples: int) -> None:
    tried: list[int] = []
    note(examples=examples, tried=tried)
    assert len(tried) == 1 + examples
    assert tried[0] == -1


def test_only_the_larger_sample_is_slow() -> None:
    (choice,) = note.pytestmark  # type: ignore[attr-defined]
    few, many = choice.args[1]
    assert (few, many.values, [mark.name for mark in many.marks]) == (5, (9,), ["slow"])


def test_its_fixtures_are_seen_by_pytest() -> None:
    assert list(inspect.signature(note).parameters) == ["tried", "examples"]
