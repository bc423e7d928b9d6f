"""How much longer a run takes, estimated from its pace and from earlier runs."""

from __future__ import annotations

import pytest

from flowkit.core.estimate import Pace, first_within, pace_of, rate, seconds_left


def test_without_earlier_runs_the_rest_takes_as_long_per_task() -> None:
    assert seconds_left(10, 40, 20.0, 20.0) == pytest.approx(60.0)
    assert seconds_left(10, 40, 25.0, 20.0) == pytest.approx(55.0), "time passes"


def test_a_run_that_has_just_begun_says_nothing() -> None:
    assert seconds_left(0, 10, 50.0, 0.0) is None
    assert seconds_left(2, 10, 50.0, 50.0) is None
    assert seconds_left(9, 10, 0.5, 0.5) is None


def test_nothing_is_left_of_a_run_that_is_over_or_late() -> None:
    assert seconds_left(10, 10, 5.0, 5.0, [Pace((1.0,))]) is None
    assert seconds_left(9, 10, 100.0, 9.0) is None, "its last task takes longer than all before"


def test_a_last_task_that_took_an_hour_is_expected_to_take_one_again() -> None:
    earlier = Pace((1.0, 2.0, 3.0, 3603.0))
    assert seconds_left(0, 4, 0.0, 0.0, [earlier]) == pytest.approx(3603.0)
    assert seconds_left(3, 4, 3.0, 3.0, [earlier]) == pytest.approx(3600.0)
    assert seconds_left(3, 4, 1803.0, 3.0, [earlier]) == pytest.approx(1800.0)


def test_a_slower_run_takes_longer_and_the_further_it_is_the_more_that_counts() -> None:
    earlier = Pace(tuple(float(second) for second in range(1, 11)))
    assert seconds_left(5, 10, 10.0, 10.0, [earlier]) == pytest.approx(5.0 * 1.5)
    assert seconds_left(9, 10, 18.0, 18.0, [earlier]) == pytest.approx(1.0 * 1.9)
    assert seconds_left(5, 10, 5000.0, 5000.0, [earlier]) == pytest.approx(5.0 * 3), "at most 5 x"


def test_the_median_of_earlier_runs_counts() -> None:
    paces = [Pace((1.0, 2.0)), Pace((1.0, 3.0)), Pace((1.0, 900.0))]
    assert seconds_left(1, 2, 1.0, 1.0, paces) == pytest.approx(2.0)


def test_a_pace_is_read_between_its_marks() -> None:
    pace = pace_of([4.0, 2.0])
    assert pace == Pace((2.0, 4.0))
    assert [pace.at(part) for part in (-1, 0, 0.25, 0.5, 0.75, 1, 2)] == [0, 0, 1, 2, 3, 4, 4]
    assert pace_of([-5.0]) is pace_of([]) is None


def test_the_rate_is_that_of_the_last_seconds() -> None:
    samples = [(0.0, 0), (1.0, 10), (3.0, 40)]
    assert rate(samples) == pytest.approx(40 / 3)
    assert rate(samples[:1]) == rate([(1.0, 5), (1.0, 9)]) == 0.0
    assert rate([(0.0, 9), (1.0, 0)]) == 0.0, "a resumed run has fewer"
    assert [first_within(samples, since) for since in (-1, 0.5, 1.0, 9.0)] == [0, 0, 1, 2]
