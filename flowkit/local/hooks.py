"""Hooks in a run in this process: the event that each hook gets, and the call of ``on_retry``.

An event is made when its hook is called, in the thread that calls it. By then the ends that it
describes are recorded and no longer change.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping

from ..core.numbering import NODE
from ..core.triggers import OF_THE_RUN
from ..definition.hooks import Hook, HookEvent, event_name
from ..definition.indexing import IndexedDAG
from ..definition.task import Task
from ..execution.attempt_contexts import AttemptContexts
from ..execution.on_retry import RetryCalls
from ..logging.output import described
from .numbered import Numbered
from .run_events import RunEvents


class LocalHooks:
    """The hooks of one run. ``events``: the events of that run."""

    def __init__(
        self,
        events: RunEvents,
        dag_name: str,
        indexed: IndexedDAG,
        numbered: Numbered[Task],
        params: Mapping[str, object],
        on_retry: Hook | None,
    ) -> None:
        self.events, self._dag_name, self._indexed = events, dag_name, indexed
        self._numbered = numbered
        self._params = params
        self._calls = None
        if on_retry is not None:
            self._calls = RetryCalls(on_retry, events.listener, AttemptContexts())
        self._first_failure: int | None = None
        self._ends: dict[int, tuple[int, BaseException | None]] = {}

    def note(self, task: int, attempt: int, error: BaseException | None) -> None:
        """Record the end of a task that did not succeed."""
        self._ends[task] = attempt, error

    def note_stop(self, failed: int | None) -> None:
        """Record that the run is stopping, and the task that made it fail, None for a cancel."""
        self._first_failure = failed

    def forget(self) -> None:
        """Drop the errors: their frames refer to the run, and the run refers to its hooks."""
        self._ends.clear()

    def event(self, hook: int) -> HookEvent:
        """Return the event for the hook with that task number."""
        trigger = self._numbered.tasks[hook].policy.trigger
        about = self._first_failure if trigger in OF_THE_RUN else self._about(hook)
        attempt, error = (0, None) if about is None else self._ends.get(about, (0, None))
        return self._event(event_name(trigger), about, attempt, error)

    def _about(self, hook: int) -> int:
        """Return the task that a hook is about; of an item, the item with its index."""
        node, index = self._indexed.numbering.split(hook)
        task = self._indexed.graph.upstream(node)[0]
        return task if index == NODE else self._indexed.numbering.item(task, index)

    def retried(self, task: int, attempt: int, delay: float, error: BaseException) -> None:
        """Call ``on_retry``: this attempt failed and another one follows in ``delay`` seconds."""
        if self._calls is not None:
            self._calls.call(self._event("task_retry", task, attempt, error, delay))

    def finish(self, check: Callable[[], None]) -> None:
        """Wait for the calls of ``on_retry`` to end. ``check`` raises to stop the waiting."""
        if self._calls is not None:
            self._calls.finish(check)

    def _event(
        self,
        event: str,
        task: int | None,
        attempt: int,
        error: BaseException | None,
        delay: float | None = None,
    ) -> HookEvent:
        kind, message = ("", "") if error is None else described(error)
        return HookEvent(
            event=event,
            run_id=self.events.run_id,
            dag=self._dag_name,
            params=self._params,
            task=None if task is None else self._numbered.plain_name(task),
            attempt=attempt,
            error_type=kind,
            error_message=message,
            traceback="" if error is None else "".join(traceback.format_exception(error)),
            delay=delay,
        )
