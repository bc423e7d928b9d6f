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
        policy=_policy(details.policy),
        mapped=details.mapped is not None,
        item_of=details.item_of or None,
        inputs=[
            InputEntry(
                task=given.task,
                state=given.state.value,
                passes=given.passes,
                value=_value(given.value),
                element=given.element,
            )
            for given in details.inputs
        ],
        more_inputs=details.more_inputs,
        arguments=_value(details.arguments),
        params=_value(details.params),
        attempts=[history_entry(event) for event in details.attempts],
        result=_value(details.result),
    )


def result_document(run_id: str, task: str, preview: Preview | None) -> ResultDocument:
    """Return the result of a task."""
    return ResultDocument(run_id=run_id, task=task, result=_value(preview))


def _value(preview: Preview | None) -> ValueEntry | None:
    if preview is None:
        return None
    return ValueEntry(
        type=preview.type,
        size=preview.size,
        value=preview.value,
        cut=preview.cut,
        problem=preview.problem,
    )


def _policy(policy: Policy) -> PolicyEntry:
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
