"""What the parts of a run in this process share. It is complete before the first attempt begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.compiled import OnFailure
from ..core.triggers import AFTER_FAILURE, Trigger
from ..definition.hooks import HookEvent
from ..definition.indexing import IndexedDAG
from ..definition.task import Task
from ..state.open_batches import Batches, open_batches
from .comebacks import Comebacks
from .outcome import LocalOutcome
from .run_events import RunEvents
from .storage import CallCache


@dataclass(frozen=True, slots=True)
class RunContext:
    """One run. ``results``: by task number, None where there is none; only the runner writes them.

    ``hook_event``: returns the event for the hook with that task number. ``triggers``: by task
    number, without the default. ``cache``: None if no task has a cache_ttl. ``starting``: called
    with the number of an at-most-once task before it starts, None if starts are not recorded.
    ``check``: see Environment. ``batches``: the batches of state stores that were open where the
    run was started. ``comebacks``: what tasks that come again keep.
    """

    run_id: str
    dag_name: str
    indexed: IndexedDAG
    params: Mapping[str, Any]
    results: list[Any]
    on_failure: OnFailure
    events: RunEvents
    hook_event: Callable[[int], HookEvent]
    triggers: Mapping[int, Trigger] = field(default_factory=dict)
    cache: CallCache | None = None
    starting: Callable[[int], None] | None = None
    check: Callable[[Task, LocalOutcome], LocalOutcome] | None = None
    batches: Batches = field(default_factory=open_batches)
    comebacks: Comebacks = field(default_factory=Comebacks)

    def continues(self, task: int) -> bool:
        """Return whether the task starts even after a failure."""
        return self.triggers.get(task) in AFTER_FAILURE
