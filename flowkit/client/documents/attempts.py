"""The document of the attempts of a run that others replaced, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from ..attempt_parts import AttemptPart
from .document import Document


@dataclass(frozen=True, kw_only=True)
class AttemptColumns(Document):
    """Earlier attempts of a run, oldest first. Times are ms after the submission of the run."""

    SCHEMA: ClassVar[str] = "flowkit/attempt-columns/1"
    run_id: Annotated[str, "The id of the run."]
    tasks: Annotated[list[str], "The tasks and items of the attempts."]
    attempts: Annotated[list[int], "Their numbers."]
    outcomes: Annotated[list[str], "How they ended, as in the history of a run."]
    workers: Annotated[list[str], "The processes that ran them: `WORKER.NUMBER`, or empty."]
    queued: Annotated[list[int | None], "When they were queued."]
    started: Annotated[list[int | None], "When they started."]
    ended: Annotated[list[int | None], "When they ended."]
    due: Annotated[list[int | None], "When the next attempt was due, null if it did not wait."]
    cursor: Annotated[str, "What to ask for the next part with."]
    more: Annotated[bool, "Whether there may be more attempts now."]


def attempts_document(run_id: str, part: AttemptPart) -> AttemptColumns:
    """Return some earlier attempts."""
    found = part.attempts
    return AttemptColumns(
        run_id=run_id,
        tasks=[attempt.task for attempt in found],
        attempts=[attempt.attempt for attempt in found],
        outcomes=[attempt.outcome for attempt in found],
        workers=[attempt.worker for attempt in found],
        queued=[attempt.queued for attempt in found],
        started=[attempt.started for attempt in found],
        ended=[attempt.ended for attempt in found],
        due=[attempt.due for attempt in found],
        cursor=part.cursor,
        more=part.more,
    )
