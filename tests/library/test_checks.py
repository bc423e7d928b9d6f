"""Options that are checked before a run is accepted."""

from __future__ import annotations

import math

import pytest

from flowkit.arguments import check_run_ttl, check_timeout


@pytest.mark.parametrize("value", [math.inf, math.nan, 1.5, True, "5", None])
def test_a_ttl_that_is_not_an_integer_is_refused(value: object) -> None:
    """An infinite one was once accepted, and ended the scheduler that met it."""
    with pytest.raises(TypeError, match="ttl must be a whole number of seconds, not "):
        check_run_ttl(value)


@pytest.mark.parametrize("value", [0, -1, 10**15, 10**400])
def test_a_ttl_too_large_for_redis_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match=r"ttl must be 1 to 315360000 seconds \(10 years\), not "):
        check_run_ttl(value)


def test_what_can_be_waited_for() -> None:
    assert check_run_ttl(60) == 60
    assert check_timeout(None) is None
    assert (check_timeout(0), check_timeout(2)) == (0.0, 2.0)
