"""The pause before a restart doubles up to a limit, and is short again after one that worked."""

from __future__ import annotations

import pytest

from flowkit.processes import restart_pause
from flowkit.processes.restart_pause import RestartPause


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(restart_pause.time, "monotonic", lambda: now[0])
    return now


def test_the_first_start_need_not_wait() -> None:
    assert RestartPause(5.0, least=0.1).is_over()


@pytest.mark.parametrize(
    ("least", "lengths"),
    [(0.0, [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]), (0.1, [0.2, 0.4, 0.8, 1.0, 1.0])],
)
def test_it_doubles_up_to_the_longest(least: float, lengths: list[float]) -> None:
    pause = RestartPause(1.0, least=least)
    for length in lengths:
        pause.lengthen()
        assert pause.due - 100.0 == pytest.approx(length)


@pytest.mark.parametrize("least", [0.0, 0.1])
def test_after_a_process_that_worked_it_is_short_again(least: float) -> None:
    pause = RestartPause(5.0, least=least)
    pause.lengthen()
    pause.lengthen()
    pause.reset()
    assert pause.due - 100.0 == pytest.approx(least)


def test_it_is_over_when_its_time_has_passed(now: list[float]) -> None:
    pause = RestartPause(5.0)
    pause.lengthen()
    assert not pause.is_over()
    now[0] += 0.1
    assert pause.is_over()
