"""The inputs and outcomes of attempts in this process. Plain values only."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.compiled import OnFailure
from ..core.states import TaskState
from ..definition.indexing import IndexedDAG
from ..state.open_batches import Batches, open_batches
from .run_events import RunEvents

if TYPE_CHECKING:
    from .hooks import LocalHooks

Key = tuple[int, int]  # task number, attempt number


class Outcome(NamedTuple):
    """How an attempt ended, or that it has begun.

    ``state`` and ``value``: SUCCEEDED with the result, FAILED for good with the exception, WAITING
    for a retry with the exception, SKIPPED with the reason, CANCELLED, or RUNNING with the deadline
    (monotonic seconds). ``duration``: seconds.
    """

    task: int
    attempt: int
    state: TaskState
    value: Any = None
    duration: float = 0.0


@dataclass(frozen=True, slots=True)
class RunContext:
    """What all attempts of a run share. ``results``: by task number, None where there is none.

    ``continuing``: the tasks that start even after a failure. ``batches``: the batches of
    state stores that were open where the run was started.
    """

    run_id: str
    indexed: IndexedDAG
    params: Mapping[str, Any]
    results: Sequence[Any]
    on_failure: OnFailure
    events: RunEvents
    continuing: Container[int] = ()
    hooks: LocalHooks | None = None
    batches: Batches = field(default_factory=open_batches)
