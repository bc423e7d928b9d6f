"""Hooks in a run in this process: what each is told, and the call of ``on_retry``.

The events are made when a hook's turn comes, in the thread that calls it. By then the ends that it
speaks of are noted and do not change any more.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping

from ..core.triggers import OF_THE_RUN
from ..hooks import Hook, HookEvent, event_name
from ..layout import Layout
from ..log_output import plain
from ..logging import LogLevel, get_logger


class LocalHooks:
    """The hooks of one run. ``first_failure``: the task that made the run fail, once known."""

    def __init__(
        self,
        run_id: str,
        dag_name: str,
        layout: Layout,
        params: Mapping[str, object],
        on_retry: Hook | None,
    ) -> None:
        self._run_id, self._dag_name, self._layout = run_id, dag_name, layout
        self._params = params
        self._on_retry = on_retry
        self.first_failure: int | None = None
        self._ends: dict[int, tuple[int, BaseException | None]] = {}

    def note(self, task: int, attempt: int, error: BaseException | None) -> None:
        """Keep how a task ended that did not succeed."""
        self._ends[task] = attempt, error

    def event(self, hook: int) -> HookEvent:
        """Return what the hook with that task number is told."""
        trigger = self._layout.tasks[hook].policy.trigger
        upstream = self._layout.graph.upstream(hook)
        about = self.first_failure if trigger in OF_THE_RUN else upstream[0]
        attempt, error = (0, None) if about is None else self._ends.get(about, (0, None))
        return self._event(event_name(trigger), about, attempt, error)

    def retried(self, task: int, attempt: int, delay: float, error: BaseException) -> None:
        """Tell ``on_retry`` that this attempt failed and another one follows."""
        if self._on_retry is None:
            return
        try:
            self._on_retry(self._event("task_retry", task, attempt, error, delay))
        except Exception as problem:
            warn_of_hook(self._layout.tasks[task].name, self._run_id, problem)

    def _event(
        self,
        event: str,
        task: int | None,
        attempt: int,
        error: BaseException | None,
        delay: float | None = None,
    ) -> HookEvent:
        return HookEvent(
            event,
            self._run_id,
            self._dag_name,
            self._params,
            None if task is None else self._layout.tasks[task].name,
            attempt,
            "" if error is None else type(error).__name__,
            "" if error is None else plain(error),
            "" if error is None else "".join(traceback.format_exception(error)),
            delay,
        )


def warn_of_hook(task_name: str, run_id: str, problem: Exception) -> None:
    """Log that ``on_retry`` raised; the retry takes place all the same."""
    get_logger().event(
        LogLevel.WARNING,
        "hook_failed",
        f"The on_retry hook raised for task {task_name}: {plain(problem)}",
        run_id=run_id,
        task_name=task_name,
        error_type=type(problem).__name__,
        error_message=plain(problem),
    )
