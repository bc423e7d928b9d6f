"""The parent's children, as real processes: what their tasks started ends with them.

The scripts are processes of their own, since only one without threads may fork.
"""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest
from helpers import wait_until

SCRIPT = """
import os, signal, sys, time
from flowkit.worker.children import ChildPool
from flowkit.worker.config import WorkerConfig

def child_main(config, number, worker, board, control, pipes):
    os.setpgid(0, 0)
    if os.fork() == 0:
        os.write(1, f"{os.getpid()}\\n".encode())
        time.sleep(60)
    while sys.argv[1] == "killed":
        time.sleep(1)
    os._exit(3)  # it dies by itself

pool = ChildPool(WorkerConfig(("app",), "redis://127.0.0.1:1/0"), "W", child_main, lambda: None)
child = pool.fork()
input()  # until the test knows what the child has started
if sys.argv[1] == "killed":
    child.kill()
else:
    while not pool.collect():
        time.sleep(0.01)
input()
"""


@pytest.mark.parametrize("way", ["killed", "died"])
def test_what_its_tasks_started_ends_with_a_child(way: str) -> None:
    """At once if the parent ends it, and as soon as its death is heard of if it dies by itself."""
    command = [sys.executable, "-c", SCRIPT, way]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        started = psutil.Process(int(parent.stdout.readline()))
        parent.stdin.write(b"\n")
        parent.stdin.flush()
        try:
            wait_until("it is gone", lambda: not alive(started), 10)
        finally:
            if alive(started):
                started.kill()
            parent.kill()


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
