"""The short form of every scenario; ``python -m tests.chaos --full`` plays the long one."""

from __future__ import annotations

import pytest

from .table import SCENARIOS, play

pytestmark = pytest.mark.slow

SEED = 1


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_promise_is_kept_under_faults(name: str) -> None:
    verdict = play(SCENARIOS[name], SEED, full=False)
    messages = [*verdict.violations, f"again: {verdict.rerun}", f"figures: {verdict.figures}"]
    assert verdict.passed, "\n".join([*messages, verdict.logs])
    assert verdict.figures
