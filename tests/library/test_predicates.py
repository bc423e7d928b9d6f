"""Conditions and cache keys: functions that return their answer, whatever hides what they are."""

from __future__ import annotations

import functools

import pytest

from flowkit import task


def add(x):
    return x


class AnswersLater:
    async def __call__(self, x):
        return True


def answers_in_parts(x):
    yield True


@pytest.mark.parametrize("option", ["when", "cache_key"])
@pytest.mark.parametrize(
    "func", [AnswersLater(), functools.partial(answers_in_parts), answers_in_parts]
)
def test_a_predicate_that_returns_a_coroutine_or_generator_is_refused(option, func):
    with pytest.raises(TypeError, match=f"'add': {option} must be an ordinary function, not a"):
        task(**{option: func, "cache_ttl": 60})(add)
