"""Calling ``on_retry`` beside the run.

The hook of a user may be slow, hang, or raise anything. So it has a thread of its own, started with
the first call: nothing that decides or runs tasks waits for it, and nothing that it raises, be it
SystemExit, gets out of it. Calls are made one after the other, in the order of the retries, each in
a context of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition, Thread

from .attempt_contexts import AttemptContexts
from .core.shorten import shorten
from .hooks import Hook, HookEvent
from .log_output import plain
from .logging import FlowkitLogger, LogLevel


class RetryCalls:
    """The calls of one hook. ``more``: fields for the log line when it raises."""

    def __init__(
        self, hook: Hook, logger: FlowkitLogger, contexts: AttemptContexts, **more: object
    ) -> None:
        self._hook = hook
        self._contexts = contexts
        self._log = logger
        self._more = more
        self._events: list[HookEvent] = []
        self._changed = Condition()
        self._thread: Thread | None = None

    def call(self, event: HookEvent) -> None:
        """Have the hook called with ``event``; returns at once."""
        with self._changed:
            self._events.append(event)
            if self._thread is None:
                self._thread = Thread(target=self._work, name="flowkit-hooks", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def finish(self, check: Callable[[], None]) -> None:
        """Wait until all calls are over; ``check`` is called meanwhile and may raise."""
        with self._changed:
            while self._events and not self._changed.wait_for(lambda: not self._events, 0.05):
                check()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._events))
                event = self._events[0]
            try:
                self._contexts.new().run(self._hook, event)
            except BaseException as problem:
                self._warn(event, problem)
            with self._changed:
                del self._events[0]
                self._changed.notify_all()

    def _warn(self, event: HookEvent, problem: BaseException) -> None:
        message = shorten(plain(problem))
        self._log.event(
            LogLevel.WARNING,
            "hook_failed",
            f"The on_retry hook raised for task {event.task}: {message}",
            run_id=event.run_id,
            task_name=event.task,
            attempt=event.attempt,
            error_type=type(problem).__name__,
            error_message=message,
            **self._more,
        )
