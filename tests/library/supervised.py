"""A program of a supervisor with two children, for tests that break it.

``python supervised.py FOLDER HOW…``: one word for each child says what it does. Children note in
files what happens to them. ``stay``: run until TERM; ``linger``: run until the second TERM;
``code=3``: exit immediately; ``code=3,later``: the same from the second start on, and be killed
before that.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

from flowkit.logging import FlowkitLogger
from flowkit.logging.event_log import EventLog
from flowkit.processes.supervisor import SupervisedProcess, Supervisor


def child(folder: Path, number: int, how: str) -> int:
    """Do as told; return the exit code."""
    told = 0

    def on_term(signal_number: int, frame: object) -> None:
        nonlocal told
        told += 1
        note(folder, number, f"told {told}")

    signal.signal(signal.SIGTERM, on_term)
    signal.signal(signal.SIGINT, on_term)
    note(folder, number, f"started {os.getpid()}")
    what, _, code = how.partition("=")
    if what == "code":
        code, _, later = code.partition(",")
        if later and len(lines(folder, number)) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return int(code)
    while told < (2 if what == "linger" else 1):
        time.sleep(0.02)
    return 0


def note(folder: Path, number: int, line: str) -> None:
    with (folder / f"{number}.txt").open("a") as notes:
        notes.write(line + "\n")


def lines(folder: Path, number: int) -> list[str]:
    """Return what a child has noted."""
    path = folder / f"{number}.txt"
    return path.read_text().splitlines() if path.exists() else []


def main() -> None:
    folder = Path(sys.argv[1])
    processes = [
        SupervisedProcess(
            f"shard {number}/{len(sys.argv) - 2}", partial(child, folder, number, how)
        )
        for number, how in enumerate(sys.argv[2:])
    ]
    deaths = folder / "deaths.txt"

    def on_death(process: SupervisedProcess) -> None:
        with deaths.open("a") as notes:
            notes.write(process.name + "\n")

    log = EventLog(FlowkitLogger("flowkit"))
    sys.exit(Supervisor(processes, log, on_death=on_death).run())


if __name__ == "__main__":
    main()
