"""A process that sleeps on its alarm wakes at each signal; forked children do not wake it."""

from __future__ import annotations

import subprocess
import sys

BEFORE = """
import os, signal, time
from flowkit.processes.signal_alarm import SignalAlarm

alarm = SignalAlarm()
signal.signal(signal.SIGTERM, lambda number, frame: None)

def slept(seconds):
    begun = time.monotonic()
    alarm.sleep(seconds)
    return time.monotonic() - begun
"""


def run(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_signal_that_came_before_wakes_once() -> None:
    run(
        BEFORE + "os.kill(os.getpid(), signal.SIGTERM)\n"
        "assert slept(20) < 10\n"
        "assert slept(0.05) >= 0.04\n"
    )


def test_the_end_of_a_child_wakes() -> None:
    run(BEFORE + "if os.fork() == 0: os._exit(0)\nassert slept(20) < 10\n")


def test_a_child_that_forgets_it_does_not_wake_its_parent() -> None:
    run(
        BEFORE + "signal.signal(signal.SIGCHLD, signal.SIG_DFL)\n"
        "if os.fork() == 0:\n"
        "    SignalAlarm.forget()\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "assert slept(0.05) >= 0.04\n"
    )
