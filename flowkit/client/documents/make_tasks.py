"""Makes the documents about one task of a run of what the client returns."""

from __future__ import annotations

from ...core.retry import Policy
from ..previews import Preview
from ..task_details import TaskDetails
from .make_history import history_entry
from .make_status import task_entry
from .tasks import InputEntry, PolicyEntry, ResultDocument, TaskDocument, ValueEntry


def task_document(details: TaskDetails) -> TaskDocument:
    """Return the details of a task."""
    return TaskDocument(
        run_id=details.run_id,
        dag=details.dag_name,
        run_state=details.run_state.value,
        task=task_entry(details.status),
        code=details.code,
        policy=policy_entry(details.policy),
        mapped=details.mapped is not None,
        item_of=details.item_of or None,
        inputs=[
            InputEntry(
                task=given.task,
                state=given.state.value,
                passes=given.passes,
                value=value_entry(given.value),
                element=given.element,
            )
            for given in details.inputs
        ],
        more_inputs=details.more_inputs,
        arguments=value_entry(details.arguments),
        params=value_entry(details.params),
        attempts=[history_entry(event) for event in details.attempts],
        result=value_entry(details.result),
    )


def result_document(run_id: str, task: str, preview: Preview | None) -> ResultDocument:
    """Return the result of a task."""
    return ResultDocument(run_id=run_id, task=task, result=value_entry(preview))


def value_entry(preview: Preview | None) -> ValueEntry | None:
    """Return a value, None for none."""
    if preview is None:
        return None
    return ValueEntry(
        type=preview.type,
        size=preview.size,
        value=preview.value,
        cut=preview.cut,
        problem=preview.problem,
    )


def policy_entry(policy: Policy) -> PolicyEntry:
    """Return how attempts run."""
    return PolicyEntry(
        queue=policy.queue,
        priority=policy.priority,
        retries=policy.retries,
        delay=policy.delay,
        backoff=policy.backoff,
        max_delay=policy.max_delay,
        timeout=policy.timeout,
        trigger=policy.trigger.value,
        at_most_once=policy.at_most_once,
        keep_result=policy.keep_result,
        is_async=policy.is_async,
    )
