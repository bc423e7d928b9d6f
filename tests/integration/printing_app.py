"""Tasks that print and log, for tests of what is kept of it."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from flowkit import DAG, current_attempt, task
from flowkit.logging import add_log_filter

FOLDER = Path(os.environ.get("FAULT_FOLDER", "/nowhere"))


def wait_for(gate: str) -> None:
    while not (FOLDER / f"gate-{gate}").exists():
        time.sleep(0.005)


@task(retries=1, delay=0)
def talks() -> None:
    print("first", "line")
    print("to stderr", file=sys.stderr)
    logging.getLogger("app").warning("record\nof two lines")
    if current_attempt().attempt == 1:
        raise ValueError("once more")
    print("no line end", end="")


@task
def killed() -> None:
    """Print until somebody kills the process."""
    if current_attempt().attempt > 1:
        return
    for number in range(10_000_000):
        print("line", number)
        if number == 20_000:
            (FOLDER / "pid").write_text(str(os.getpid()))


@task
def kills_itself() -> None:
    if current_attempt().attempt > 1:
        return
    for number in range(3000):
        print("line", number)
    os.kill(os.getpid(), signal.SIGKILL)


@task
def crashes() -> None:
    """Crash in C code after a program and C code have written."""
    if current_attempt().attempt > 1:
        return
    subprocess.run(["sh", "-c", "echo program; echo error >&2"], check=True)
    ctypes.CDLL(None).puts(b"C code")
    ctypes.CDLL(None).fflush(None)
    print("python")
    ctypes.string_at(0)


@task
def starts_programs() -> None:
    subprocess.run(["sh", "-c", "echo one; echo two >&2; printf three"], check=True)
    sys.stdout.buffer.write(b"bytes\n")


@task
def writes_at_its_end(number: int) -> None:
    os.write(1, f"from {number}\n".encode())


@task
async def chats(other: str) -> None:
    for number in range(50):
        print(current_attempt().task, number)
        await asyncio.sleep(0)


@task
def floods() -> None:
    for number in range(30_000):
        print(number, "x" * 100)


@task
def waits() -> None:
    print("before")
    wait_for("a")
    print("after")


@task
def prints_in_an_outage() -> None:
    """Print much while Redis is away, and tell that outside of Redis."""
    print("before")
    (FOLDER / "printed").touch()
    wait_for("away")
    for number in range(3000):
        print("line", number)
    (FOLDER / "printed-all").touch()


@task
def says_secrets() -> None:
    print("password=hunter2 and more")
    logging.getLogger("app").warning("password=%s", "hunter3", extra={"note": "password=hunter4"})
    subprocess.run(["echo", "password=hunter5"], check=True)


@task
def filters() -> None:
    add_log_filter(lambda text: None if "card" in text else text.replace("name", "N."))
    print("my name")
    print("my card")
    subprocess.run(["echo", "card"], check=True)
    print("done")


@task
def writes_garbage() -> None:
    print("before")
    for descriptor in range(3, 60):
        try:
            if os.readlink(f"/proc/self/fd/{descriptor}").startswith("pipe:"):
                os.set_blocking(descriptor, False)
                os.write(descriptor, b"\x00garbage\n" * 3)
        except OSError:
            pass
    print("after")


def one(item: object) -> DAG:
    with DAG("printing") as dag:
        dag.add(item)  # type: ignore[arg-type]
    return dag
