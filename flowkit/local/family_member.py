"""The part of the loop of a run that the family of the run uses (children.py), and its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from ..clock import Clock
from ..core.commands import Command
from ..core.run import Run
from ..core.states import RunState, TaskState
from ..definition.task import Task
from .children import Family
from .failure import failure_of
from .hooks import LocalHooks
from .outcome import LocalOutcome
from .run_context import RunContext
from .run_events import RunEvents
from .storage import ResultStore
from .timers import Timers
from .verdicts import outcome_of_error

if TYPE_CHECKING:
    from .call_records import CallRecording


class Lane(Protocol):
    """What makes the attempts of the run: an ``Attempts``."""

    outcomes: SimpleQueue[LocalOutcome]

    def close(self) -> None:
        """Let no attempt begin any more."""


class FamilyMember:
    """The part of ``Runner`` that concerns the runs above and below it.

    ``family``: the runs that tasks have called, here or above; None while there are none.
    """

    family: Family | None
    run_id: str
    dag_name: str
    depth: int
    in_flight: int
    _run: Run
    _lane: Lane
    _timers: Timers
    _context: RunContext
    _events: RunEvents
    _tasks: Sequence[Task]
    _errors: dict[int, BaseException]
    _failed: int | None
    _begun: float
    _clock: Clock
    _hooks: LocalHooks
    _results: list[Any]
    _store: ResultStore | None

    def _obey(self, commands: Iterable[Command]) -> None:
        raise NotImplementedError

    def start(self) -> None:
        """Begin the run."""
        raise NotImplementedError

    def proceed(self, outcomes: list[LocalOutcome]) -> None:
        """Pass outcomes and due timers to the resolver, and carry out its commands."""
        raise NotImplementedError

    @property
    def outcome(self) -> RunState | None:
        """How the run is ending or has ended, None while it is not stopping."""
        return self._run.outcome

    @property
    def finished(self) -> bool:
        """Whether the run has ended."""
        return self._run.finished

    @property
    def has_timers(self) -> bool:
        """Whether the run waits for a retry, or an attempt has a deadline."""
        return self._timers.any

    @property
    def due(self) -> float | None:
        """When its first retry is due, by the clock of the run."""
        return self._timers.first_retry

    def patience(self, end: float | None, *, idle: bool) -> float | None:
        """Return the seconds until a timer is due; see ``Timers.patience``."""
        return self._timers.patience(end, idle=idle)

    def name_of(self, task: int) -> str:
        """Return the name of a task or an item."""
        return self._context.numbered.names[task]

    def failed_task(self) -> str:
        """Return the name of the task that made the run fail, "" if none did."""
        failed = next(iter(self._errors), None) if self._failed is None else self._failed
        return "" if failed is None else self.name_of(failed)

    def cancel(self) -> None:
        """Stop the run: it ends as cancelled when its running attempts have ended."""
        self._obey(self._run.cancel())

    def close(self) -> None:
        """Let no attempt begin any more."""
        self._lane.close()

    def verdict(
        self, task: int, attempt: int, error: BaseException, *, retry: bool
    ) -> LocalOutcome:
        """Return the outcome of an attempt that failed. ``retry``: whether its task is asked."""
        return outcome_of_error(
            self._context, (task, attempt), error, retry=None if retry else False
        )

    def _call(self, index: int, attempt: int, value: object) -> None:
        """Start the runs that an attempt has called."""
        if self.family is None:
            self.family = self._context.new_family(self._lane.outcomes)
        self.family.call(self, index, attempt, value)

    def record_calls(self, task: int, attempt: int) -> CallRecording | None:
        """Record that an attempt calls runs. Return what these record, None for nothing."""
        return None if self._store is None else self._store.record_calls(task, attempt)

    def prepare(self) -> None:
        """Read and delete what earlier runs have recorded. Raises what the store raises."""
        if self._store is not None:
            self._store.prepare()

    def results(self) -> dict[str, Any]:
        """Return the results of the run, which has ended, or raise its first failure."""
        self._hooks.forget()
        if self._run.outcome is not RunState.SUCCEEDED:
            raise self._failure()
        self._events.completed(self._clock.monotonic() - self._begun, self._run.total)
        states = [self._run.state(index) for index in range(self._context.indexed.own)]
        return {
            self._tasks[index].name: self._results[index]
            for index, state in enumerate(states)
            if state is TaskState.SUCCEEDED and self._tasks[index].policy.keep_result
        }

    def _failure(self) -> Exception:
        fails, names = self._context.fails_run, self._context.numbered.names
        errors = {index: error for index, error in self._errors.items() if fails(index)}
        self._errors.clear()  # the frames of an error refer to this run: avoid a cycle
        failed = next(iter(errors)) if self._failed is None else self._failed
        named = {names[index]: error for index, error in errors.items()}
        error = failure_of(self.run_id, self.dag_name, named, names[failed])
        self._events.run_failed(failed, error, len(errors))
        return error
