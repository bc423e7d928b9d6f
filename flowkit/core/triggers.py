"""Triggers: what a task wants its upstream tasks to have come to before it starts.

A trigger is asked once, when all upstream tasks are over; so which task starts, and with which
values, never depends on which upstream task was faster. The one thing known earlier is that a task
whose trigger forbids failures is blocked by the first one. A task without upstream tasks starts
at once, whatever its trigger.

Hooks are tasks as well, with a trigger that no user can give: they follow one task that failed, or
the run as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import Enum, StrEnum

from .graph import Graph
from .states import TaskState


class Trigger(StrEnum):
    """When a task starts. One line each: what is true when it does."""

    NONE_FAILED = "none_failed"  # the default: every upstream task succeeded or was skipped
    ALL_SUCCEEDED = "all_succeeded"  # every upstream task succeeded
    ANY_SUCCEEDED = "any_succeeded"  # one upstream task at least succeeded
    ALL_OVER = "all_over"  # upstream tasks are over, however they ended
    TASK_FAILED = "task_failed"  # hook: the one upstream task failed
    TASK_SKIPPED = "task_skipped"  # hook: the one upstream task was skipped
    RUN_SUCCEEDED = "run_succeeded"  # hook: all other tasks are over and none failed
    RUN_FAILED = "run_failed"  # hook: all other tasks are over and one of them failed


class Verdict(Enum):
    """What becomes of a task whose upstream tasks are over."""

    RUN = "runs"
    SKIP = "skipped"
    BLOCK = "upstream_failed"


# What `@task(trigger=…)` can be.
FOR_USERS = (
    Trigger.NONE_FAILED,
    Trigger.ALL_SUCCEEDED,
    Trigger.ANY_SUCCEEDED,
    Trigger.ALL_OVER,
)
# One failed upstream task decides for these, before the others are over.
NEEDS_NO_FAILURE = frozenset({Trigger.NONE_FAILED, Trigger.ALL_SUCCEEDED})
# They follow the run instead of upstream tasks.
OF_THE_RUN = frozenset({Trigger.RUN_SUCCEEDED, Trigger.RUN_FAILED})
# Their failure fails nothing.
HOOKS = OF_THE_RUN | {Trigger.TASK_FAILED, Trigger.TASK_SKIPPED}
# These start, and are retried, in a run that a failure has stopped.
GOES_ON = HOOKS | {Trigger.ALL_OVER}

_WELL = frozenset({TaskState.SUCCEEDED, TaskState.SKIPPED})


def verdict(trigger: Trigger, upstream: Collection[TaskState]) -> Verdict:
    """Decide on a task. ``upstream``: how its upstream tasks ended, at least one, all over."""
    failed = not _WELL.issuperset(upstream)
    match trigger:
        case Trigger.ALL_OVER:
            return Verdict.RUN
        case Trigger.TASK_FAILED:
            return Verdict.RUN if TaskState.FAILED in upstream else Verdict.SKIP
        case Trigger.TASK_SKIPPED:
            return Verdict.RUN if TaskState.SKIPPED in upstream else Verdict.SKIP
        case Trigger.ANY_SUCCEEDED if TaskState.SUCCEEDED in upstream:
            return Verdict.RUN
    if failed:
        return Verdict.BLOCK
    if trigger is Trigger.ANY_SUCCEEDED:
        return Verdict.SKIP
    skip = trigger is Trigger.ALL_SUCCEEDED and TaskState.SKIPPED in upstream
    return Verdict.SKIP if skip else Verdict.RUN


def special(graph: Graph, triggers: Iterable[Trigger]) -> dict[int, Trigger]:
    """Return, by task number, the triggers that have a say: not the default, nor a root's."""
    return {
        task: trigger
        for task, trigger in enumerate(triggers)
        if trigger is not Trigger.NONE_FAILED and (trigger in OF_THE_RUN or graph.upstream(task))
    }
