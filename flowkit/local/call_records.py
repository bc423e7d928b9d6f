"""Where the results of runs that tasks call are recorded, and when a resume reuses them.

1.  The entries of such a run are under ``DAG/TASK/POSITION/``: ``outer/calls/0/inner/load``, with
    the position of the call among those of the attempt. No other entry has such a key, since ``/``
    in a name is escaped (records.py).
2.  When an attempt calls runs, the entry of its task names the attempt, and so does each entry of
    these runs. Only entries that name the same attempt are read. So results of different calls
    never mix.
3.  A resume calls the function again, since a store has no calls. If all results upstream of the
    task are reused and the resume does not name the task, its first attempt keeps the name in the
    entry of the task. So each run that it calls continues in the recorded one at the same position,
    and the rules of record.py apply to it. Every other attempt gives its own name.
4.  The entries of runs that this run has called are deleted when the result of the task is
    recorded, and when another attempt calls runs anew. A store does not list its keys. So entries
    of an earlier run are deleted only if a run of the same DAG is called at their position. If that
    does not happen, they stay. They are not read, since they name another attempt.

The runs that an at-most-once task has called are not recorded: it is not started again.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ..state.store import StateStore


class RecordedRun(Protocol):
    """A run that was called and that records its results."""

    def forget(self) -> None:
        """Delete all that it has recorded, and the runs that it has called."""


class CallPlace(NamedTuple):
    """Where a run that was called records its results. ``prefix``: of the keys of its entries.

    ``calling_attempt``: the name of the attempt that its entries name.
    """

    prefix: str
    calling_attempt: str


class CallRecording(NamedTuple):
    """What the runs that an attempt calls record. ``resume``: whether to reuse recorded results.

    ``key``: of the entry of the task. ``calling_attempt``: the name of the attempt in this entry.
    ``runs``: those of them that record their results.
    """

    state: StateStore
    resume: bool
    key: str
    calling_attempt: str
    runs: list[RecordedRun]

    def place(self, position: int) -> CallPlace:
        """Return where the run that is called at this position records its results."""
        return CallPlace(f"{self.key}/{position}/", self.calling_attempt)

    def forget(self) -> None:
        """Delete what these runs have recorded."""
        for run in self.runs:
            run.forget()
