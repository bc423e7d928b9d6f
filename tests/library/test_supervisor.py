"""A parent of one process per shard: it starts them again, and ends when all have ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import supervised
from helpers import wait_until

from flowkit.logging import FlowkitLogger
from flowkit.logging.event_log import EventLog
from flowkit.processes.supervisor import SupervisedProcess, Supervisor

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a supervisor whose children do as these words say."""
    started: list[subprocess.Popen[str]] = []

    def begin(*how: str) -> subprocess.Popen[str]:
        words = [sys.executable, supervised.__file__, str(tmp_path), *how]
        started.append(
            subprocess.Popen(
                words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                start_new_session=True,
            )
        )  # fmt: skip
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    for path in tmp_path.glob("?.txt"):
        for pid in starts(tmp_path, int(path.stem)):
            wait_until(f"process {pid} is gone", lambda item=pid: not is_ours(item))


def is_ours(pid: int) -> bool:
    try:
        return "supervised.py" in " ".join(psutil.Process(pid).cmdline())
    except psutil.NoSuchProcess:
        return False


def starts(folder: Path, number: int) -> list[int]:
    """Return the process ids that a child has had."""
    return [
        int(line.split()[1])
        for line in supervised.lines(folder, number)
        if line.startswith("started")
    ]


def running(folder: Path, *numbers: int, times: int = 1) -> list[int]:
    """Wait until these children have started so many times; return their ids."""
    for number in numbers:
        wait_until(f"{number} runs", lambda item=number: len(starts(folder, item)) >= times)
    return [starts(folder, number)[-1] for number in numbers]


def test_told_to_stop_it_stops_all_cleanly(start: Start, tmp_path: Path) -> None:
    parent = start("stay", "stay")
    running(tmp_path, 0, 1)
    parent.terminate()
    assert parent.wait(20) == 0
    assert [supervised.lines(tmp_path, at)[1:] for at in (0, 1)] == [["told 1"], ["told 1"]]


def test_a_second_signal_is_forwarded_too(start: Start, tmp_path: Path) -> None:
    parent = start("linger", "linger")
    running(tmp_path, 0, 1)
    parent.terminate()
    wait_until(
        "both are told", lambda: all("told 1" in supervised.lines(tmp_path, at) for at in (0, 1))
    )
    assert parent.poll() is None
    parent.terminate()
    assert parent.wait(20) == 0


def test_ctrl_c_reaches_the_children_once(start: Start, tmp_path: Path) -> None:
    """A terminal sends it to the whole group; twice would mean: end at once."""
    parent = start("stay", "stay")
    running(tmp_path, 0, 1)
    os.killpg(parent.pid, signal.SIGINT)
    assert parent.wait(20) == 0
    assert supervised.lines(tmp_path, 0)[1:] == ["told 1"]


def test_a_child_that_dies_is_started_again_and_the_other_hears_nothing(
    start: Start, tmp_path: Path
) -> None:
    parent = start("stay", "stay")
    first, other = running(tmp_path, 0, 1)
    os.kill(first, signal.SIGKILL)
    (second,) = running(tmp_path, 0, times=2)
    assert second != first
    assert starts(tmp_path, 1) == [other]
    assert (tmp_path / "deaths.txt").read_text() == "shard 0/2\n"
    parent.terminate()
    assert parent.wait(20) == 0
    assert parent.stdout is not None
    text = "The process of shard 0/2 ended by SIGKILL and is started again"
    assert text in parent.stdout.read()


@pytest.mark.parametrize("code", [2, 3])
def test_a_child_that_refuses_its_work_from_the_start_stops_all(
    start: Start, tmp_path: Path, code: int
) -> None:
    assert start("stay", f"code={code}").wait(20) == code
    assert len(starts(tmp_path, 1)) == 1


def test_wrong_usage_stops_all_at_any_time(start: Start, tmp_path: Path) -> None:
    """Such as a list of shards that is another one by now."""
    assert start("stay", "code=2,later").wait(20) == 2
    assert len(starts(tmp_path, 1)) == 2


def test_an_unfit_redis_stops_one_shard_and_not_the_others(start: Start, tmp_path: Path) -> None:
    parent = start("stay", "code=3,later")
    running(tmp_path, 1, times=4)
    assert len(starts(tmp_path, 0)) == 1
    assert parent.poll() is None
    parent.terminate()
    assert parent.wait(20) in (0, 3), "the worst code is that of a child that lived just then"


def test_a_crash_is_not_a_refusal(start: Start, tmp_path: Path) -> None:
    parent = start("stay", "code=1")
    running(tmp_path, 1, times=3)
    assert parent.poll() is None
    parent.terminate()
    assert parent.wait(20) in (0, 1), "the worst code is that of a child that lived just then"


def test_the_worst_exit_code_is_that_of_the_parent(start: Start, tmp_path: Path) -> None:
    parent = start("linger", "stay")
    lingers, _ = running(tmp_path, 0, 1)
    parent.terminate()
    wait_until("it is told", lambda: "told 1" in supervised.lines(tmp_path, 0))
    os.kill(lingers, signal.SIGKILL)
    assert parent.wait(20) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells it on Linux only")
def test_the_children_end_when_their_parent_is_killed(start: Start, tmp_path: Path) -> None:
    parent = start("stay", "stay")
    pids = running(tmp_path, 0, 1)
    parent.kill()
    for pid in pids:
        wait_until(f"{pid} has ended", lambda item=pid: not is_ours(item))
    assert "told 1" in supervised.lines(tmp_path, 0)


def test_a_child_that_cannot_be_started_is_tried_again_later(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ended the parent, and with it the children of all other shards."""

    def no_more() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", no_more)
    process = SupervisedProcess("shard 1/2", lambda: 0)
    supervisor = Supervisor([process], EventLog(FlowkitLogger("flowkit.test", "ERROR")))
    supervisor._start_due()
    first = process.pause.due
    assert process.pid == 0
    assert first > time.monotonic()
    supervisor._start_due()
    assert process.pause.due == first, "not before it is due"
    assert "The process of shard 1/2 cannot be started: " in capsys.readouterr().out
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
