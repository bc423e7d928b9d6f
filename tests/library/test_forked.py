"""A task forks, and the copy of the process comes back from the task's function, too.

Peers' users meet it as a program that hangs or as work that is done twice. The copy must end as
the task left it, and the original must have its run to itself.
"""

from __future__ import annotations

import os
import signal
import sys

import pytest
from helpers import wait_until

from flowkit import DAG, Task

# Python 3.12 warns of a fork beside other threads. That is the point here.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def _exit_code(pid: int) -> int:
    """Wait for a copy; one that has not ended in time is killed, and fails the test by its code."""
    status: list[int] = []

    def ended() -> bool:
        number, code = os.waitpid(pid, os.WNOHANG)
        status.append(code)
        return number == pid

    try:
        wait_until("the copy has ended", ended, deadline=10)
    except AssertionError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    return os.waitstatus_to_exitcode(status[-1])


def _ending(how: str) -> str:
    if how == "exit":
        sys.exit(7)
    if how == "huge":
        sys.exit(2**70)
    if how == "raise":
        raise ValueError("raised in the copy")
    return "copy"


def forks(how: str) -> int | str:
    pid = os.fork()
    return _exit_code(pid) if pid else _ending(how)


async def forks_async(how: str) -> int | str:
    return forks(how)


def _dag(func, *endings: str) -> DAG:
    task = Task(func, name="forks")
    dag = DAG("copies")
    for how in endings:
        dag.add(task.bind(how, how=how))
    return dag


CODES = {"return": 0, "exit": 7, "raise": 1, "huge": 0}


@pytest.mark.parametrize(
    ("func", "options"),
    [
        pytest.param(forks, {"max_workers": 1}, id="thread"),
        pytest.param(forks, {"executor": "process"}, id="process"),
        pytest.param(forks_async, {}, id="loop"),
        pytest.param(forks_async, {"max_workers": 1}, id="bounded loop"),
    ],
)
def test_a_fork_that_returns_ends_and_says_how(func, options, capfd):
    assert _dag(func, *CODES).run(**options) == CODES
    assert "ValueError: raised in the copy" in capfd.readouterr().err


def test_a_fork_without_standard_error_still_ends(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert _dag(forks, "raise").run() == {"raise": 1}
