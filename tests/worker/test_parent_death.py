"""A child dies with its parent by itself: whatever it is in the middle of, and at any moment."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest
from helpers import wait_until

ONLY_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux does it")
# Holding the interpreter's lock, so that no thread of the child could do anything about it.
PARENT = """
import ctypes, os
if os.fork() == 0:
    from flowkit.worker.control import die_with_parent
    die_with_parent()
    os.write(1, f"{os.getpid()}\\n".encode())
    while True:
        ctypes.PyDLL(None).sleep(60)
os.wait()
"""
LATE = """
import os, time
from flowkit.worker import child
real = os.getppid
if os.fork() == 0:
    answers = iter([real(), 1])  # the parent dies between the two looks
    os.getppid = lambda: next(answers)
    child.die_with_parent()
    os.write(1, b"it lives\\n")
    os._exit(0)
os.wait()
"""


@ONLY_LINUX
def test_a_child_that_holds_the_interpreter_dies_with_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        try:
            wait_until("the child is gone", lambda: not child.is_running(), 10)
        finally:
            if child.is_running():
                child.kill()


@ONLY_LINUX
def test_a_parent_that_died_before_the_kernel_was_asked_is_noticed() -> None:
    done = subprocess.run([sys.executable, "-c", LATE], stdout=subprocess.PIPE, check=True)
    assert done.stdout == b""
