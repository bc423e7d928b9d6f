"""The tasks that chaos is made of: each writes down outside of Redis that it began and ended.

A line is appended in one write, so lines of many processes never mix:

    start RUN TASK ATTEMPT PID NANOSECONDS TOKEN DIGEST
    end   RUN TASK ATTEMPT PID NANOSECONDS TOKEN

The token names one execution and is part of the result, so whoever reads a result knows which
execution it is of. The digest is that of the results that the execution was given. A result is
``VALUE|TOKEN``: the value follows from name and inputs alone and is the same in every execution.
"""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import os
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

from flowkit import DAG, current_attempt, task

FOLDER = Path(os.environ.get("FAULT_FOLDER", "/nowhere"))
_NUMBERS = count()


def digest(values: tuple[object, ...]) -> str:
    return hashlib.sha1(" ".join(map(str, values)).encode()).hexdigest()[:12]


def append(line: str, path: Path = FOLDER / "history") -> None:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


class Execution:
    """One execution, from its start line to its end line."""

    def __init__(self, values: tuple[object, ...]) -> None:
        self.one = current_attempt()
        self.token = f"{os.getpid()}.{time.monotonic_ns()}.{next(_NUMBERS)}"
        plain = [str(value).partition("|")[0] for value in values]
        self.value = digest((self.one.task, *plain))
        self._note("start", f" {digest(values)}")

    def _note(self, what: str, rest: str = "") -> None:
        item = self.one
        where = f"{item.run_id} {item.task} {item.attempt} {os.getpid()} {time.monotonic_ns()}"
        append(f"{what} {where} {self.token}{rest}\n")

    def end(self) -> str:
        self._note("end")
        return f"{self.value}|{self.token}"


def is_open(gate: str) -> bool:
    return (FOLDER / f"gate-{gate}").exists()


def note_printed(this: Execution, number: int) -> None:
    """Note that a line of an execution has been printed whole."""
    item = this.one
    where = f"{item.run_id} {item.task} {item.attempt} {this.token}"
    append(f"{where} {number}\n", FOLDER / "printed")


# -- tasks that end well ----------------------------------------------------------------------


@task
def brief(*values: object, ms: float = 0) -> str:
    """Take a while, so that a fault can hit."""
    this = Execution(values)
    if ms:
        time.sleep(ms / 1000)
    return this.end()


@task
def listing(count: int, seed: int) -> list[str]:
    """Return a list to map over, the same in every execution."""
    this = Execution(())
    found = [f"{seed}-{at}" for at in range(count)]
    this.end()
    return found


@task
def piece(value: str, ms: float = 0) -> str:
    """Be an item."""
    this = Execution((value,))
    if ms:
        time.sleep(ms / 1000)
    return this.end()


@task
def gathered(found: list[str]) -> str:
    """Take the results of all items."""
    return Execution(tuple(found)).end()


@task
def leafy(seed: int, ms: float) -> str:
    """Be the only task of a run that was called by one that was called."""
    this = Execution((seed,))
    time.sleep(ms / 1000)
    return this.end()


leaves = DAG("leaves", tasks=[leafy])


@task
def branching(seed: int, width: int, depth: int, ms: float) -> object:
    """Call runs, which call runs if there is depth left."""
    this = Execution((seed,))
    time.sleep(ms / 1000)
    seeds = [seed * 10 + place for place in range(width)]
    this.end()
    if not depth:
        return [leaves.call({"seed": each, "ms": ms}, "leafy") for each in seeds]
    below = {"width": width, "depth": depth - 1, "ms": ms}
    return [branches.call({"seed": each, **below}, "branching") for each in seeds]


branches = DAG("branches", tasks=[branching])


@task
def chatty(*values: object, lines: int, ms: float = 0) -> str:
    """Print lines, each with the token of this execution and its number, and begin another one."""
    this = Execution(values)
    for number in range(lines):
        print(f"{this.token} {number}")
        note_printed(this, number)
        time.sleep(ms / 1000)
    print(f"{this.token} unfinished", end="")
    return this.end()


@task
async def achatty(*values: object, lines: int, ms: float = 0) -> str:
    """Print lines beside others of one process."""
    this = Execution(values)
    for number in range(lines):
        print(f"{this.token} {number}")
        note_printed(this, number)
        await asyncio.sleep(ms / 1000)
    return this.end()


@task
def nothing(*values: object) -> None:
    """Do nothing, and leave no trace of it."""


@task
async def abrief(*values: object, ms: float = 0) -> str:
    """Take a while beside others of one process."""
    this = Execution(values)
    await asyncio.sleep(ms / 1000)
    return this.end()


@task
def held(*values: object, gate: str) -> str:
    """Wait for its own gate, or of this attempt alone."""
    this = Execution(values)
    while not (is_open(gate) or is_open(f"{gate}-{this.one.attempt}")):
        time.sleep(0.005)
    return this.end()


@task(retries=3, delay=0.2, backoff=1.5)
def flaky(*values: object, failures: int) -> str:
    """Fail so often, then succeed."""
    this = Execution(values)
    if this.one.attempt <= failures:
        raise ValueError(f"attempt {this.one.attempt} is meant to fail")
    return this.end()


@task
def broken(*values: object) -> str:
    """Fail for good."""
    Execution(values)
    raise RuntimeError("broken for good")


def _never(value: object = None) -> bool:
    return False


@task(when=_never)
def unwanted(*values: object) -> str:
    """Be skipped."""
    return Execution(values).end()


@task
def poison(*values: object) -> str:
    """End the process that runs it."""
    Execution(values)
    os.kill(os.getpid(), signal.SIGKILL)
    return "unreachable"


# -- tasks that do not want to end --------------------------------------------------------------


def _families(words: list[str]) -> subprocess.Popen[bytes]:
    """Start a program and note its pid among those that have to be gone with the task."""
    child = subprocess.Popen(words)
    note_pid(child.pid)
    return child


def note_pid(pid: int) -> None:
    item = current_attempt()
    with (FOLDER / f"pids-{item.run_id}").open("a") as file:
        file.write(f"{pid}\n")


def hang_deaf() -> None:
    """Ignore every signal that can be ignored."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(600)


def hang_forks() -> None:
    """Have children and grandchildren that ignore signals too."""
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
    _families([sys.executable, "-c", deaf])
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {deaf!r}])"
    _families([sys.executable, "-c", nested])
    while True:
        time.sleep(600)


def hang_in_c() -> None:
    """Block in C code that never lets another thread of Python run."""
    ctypes.PyDLL(None).sleep(600)


HANGS = {"deaf": hang_deaf, "forks": hang_forks, "in_c": hang_in_c}


def _hang(kind: str) -> None:
    Execution(())
    note_pid(os.getpid())
    HANGS[kind]()


@task(timeout=1.0)
def hangs_late(kind: str) -> None:
    """Hang past a deadline."""
    _hang(kind)


@task
def hangs(kind: str) -> None:
    """Hang until somebody puts an end to it."""
    _hang(kind)


# -- what the command line waits for ------------------------------------------------------------

with DAG("waited") as waited:
    [brief.bind(f"w{at}", ms=50) for at in range(40)] >> brief.bind("all")
