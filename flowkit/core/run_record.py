"""What is recorded of a run as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from .states import RunState

DEFAULT_WINDOW = 10_000  # tasks of one run that are queued, running or waiting at a time


class Parent(NamedTuple):
    """The attempt that has called a run: of which task (a number) of which run."""

    run: str
    task: int
    attempt: int


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The state of a run. ``stop``: the outcome of a stopping run. Times are ms of Redis' clock.

    ``total``: the number of tasks, with the items of mapped tasks that exist; ``graph_total``: that
    without items. ``by``: who submitted it, as that client says; "" if it does not. ``parent``: the
    attempt that has called it, None if it was submitted. ``has_children``: whether its tasks have
    called runs.
    """

    run: str
    dag_name: str
    digest: str
    state: RunState
    total: int
    submitted_ms: int
    finished_ms: int | None = None
    stop: RunState | None = None
    failed_task: int | None = None
    counts: dict[str, int] = field(default_factory=dict)
    by: str = ""
    parent: Parent | None = None
    has_children: bool = False
    graph_total: int = 0

    @property
    def stopping(self) -> bool:
        """Whether the run is running and was told to stop."""
        return self.stop is not None and self.state is RunState.RUNNING

    @property
    def duration(self) -> float | None:
        """Seconds from the submission to the end, None for a run that is not over."""
        return None if self.finished_ms is None else (self.finished_ms - self.submitted_ms) / 1000


class RunProgress(NamedTuple):
    """The fields of a run that change until it is over."""

    state: RunState
    counts: dict[str, int]
    total: int
