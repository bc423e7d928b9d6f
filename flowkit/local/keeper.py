"""What a run in this process keeps beyond itself: its results, to be taken up again
(record.py), and results of calls, to be reused by other runs (cache.py).

A run that keeps nothing has no keeper, and nothing of it is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.commands import MarkTasks
from ..core.states import TaskState
from ..layout import IndexedDAG
from ..logging import get_logger
from ..state import StateStore
from .cache import LocalCache
from .outcome import Outcome
from .record import Recorder, Reused

# The store that takes the results of a run, whether what is there is reused, and the names of the
# tasks that are made again all the same, with all behind them.
Recording = tuple[StateStore, bool, object]


class RunPersistence:
    """What one run records and caches. ``cache`` is there from ``begin`` on."""

    def __init__(
        self,
        dag_name: str,
        indexed: IndexedDAG,
        params: Mapping[str, Any],
        recording: Recording | None,
    ) -> None:
        """Raises TypeError for what is no store, TaskNotFoundError for a task that is not there."""
        self._indexed = indexed
        self._state: StateStore | None = None
        self._recorder: Recorder | None = None
        if recording is not None:
            self._state, resume, from_task = recording
            self._recorder = Recorder(
                self._state, dag_name, indexed, params, resume=resume, from_task=from_task
            )
        self.cache: LocalCache | None = None

    def begin(self, run_id: str) -> dict[int, Reused]:
        """Return what is reused of an earlier run, by task number."""
        tasks, recorder = self._indexed.tasks, self._recorder
        again = () if recorder is None else recorder.again
        if any(task.cache_ttl is not None for task in tasks):
            self.cache = LocalCache(self._state, tasks, get_logger(), run_id, again=again)
        return {} if recorder is None else recorder.begin(run_id)

    @property
    def starting(self) -> Callable[[int], None] | None:
        """What is to be told before a task starts that must not start twice."""
        return None if self._recorder is None else self._recorder.starting

    def record(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Keep those that are results; one that cannot be recorded comes back as a failure."""
        done = list(outcomes) if self._recorder is None else self._recorder.record(outcomes)
        if self.cache is not None:
            self.cache.keep(done)
        return done

    def record_marked(self, command: MarkTasks) -> None:
        """Keep that triggers skipped these tasks, so that what is behind them is reused."""
        if self._recorder is not None and command.state is TaskState.SKIPPED:
            own = [task for task in command.tasks if task < self._indexed.own]
            self._recorder.record([Outcome(task, 0, command.state) for task in own])
