"""The tasks that every peer runs, and how often they ran.

A peer's processes see nothing of the tree but this folder. It imports only the standard library,
since each peer has a separate environment. Each process counts its tasks in a separate file, so
that counting costs no round trip and no lock between processes.
"""

from __future__ import annotations

import asyncio
import base64
import mmap
import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

BURN_S = 0.010
NAP_S = 0.010
BLOCK = 1_000_000  # bytes of a large result
MODULUS = 1_000_003
WIDTH = 100  # tasks in a layer
SEED = 20_240_229
TALLY = "PEERS_TALLY"  # the variable that names the folder of the counts

_lock = threading.Lock()
_own: tuple[int, mmap.mmap] | None = None
_blocks: list[str] = []


def tally() -> None:
    """Count one more task of this process."""
    with _lock:
        result = _counter()
        result[:8] = (int.from_bytes(result[:8], "little") + 1).to_bytes(8, "little")


def _counter() -> mmap.mmap:
    global _own
    pid = os.getpid()
    if _own is None or _own[0] != pid:  # a fork must not count in the file of its parent
        path = Path(os.environ[TALLY]) / str(pid)
        path.write_bytes(bytes(8))
        with path.open("r+b") as file:
            _own = (pid, mmap.mmap(file.fileno(), 8))
    return _own[1]


def tallied() -> int:
    """Return how many tasks were counted by all processes."""
    folder = Path(os.environ[TALLY])
    return sum(int.from_bytes(path.read_bytes(), "little") for path in folder.iterdir())


def noop() -> None:
    """Nothing."""
    tally()


def burn() -> None:
    """Ten milliseconds of processor time."""
    end = time.thread_time() + BURN_S
    while time.thread_time() < end:
        pass
    tally()


async def nap() -> None:
    """Ten milliseconds of waiting."""
    await asyncio.sleep(NAP_S)
    tally()


def sleep() -> None:
    """The same for a peer without async tasks, in a thread."""
    time.sleep(NAP_S)
    tally()


def one() -> int:
    """The task of a round trip."""
    return 1


def hop(before: int = 0) -> int:
    """A task of a chain."""
    return before + 1


def leaf() -> int:
    """A task of a fan-out."""
    return 1


def total(values: Iterable[int]) -> int:
    """The fan-in."""
    return sum(values)


def block() -> str:
    """A large result: text that does not compress well, since some peers support only JSON."""
    if not _blocks:
        _blocks.append(base64.b64encode(os.urandom(BLOCK)).decode()[:BLOCK])
    return _blocks[0]


def weight(blocks: Iterable[str]) -> int:
    """The fan-in of large results."""
    return sum(map(len, blocks))


def node(values: Iterable[int]) -> int:
    """A task of the layered DAG: its result depends on everything upstream."""
    return (1 + sum(values)) % MODULUS


def layers(size: int) -> list[list[int]]:
    """Return the parents of each task: one to three of the previous layer; the last takes all."""
    draw = random.Random(SEED)
    parents: list[list[int]] = []
    for number in range(size - 1):
        layer = number // WIDTH
        before = range(max(0, (layer - 1) * WIDTH), layer * WIDTH)
        parents.append(sorted(draw.sample(before, draw.randint(1, 3))) if before else [])
    last = (size - 2) // WIDTH * WIDTH
    return [*parents, list(range(last, size - 1))]


def answer(parents: Sequence[Sequence[int]]) -> int:
    """Return the expected result of the last task of the layered DAG."""
    values: list[int] = []
    for above in parents:
        values.append(node(values[number] for number in above))
    return values[-1]


SINGLES = ("noop", "burn", "nap")  # their results are not read
# For peers that run plain functions.
PLAIN: dict[str, Callable[..., Any]] = {
    "noop": noop,
    "burn": burn,
    "nap": sleep,
    "one": one,
    "hop": hop,
    "leaf": leaf,
    "block": block,
    "total": total,
    "weight": weight,
}
