"""The identity of the running attempt: its run, its task and its number.

A task may run again after a failure, a timeout or the death of a worker, so a task with effects
outside of flowkit needs a key for them: ``(run_id, task)`` identifies the work, and ``attempt`` the
attempt. A context variable holds them, so they are right in threads and in coroutines.

The executors set the variable for every attempt, so it holds a plain tuple, and the ``Attempt`` is
only built on request (entering and leaving measured 0.27 µs together; building one adds 0.5 µs).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

from .exceptions import FlowkitError

# Run id, task name, attempt, parameters; then the life of the run (see ``enter_attempt``), what is
# kept with this attempt (see ``number_submission``, ``Comeback``, and ``execution/progress.py``),
# the number of the task, -1 if unknown, and the lane, "" if this is no worker.
AttemptFields = tuple[str, str, int, Mapping[str, object], str, dict[str, Any], int, str]
_COMEBACK = "^"
_wait_listener: Callable[[bool], None] | None = None
_current: ContextVar[AttemptFields | None] = ContextVar("flowkit_attempt", default=None)


class Comeback(NamedTuple):
    """That a task has come again, how often, and what it has kept: see ``flowkit.again``."""

    times: int
    memory: object


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of one task in one run.

    ``attempt`` counts from 1. ``params``: all parameters of the run. ``memory``: what the task has
    kept with ``flowkit.again(memory=…)``, None at first. ``times``: how often it has come again.
    """

    run_id: str
    task: str
    attempt: int
    params: Mapping[str, object]
    memory: Any = None
    times: int = 0


def current_attempt() -> Attempt:
    """Return the attempt that calls this. Raises FlowkitError outside of a run."""
    fields = _current.get()
    if fields is None:
        raise FlowkitError(
            "current_attempt() was called outside of a run. It works inside a task that a DAG "
            "runs; in a test, call the task with flowkit.testing.call_task(…), or other code "
            "within flowkit.context.attempt_scope(Attempt(…))."
        )
    times, memory = fields[5].get(_COMEBACK, (0, None))
    return Attempt(*fields[:4], memory, times)


def attempt_fields() -> AttemptFields | None:
    """Return what is known of this attempt, None outside of a run.

    The first three are run id, task name and attempt.
    """
    return _current.get()


def hear_of_waits(listener: Callable[[bool], None]) -> None:
    """Register ``listener(begins)``, called in the thread of a task that waits for another run.

    A worker's child uses it, because such a task occupies its process.
    """
    global _wait_listener
    _wait_listener = listener


@contextmanager
def waiting_for_run() -> Iterator[None]:
    """Notify the listener that this task waits for a run within the ``with`` block."""
    listener = _wait_listener
    if listener is None or _current.get() is None:
        yield
        return
    listener(True)
    try:
        yield
    finally:
        listener(False)


def enter_attempt(
    run_id: str,
    task: str,
    attempt: int,
    params: Mapping[str, object],
    life: str = "",
    number: int = -1,
    lane: str = "",
    comeback: Comeback | None = None,
) -> Token[AttemptFields | None]:
    """Set the attempt that runs here from now on. Pass the token to ``leave_attempt``.

    ``life``: on a worker, when the run was submitted and how often it was resumed. ``number``: of
    the task in its DAG. ``lane``: of the worker that runs it. ``comeback``: if it has come again.
    """
    kept = {} if comeback is None else {_COMEBACK: comeback}
    return _current.set((run_id, task, attempt, params, life, kept, number, lane))


def number_submission(content: str) -> tuple[str, str, str, int] | None:
    """Return run, life and task of the attempt of a worker that submits a run, and a number.

    ``content``: identifies what is submitted. The number counts the runs with this content that the
    attempt submits, from 1. All threads and coroutines that have the context of the attempt count
    together. None outside of an attempt on a worker.
    """
    fields = _current.get()
    if fields is None or not fields[4]:
        return None
    run_id, task, _, _, life, counts, _, _ = fields
    return run_id, life, task, next(counts.setdefault(content, count(1)))  # atomic, without a lock


def leave_attempt(token: Token[AttemptFields | None]) -> None:
    """Undo ``enter_attempt``."""
    _current.reset(token)


@contextmanager
def attempt_scope(attempt: Attempt) -> Iterator[Attempt]:
    """Make ``attempt`` the current attempt within a ``with`` block, for tests of single tasks."""
    comeback = Comeback(attempt.times, attempt.memory)
    about = attempt.run_id, attempt.task, attempt.attempt, attempt.params
    token = enter_attempt(*about, comeback=comeback)
    try:
        yield attempt
    finally:
        leave_attempt(token)
