"""What really happened, as the tasks wrote it down outside of Redis (see ``apps/chaos_app.py``)."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution of an attempt. Times are nanoseconds of the machine's monotonic clock; it has
    no end if it raised or was cut short."""

    run: str
    task: str
    attempt: int
    pid: int
    token: str
    inputs: str
    began: int
    ended: int | None = None


def digest(values: Iterable[object]) -> str:
    """Return what an execution notes of the results that it was given."""
    return hashlib.sha1(" ".join(map(str, values)).encode()).hexdigest()[:12]


class BrokenHistoryError(Exception):
    """A history that no tasks could have written: nothing can be concluded from it."""


class History:
    """A history that grows while it is read."""

    def __init__(self) -> None:
        self._found: dict[str, Execution] = {}

    def take(self, line: str) -> None:
        """Add a line. Raises BrokenHistoryError for one that has no place in what came before."""
        what, run, task, attempt, pid, at, token, *rest = line.split()
        known = self._found.get(token)
        if what == "start" and known is None and rest:
            execution = Execution(run, task, int(attempt), int(pid), token, rest[0], int(at))
        elif what == "end" and known is not None and known.ended is None:
            execution = replace(known, ended=int(at))
        else:
            raise BrokenHistoryError(f"this line has no place in it: {line!r}")
        self._found[token] = execution

    def executions(self, run: str | None = None) -> list[Execution]:
        """Return them in the order of their starts, those of one run or all."""
        return [item for item in self._found.values() if run in (None, item.run)]


class Reader:
    """Reads the history that the tasks of a system are writing."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "history"
        self._history = History()
        self._at = 0
        self._rest = b""

    def read(self, run: str | None = None) -> list[Execution]:
        """Return what has been noted so far, of one run or of all."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._at)
                new = file.read()
            self._at += len(new)
            *lines, self._rest = (self._rest + new).split(b"\n")
            for line in lines:
                self._history.take(line.decode())
        return self._history.executions(run)


def by_task(executions: Iterable[Execution]) -> dict[str, list[Execution]]:
    """Return task → its executions."""
    result: dict[str, list[Execution]] = defaultdict(list)
    for execution in executions:
        result[execution.task].append(execution)
    return result
