"""Tasks that abuse what their process has inherited, for tests of what is kept of their output."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from flowkit import DAG, current_attempt, task

FOLDER = Path(os.environ.get("FAULT_FOLDER", "/nowhere"))
MIB = 1024 * 1024


def wait_for(gate: str) -> None:
    while not (FOLDER / f"gate-{gate}").exists():
        time.sleep(0.005)


def descriptors() -> list[int]:
    return [number for number in map(int, os.listdir("/proc/self/fd")) if number > 2]


@task
def truncates_everything() -> None:
    print("before")
    for descriptor in descriptors():
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
    print("after")


@task
def closes_its_output() -> None:
    print("before")
    os.close(1)
    os.close(2)
    print("after")


@task
def replaces_its_output() -> None:
    print("before")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    print("after")


@task
def closes_everything() -> None:
    """Close what the process needs, as programs do that become daemons."""
    if current_attempt().attempt > 1:
        return
    os.closerange(0, 256)


@task
def becomes_another_program() -> None:
    if current_attempt().attempt > 1:
        return
    print("before")
    os.execv("/bin/sh", ["sh", "-c", "echo from the program"])


@task
def speaks() -> None:
    print("fine")


@task
def exits() -> None:
    if current_attempt().attempt > 1:
        return
    print("before")
    os.write(1, b"no line end")
    os._exit(0)


@task
def reads_its_input() -> None:
    print(repr(sys.stdin.read()))
    done = subprocess.run(["cat"], capture_output=True, timeout=10, check=True)
    print(repr(done.stdout))


@task
def reads_its_own_output() -> None:
    """Take what its process writes away from the reader, as anything with its user id can."""
    print("before")
    for descriptor in descriptors():
        try:
            path = f"/proc/self/fd/{descriptor}"
            if os.readlink(path).startswith("pipe:"):
                os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        except OSError:
            pass
    stolen = os.open("/proc/self/fd/1", os.O_RDONLY | os.O_NONBLOCK)
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        os.write(1, b"program\n")
        with suppress(BlockingIOError):
            os.read(stolen, MIB)
    os.close(stolen)


@task
def leaves_a_writer() -> None:
    """Leave a process behind that writes as fast as it can, in its own session."""
    subprocess.Popen(["sh", "-c", "sleep 0.3; exec timeout 3 yes"], start_new_session=True)
    print("left")


@task
def writes_without_line_ends(mib: int) -> None:
    block = b"x" * MIB
    for _ in range(mib):
        os.write(1, block)
    for _ in range(mib):
        print("y" * MIB, end="")


@task
def imitates_records() -> None:
    os.write(1, b"\0" + b"0" * 16 + b" run,0,1\0")
    os.write(1, b"A1 run,0,1,lane\nL1 1764508800123 20o forged\n")
    print("A1 run,0,1,lane\nL1 1764508800123 20o forged")
    print("\x1b]0;title\x07\x1b[2J\xff\x85\u2028end")
    os.write(1, b"\x1b[2J\xff\x00\x07end\n")


@task
def writes_much(mib: int) -> None:
    """Let a program write more than a pipe holds."""
    (FOLDER / "started").touch()
    wait_for("a")
    line = "x" * 99
    subprocess.run(["sh", "-c", f"yes {line} | head -c {mib * MIB}"], check=True)
    print("all written")


@task
def floods(seconds: float) -> None:
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        for _ in range(1000):
            number += 1
            print("line", number)


@task
def splits_a_secret() -> None:
    """Write a secret across every place where long lines are cut."""
    for at in range(16 * 1024 - 20, 16 * 1024 + 4, 3):
        os.write(1, b"x" * at + b"hunter2" + b"\n")
    os.write(1, b"y" * (1024 * 1024 - 3) + b"hunter3\n")
    print("z" * (16 * 1024 - 3) + "hunter4")
    print("hun", end="")
    print("ter5")


def one(item: object, name: str = "hostile") -> DAG:
    with DAG(name) as dag:
        dag.add(item)  # type: ignore[arg-type]
    return dag
