"""Tasks for the tests of executor="process": child processes import them from here."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from flowkit import current_attempt, task
from flowkit.basics.environment import variables

PATIENCE = 20.0


class TakesTwo(Exception):
    """Can be pickled, and not be unpickled: its constructor takes something else."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")

    def __reduce__(self) -> tuple[object, ...]:
        return TakesTwo, self.args


def note(path: str) -> int:
    """Leave a mark, and return how many there are."""
    with open(path, "a") as file:
        file.write(f"{os.getpid()}\n")
    return len(Path(path).read_text().splitlines())


def marks(path: str | Path) -> list[int]:
    return [int(line) for line in Path(path).read_text().splitlines()]


@task
def pid(*upstream):
    return os.getpid()


@task
def who(day, *, part=0):
    mine = current_attempt()
    with suppress(TypeError):
        mine.params["day"] = "sunday"
    return mine.task, mine.attempt, dict(mine.params), day, part


@task
async def here():
    await asyncio.sleep(0)
    return os.getpid(), current_attempt().task


@task
def give(value=None):
    return value


@task
def fail(*upstream):
    raise ValueError("bad row")


@task
def fail_oddly():
    raise TakesTwo(1, 2)


@task(retries=2, delay=0, retry_on=TakesTwo)
def fail_oddly_twice(path):
    if note(path) < 3:
        raise TakesTwo(1, 2)
    return current_attempt().attempt


@task
def leave():
    raise SystemExit(3)


@task
def meet(path, part=0, count=2):
    """Return when ``count`` of these run at the same time."""
    note(path)
    end = time.monotonic() + PATIENCE
    while len(marks(path)) < count:
        assert time.monotonic() < end
        time.sleep(0.002)
    return part


@task
def die():
    os._exit(7)


@task(at_most_once=True)
def die_once_for_all(path):
    note(path)
    os._exit(8)


@task(retries=5, delay=0)
def die_by_signal(path):
    note(path)
    os.kill(os.getpid(), signal.SIGSEGV)


@task
def die_once(path):
    if note(path) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return current_attempt().attempt


@task(timeout=1.0, retries=1, delay=0)  # time enough to start programs on a busy machine
def stuck_once(path):
    """Hang in the first attempt, with programs beside it, one in its own session."""
    if note(path) == 1:
        started = [subprocess.Popen(["sleep", "3600"], start_new_session=way) for way in (0, 1)]
        Path(f"{path}.started").write_text(" ".join(str(item.pid) for item in started))
        while True:
            pass
    return "second"


@task
def terminated():
    """Get what a service manager sends to all processes of a service."""
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(os.getpid(), number)
    return "goes on"


@task
def sleep(path):
    note(path)
    time.sleep(3600)


@task
def die_behind_a_leftover(path):
    """Die beside a copy of this process that holds all that it had open."""
    if os.fork() == 0:
        note(path)
        time.sleep(3600)
    os._exit(1)


@task
def give_lock():
    return threading.Lock()


@task
async def give_lock_here():
    return threading.Lock()


@task
def say(words):
    print(words, end="")
    return len(words)


@task
def fork_and_return():
    return "copy" if os.fork() == 0 else "original"


async def coroutine():
    return 1


@task
def hidden_coroutine():
    return coroutine()


@task(when=lambda value: value > 1)
def conditional(value):
    return value


@task
def secrets_of_a_program() -> list[bool]:
    """Return whether a program that is started here has the address of Redis, and flowkit has."""
    code = "import os; print('FLOWKIT_REDIS_URL' in os.environ)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [done.stdout.strip() == "True", "FLOWKIT_REDIS_URL" in variables()]
