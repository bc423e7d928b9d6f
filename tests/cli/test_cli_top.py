"""``flowkit top`` on a terminal: what it shows, what keys do, and how it leaves the terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from console import DEADLINE_S, Run, RunningSystem
from forker import FLOWKIT, Forker
from helpers import free_port, wait_until
from real_redis import RealRedis

from flowkit.cli.top.keys import split_keys

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
ENTERED, LEFT = "\x1b[?1049h", "\x1b[?1049l"  # the second screen


class Screen:
    """A terminal with a program on it. ``shown``: all that it was sent."""

    def __init__(self, width: int = 120, height: int = 40) -> None:
        self.leader, self.follower = pty.openpty()
        fcntl.ioctl(self.leader, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.before = termios.tcgetattr(self.follower)
        self.shown = ""
        self.process: Any = None

    def start(self, forker: Forker, folder: Path, environ: dict[str, str], *words: str) -> Screen:
        streams = (self.follower, self.follower, self.follower)
        environ = {**environ, "TERM": "xterm"}
        self.process = forker.start(FLOWKIT, ["top", *words], folder, environ, streams)
        return self

    def read(self) -> str:
        """Return what the screen shows now, without colors."""
        while select.select([self.leader], [], [], 0)[0]:
            self.shown += os.read(self.leader, 65536).decode(errors="replace")
        return _ESCAPES.sub("", self.shown.rpartition("\x1b[H")[2])

    def until(self, what: str, deadline: float = DEADLINE_S) -> str:
        """Wait until the screen shows a text; return the screen."""
        end = time.monotonic() + deadline
        while what not in (now := self.read()):
            assert self.process.poll() is None, f"it ended: {self.shown}"
            assert time.monotonic() < end, f"{what!r} is not on the screen: {now}"
            select.select([self.leader], [], [], 0.05)
        return now

    def press(self, keys: str) -> None:
        os.write(self.leader, keys.encode())

    def ends(self) -> int:
        """Return the exit code, and check how the program leaves the terminal."""
        code = wait_until("it ends", lambda: (self.read(), self.process.poll())[1] is not None)
        assert code
        self.read()
        assert self.shown.count(ENTERED) == self.shown.count(LEFT)
        assert termios.tcgetattr(self.follower) == self.before
        return int(self.process.poll())

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        os.close(self.leader)
        os.close(self.follower)


Open = Callable[..., Screen]


@pytest.fixture
def open_top(
    forker: Forker, apps: Path, environ: dict[str, str], running: RunningSystem
) -> Iterator[Open]:
    screens: list[Screen] = []

    def open_(*words: str, **more: str) -> Screen:
        screen = Screen()
        screens.append(screen)
        return screen.start(forker, apps, {**environ, **running.variables, **more}, *words)

    yield open_
    for screen in screens:
        screen.close()


@pytest.mark.slow
def test_it_shows_the_system_and_cancels_a_run(open_top: Open, talk: Run, apps: Path) -> None:
    begun = apps / "begun"
    done = talk("submit", "slow.py", "-p", f"mark={begun}", "--run-id", "top-slow", "--json")
    assert done.returncode == 0, done.stderr
    wait_until("the task has begun", begun.exists)
    screen = open_top()
    for text in ("top-slow", "PER MINUTE", "WORKER", "unfinished run", "q quit"):
        screen.until(text)
    screen.until("1 of 2")
    screen.press("?")
    screen.until("look into the run")
    screen.press("x")
    screen.until("Runs by unfinished")
    screen.press("sr")
    screen.until("Runs by age, reversed")
    screen.press("r" + "s" * 5)
    screen.until("Runs by unfinished")
    screen.press("\r")
    screen.until("sleeps")
    screen.until("running")
    screen.press("c")
    screen.until("Cancel run top-slow?")
    screen.press("n")
    screen.until("Nothing was cancelled.")
    screen.press("c")
    screen.until("Cancel run top-slow?")
    screen.press("y")
    screen.until("Cancelling run top-slow.")
    screen.until("cancelled")
    screen.press("c")
    screen.until("is already over (cancelled).")
    screen.press("\x1b")
    screen.until("Runs by unfinished")
    screen.press("q")
    assert screen.ends() == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_gives_the_terminal_back(
    open_top: Open, number: signal.Signals, code: int
) -> None:
    screen = open_top()
    screen.until("q quit")
    assert termios.tcgetattr(screen.follower) != screen.before
    screen.process.send_signal(number)
    assert screen.ends() == code


def test_a_stopped_program_would_keep_the_terminal_so_it_cannot_be_stopped(open_top: Open) -> None:
    screen = open_top()
    screen.until("q quit")
    # No process of a test has this terminal as its own, so none would be stopped here.
    assert termios.tcgetattr(screen.follower)[6][termios.VSUSP] == b"\0"
    screen.press("\x1a?")
    screen.until("look into the run")
    screen.press("q")
    assert screen.ends() == 0


@pytest.mark.slow
def test_an_outage_is_shown_and_ends(open_top: Open, tmp_path: Path) -> None:
    redis = RealRedis(tmp_path / "redis").start()
    try:
        screen = open_top(FLOWKIT_REDIS_URL=redis.url, FLOWKIT_NAMESPACE="outage")
        screen.until("No scheduler is running")
        redis.kill()
        screen.until("cannot use Redis at")
        screen.press("?")
        screen.until("look into the run", deadline=10)
        screen.press(" ")
        redis.start()
        screen.until("No scheduler is running")
        screen.press("q")
        assert screen.ends() == 0
    finally:
        if redis.process is not None:
            redis.kill()


def test_without_a_terminal_it_prints_once(talk: Run) -> None:
    assert talk("submit", "chain.py", "--wait", "--run-id", "top-once").returncode == 0
    done = talk("top")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    for text in ("unfinished run", "PER MINUTE", "HOST", "top-once", "2/2"):
        assert text in done.stdout
    document = json.loads(talk("top", "--json", "--limit", "1").stdout)
    assert (document["schema"], document["scheduler"], len(document["runs"])) == (
        "flowkit/top/1",
        True,
        1,
    )


@pytest.mark.slow
def test_a_redis_that_is_away_is_one_sentence(flowkit: Run) -> None:
    done = flowkit("top", FLOWKIT_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert done.returncode == 3
    assert done.stderr.startswith("Error: cannot use Redis at")


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"qc?", ["q", "c", "?"]),
        (b"\x1b[A\x1bOB\x1b[5~\x1b[6~", ["up", "down", "page up", "page down"]),
        (b"\x1b", ["escape"]),
        (b"\x1bq", ["escape", "q"]),
        (b"\x1b[", []),
        (b"\x1b[1;5A\r\n\x7f", ["enter", "enter", "escape"]),
        (b"\x00\xff\xc3\xa4\x1b[200~y\x1b[201~", ["y"]),
        (b"\x04", ["q"]),
        (b"", []),
    ],
)
def test_what_terminals_send_becomes_keys(data: bytes, keys: list[str]) -> None:
    assert split_keys(data) == keys
