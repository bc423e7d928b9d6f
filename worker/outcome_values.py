"""The outcomes of a lane, made from its claims, the policies of tasks and errors."""

from __future__ import annotations

import traceback

from flowkit.core.compiled import CompiledDAG
from flowkit.core.retry import Policy
from flowkit.execution.user_frames import user_frames
from flowkit.protocol.app_functions import pinned_id
from flowkit.protocol.keys import of_function, ready_list
from flowkit.protocol.outcomes import Outcome, OutcomeCode, Retry
from flowkit.protocol.records import ErrorInfo
from flowkit.protocol.worker_store import Claim


def ended(
    claim: Claim, kind: OutcomeCode, payload: bytes = b"", retry: Retry | None = None
) -> Outcome:
    """Return the outcome of the attempt that a lane has claimed."""
    return Outcome(claim.run, claim.task, claim.attempt, kind, payload, retry)


def failure(claim: Claim, retry: Retry | None, payload: bytes = b"") -> Outcome:
    """Return the outcome of an attempt that failed: a retry, or the end of its task."""
    kind = OutcomeCode.FAILED if retry is None else OutcomeCode.RETRY
    return ended(claim, kind, payload, retry)


def later_attempt(policy: Policy, pause: float, dag: CompiledDAG | None, task: int) -> Retry:
    """Return the next attempt of a task, which is due in ``pause`` seconds.

    It waits where the scheduler queues the first, for workers of the version of a pinned run.
    """
    where = ready_list(policy.queue, is_async=policy.is_async)
    if dag is not None and dag.pinned:
        where = of_function(where, pinned_id(dag.ref(task), dag.pinned))
    return Retry(round(pause * 1000), where, str(policy.priority))


def error_info(error: BaseException) -> ErrorInfo:
    """Describe an error. The traceback starts in user code; without user code there is none."""
    try:
        frames, message = user_frames(error), str(error)
        lines = traceback.format_exception(type(error), error, frames) if frames else []
    except BaseException:  # the user's __str__ raises
        message, lines = "(its message cannot be read)", []
    return ErrorInfo.cut(type(error).__name__, message, "".join(lines))
