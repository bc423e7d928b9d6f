"""Hooks on a worker: the event that each hook gets, read from Redis, and the call of ``on_retry``.

A hook is claimed and recorded like any other task. Only its argument differs: it describes how the
task that the hook follows, or the run, has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from flowkit.core.compiled import CompiledDAG
from flowkit.core.numbering import NODE
from flowkit.core.triggers import OF_THE_RUN, Trigger
from flowkit.definition.hooks import Hook, HookEvent, event_name
from flowkit.definition.task import registered_task
from flowkit.events.event import Listener
from flowkit.execution.attempt_contexts import AttemptContexts
from flowkit.execution.on_retry import RetryCalls
from flowkit.protocol.records import ErrorInfo
from flowkit.protocol.worker_store import Claim, WorkerStore

Params = Mapping[str, object]


class WorkerHooks:
    """The hooks of one lane. ``store``: the lane's store for reading."""

    def __init__(self, store: WorkerStore, listener: Listener, lane: str) -> None:
        self._store = store
        self._listener = listener
        self._lane = lane
        self._contexts = AttemptContexts()
        self._calls: dict[str, RetryCalls] = {}

    def event(self, claim: Claim, dag: CompiledDAG, trigger: Trigger, params: Params) -> HookEvent:
        """Return the event for a hook with that trigger. Takes one or two round trips."""
        if trigger in OF_THE_RUN:
            about = self._store.read_failed(claim.run) if trigger is Trigger.RUN_FAILED else None
        else:
            about = _followed(dag, claim.task)
        event = HookEvent(event_name(trigger), claim.run, dag.name, params)
        if about is None:
            return event
        attempt, packed = self._store.read_end(claim.run, about)
        info = ErrorInfo.unpack(packed) if packed else ErrorInfo("", "")
        return _with_error(event, dag.task_name(about), attempt, info)

    def retried(
        self, claim: Claim, dag: CompiledDAG, params: Params, info: ErrorInfo, delay: float
    ) -> None:
        """Call ``on_retry``: this attempt failed, and the next one starts in ``delay`` seconds."""
        event = HookEvent("task_retry", claim.run, dag.name, params, delay=delay)
        event = _with_error(event, dag.task_name(claim.task), claim.attempt, info)
        if dag.on_retry not in self._calls:
            hook = registered_task(dag.on_retry)
            func = _missing_hook(dag.on_retry) if hook is None else hook.func
            self._calls[dag.on_retry] = RetryCalls(
                func, self._listener, self._contexts, worker=self._lane
            )
        self._calls[dag.on_retry].call(event)


def _followed(dag: CompiledDAG, hook: int) -> int:
    """Return the task that a hook follows; of a mapped hook, the item of the same index."""
    node, index = dag.numbering.split(hook)
    upstream = dag.graph.upstream(node)[0]
    return upstream if index == NODE else dag.numbering.item(upstream, index)


def _missing_hook(ref: str) -> Hook:
    def missing(event: HookEvent) -> None:
        raise LookupError(f"this worker's app has no function {ref!r}")

    return missing


def _with_error(event: HookEvent, task: str, attempt: int, info: ErrorInfo) -> HookEvent:
    return replace(
        event,
        task=task,
        attempt=attempt,
        error_type=info.type,
        error_message=info.message,
        traceback=info.traceback,
    )
