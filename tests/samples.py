"""Tests with values drawn by hypothesis: few in a default run, many in the slow tests."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis.strategies import SearchStrategy

Test = Callable[..., None]


def sampled(
    *strategies: SearchStrategy[Any], few: int = 25, many: int = 60
) -> Callable[[Test], Test]:
    """Make a test of ``few`` examples and a slow one of ``many``.

    As with ``given``, the values fill the last parameters; those before them are fixtures. Every
    ``example`` runs in both.
    """

    def decorate(test: Test) -> Test:
        tests = {
            count: settings(max_examples=count, deadline=None)(given(*strategies)(test))
            for count in (few, many)
        }

        def run(examples: int, **fixtures: Any) -> None:
            tests[examples](**fixtures)

        fixtures = inspect.signature(tests[few]).parameters.values()
        counted = inspect.Parameter("examples", inspect.Parameter.KEYWORD_ONLY)
        run.__signature__ = inspect.Signature([*fixtures, counted])  # type: ignore[attr-defined]
        for name in ("__name__", "__qualname__", "__doc__", "__module__"):
            setattr(run, name, getattr(test, name))
        choice = [few, pytest.param(many, marks=pytest.mark.slow)]
        return pytest.mark.parametrize("examples", choice)(run)

    return decorate
