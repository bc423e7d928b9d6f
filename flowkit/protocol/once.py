"""What is recorded of a task that must never start twice and may have started without an outcome.

It has failed: whether its work was done, nobody can tell from here. The text says so, why it is
not tried again, and how somebody who knows better can have it started all the same.
"""

from __future__ import annotations

from .records import ErrorInfo


def lost_once(how: str) -> bytes:
    """Return the packed error. ``how``: what has happened, as the beginning of a sentence."""
    return ErrorInfo(
        "WorkerLost",
        f"{how}, so it may or may not have done its work. It is to run at most once "
        "(at_most_once=True) and is not started again. Look whether its work was done; if it was "
        "not, resume the run from this very task: 'flowkit resume RUN --from-task TASK'",
    ).pack()
