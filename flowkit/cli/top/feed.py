"""Reads the system for the screen of ``flowkit top``, in a separate thread.

So a Redis that hangs delays the next figures, and no key. Errors that may pass are shown, and the
last figures stay; any other error ends the program. At most one read is under way.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...exceptions import FlowkitError

if TYPE_CHECKING:
    from ...client.activity import SystemActivity
    from ...client.client import Client
    from ...client.status import RunStatus

MANY_TASKS, MOST_TASKS = 2_000, 50_000  # of a run whose tasks are read less often, and not at all
SELDOM_S = 5.0  # between two reads of a run with many tasks


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read last. ``trouble``: why the last read failed, "" if it succeeded.

    ``run``: the run that is looked at, None before it was read. ``why``: what it waits for, or how
    it ended. ``run_note``: why its tasks are not shown. ``message``: the outcome of a command.
    """

    activity: SystemActivity | None = None
    trouble: str = ""
    run: RunStatus | None = None
    why: str = ""
    run_note: str = ""
    message: str = ""


class Feed:
    """A thread that reads every ``interval`` seconds, and at once when something is asked for."""

    def __init__(self, client: Client, limit: int, interval: float) -> None:
        self._client = client
        self._limit = limit
        self._interval = interval
        self._lock = threading.Lock()
        self._asked = threading.Event()
        self._is_stopped = False
        self._looks_at = ""
        self._next_look = 0.0
        self._to_cancel: deque[str] = deque()
        self._reading = Reading()
        self._failure: BaseException | None = None
        self.news, self._pen = os.pipe()  # `news` can be read when there is another reading
        os.set_blocking(self.news, False)
        os.set_blocking(self._pen, False)
        self._thread = threading.Thread(target=self._run, name="top-feed", daemon=True)

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    def stop(self) -> None:
        """Stop soon. A read that hangs is left behind."""
        self._is_stopped = True
        self._asked.set()
        self._thread.join(timeout=0.5)

    def take(self) -> Reading:
        """Return the last reading; its message is returned once. Raises what ended the thread."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.news, 4096)
        with self._lock:
            if self._failure is not None:
                raise self._failure
            reading = self._reading
            self._reading = replace(reading, message="")
        return reading

    def look_at(self, run_id: str) -> None:
        """Also read the tasks of this run from now on, "" for none."""
        if run_id == self._looks_at:
            return
        with self._lock:
            self._looks_at, self._next_look = run_id, 0.0
            self._reading = replace(self._reading, run=None, why="", run_note="")
        self._asked.set()

    def cancel(self, run_id: str) -> None:
        """Cancel this run."""
        self._to_cancel.append(run_id)
        self._asked.set()

    # -- the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._is_stopped:
                self._asked.clear()
                self._read()
                self._asked.wait(self._interval)
        except BaseException as error:
            with self._lock:
                self._failure = error
            self._notify()

    def _read(self) -> None:
        try:
            while self._to_cancel:
                self._publish(message=self._cancel(self._to_cancel.popleft()))
            self._publish(activity=self._client.activity(self._limit), trouble="")
            if self._looks_at and time.monotonic() >= self._next_look:
                self._read_run(self._looks_at)
        except FlowkitError as error:
            if not self._is_stopped:
                self._publish(trouble=str(error))

    def _cancel(self, run_id: str) -> str:
        try:
            self._client.run(run_id).cancel()
        except FlowkitError as error:
            return str(error)
        return f"Cancelling run {run_id}."

    def _read_run(self, run_id: str) -> None:
        handle = self._client.run(run_id)
        total = handle.record().total
        if total > MOST_TASKS:
            note = f"It has {total:,} tasks, too many to read here: flowkit status {run_id}"
            self._publish(run=None, run_note=note)
            self._next_look = time.monotonic() + SELDOM_S
            return
        status = handle.status()
        pause = SELDOM_S if total > MANY_TASKS else 0.0
        with self._lock:
            if self._looks_at != run_id:
                return  # another one was asked for meanwhile
            self._next_look = time.monotonic() + pause
        before, why = self._reading, status.waiting_for
        if status.over:
            was_over = before.run is not None and before.run.over
            why = before.why if was_over else handle.explain().sentence
        self._publish(run=status, why=why, run_note="")

    def _publish(self, **changes: object) -> None:
        with self._lock:
            self._reading = replace(self._reading, **changes)  # type: ignore[arg-type]
        self._notify()

    def _notify(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._pen, b"x")
