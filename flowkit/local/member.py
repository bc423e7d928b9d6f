"""What the family of a run (children.py) needs of each run in it.

The loop of the first run calls all of this. It raises nothing but what ``prepare``,
``record_calls`` and ``results`` say: all else that fails in a run is an outcome of its tasks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ..core.states import RunState
from .outcome import LocalOutcome

if TYPE_CHECKING:
    from .call_records import CallRecording


class Member(Protocol):
    """A run of the family: a ``Runner``."""

    depth: int
    in_flight: int

    @property
    def run_id(self) -> str:
        """Its id."""

    @property
    def dag_name(self) -> str:
        """The name of its DAG."""

    @property
    def outcome(self) -> RunState | None:
        """How it is ending."""

    @property
    def finished(self) -> bool:
        """Whether it has ended."""

    @property
    def has_timers(self) -> bool:
        """Whether it waits for a time."""

    @property
    def due(self) -> float | None:
        """When its first retry is due, by the clock of the run."""

    def patience(self, end: float | None, *, idle: bool) -> float | None:
        """Return the seconds until a timer is due; see ``Timers.patience``."""

    def name_of(self, task: int) -> str:
        """Return the name of a task."""

    def failed_task(self) -> str:
        """Return the name of the task that made it fail."""

    def prepare(self) -> None:
        """Read and delete what earlier runs have recorded. Raises what the store raises."""

    def start(self) -> None:
        """Begin. A run that was prepared does not read its store."""

    def proceed(self, outcomes: list[LocalOutcome]) -> None:
        """Take outcomes and due timers."""

    def results(self) -> dict[str, Any]:
        """Return its results, or raise its failure, when it has ended."""

    def cancel(self) -> None:
        """Stop it."""

    def close(self) -> None:
        """Let no attempt begin."""

    def verdict(
        self, task: int, attempt: int, error: BaseException, *, retry: bool
    ) -> LocalOutcome:
        """Return the outcome of an attempt that failed."""

    def record_calls(self, task: int, attempt: int) -> CallRecording | None:
        """Record that an attempt calls runs. Return what these record, None for nothing.

        Raises what the store raises.
        """
