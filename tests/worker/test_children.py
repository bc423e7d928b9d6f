"""The parent's children, as real processes: what their tasks started ends with them.

The scripts are processes of their own, since only one without threads may fork.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest
from helpers import wait_until

from flowkit.worker import children
from flowkit.worker.children import ChildPool, ChildProcess
from flowkit.worker.config import WorkerConfig
from flowkit.worker.execution_slots import ChildMark, ExecutionSlots

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


@pytest.fixture
def pool() -> Iterator[ChildPool]:
    """Two children, of which there are only the slots."""
    config = WorkerConfig(("app",), "redis://127.0.0.1:1/0")
    pool = ChildPool(config, "W", lambda *_: None, lambda: None)
    for number in (1, 2):
        slots = ExecutionSlots(1)
        pool.alive[number] = ChildProcess(number, number, slots, -1, ("W.0", "W.0~async"), 0.0)
    yield pool
    for child in pool.alive.values():
        child.slots.close()


def test_what_children_have_heard_is_waited_for(
    pool: ChildPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker said that it claims no more while a child went on for a moment."""
    monkeypatch.setattr(children, "ANSWER_S", 60.0)
    marks = iter([(1, ChildMark.DRAINS), (2, ChildMark.READY), (2, ChildMark.DRAINS)])

    def meanwhile() -> None:
        number, mark = next(marks)
        pool.alive[number].slots.mark(mark)

    pool.wait_for(ChildMark.DRAINS, meanwhile)
    assert list(marks) == []


def test_a_child_that_does_not_answer_is_not_waited_for_long(
    pool: ChildPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "ANSWER_S", 0.05)
    asked: list[int] = []

    def meanwhile() -> None:
        asked.append(1)
        assert len(asked) < 10_000, "it waits forever"

    pool.wait_for(ChildMark.DRAINS, meanwhile)
    assert asked


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
