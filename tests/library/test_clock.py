"""The clock that is handed in: the real one, and the one that tests move."""

from __future__ import annotations

import threading
import time

import pytest

from flowkit.clock import SYSTEM_CLOCK, Clock, FakeClock
from flowkit.context import Attempt, attempt_scope


def test_the_system_clock_reads_the_computer_s_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.25)
    monkeypatch.setattr(time, "monotonic", lambda: 42.5)
    assert SYSTEM_CLOCK.wall() == 1_700_000_000.25
    assert SYSTEM_CLOCK.wall_ms() == 1_700_000_000_250
    assert SYSTEM_CLOCK.monotonic() == 42.5


def test_the_system_clock_sleeps_and_takes_a_negative_length_for_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    SYSTEM_CLOCK.sleep(0.5)
    SYSTEM_CLOCK.sleep(-3)
    assert slept == [0.5, 0.0]


def test_a_fake_clock_stands_still_until_it_is_moved() -> None:
    clock = FakeClock(start_ms=1_000)
    assert (clock.monotonic(), clock.wall_ms()) == (0.0, 1_000)
    assert (clock.monotonic(), clock.wall_ms()) == (0.0, 1_000)
    clock.advance(2.5)
    assert (clock.monotonic(), clock.wall_ms()) == (2.5, 3_500)
    assert clock.wall() == 3.5


def test_sleeping_on_a_fake_clock_moves_it_and_is_remembered() -> None:
    fake = FakeClock(start_ms=0)
    clock: Clock = fake
    clock.sleep(1.5)
    clock.sleep(-1)
    assert fake.slept == [1.5, -1]
    assert clock.wall_ms() == 1_500


def test_a_fake_clock_never_goes_back() -> None:
    with pytest.raises(ValueError, match=r"cannot advance a clock by -1 s; give 0 or more"):
        FakeClock().advance(-1)


def test_a_fake_clock_is_shared_by_threads() -> None:
    clock = FakeClock()

    def move() -> None:
        for _ in range(1000):
            clock.sleep(0.5)

    threads = [threading.Thread(target=move) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.monotonic() == 2000.0


def test_a_fake_clock_knows_which_attempt_moved_it() -> None:
    clock = FakeClock()
    clock.advance(9)
    with attempt_scope(Attempt("run", "task", 2, {})):
        clock.sleep(1)
        clock.advance(2)
    assert clock.moved_by("run", "task", 2) == 3.0
    assert clock.moved_by("run", "task", 1) == 0.0
    assert clock.monotonic() == 12.0
