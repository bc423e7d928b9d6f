"""How much of a processor processes take, measured in nanoseconds.

The times that ``psutil`` has are whole ticks of 10 ms. In a window of a second, the bound of 3 % is
three of them, so a process that takes 2.1 % could seem to take 3 %.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from .stage import Stage

NS = 1_000_000_000


def pids_of(stage: Stage) -> list[int]:
    """Return the daemons of a stage, and the processes that run tasks."""
    return [process.pid for process in (*stage.daemons, *stage.children())]


def processor_time(pid: int) -> float:
    """Return the seconds that the threads of a process have run. Ended threads do not count."""
    spent = 0
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError):  # the thread has ended meanwhile
            spent += int(file.read_text("ascii").split()[0])
    assert spent, f"process {pid} has ended, or this kernel counts no nanoseconds"
    return spent / NS


def busiest(pids: Sequence[int], seconds: float) -> float:
    """Wait, and return the largest share of a processor that one of the processes took."""
    before = [processor_time(pid) for pid in pids]
    time.sleep(seconds)
    after = [processor_time(pid) for pid in pids]
    return max((now - was) / seconds for now, was in zip(after, before, strict=True))
