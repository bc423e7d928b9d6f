"""What the end of a call means for its attempt: the outcome that the runner gets."""

from __future__ import annotations

from ..basics.again import Again
from ..codec.tables import table_fault
from ..core.states import TaskState
from ..definition.call_plan import may_retry
from ..definition.calls import calls_in, has_calls
from ..definition.functions import unfit_result
from ..definition.nested_calls import nested_call
from ..exceptions import IllegalValue
from ..execution.again import why_not_again
from .outcome import Key, LocalOutcome
from .run_context import RunContext


def outcome_of_result(context: RunContext, key: Key, value: object, seconds: float) -> LocalOutcome:
    """Return the outcome of an attempt whose function has returned ``value``."""
    index, name = key[0], context.numbered.names[key[0]]
    if has_calls(value):
        try:
            calls_in(name, value)
        except (TypeError, ValueError) as error:
            return outcome_of_error(context, key, error, retry=False)
        return LocalOutcome(*key, TaskState.QUEUED, value, seconds)
    if type(value) is Again:
        policy, times = context.numbered.tasks[index].policy, context.comebacks.times(index)
        refused = why_not_again(name, policy, value, times)
        if refused is not None:
            return outcome_of_error(context, key, refused, retry=False)
        return LocalOutcome(*key, TaskState.WAITING, value, seconds)
    problem = unfit_result(name, value)
    nested = nested_call(value) if problem is None else None
    if nested is not None:
        problem = IllegalValue(str(nested))
    if problem is not None:
        return outcome_of_error(context, key, problem, retry=False)
    fault = table_fault(value)
    if fault is not None:
        context.events.unstorable(key[0], fault)
    return LocalOutcome(*key, TaskState.SUCCEEDED, value, seconds)


def outcome_of_error(
    context: RunContext, key: Key, error: BaseException, *, retry: bool | None
) -> LocalOutcome:
    """Return the outcome of an attempt that failed with ``error``.

    ``retry``: whether to retry the error, None to ask the task.
    """
    index, attempt = key
    task = context.numbered.tasks[index]
    retryable = may_retry(task, error) if retry is None else retry
    final = not retryable or context.comebacks.failures(index, attempt) > task.retries
    return LocalOutcome(index, attempt, TaskState.FAILED if final else TaskState.WAITING, error)
