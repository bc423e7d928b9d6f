"""The environment of a run in this process: its clock, its randomness and its listener.

A test passes another environment (flowkit.testing), in which hours pass at once, randomness is
repeatable and values are packed as for workers. The runner is the same in both.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..clock import SYSTEM_CLOCK, Clock
from ..definition.task import Task
from ..events.event import Listener
from ..logging import get_logger
from ..logging.event_log import EventLog
from .numbered import Numbered
from .run_events import RunEvents

if TYPE_CHECKING:
    from .outcome import LocalOutcome


def _jitter(task: Task, failures: int) -> float:
    return random.random()  # noqa: S311 - spreads retries, guards nothing


def listener() -> Listener:
    """Return the listener of the events of runs in this process: the log."""
    return EventLog(get_logger())


def _events(run_id: str, dag_name: str, numbered: Numbered[Task]) -> RunEvents:
    return RunEvents(listener(), run_id, dag_name, numbered)


def _empty_results(count: int) -> list[Any]:
    return [None] * count


def _as_they_are(elements: Sequence[Any]) -> Sequence[Any]:
    return elements


@dataclass(frozen=True, slots=True)
class Environment:
    """``clock``: times retries and the timeout of the run; timeouts of attempts use real time.

    ``jitter``: returns a number in [0, 1) for the retry after this many failures of a task.
    ``events``: makes the events of a run from the run id, the DAG name and the tasks.
    ``results``: makes a list for this many results. ``check``: may replace an outcome; it is called
    in the attempt's thread. ``elements``: what items read the elements of a list from.
    """

    clock: Clock = SYSTEM_CLOCK
    jitter: Callable[[Task, int], float] = _jitter
    events: Callable[[str, str, Numbered[Task]], RunEvents] = _events
    results: Callable[[int], list[Any]] = _empty_results
    check: Callable[[Task, LocalOutcome], LocalOutcome] | None = None
    elements: Callable[[Sequence[Any]], Sequence[Any]] = _as_they_are


REAL_ENVIRONMENT: Final = Environment()
