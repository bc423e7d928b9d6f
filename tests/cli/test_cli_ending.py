"""However ``flowkit run`` ends, no process of it stays behind."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from console import alive, family
from helpers import wait_until

Start = Callable[..., "subprocess.Popen[str]"]


def start_slow(started: Start, apps: Path) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """Start a run whose task sleeps in its own process; return when it does."""
    process = started("run", "slow.py", "-p", "mark=begun", "-p", "child=true")
    wait_until("the task has begun", (apps / "begun").exists)
    wait_until("the task's own process is there", lambda: len(family(process)) >= 5)
    return process, family(process)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_everything(
    started: Start, apps: Path, number: signal.Signals, code: int
) -> None:
    process, below = start_slow(started, apps)
    process.send_signal(number)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Cancelling the run" in said
    assert "Traceback" not in said
    assert alive(below) == []


@pytest.mark.slow
def test_ctrl_c_twice_stops_it_immediately(started: Start, apps: Path) -> None:
    process, below = start_slow(started, apps)
    worker = next(item for item in below if "flowkit.worker" in item.cmdline())
    worker.suspend()  # so that an orderly end is out of the question
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    lines = iter(process.stdout)
    assert any("Cancelling the run" in line for line in lines)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    # The suspended worker was killed; its children go with it, and all is gone but the process
    # that the task had started, which nobody is left to end.
    mine = [item for item in below if "flowkit.processes.parent_death" in " ".join(_words(item))]
    wait_until("all processes of flowkit are gone", lambda: not alive(mine))
    for item in alive(below):
        item.kill()


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.mark.slow
def test_after_a_kill_everything_ends_soon(started: Start, apps: Path) -> None:
    process, below = start_slow(started, apps)
    process.kill()
    process.wait(timeout=10)
    wait_until("no process is left", lambda: not alive(below), deadline=30)


@pytest.mark.slow
def test_an_ordinary_end_leaves_nothing(started: Start) -> None:
    process = started("run", "wide.py")
    below: dict[int, psutil.Process] = {}

    def over() -> bool:
        if process.poll() is None:
            below.update((child.pid, child) for child in psutil.Process(process.pid).children(True))
        return process.poll() is not None

    wait_until("the run is over", over)
    assert process.returncode == 0
    assert len(below) >= 2
    assert alive(list(below.values())) == []
