"""What the parts of a run in this process share. It is complete before the first attempt begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from ..core.compiled import OnFailure
from ..core.triggers import AFTER_FAILURE, Trigger
from ..definition.hooks import HookEvent
from ..definition.indexing import IndexedDAG
from ..definition.task import Task
from ..state.open_batches import Batches, open_batches
from .comebacks import Comebacks
from .items import Items
from .numbered import Numbered
from .outcome import LocalOutcome
from .run_events import RunEvents
from .storage import CachedResult, CallCache


def _no_family(queue: SimpleQueue[Any]) -> Any:
    raise NotImplementedError


@dataclass(frozen=True, slots=True)
class RunContext:
    """One run. ``numbered``: its tasks and their names. ``items``: None without mapped tasks.
    ``results``: by number, None where there is none; only the runner writes them.

    ``hook_event``: returns the event for the hook with that task number. ``triggers``: by task
    number, without the default. ``cache``: None if no task has a cache_ttl. ``starting``: called
    with the number of an at-most-once task before it starts, None if starts are not recorded.
    ``check``: see Environment. ``batches``: the batches of state stores that were open where the
    run was started. ``comebacks``: what tasks that come again keep. ``depth``: how many runs are
    above this one. ``new_family``: begins a family with the queue of the outcomes of this run,
    when a task first calls a run.
    """

    run_id: str
    dag_name: str
    indexed: IndexedDAG
    numbered: Numbered[Task]
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
    items: Items | None = None
    depth: int = 0
    new_family: Callable[[SimpleQueue[Any]], Any] = _no_family

    def arguments(self, number: int) -> list[Any]:
        """Return the upstream results of a task or an item, or the event of a hook."""
        indexed = self.indexed
        if (number if self.items is None else self.node(number)) >= indexed.own:
            return [self.hook_event(number)]
        if self.items is not None:
            return self.items.arguments(number)
        return [self.results[upstream] for upstream in indexed.graph.inputs(number)]

    def find_cached(
        self, number: int, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> CachedResult | None:
        """Return the result of an earlier equal call; None if there is none.

        A task that has come again has begun its work, so it gets none.
        """
        if self.cache is None:
            return None
        return self.cache.find(number, args, kwargs, reads=self.comebacks.of(number) is None)

    def node(self, number: int) -> int:
        """Return the task of the graph that a number is, or is an item of."""
        return number if self.items is None else self.items.numbering.node(number)

    def is_own(self, number: int) -> bool:
        """Return whether a task or an item is none of a hook."""
        return self.node(number) < self.indexed.own

    def fails_run(self, number: int) -> bool:
        """Return whether a failure of a task or an item fails the run."""
        return self.is_own(number) and (self.items is None or not self.items.collects(number))

    def continues(self, number: int) -> bool:
        """Return whether a task or an item starts even after a failure."""
        return self.triggers.get(self.node(number)) in AFTER_FAILURE
