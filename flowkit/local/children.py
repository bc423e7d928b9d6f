"""Runs that tasks call, in this process: they share the threads, and the loop of the first run.

The calling thread of the first run carries out the decisions of all runs of its family (runner.py).
A run that was called has no thread: it is told its outcomes and timers. So a task that waits holds
nothing, and one thread is enough for any depth.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from ..clock import SYSTEM_CLOCK, Clock
from ..core.called_run import MOST_DEPTH
from ..core.states import RunState, TaskState
from ..definition.calls import Call, too_deep
from ..execution.child_failure import child_failed, child_not_succeeded
from ..execution.child_ids import child_run_id
from ..logging.output import described
from .member import Member
from .outcome import LocalOutcome

if TYPE_CHECKING:
    from .call_records import CallRecording


@dataclass(eq=False, slots=True)
class _Group:
    """The runs that one attempt has called. ``open``: how many are not over."""

    parent: Member
    task: int
    attempt: int
    is_list: bool
    values: list[Any]
    open: int
    children: list[_Child] = field(default_factory=list)
    error: BaseException | None = None


@dataclass(eq=False, slots=True)
class _Child:
    run: Member
    group: _Group
    position: int
    result: str | None
    over: bool = False


class News(NamedTuple):
    """An outcome of a run that was called; None only wakes the family."""

    child: _Child
    outcome: LocalOutcome | None


class ChildQueue(SimpleQueue[Any]):
    """The queue of the outcomes of a run that was called: that of the first run of the family."""

    def __init__(self, first: SimpleQueue[Any]) -> None:
        super().__init__()
        self._first = first
        self.child: _Child | None = None

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add an outcome. Any thread."""
        if self.child is not None:
            self._first.put(News(self.child, item))


class Place(NamedTuple):
    """A run that was called, among others. ``position``: of the call in the attempt."""

    run_id: str
    depth: int
    position: int
    recording: CallRecording | None


Make = Callable[[Call, Place, ChildQueue], Member]


class Family:
    """All runs that were called, directly or not, by tasks of the first run."""

    def __init__(self, queue: SimpleQueue[Any], clock: Clock, make: Make) -> None:
        """``queue``: the outcomes of the first run. ``make``: makes a run that was called."""
        self._queue, self._clock, self._make = queue, clock, make
        self._groups: dict[tuple[Member, int], _Group] = {}
        self._active: dict[_Child, None] = {}

    def call(self, parent: Member, task: int, attempt: int, value: object) -> None:
        """Start the runs that an attempt has called."""
        calls: Sequence[Any] = value if isinstance(value, list | tuple) else [value]
        try:
            if parent.depth >= MOST_DEPTH:
                raise too_deep(parent.name_of(task))
            recording = parent.record_calls(task, attempt)
            made = []
            for position, call in enumerate(calls):
                run_id = child_run_id(parent.run_id, "", (task, attempt), position)
                queue = ChildQueue(self._queue)
                place = Place(run_id, parent.depth + 1, position, recording)
                made.append((self._make(call, place, queue), queue))
            for run, _ in made:
                run.prepare()
        except Exception as error:  # none has begun. No retry, as if a result is not recorded
            self._queue.put(_Delivery(parent, parent.verdict(task, attempt, error, retry=False)))
            return
        values: list[Any] = [None] * len(made)
        group = _Group(parent, task, attempt, value is calls, values, len(made))
        self._groups[parent, task] = group
        for position, ((run, queue), call) in enumerate(zip(made, calls, strict=True)):
            child = _Child(run, group, position, call.result)
            queue.child = child
            group.children.append(child)
            self._active[child] = None
            run.start()
            self._queue.put(News(child, None))  # it may have ended at once

    def cancel(self, parent: Member, tasks: Iterable[int]) -> None:
        """Stop the runs that these tasks wait for; the tasks end with them."""
        for task in tasks:
            group = self._groups.get((parent, task))
            for child in () if group is None else group.children:
                if not child.over:
                    child.run.cancel()
                    self._queue.put(News(child, None))

    def close(self) -> None:
        """Let no attempt of these runs begin any more."""
        for child in self._active:
            child.run.close()

    # -- the loop of the first run ----------------------------------------------------------------

    def patience(self, first: Member, end: float | None) -> float | None:
        """Return the real seconds until a timer of any run is due; see ``Timers.patience``."""
        runs = [first, *(child.run for child in self._active if child.run.has_timers)]
        if self._clock is SYSTEM_CLOCK:
            waits = [run.patience(end if run is first else None, idle=False) for run in runs]
            return min((wait for wait in waits if wait is not None), default=None)
        flying = first.in_flight + sum(child.run.in_flight for child in self._active)
        idle = flying == len(self._groups)
        due = [run for run in runs if run.due is not None]
        earliest = min(due, key=lambda run: run.due or 0.0, default=first)
        return earliest.patience(end, idle=idle)

    def sort(self, items: Iterable[Any], first: Member) -> list[LocalOutcome]:
        """Pass outcomes to the runs that they belong to; return those of the first run."""
        own: list[LocalOutcome] = []
        news: dict[_Child, list[LocalOutcome]] = {
            child: [] for child in self._active if child.run.has_timers
        }
        waiting = deque(items)
        while waiting or news:
            while waiting:
                item = waiting.popleft()
                if isinstance(item, News):
                    of_child = news.setdefault(item.child, [])
                    of_child += [item.outcome] if item.outcome is not None else []
                elif isinstance(item, _Delivery) and item.to is not first:
                    news.setdefault(self._child_of(item.to), []).append(item.outcome)
                else:
                    own.append(item.outcome if isinstance(item, _Delivery) else item)
            for child, outcomes in news.items():
                if child.over:
                    continue
                child.run.proceed(outcomes)
                if child.run.finished:
                    waiting.extend(self._end(child))
            news = {}
        return own

    def _child_of(self, run: Member) -> _Child:
        return next(child for child in self._active if child.run is run)

    def _end(self, child: _Child) -> list[_Delivery]:
        """Take the end of a run; return the outcome of its parent if it was the last."""
        child.over, group = True, child.group
        del self._active[child]
        run = child.run
        try:
            if run.outcome is RunState.CANCELLED:
                raise child_not_succeeded(run.run_id, run.dag_name, "cancelled")
            results = run.results()
            group.values[child.position] = (
                results if child.result is None else results.get(child.result)
            )
        except Exception as error:
            group.error = group.error or _described(run, error)
        group.open -= 1
        if group.open:
            return []
        del self._groups[group.parent, group.task]
        return [_Delivery(group.parent, _outcome_of(group))]


class _Delivery(NamedTuple):
    """The outcome of an attempt whose runs are over."""

    to: Member
    outcome: LocalOutcome


def _outcome_of(group: _Group) -> LocalOutcome:
    task, attempt, parent = group.task, group.attempt, group.parent
    if group.error is None:
        value = group.values if group.is_list else group.values[0]
        return LocalOutcome(task, attempt, TaskState.SUCCEEDED, value)
    ends = [child.run.outcome for child in group.children]
    if parent.outcome is not None and RunState.FAILED not in ends:  # it has cancelled them
        return LocalOutcome(task, attempt, TaskState.CANCELLED)
    return parent.verdict(task, attempt, group.error, retry=True)


def _described(run: Member, error: Exception) -> Exception:
    if run.outcome is RunState.CANCELLED:
        return error
    kind, message = described(error)
    failure = child_failed(run.run_id, run.dag_name, run.failed_task(), kind, message)
    failure.__cause__ = error
    return failure
