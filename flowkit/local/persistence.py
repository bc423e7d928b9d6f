"""What a run in this process stores: its results, for a resume (record.py), and cached results of
calls, for other runs (cache.py).

A run that stores nothing does not import this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.commands import DropResults, MarkTasks
from ..core.states import TaskState
from ..definition.indexing import IndexedDAG
from ..definition.task import Task
from ..state.store import StateStore
from .cache import LocalCache
from .call_records import CallPlace, CallRecording
from .earlier_run import Reused
from .numbered import Numbered
from .outcome import LocalOutcome
from .record import Recorder
from .run_events import RunEvents

# The store for the results of a run, whether to reuse stored results, and the names of tasks to
# rerun in any case, with everything downstream.
Recording = tuple[StateStore, bool, object]


class RunPersistence:
    """Records and caches the results of one run. ``cache``: None if no task has a cache_ttl.

    ``recorder``: None if results are only cached.
    """

    def __init__(
        self,
        dag_name: str,
        indexed: IndexedDAG,
        numbered: Numbered[Task],
        params: Mapping[str, Any],
        recording: Recording | None,
        events: RunEvents,
        call_place: CallPlace | None = None,
    ) -> None:
        """``call_place``: of a run that a task has called.

        Raises TypeError for an invalid store, TaskNotFoundError for an unknown task.
        """
        self._indexed, self._events = indexed, events
        state: StateStore | None = None
        self.recorder: Recorder | None = None
        if recording is not None:
            state, resume, from_task = recording
            self.recorder = Recorder(
                state,
                dag_name,
                indexed,
                numbered,
                params,
                resume=resume,
                from_task=from_task,
                call_place=call_place,
            )
        self.cache: LocalCache | None = None
        if any(task.cache_ttl is not None for task in indexed.tasks):
            rerun = () if self.recorder is None else self.recorder.rerun
            self.cache = LocalCache(state, numbered, events, rerun=rerun)

    def prepare(self) -> None:
        """Read and delete what earlier runs have recorded, before the run begins."""
        if self.recorder is not None:
            self.recorder.prepare()

    def begin(self) -> dict[int, Reused]:
        """Return the results reused from an earlier run, by task number."""
        return {} if self.recorder is None else self.recorder.begin(self._events)

    @property
    def starting(self) -> Callable[[int], None] | None:
        """Called with the task number before an at-most-once task starts; None if not needed."""
        return None if self.recorder is None else self.recorder.starting

    def record(self, outcomes: Sequence[LocalOutcome]) -> list[LocalOutcome]:
        """Store the results; an outcome that cannot be recorded is returned as a failure."""
        done = list(outcomes) if self.recorder is None else self.recorder.record(outcomes)
        if self.cache is not None:
            self.cache.keep(done)
        return done

    def record_marked(self, command: MarkTasks) -> None:
        """Record that triggers skipped these tasks, so that a resume can reuse what follows."""
        if self.recorder is not None and command.state is TaskState.SKIPPED:
            node, last = self._indexed.numbering.node, self._indexed.own
            own = [task for task in command.tasks if node(task) < last]
            self.recorder.record([LocalOutcome(task, 0, command.state) for task in own])

    def expanded(self, task: int, length: int) -> None:
        """Record how many items a mapped task has."""
        if self.recorder is not None:
            self.recorder.expanded(task, length)

    def record_calls(self, task: int, attempt: int) -> CallRecording | None:
        """Record that an attempt calls runs. Return what these record, None for nothing."""
        return None if self.recorder is None else self.recorder.record_calls(task, attempt)

    def drop(self, command: DropResults) -> None:
        """Delete the stored results of these tasks. Cached ones stay, for other runs."""
        if self.recorder is not None:
            self.recorder.drop(command.tasks)
