"""The error of an at-most-once task that may have started and has no outcome.

The task has failed, because it is unknown whether its work was done. The error says so, why the
task is not retried, and how a user can start it nevertheless.
"""

from __future__ import annotations

from .records import ErrorInfo


def lost_once(how: str) -> bytes:
    """Return the packed error. ``how``: what happened, as the beginning of a sentence."""
    return ErrorInfo(
        "WorkerLost",
        f"{how}, so it may or may not have done its work. It must run at most once "
        "(at_most_once=True) and is not started again. Check whether its work was done; if it was "
        "not, resume the run from this task: 'flowkit resume RUN --from-task TASK'",
    ).pack()
