"""``flowkit watch``: a run that is running, on a terminal and in a pipe."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path
from select import select

import pytest
from console import COMMAND, DEADLINE_S, Run, RunningSystem

from flowkit.cli.connect import code_of_state
from flowkit.core.states import RunState
from flowkit.daemon.exit_codes import ExitCode


class OnTerminal:
    """A command on a terminal of 120 columns, and what it has written, without colours."""

    def __init__(self, words: tuple[str, ...], folder: Path, environ: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 120, 0, 0))
        self.process = subprocess.Popen(
            [*COMMAND, *words],
            cwd=folder,
            env={**environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "30"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self.shown = ""

    def read_until(self, pattern: str) -> str:
        """Read until a pattern is shown; an empty one waits for the end."""
        end = time.monotonic() + DEADLINE_S
        with suppress(OSError):  # EIO: the command has ended
            while not pattern or not re.search(pattern, self.shown):
                if not select([self._ours], [], [], DEADLINE_S)[0]:
                    raise TimeoutError(f"{pattern!r} was not shown: {self.shown[-500:]!r}")
                part = os.read(self._ours, 65536).decode(errors="replace")
                self.shown += re.sub(r"\x1b\[[0-9;]*m", "", part)
                assert time.monotonic() < end, f"{pattern!r} was not shown: {self.shown[-500:]!r}"
        assert re.search(pattern, self.shown), self.shown[-500:]
        return self.shown

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.fixture
def slow_run(talk: Run, tmp_path: Path) -> Iterator[str]:
    """A run whose only task sleeps."""
    run = f"watched-{uuid.uuid4().hex[:8]}"
    done = talk("submit", "slow.py", "--run-id", run, "-p", f"mark={tmp_path / 'begun'}")
    assert done.returncode == 0, done.stderr
    yield run
    talk("cancel", run, "--wait")


@pytest.mark.promise("sight-11")
def test_a_terminal_shows_what_is_running_and_ctrl_c_leaves_it_alone(
    slow_run: str, talk: Run, apps: Path, environ: dict[str, str], running: RunningSystem
) -> None:
    words = ("watch", slow_run)
    terminal = OnTerminal(words, apps, {**environ, **running.variables})
    try:
        terminal.read_until(r"sleeps +\S*[0-9.]+ s[^\n]*worker \S+[^\n]*\n[^\n]*1 running")
        terminal.process.send_signal(signal.SIGINT)
        shown = terminal.read_until("")
        assert f"The run continues. To cancel it: flowkit cancel {slow_run}" in shown
        assert "Traceback" not in shown
        assert terminal.process.wait(DEADLINE_S) == 130
    finally:
        terminal.close()
    status = json.loads(talk("status", slow_run, "--json").stdout)
    assert status["state"] == "running"


@pytest.mark.slow
def test_a_terminal_that_cannot_redraw_gets_lines(
    slow_run: str, apps: Path, environ: dict[str, str], running: RunningSystem
) -> None:
    variables = {**environ, **running.variables}
    words = ["env", "TERM=dumb", *COMMAND, "watch", slow_run, "--timeout", "0.5"]
    ours, theirs = pty.openpty()
    done = subprocess.run(
        words, cwd=apps, env=variables, stdin=theirs, stdout=theirs, stderr=theirs, check=False
    )
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == ExitCode.TIMEOUT
    assert "was not over after 0.5 s" in shown
    assert "\x1b" not in shown


def test_a_pipe_gets_the_outcome(talk: Run) -> None:
    run = f"piped-{uuid.uuid4().hex[:8]}"
    talk("submit", "chain.py", "--run-id", run, "--wait")
    done = talk("watch", run)
    assert done.returncode == code_of_state(RunState.SUCCEEDED)
    assert "\x1b" not in done.stdout + done.stderr
    assert "second" in done.stdout
    assert "hello" not in done.stdout + done.stderr
    told = talk("watch", run, "--logs")
    assert "first | hello from first\n" in told.stderr
    assert told.stdout == done.stdout
    document = json.loads(talk("watch", run, "--json").stdout)
    assert document["state"] == "succeeded"
    assert document["results"]["second"] == "x"


def test_a_failed_run_and_an_unknown_one_have_their_exit_codes(talk: Run) -> None:
    run = f"failed-{uuid.uuid4().hex[:8]}"
    talk("submit", "failing.py", "--run-id", run, "--wait")
    done = talk("watch", run)
    assert done.returncode == code_of_state(RunState.FAILED)
    assert f"To resume it: flowkit resume {run}" in done.stderr
    missing = talk("watch", "no-such-run")
    assert missing.returncode not in (0, done.returncode)
    assert "no-such-run" in missing.stderr
