"""Makes the document about why a run or a task is not over, or how it ended."""

from __future__ import annotations

from ...core.endings import Failure
from ...core.explain import CauseGroup, Explanation
from .stamps import utc
from .why import CauseEntry, FailureEntry, Why


def why_document(explanation: Explanation) -> Why:
    """Return an explanation."""
    failure = explanation.failure
    return Why(
        run_id=explanation.run_id,
        dag=explanation.dag_name,
        task=explanation.task or None,
        state=explanation.state,
        stopping=explanation.stopping,
        over=explanation.over,
        sentence=explanation.sentence,
        command=explanation.command,
        causes=[_cause_entry(group) for group in explanation.causes],
        failure=None if failure is None else _failure_entry(failure),
    )


def _cause_entry(group: CauseGroup) -> CauseEntry:
    return CauseEntry(
        cause=group.cause,
        count=group.count,
        direct=group.direct,
        task=group.task,
        root=group.root,
        sentence=group.sentence,
        since=utc(group.since),
        until=utc(group.until),
        holder=group.holder,
        by=group.by,
        next=group.next,
        command=group.command,
    )


def _failure_entry(failure: Failure) -> FailureEntry:
    return FailureEntry(
        task=failure.task,
        label=failure.label,
        error=failure.error,
        attempts=failure.attempts,
        worker=failure.worker,
        ended=utc(failure.ended),
        failed=failure.failed,
        upstream_failed=failure.upstream_failed,
        cancelled=failure.cancelled,
        command=failure.command,
        run=failure.run,
    )
