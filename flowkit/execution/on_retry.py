"""Calling ``on_retry`` in parallel to the run.

A user's hook may be slow, hang, or raise anything. So it runs in a separate thread, started with
the first call: no code that decides or runs tasks waits for it, and no exception leaves the thread,
not even SystemExit. The calls are made one after the other, in the order of the retries, each in a
separate context.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition, Thread

from ..basics.shorten import shorten
from ..definition.hooks import Hook, HookEvent
from ..events.attempts import HookFailed
from ..events.event import Listener
from ..logging.output import plain
from .attempt_contexts import AttemptContexts


class RetryCalls:
    """The calls of one hook. ``worker``: the lane of a worker that calls it."""

    def __init__(
        self,
        hook: Hook,
        listener: Listener,
        contexts: AttemptContexts,
        *,
        worker: str | None = None,
    ) -> None:
        self._hook = hook
        self._contexts = contexts
        self._listener = listener
        self._worker = worker
        self._events: list[HookEvent] = []
        self._changed = Condition()
        self._thread: Thread | None = None

    def call(self, event: HookEvent) -> None:
        """Queue a call of the hook with ``event``, and return at once."""
        with self._changed:
            self._events.append(event)
            if self._thread is None:
                self._thread = Thread(target=self._work, name="flowkit-hooks", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def finish(self, check: Callable[[], None]) -> None:
        """Wait until all calls have ended. ``check`` is called meanwhile and may raise."""
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
        self._listener.hear(
            HookFailed(
                task_name=event.task or "",
                run_id=event.run_id,
                attempt=event.attempt,
                worker=self._worker,
                error_type=type(problem).__name__,
                error_message=message,
            )
        )
