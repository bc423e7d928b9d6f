"""Tasks that fail, hang, die and wait, for tests that run them in real worker processes.

Every start of a task is noted in a file outside Redis, so that what really happened can be
compared with what Redis has recorded. A task that waits does so until its gate (a file) is there:
the test opens it when it has seen enough.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from flowkit import again, current_attempt, task

FOLDER = Path(os.environ.get("FAULT_FOLDER", "/nowhere"))


def note() -> int:
    """Write "run task attempt pid" in one append; return the attempt's number."""
    item = current_attempt()
    line = f"{item.run_id} {item.task} {item.attempt} {os.getpid()}\n".encode()
    file = os.open(FOLDER / "executions", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line)
    finally:
        os.close(file)
    return item.attempt


def is_open(gate: str) -> bool:
    return (FOLDER / f"gate-{gate}").exists()


# -- tasks that end well ----------------------------------------------------------------------


@task
def quick(*values: object) -> int:
    note()
    return len(values)


@task
def brief(*values: object) -> int:
    """Take long enough for a fault to hit in the middle of many."""
    note()
    time.sleep(0.01)
    return len(values)


@task(cache_ttl=600)
def drawn(seed: int) -> str:
    """Give something else each time that it runs."""
    note()
    return os.urandom(8).hex()


@task
def forks(ending: str) -> int:
    """Make a copy of this process that comes back from here as well."""
    note()
    if os.fork():
        return os.getpid()
    if ending == "raises":
        raise ValueError("in the copy")
    if ending == "exits":
        raise SystemExit(3)
    return os.getpid()


@task
def held(*values: object, gate: str) -> int:
    attempt = note()
    while not is_open(gate):
        time.sleep(0.01)
    return attempt


@task
async def aheld(*values: object, gate: str) -> int:
    attempt = note()
    while not is_open(gate):
        await asyncio.sleep(0.01)
    return attempt


@task
async def apause(*values: object, seconds: float) -> float:
    note()
    await asyncio.sleep(seconds)
    return seconds


@task
def total(*values: float) -> float:
    note()
    return sum(values)


@task
def big(number: int) -> bytes:
    note()
    return bytes([number]) * 1_000_000


@task
def sizes(*values: bytes) -> list[int]:
    note()
    return [len(value) for value in values]


@task
def say(*values: object, text: str) -> str:
    note()
    return text


@task
def whoami(*values: object) -> dict[str, Any]:
    note()
    item = current_attempt()
    return {"run": item.run_id, "task": item.task, "attempt": item.attempt, **dict(item.params)}


@task
def greet(name: str, greeting: str = "Hello") -> str:
    note()
    return f"{greeting}, {name}"


@task
def number(*, value: int) -> int:
    note()
    return value


@task
def listed(*values: object) -> list[object]:
    note()
    return list(values)


@task(priority=9)
def urgent() -> None:
    note()


@task(priority=0)
def someday() -> None:
    note()


@task(queue="elsewhere")
def elsewhere() -> str:
    note()
    return "done elsewhere"


# -- tasks that fail ----------------------------------------------------------------------------


@task(retries=3, delay=0.05, backoff=2.0)
def flaky(*values: object, failures: int) -> int:
    attempt = note()
    if attempt <= failures:
        raise ValueError(f"attempt {attempt} is meant to fail")
    return attempt


@task(retries=3, delay=0.01, retry_on=ConnectionError)
def picky() -> None:
    note()
    raise KeyError("not worth another attempt")


@task
def broken(*values: object) -> None:
    note()
    raise RuntimeError("broken for good")


@task
def mute(*values: object) -> None:
    """Raise an error whose text cannot be had."""
    note()

    class MuteError(Exception):
        def __str__(self) -> str:
            raise LookupError("no words")

    raise MuteError


@task
def gives_a_module() -> dict[str, Any]:
    note()
    return {"parts": [1, {"inner": time}]}


@task
def gives_too_much() -> bytes:
    note()
    return bytes(5_000_000)


@task(retries=2, delay=0.01)
def ask_twice(*values: object, gate: str) -> str:
    """Succeed only when the gate is open."""
    note()
    if not is_open(gate):
        raise OSError("the gate is closed")
    return "through"


@task(retries=1, delay=3600)
def slow_to_retry() -> None:
    note()
    raise OSError("try again in an hour")


# -- tasks that hang ----------------------------------------------------------------------------


@task(timeout=0.4, retries=1, delay=0.01)
def sleeps_on(*values: object) -> None:
    note()
    time.sleep(600)


@task(timeout=0.4)
def spins(*values: object) -> None:
    note()
    while True:
        pass


@task
def starts_a_program(*values: object) -> None:
    note()
    child = subprocess.Popen(["sleep", "600"])
    (FOLDER / "grandchild").write_text(str(child.pid))
    child.wait()


@task(timeout=0.4)
def leaves_a_process(*values: object) -> None:
    note()
    child = subprocess.Popen(["sleep", "600"])
    (FOLDER / "grandchild").write_text(str(child.pid))
    child.wait()


@task(timeout=0.3)
async def awaits_on(*values: object) -> None:
    note()
    await asyncio.sleep(600)


@task(timeout=0.3)
async def blocks_the_loop(*values: object) -> None:
    note()
    time.sleep(600)


@task
async def stubborn(*values: object, gate: str) -> None:
    """Refuse to be cancelled."""
    note()
    while not is_open(gate):
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            continue


# -- tasks that end their process -----------------------------------------------------------------


@task
def exits(*values: object) -> None:
    note()
    os._exit(3)


@task
def crashes(*values: object) -> None:
    note()
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    ctypes.string_at(0)


def _exits_when_asked(value: object) -> bool:
    os._exit(4)


@task(when=_exits_when_asked)
def exits_in_its_condition(value: object) -> None:
    note()


# -- tasks that come again --------------------------------------------------------------------


@task
def comes_again(delay: float = 3600.0, last: int = 1) -> object:
    """Come again until it has done so ``last`` times; keep the numbers of the attempts."""
    attempts = [*(current_attempt().memory or ()), note()]  # type: ignore[misc]
    return again(delay, memory=attempts) if current_attempt().times < last else attempts


@task
def comes_again_and_dies() -> object:
    """End the process of the second attempt, which has a memory."""
    attempt, memory = note(), current_attempt().memory
    if attempt == 1:
        return again(0.05, memory="kept")
    if attempt == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return [memory, current_attempt().times]
