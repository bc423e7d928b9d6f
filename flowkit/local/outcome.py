"""What attempts in this process are given, and what they come to: plain values alone."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.compiled import OnFailure
from ..core.states import TaskState
from ..layout import IndexedDAG
from ..open_batches import Batches, open_batches
from .log import LocalLog

if TYPE_CHECKING:
    from .hooks import LocalHooks

Key = tuple[int, int]  # task number, attempt number


class Outcome(NamedTuple):
    """How an attempt went.

    ``state``: SUCCEEDED (``value``: result), FAILED (for good; the exception), WAITING (worth a
    retry; the exception), SKIPPED (the reason), CANCELLED, or RUNNING (begun; its deadline).
    """

    task: int
    attempt: int
    state: TaskState
    value: Any = None
    duration: float = 0.0


@dataclass(frozen=True, slots=True)
class RunContext:
    """What all attempts of a run share. ``results`` by task number, None where there is none.

    ``goes_on``: the tasks that start after a failure too. ``batches``: of state stores, that were
    open where the run was started.
    """

    run_id: str
    indexed: IndexedDAG
    params: Mapping[str, Any]
    results: Sequence[Any]
    on_failure: OnFailure
    log: LocalLog
    runs_after_failure: Container[int] = ()
    hooks: LocalHooks | None = None
    batches: Batches = field(default_factory=open_batches)
