"""Reading the attempts of a run that others replaced, in parts, for views that draw them.

``read_history`` puts the whole history of a run together, for which it reads all tasks. A view of a
large run that only needs the earlier attempts reads these alone: a round trip per hundred.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..core.compiled import CompiledDAG
from ..core.run_record import RunRecord
from ..core.states import TaskState
from ..protocol.client_store import ClientStore
from ..protocol.history_reads import ReplacedAttempt

MOST_ID = 2**64 - 1  # of each part of an id
_CURSOR = re.compile(r"(?:[0-9]{1,20}-[0-9]{1,20})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class EarlierAttempt:
    """An attempt that another one replaced. Times are milliseconds after the submission of the run.

    ``outcome``: as of an attempt in the history. ``worker``: the process that ran it, as
    ``WORKER.NUMBER``, or "". ``due``: when the next attempt was due, None if it did not wait.
    """

    task: str
    attempt: int
    outcome: str
    worker: str
    queued: int | None
    started: int | None
    ended: int | None
    due: int | None


@dataclass(frozen=True, slots=True)
class AttemptPart:
    """Some earlier attempts. ``cursor``: for the next part. ``more``: there may be more now."""

    attempts: list[EarlierAttempt]
    cursor: str
    more: bool


def read_attempt_part(
    store: ClientStore, run: RunRecord, dag: CompiledDAG, cursor: str, limit: int
) -> AttemptPart:
    """Return the attempts among the next ``limit`` entries of the history. See ``Client``.

    Raises ValueError for a cursor of another form.
    """
    is_cursor = isinstance(cursor, str) and _CURSOR.fullmatch(cursor) is not None
    if not is_cursor or any(int(number) > MOST_ID for number in cursor.split("-") if number):
        raise ValueError(f"{cursor!r:.60} is no cursor: use the one of the part before")
    entries, last = store.read_history_part(run.run, run.submitted_ms, cursor, limit)
    attempts = [
        _attempt(dag, entry)
        for entry in entries
        if isinstance(entry, ReplacedAttempt) and dag.is_valid(entry.task)
    ]
    return AttemptPart(attempts, last, more=last != cursor)


def _attempt(dag: CompiledDAG, entry: ReplacedAttempt) -> EarlierAttempt:
    record = entry.record
    waits = record.state is TaskState.WAITING
    return EarlierAttempt(
        task=dag.task_name(entry.task),
        attempt=record.attempt,
        outcome=record.state.value if entry.verb == "rerun" else entry.verb,
        worker=record.lane,
        queued=record.queued_ms,
        started=record.started_ms,
        ended=record.since_ms if waits else record.ended_ms,
        due=record.ended_ms if waits else None,
    )
