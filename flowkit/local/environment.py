"""The environment of a run in this process: its clock, its randomness and its log.

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
from ..logging.logger import FlowkitLogger
from .log import LocalLog

if TYPE_CHECKING:
    from .outcome import Outcome


def _jitter(task: Task, failures: int) -> float:
    return random.random()  # noqa: S311 - spreads retries, guards nothing


def _empty_results(count: int) -> list[Any]:
    return [None] * count


@dataclass(frozen=True, slots=True)
class Environment:
    """``clock``: times retries and the timeout of the run; timeouts of attempts use real time.

    ``jitter``: returns a number in [0, 1) for the retry after this many failures of a task.
    ``log``: makes the log of a run from a logger, the run id, the DAG name and the tasks.
    ``results``: makes a list for this many results. ``check``: may replace an outcome; it is called
    in the attempt's thread.
    """

    clock: Clock = SYSTEM_CLOCK
    jitter: Callable[[Task, int], float] = _jitter
    log: Callable[[FlowkitLogger, str, str, Sequence[Task]], LocalLog] = LocalLog
    results: Callable[[int], list[Any]] = _empty_results
    check: Callable[[Task, Outcome], Outcome] | None = None


REAL_ENVIRONMENT: Final = Environment()
