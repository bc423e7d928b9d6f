"""A process is killed with all that it started, wherever that has gone."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest
from helpers import wait_until

from flowkit.processes.tree import kill_tree

# A program in its own session, which starts one in its own session, which starts one.
SCRIPT = """
import subprocess, sys, time
depth = int(sys.argv[1])
if depth:
    subprocess.Popen([sys.executable, "-c", sys.argv[2], str(depth - 1), sys.argv[2]],
                     start_new_session=True)
time.sleep(60)
"""


@pytest.mark.skipif(not os.path.exists(f"/proc/self/task/{os.getpid()}/children"), reason="Linux")
def test_programs_in_their_own_session_end_too() -> None:
    """A browser that a task started outlived its timeout."""
    command = [sys.executable, "-S", "-c", SCRIPT, "2", SCRIPT]
    with subprocess.Popen(command, start_new_session=True) as top:
        family = psutil.Process(top.pid)
        below = wait_until("all have started", lambda: _all_of(family, 2))
        kill_tree(top.pid)
        assert top.wait(10) == -9
        for item in below:
            wait_until(f"{item} is gone", lambda item=item: not _is_alive(item))


def test_a_process_that_already_ended_is_not_an_error() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", ""], start_new_session=True) as top:
        wait_until("it has ended", lambda: psutil.Process(top.pid).status() == "zombie")
        kill_tree(top.pid)
        assert top.wait(10) == 0


def _all_of(family: psutil.Process, count: int) -> list[psutil.Process]:
    below = family.children(recursive=True)
    return below if len(below) == count else []


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
