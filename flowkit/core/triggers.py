"""Triggers: how the upstream tasks of a task must have ended before it starts.

A trigger is evaluated once, when all upstream tasks are over. So which tasks start, and with which
values, never depends on which upstream task was faster. The only exception: if the trigger forbids
failures, the first failure blocks the task. A task without upstream tasks starts at once, whatever
its trigger.

Hooks are tasks too, with triggers that users cannot set: they follow a task that failed or was
skipped, or the run as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import Enum, StrEnum

from .graph import Graph
from .states import TaskState


class Trigger(StrEnum):
    """When a task starts. Each comment says what is true then."""

    NONE_FAILED = "none_failed"  # the default: every upstream task succeeded or was skipped
    ALL_SUCCEEDED = "all_succeeded"  # every upstream task succeeded
    ANY_SUCCEEDED = "any_succeeded"  # at least one upstream task succeeded
    ALL_OVER = "all_over"  # all upstream tasks are over, in any state
    TASK_FAILED = "task_failed"  # hook: the one upstream task failed
    TASK_SKIPPED = "task_skipped"  # hook: the one upstream task was skipped
    RUN_SUCCEEDED = "run_succeeded"  # hook: all other tasks are over and none failed
    RUN_FAILED = "run_failed"  # hook: all other tasks are over and at least one failed


class Verdict(Enum):
    """The effect of a trigger on a task, when all its upstream tasks are over."""

    RUN = "runs"
    SKIP = "skipped"
    BLOCK = "upstream_failed"


# The values of `@task(trigger=…)`.
FOR_USERS = (
    Trigger.NONE_FAILED,
    Trigger.ALL_SUCCEEDED,
    Trigger.ANY_SUCCEEDED,
    Trigger.ALL_OVER,
)
# One failed upstream task blocks tasks with these triggers, before the others are over.
NEEDS_NO_FAILURE = frozenset({Trigger.NONE_FAILED, Trigger.ALL_SUCCEEDED})
# These follow the run instead of upstream tasks.
OF_THE_RUN = frozenset({Trigger.RUN_SUCCEEDED, Trigger.RUN_FAILED})
# A failure of these does not fail the run.
HOOKS = OF_THE_RUN | {Trigger.TASK_FAILED, Trigger.TASK_SKIPPED}
# Tasks with these triggers start, and are retried, in a run that a failure has stopped.
AFTER_FAILURE = HOOKS | {Trigger.ALL_OVER}

_WELL = frozenset({TaskState.SUCCEEDED, TaskState.SKIPPED})


def verdict(trigger: Trigger, upstream: Collection[TaskState]) -> Verdict:
    """Evaluate a trigger. ``upstream``: the final states of the upstream tasks, at least one."""
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
    """Return the triggers that matter, by task number: not the default, and not those of roots."""
    return {
        task: trigger
        for task, trigger in enumerate(triggers)
        if trigger is not Trigger.NONE_FAILED and (trigger in OF_THE_RUN or graph.upstream(task))
    }
