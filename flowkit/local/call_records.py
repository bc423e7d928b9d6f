"""Where the results of runs that tasks call are recorded, and when a resume reuses them.

1.  The entries of such a run are under ``DAG/TASK/POSITION/``: ``outer/calls/0/inner/load``, with
    the position of the call among those of the attempt. No other entry has such a key, since ``/``
    in a name is escaped (records.py).
2.  When an attempt calls runs, the entry of its task names the attempt, and so does each entry of
    these runs. Only entries that name the same attempt are read. So results of different calls
    never mix.
3.  A resume calls the function again, since a store has no calls. The runs of that first attempt
    continue in those of the last attempt, if all results upstream of the task are reused and the
    resume does not name it. The rules of record.py then apply to each of these runs.
4.  When the result of the task is recorded, the entries of the runs are deleted.

The runs that an at-most-once task has called are not recorded: it is not started again.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple, Protocol

from ..state.store import StateStore, batch_of


class Forgetting(Protocol):
    """A run that was called."""

    def forget(self) -> None:
        """Delete all that it has recorded."""


class CalledBy(NamedTuple):
    """The attempt that a run belongs to. ``prefix``: of the keys of its entries.

    ``calls``: names the attempt that has called it first.
    """

    prefix: str
    calls: str


class CallRecording(NamedTuple):
    """What the runs that an attempt calls record. ``resume``: whether to reuse recorded results.

    ``key``: of the entry of the task. ``calls``: names the attempt that has called them first.
    """

    state: StateStore
    resume: bool
    key: str
    calls: str

    def of(self, position: int) -> CalledBy:
        """Return where the run that is called at this position records its results."""
        return CalledBy(f"{self.key}/{position}/", self.calls)

    def forget(self, runs: Iterable[Forgetting]) -> None:
        """Delete what these runs have recorded. If that fails, it stays, and is never read."""
        with suppress(Exception), batch_of(self.state):
            for run in runs:
                run.forget()
