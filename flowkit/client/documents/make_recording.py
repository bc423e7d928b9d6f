"""Makes the document of a recording of what was read of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ...basics.redaction import Redaction
from ...basics.version import VERSION
from ..history import HistoryEvent
from ..previews import Preview
from ..recording import RunRecording
from .attempts import attempts_document
from .columns import RunHeader
from .document import to_mapping
from .make_columns import columns_document
from .make_history import history_document
from .make_logs import line_document
from .make_status import status_document, task_entry
from .make_tasks import policy_entry, value_entry
from .make_why import why_document
from .plan import GraphPlan, plan_document
from .recording import RecordedAttempt, RecordedItem, RecordedValue, Recording
from .runs import TaskEntry
from .stamps import utc

MOST_EVENTS = 500
# Fields that the page reads as names, words of a closed list, or times. A pattern that happens to
# match one of them, such as `\d{6}`, must not make the recording unreadable.
STRUCTURE = frozenset(
    {
        "schema",
        "run_id",
        "dag",
        "task",
        "tasks",
        "names",
        "name",
        "item_of",
        "state",
        "states",
        "run_state",
        "what",
        "outcome",
        "outcomes",
        "cursor",
        "cause",
        "level",
        "stream",
        "trigger",
        "queue",
        "recorded",
        "at",
        "time",
        "submitted",
        "finished",
        "queued",
        "started",
        "ended",
        "due",
        "since",
        "until",
        "functions",
        "flowkit",
        "parent",
        "parent_task",
        "root",
    }
)


def recording_document(
    recording: RunRecording, secrets: Redaction, recorded: float
) -> Mapping[str, object]:
    """Return the document of a recording as JSON values, without its secrets.

    ``recorded``: when it was made, in seconds since 1970.
    """
    status, dag = recording.status, recording.dag
    run_id, events = status.run_id, recording.events
    document = Recording(
        run_id=run_id,
        recorded=utc(recorded),
        flowkit=VERSION,
        left_out=recording.left_out,
        header=_header(recording),
        columns=columns_document(status),
        graphs=_graphs(recording),
        whys=[why_document(why) for why in recording.whys],
        history=history_document(
            run_id, [_brief(event) for event in recording.events], MOST_EVENTS
        ),
        earlier=attempts_document(run_id, recording.earlier),
        attempts=[_attempt(event) for event in events if event.attempt and event.task],
        items=[
            _item(task, task_entry(item))
            for task, items in recording.items.items()
            for item in items
        ],
        lines=[line_document(run_id, line) for line in recording.lines],
        earlier_lines=recording.earlier_lines,
        results=_values(recording.results),
        arguments=_values(recording.arguments),
        params=value_entry(recording.params),
        functions=list(dag.refs),
        function_of=list(dag.ref_of),
        policies=[policy_entry(policy) for policy in dag.policies],
        policy_of=list(dag.policy_of),
    )
    return secrets.fields(to_mapping(document), STRUCTURE)


def _header(recording: RunRecording) -> RunHeader:
    value = None if recording.params is None else recording.params.value
    return RunHeader(
        status=status_document(recording.status, [], 0, with_tasks=False),
        why=why_document(recording.why),
        left=None,
        params={str(name): part for name, part in value.items()} if isinstance(value, dict) else {},
    )


def _graphs(recording: RunRecording) -> list[GraphPlan]:
    run_id, dag = recording.status.run_id, recording.dag
    plans: list[GraphPlan] = []
    for collapse in (None, True, False):
        plan = plan_document(run_id, dag, collapse=collapse)
        if not any(plan.collapsed == known.collapsed for known in plans):
            plans.append(plan)
    return plans


def _brief(event: HistoryEvent) -> HistoryEvent:
    """Return an event without its traceback: the attempts have it."""
    return replace(event, traceback="") if event.task and event.attempt else event


def _attempt(event: HistoryEvent) -> RecordedAttempt:
    return RecordedAttempt(
        task=event.task or "",
        attempt=event.attempt or 0,
        at=utc(event.at),
        outcome=event.outcome,
        worker=event.worker,
        app_version=event.app_version,
        rerun=event.rerun,
        error=event.error,
        traceback=event.traceback,
    )


def _values(values: Mapping[str, Preview]) -> list[RecordedValue]:
    return [
        RecordedValue(
            task=task,
            type=preview.type,
            size=preview.size,
            value=preview.value,
            cut=preview.cut,
            problem=preview.problem,
        )
        for task, preview in values.items()
    ]


def _item(task: str, entry: TaskEntry) -> RecordedItem:
    return RecordedItem(
        item_of=task,
        name=entry.name,
        state=entry.state,
        attempt=entry.attempt,
        worker=entry.worker,
        queued=entry.queued,
        started=entry.started,
        duration=entry.duration,
        error=entry.error,
        cached=entry.cached,
        app_version=entry.app_version,
        progress=entry.progress,
        label=entry.label,
        items=entry.items,
    )
