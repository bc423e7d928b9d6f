"""The process that forks programs for tests: they are what they would be, and it ends in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from forker import SCHEDULER, Forker

ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("FLOWKIT_")}


@pytest.fixture
def forker() -> Iterator[Forker]:
    forker = Forker(ENVIRON)
    yield forker
    forker.close()


def test_it_ends_while_another_process_has_a_copy_of_its_socket(forker: Forker) -> None:
    """A suite ended only when it was killed: a process that pytest had forked kept the socket
    open, so the forker waited for the next program."""
    with forker._socket.dup():
        forker.close()
    assert forker._process.returncode == 0


def test_a_command_that_takes_too_long_is_ended(forker: Forker, tmp_path: Path) -> None:
    words = ("status", "r1", "--redis", "redis://127.0.0.1:1/0")  # tries for two seconds
    with pytest.raises(subprocess.TimeoutExpired):
        forker.run(words, tmp_path, ENVIRON, deadline=0.01)
    done = forker.run(("--version",), tmp_path, ENVIRON, deadline=60)
    assert (done.returncode, done.stdout[:7]) == (0, "flowkit")


@pytest.mark.parametrize("words", [("--version",), ("--nonsense",), ("status", "--help"), ()])
def test_a_command_writes_what_a_started_one_writes(
    forker: Forker, tmp_path: Path, words: tuple[str, ...]
) -> None:
    command = [sys.executable, "-P", "-m", "flowkit", *words]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRON, capture_output=True, text=True)
    forked = forker.run(words, tmp_path, ENVIRON, deadline=60)
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        done.returncode,
        done.stdout,
        done.stderr,
    )


def test_a_daemon_has_a_folder_an_environment_and_a_log_of_its_own(
    forker: Forker, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    with open(os.devnull, "rb") as nothing, path.open("wb") as log:
        streams = (nothing.fileno(), log.fileno(), log.fileno())
        environ = {**ENVIRON, "FLOWKIT_REDIS_URL": "http://localhost"}
        daemon = forker.start(SCHEDULER, (), tmp_path, environ, streams)
    assert daemon.wait(60) == 2
    assert "http://localhost" in path.read_text()
    assert "FLOWKIT_REDIS_URL" not in psutil.Process(forker._process.pid).environ()


def test_a_signal_is_told_as_a_started_process_tells_it(forker: Forker, tmp_path: Path) -> None:
    with open(os.devnull, "r+b") as nothing:
        streams = (nothing.fileno(),) * 3
        environ = {**ENVIRON, "FLOWKIT_REDIS_URL": "redis://127.0.0.1:1/0"}
        daemon = forker.start(SCHEDULER, (), tmp_path, environ, streams)
    assert daemon.poll() is None
    daemon.kill()
    assert daemon.wait(60) == -signal.SIGKILL
    daemon.kill()  # does nothing: another process may have its number
