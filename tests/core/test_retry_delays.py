"""Retry arithmetic: the delays promised to users, their caps, and giving up."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.basics.durations import MAX_DELAY_S
from flowkit.core.retry import JITTER, Policy, delay_before_retry

UNITS = st.floats(0, 1, exclude_max=True)
POLICIES = st.builds(
    Policy,
    retries=st.integers(0, 10_000),
    delay=st.floats(0, 1e308),
    backoff=st.floats(0.001, 1e308),
    max_delay=st.none() | st.floats(0, 1e308),
)


def delay(failures: int, unit: float = 0.0, **policy: float) -> float | None:
    return delay_before_retry(Policy(retries=10**6, **policy), failures, unit)


def test_the_default_delay_starts_at_one_second_and_doubles() -> None:
    assert [delay(failures) for failures in (1, 2, 3, 4)] == [1.0, 2.0, 4.0, 8.0]


def test_the_user_can_set_delay_and_backoff() -> None:
    assert [delay(n, delay=0.5, backoff=3.0) for n in (1, 2, 3)] == [0.5, 1.5, 4.5]
    assert [delay(n, delay=8.0, backoff=0.5) for n in (1, 2, 3)] == [8.0, 4.0, 2.0]


def test_without_retries_the_first_failure_is_the_last() -> None:
    assert delay_before_retry(Policy(), 1, 0.0) is None


@given(st.integers(0, 1000), st.integers(1, 2000), UNITS)
def test_it_gives_up_after_as_many_failures_as_there_are_retries(
    retries: int, failures: int, unit: float
) -> None:
    result = delay_before_retry(Policy(retries=retries, delay=0.01), failures, unit)
    assert (result is None) == (failures > retries)


@pytest.mark.parametrize(("unit", "due"), [(0.0, 4.0), (0.5, 4.2), (1.0, 4.4)])
def test_jitter_adds_up_to_a_tenth(unit: float, due: float) -> None:
    assert delay(3, unit) == pytest.approx(due)


@given(POLICIES, st.integers(1, 12_000), UNITS)
def test_every_delay_is_a_sane_number(policy: Policy, failures: int, unit: float) -> None:
    result = delay_before_retry(policy, failures, unit)
    if failures > policy.retries:
        assert result is None
        return
    cap = MAX_DELAY_S if policy.max_delay is None else min(policy.max_delay, MAX_DELAY_S)
    assert result is not None
    assert math.isfinite(result)
    assert 0 <= result <= cap * (1 + JITTER)


@given(POLICIES, st.integers(1, 12_000), UNITS)
def test_jitter_never_shortens_a_delay_nor_adds_more_than_a_tenth(
    policy: Policy, failures: int, unit: float
) -> None:
    plain, jittered = (delay_before_retry(policy, failures, u) for u in (0.0, unit))
    if plain is None or jittered is None:
        assert plain is jittered is None
    else:
        assert plain <= jittered <= plain * (1 + JITTER) + 1e-300


def test_max_delay_caps_the_growth_before_jitter() -> None:
    assert [delay(n, max_delay=3.0) for n in (1, 2, 3, 4)] == [1.0, 2.0, 3.0, 3.0]
    assert delay(4, 1.0, max_delay=3.0) == pytest.approx(3.3)
    assert delay(1, max_delay=0.0) == 0.0


def test_delays_without_a_cap_are_capped_at_ten_years() -> None:
    assert delay(60) == MAX_DELAY_S
    assert delay(60, max_delay=10 * MAX_DELAY_S) == MAX_DELAY_S


@pytest.mark.parametrize("backoff", [2.0, 2, 1e308])
def test_delays_too_large_for_a_float_are_capped(backoff: float) -> None:
    assert delay(5000, backoff=backoff) == MAX_DELAY_S
    assert delay(5000, backoff=backoff, max_delay=60.0) == 60.0


@pytest.mark.parametrize("failures", [1, 2, 1025, 5000])
def test_a_zero_delay_stays_zero(failures: int) -> None:
    """2.0 ** 1024 overflows; ten years were once waited then, instead of not at all."""
    assert delay(failures, 0.9, delay=0.0) == 0.0
