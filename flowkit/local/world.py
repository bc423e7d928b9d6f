"""What a run in this process takes from the world around it: time, chance, and who hears of it.

A test brings a world of its own (flowkit.testing), in which hours pass at once, chance repeats
itself and values go the way that they go to workers. The runner is the same in both.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..clock import SYSTEM_CLOCK, Clock
from ..logging import FlowkitLogger
from ..task import Task
from .log import LocalLog

if TYPE_CHECKING:
    from .outcome import Outcome


def _jitter(task: Task, failures: int) -> float:
    return random.random()  # noqa: S311 - spreads retries, guards nothing


def _room(count: int) -> list[Any]:
    return [None] * count


@dataclass(frozen=True, slots=True)
class Environment:
    """``clock``: what retries and the run's timeout go by; timeouts of attempts are in real time.

    ``jitter``: a number in [0, 1) for the retry after so many failures of a task. ``log``: makes
    what hears of the run, from logger, run id, DAG name and tasks. ``results``: makes the list
    that holds so many results. ``check``: may correct an outcome; called in the attempt's thread.
    """

    clock: Clock = SYSTEM_CLOCK
    jitter: Callable[[Task, int], float] = _jitter
    log: Callable[[FlowkitLogger, str, str, Sequence[Task]], LocalLog] = LocalLog
    results: Callable[[int], list[Any]] = _room
    check: Callable[[Task, Outcome], Outcome] | None = None


REAL_ENVIRONMENT: Final = Environment()
