"""The loop of a run in this process: carries out commands, waits for outcomes, passes them on.

The calling thread carries out the decisions of ``core.run.Run``, the scheduler's resolver too: it
begins attempts (attempts.py), waits for their outcomes and passes them to the resolver. Only this
thread changes the state of the run, so no lock is needed. Retries wait in a heap, not in a thread.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from queue import Empty
from typing import Any

from ..basics.again import Again
from ..core.commands import (
    Command,
    DropResults,
    EndMap,
    FinishRun,
    MarkTasks,
    QueueTasks,
    StopRun,
    StopTasks,
)
from ..core.run import Run
from ..core.states import RunState, TaskState
from ..definition.call_plan import may_retry
from ..exceptions import RunCancelled, TaskTimeout, WaitTimeout
from .attempts import Attempts
from .environment import Environment
from .family_member import FamilyMember
from .hooks import LocalHooks
from .next_attempts import NextAttempts
from .outcome import LocalOutcome
from .run_context import RunContext
from .storage import ResultStore
from .timers import Timer, Timers

Fact = tuple[int, TaskState]


class Runner(FamilyMember):
    """Runs one DAG once, with the parts that run.py has put together."""

    def __init__(
        self,
        context: RunContext,
        resolver: Run,
        attempts: Attempts,
        environment: Environment,
        hooks: LocalHooks,
        store: ResultStore | None,
    ) -> None:
        """``store``: None for a run that stores nothing."""
        self.run_id, self.dag_name, self.depth = context.run_id, context.dag_name, context.depth
        self._numbered, self._tasks = context.numbered, context.numbered.tasks
        self._context, self._items = context, context.items
        self._results, self._events, self._hooks = context.results, context.events, hooks
        self._run, self._attempts, self._store = resolver, attempts, store
        self._lane, self._clock = attempts, environment.clock
        self._timers = Timers(environment.clock)
        self._next = NextAttempts(context, self._timers, environment, hooks)
        self._current = [1] * len(self._tasks)  # the attempt whose outcome counts; 0: ended
        self._errors: dict[int, BaseException] = {}
        self._failed: int | None = None
        self._interrupted = False
        self.in_flight = 0  # attempts that have begun, were not abandoned and have no outcome
        self._begun = 0.0
        self.family = None

    def run(self, timeout: float | None) -> dict[str, Any]:
        """Run to the end and return the results, or raise the first failure (failure.py)."""
        end = None if timeout is None else self._clock.monotonic() + timeout
        at_once = True
        try:
            self._attempts.open()
            self.start()
            while not self._run.finished:
                self._advance(end)
            self._hooks.finish(lambda: self._check_time(end))
            at_once = False
        finally:
            if self.family is not None:
                self.family.close()
            self._attempts.stop(at_once=at_once)
        return self.results()

    def start(self) -> None:
        """Begin the run."""
        self._begun = self._clock.monotonic()
        self._events.begun()
        self._obey(self._begin())

    def _begin(self) -> list[Command]:
        """Start the run, or resume it with the results of an earlier run."""
        if self._store is None:
            return self._run.start()
        reused = self._store.begin()
        states = {index: state for index, (state, _, _) in reused.items()}
        lengths = {} if self._items is None else self._items.restore(reused)
        self._current.extend([1] * (len(self._results) - len(self._current)))
        for index, (_, value, _) in reused.items():
            self._results[index], self._current[index] = value, 0
        commands = self._run.restore(states.items(), lengths=lengths)
        self._expand()
        for command in () if self._items is None else self._items.ended_before(states):
            self._end_map(command)
        self._events.reused(states)
        return commands

    def interrupt(self) -> None:
        """End the run with RunCancelled, as Ctrl-C would. Any thread may call this."""
        self._interrupted = True
        self._attempts.outcomes.put(LocalOutcome(-1, 0, TaskState.CANCELLED))  # wakes the run

    # -- commands --------------------------------------------------------------------------

    def _obey(self, commands: Iterable[Command]) -> None:
        for command in commands:
            if isinstance(command, QueueTasks):
                for index in command.tasks:
                    self._begin_attempt(index, 1)
            elif isinstance(command, StopRun):
                self._attempts.note_stop()
                self._hooks.note_stop(command.failed)
            elif isinstance(command, MarkTasks):
                self._events.marked(command)
                if self._store is not None:
                    self._store.record_marked(command)
            elif isinstance(command, StopTasks):
                self._stop_tasks(command.tasks)
            elif isinstance(command, EndMap):
                self._end_map(command)
            elif isinstance(command, DropResults):
                self._drop(command)
            elif isinstance(command, FinishRun):
                self._failed = command.failed

    def _stop_tasks(self, tasks: Collection[int]) -> None:
        self._tell(self._drop_retries(tasks))
        if self.family is not None:
            self.family.cancel(self, tasks)

    def _drop(self, command: DropResults) -> None:
        for index in command.tasks:
            self._results[index] = None
        if self._items is not None:
            self._items.drop(command.tasks)
        if self._store is not None:
            self._store.drop(command)

    def _tell(self, facts: list[Fact]) -> None:
        """Pass facts to the resolver and carry out its commands."""
        if self._items is None:
            self._obey(self._run.tasks_over(facts))
            return
        commands = self._run.tasks_over(facts, self._items.take_lengths())
        self._expand()
        self._obey(commands)

    def _expand(self) -> None:
        """Make room for the items of mapped tasks that have expanded."""
        for task, length in () if self._items is None else self._items.expand():
            self._current.extend([1] * (len(self._results) - len(self._current)))
            self._events.expanded(task, length)
            if self._store is not None:
                self._store.expanded(task, length)

    def _end_map(self, command: EndMap) -> None:
        problem = None if self._items is None else self._items.end(command)
        if problem is not None:
            self._errors[command.task] = problem
            self._hooks.note(command.task, 0, problem)
        self._events.map_ended(command, problem)

    def _begin_attempt(self, index: int, attempt: int) -> None:
        self.in_flight += 1
        self._attempts.begin(index, attempt)

    def _drop_retries(self, tasks: Collection[int]) -> list[Fact]:
        """Cancel tasks that wait. Queued attempts cancel themselves when they begin."""
        return [(task, TaskState.CANCELLED) for task in self._timers.drop_retries(set(tasks))]

    # -- outcomes and timers ---------------------------------------------------------------

    def _advance(self, end: float | None) -> None:
        """Wait for outcomes or timers, pass them to the resolver and carry out its commands."""
        self.proceed(self._wait(end))
        if not self._run.finished:
            self._check_time(end)

    def proceed(self, outcomes: list[LocalOutcome]) -> None:
        """Pass outcomes and due timers to the resolver, and carry out its commands."""
        facts: list[Fact] = []
        for outcome in self._recorded(outcomes):
            self._take(outcome, facts)
        for timer in self._timers.pop_due():
            self._handle_timer(timer, facts)
        if facts:
            self._tell(facts)
            if self._run.outcome in (None, RunState.SUCCEEDED):
                self._events.progress(self._run.over, self._run.total)

    def _check_time(self, end: float | None) -> None:
        """Raise if the run must not continue: it timed out or was interrupted."""
        if self._interrupted:
            raise RunCancelled(self.run_id)
        if end is not None and self._clock.monotonic() >= end:
            raise WaitTimeout(
                self.run_id,
                f"DAG {self.dag_name!r} did not end within its timeout, so it was stopped: no "
                "further task starts. Give run() a longer timeout.",
            )

    def _wait(self, end: float | None) -> list[LocalOutcome]:
        """Wait and return the available outcomes; none if a timer or the end is due first."""
        family, outcomes = self.family, self._attempts.outcomes
        if family is None:
            patience = self._timers.patience(end, idle=not self.in_flight)
        else:
            patience = family.patience(self, end)
        available: list[LocalOutcome] = []
        try:
            available = [outcomes.get(timeout=patience)]
            while not outcomes.empty():
                available.append(outcomes.get_nowait())
        except Empty:
            pass
        self._check_time(None)
        return available if family is None else family.sort(available, self)

    def _recorded(self, outcomes: list[LocalOutcome]) -> list[LocalOutcome]:
        """Record the results among them; an outcome that cannot be recorded becomes a failure."""
        if self._store is None or not outcomes:
            return outcomes
        current = self._current
        valid = [outcome for outcome in outcomes if outcome.attempt == current[outcome.task]]
        return self._store.record(valid)

    def _take(self, outcome: LocalOutcome, facts: list[Fact]) -> None:
        index, attempt, state, value, duration = outcome
        if attempt != self._current[index]:
            return
        if state is TaskState.RUNNING:
            self._timers.set_deadline(value, index, attempt)
            return
        if state is TaskState.QUEUED:
            self._call(index, attempt, value)
            return
        self.in_flight -= 1
        if state is TaskState.WAITING:
            if self._waits(index, attempt, value):
                return
            state = TaskState.CANCELLED if type(value) is Again else TaskState.FAILED
        self._current[index] = 0
        if state is TaskState.SUCCEEDED:
            self._results[index] = value
            if self._items is not None:
                self._items.count(index, value)
            cached = self._attempts.was_cached(index)
            self._events.succeeded(index, attempt, duration, cached=cached)
        elif state is TaskState.SKIPPED:
            self._events.skipped(index, attempt, value)
            self._hooks.note(index, attempt, None)
        elif state is not TaskState.CANCELLED:
            state = TaskState.FAILED
            self._errors[index] = value
            if self._items is not None:
                self._items.failed(index, value)
            self._hooks.note(index, attempt, value)
            self._events.failed(index, attempt, value)
        facts.append((index, state))

    def _handle_timer(self, timer: Timer, facts: list[Fact]) -> None:
        index, attempt = timer.task, timer.attempt
        if attempt != self._current[index]:
            return
        if timer.is_retry:
            self._begin_attempt(index, attempt)
        elif self._attempts.abandon(index, attempt):
            task = self._tasks[index]
            error = TaskTimeout(self._numbered.names[index], task.timeout or 0.0)
            state = TaskState.WAITING if may_retry(task, error) else TaskState.FAILED
            self._take(LocalOutcome(index, attempt, state, error), facts)

    def _waits(self, index: int, attempt: int, why: Again | BaseException) -> bool:
        """Set the timer of the next attempt; False if there is none."""
        if self._run.outcome is not None and not self._context.continues(index):
            return False
        if self._items is not None and self._items.is_halted(index):
            return False
        if not self._next.set(index, attempt, why):
            return False
        self._current[index] = attempt + 1
        return True
