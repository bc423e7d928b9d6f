"""An app whose log breaks, and whose tasks do to their process whatever tasks may do."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from typing import Any

from fault_app import FOLDER, held, is_open, note

from flowkit import task

__all__ = ["held"]


class ToServer(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise ConnectionError("log server is away")


def _with_context(*args: Any, **kwargs: Any) -> logging.LogRecord:
    record = logging.LogRecord(*args, **kwargs)
    record.context = {"request": "r-1"}
    return record


if "FAULT_FOLDER" in os.environ:  # not in the test's own process, which imports this too
    logging.getLogger().addHandler(ToServer())
    logging.setLogRecordFactory(_with_context)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit("the app ends itself"))


@task
def charge_card() -> None:
    note()
    print("charging", end="")
    raise ValueError("the printer is out of paper")


@task
def ends_with(code: int) -> None:
    note()
    os._exit(code)


@task(at_most_once=True)
def valve(gate: str) -> str:
    note()
    while not is_open(gate):
        signal.sigtimedwait([], 0.01)
    return "open"


@task
def stops_a_program() -> int:
    """Start a program and terminate it: what protects this process must not protect that one."""
    note()
    program = subprocess.Popen(["sleep", "60"])
    program.terminate()
    return program.wait(10)


@task
def stops_a_copy() -> int:
    """Do the same with a copy of this process, as multiprocessing makes them."""
    note()
    pid = os.fork()
    if pid == 0:
        signal.sigtimedwait([], 60)
        os._exit(0)
    os.kill(pid, signal.SIGTERM)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@task(timeout=0.4)
def starts_a_session() -> None:
    note()
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    (FOLDER / "grandchild").write_text(str(child.pid))
    child.wait()
