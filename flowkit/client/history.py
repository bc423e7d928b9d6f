"""What happened to a run: the values that ``RunHandle.history`` returns.

This module has the events and their words. It reads nothing; see ``run_history``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ..basics.counted import counted
from ..core.numbering import labelled
from ..drawing.marks import duration_text


class HistoryKind(StrEnum):
    """What an event tells. ``CUT``: older events are no longer kept. ``MAPPED``: a mapped task is
    over."""

    SUBMITTED = "submitted"
    ATTEMPT = "attempt"
    NOT_RUN = "not_run"
    MAPPED = "mapped"
    STOPPING = "stopping"
    CANCELLED = "cancelled"
    RESUMED = "resumed"
    HASTENED = "hastened"
    TAKEN_OVER = "taken_over"
    ENDED = "ended"
    CUT = "cut"


# How an attempt ended, or why a task did not run, as a sentence continues.
_OUTCOMES = {
    "running": "runs",
    "succeeded": "succeeded",
    "cached": "succeeded with a cached result",
    "failed": "failed",
    "skipped": "was skipped",
    "cancelled": "was cancelled",
    "upstream_failed": "did not run: a task before it failed",
    "retry": "failed and is retried",
    "again": "asked to come again",
    "called": "has called runs, and waits for them",
    "put_off": "was put off: its worker does not have the function",
    "died": "ended with its worker process",
    "suspect": "ended with its worker process, and may be the cause",
    "lost": "was lost with its worker",
    "released": "was given back by a worker that stopped",
}


_WITH_ITEMS = ("succeeded", "failed")


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One thing that happened to a run. Times are seconds since 1970 by Redis' clock.

    ``by``: who did it, as that program says: ``USER@HOST via CHANNEL``; the scheduler, if it took
    over the lease. ``outcome``: how an attempt ended (``running`` if it has not), the state in
    which a task ended that did not run, or the state of a run that ended. ``queued``, ``started``,
    ``ended``, ``worker``, ``app_version``: of the attempt; None or "" if unknown. ``due``: when the
    next attempt is due. ``error`` and ``traceback``: of the attempt. ``rerun``: a resume has made
    the task run again since. ``tasks``: those that a resume or a retry named. ``items``: of a
    mapped task that is over, the number of its items in each state. ``parent_run``,
    ``parent_task``: of a submission, the task that has called the run; ``attempt``: in which
    attempt. ``label``: of an item.
    """

    at: float
    what: HistoryKind
    by: str = ""
    task: str | None = None
    attempt: int | None = None
    outcome: str = ""
    worker: str = ""
    app_version: str = ""
    queued: float | None = None
    started: float | None = None
    ended: float | None = None
    due: float | None = None
    error: str | None = None
    traceback: str = ""
    rerun: bool = False
    tasks: list[str] = field(default_factory=list)
    items: dict[str, int] = field(default_factory=dict)
    parent_run: str = ""
    parent_task: str = ""
    label: str = ""

    @property
    def waited(self) -> float | None:
        """Seconds between being queued and the start, None if unknown."""
        if self.queued is None or self.started is None:
            return None
        return max(0.0, self.started - self.queued)

    @property
    def duration(self) -> float | None:
        """Seconds between the start and the end, None while it runs or if unknown."""
        if self.ended is None or self.started is None:
            return None
        return max(0.0, self.ended - self.started)

    def __str__(self) -> str:
        match self.what:
            case HistoryKind.ATTEMPT | HistoryKind.NOT_RUN:
                return self._about_task()
            case HistoryKind.MAPPED:
                return self._about_mapped_task()
            case HistoryKind.SUBMITTED:
                return _by("submitted", self.by) + self._called_by()
            case HistoryKind.CANCELLED:
                return _by("cancel requested", self.by)
            case HistoryKind.RESUMED:
                named = f" from {', '.join(self.tasks)}" if self.tasks else ""
                return _by(f"resumed{named}", self.by)
            case HistoryKind.HASTENED:
                return _by(f"retry of {', '.join(self.tasks)} requested", self.by)
            case HistoryKind.STOPPING:
                return f"the run stops: task {self._shown} failed" if self.task else "the run stops"
            case HistoryKind.TAKEN_OVER:
                return f"scheduler {self.by} took the lease"
            case HistoryKind.CUT:
                return "older attempts are no longer kept"
        return f"ended: {self.outcome}" + (f", task {self._shown} failed" if self.task else "")

    @property
    def _shown(self) -> str:
        return labelled(self.task or "", self.label)

    def _called_by(self) -> str:
        if not self.parent_run:
            return ""
        where = f"task {self.parent_task} of run {self.parent_run}"
        return f": called by {where}, attempt {self.attempt}"

    def _about_mapped_task(self) -> str:
        text = f"{self.task} {_OUTCOMES.get(self.outcome, self.outcome)}"
        if self.error:
            return f"{text}: {self.error}"
        counts = [f"{number:,} {state.replace('_', ' ')}" for state, number in self.items.items()]
        listed = f": {', '.join(counts)}" if counts else ""
        items = f"{counted(sum(self.items.values()), 'item')}{listed}"
        return f"{text} with {items}" if self.outcome in _WITH_ITEMS else f"{text} ({items})"

    def _about_task(self) -> str:
        outcome = _OUTCOMES.get(self.outcome, self.outcome)
        if self.what is HistoryKind.NOT_RUN:
            return f"{self._shown} {outcome}"
        text = f"{self._shown}, attempt {self.attempt}: {outcome}"
        if self.duration is not None:
            text += f" after {duration_text(self.duration)}"
        if self.worker:
            text += f" on {self.worker}"
        if self.app_version:
            text += f" (version {self.app_version})"
        if self.waited is not None and self.waited >= 0.001:
            text += f", queued for {duration_text(self.waited)}"
        if self.due is not None:
            text += f", next attempt {duration_text(max(0.0, self.due - self.at))} later"
        if self.error:
            text += f": {self.error}"
        return text + (" (has run again since)" if self.rerun else "")


def _by(text: str, by: str) -> str:
    return f"{text} by {by}" if by else text
