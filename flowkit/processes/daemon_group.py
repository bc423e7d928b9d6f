"""Keeping daemons alive: start them, pass on what they print, restart them, stop them.

No output can end the thread that reads it (daemon_output.py). Output in ``failure`` is escaped.

One thread does all the work, because the kernel ties a process to the *thread* that started it
(``parent_death.py``). The thread that starts the daemons must live as long as they do.

If a daemon cannot work (daemon_process.py), the group gives up: it stops all daemons, and
``failure`` says why. Each daemon runs in a separate session, so the terminal's Ctrl-C reaches only
the process that started them, which stops them in order.
"""

from __future__ import annotations

import os
import selectors
import signal
import threading
import time
from collections.abc import Callable, Sequence

from .daemon_output import Line, Pipe
from .daemon_process import Daemon
from .ends import how_it_ended

TICK_S = 0.2
LAST_WORDS_S = 0.3  # to read what is still in the pipes when all daemons have exited


class DaemonGroup(threading.Thread):
    """The thread that keeps these daemons running. It calls ``on_line`` for each line."""

    def __init__(
        self, daemons: Sequence[Daemon], on_line: Callable[[Line], None], grace: float
    ) -> None:
        """``grace``: seconds that the daemons may take to stop."""
        super().__init__(name="flowkit-daemons", daemon=True)
        self._daemons = daemons
        self._on_line = on_line
        self._grace = grace
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = os.pipe()
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        self._pid = os.getpid()
        self.failure: str | None = None

    def stop(self, *, at_once: bool = False) -> None:
        """Stop the daemons and this thread. ``at_once``, or a KeyboardInterrupt, kills the daemons.

        In a forked child it does nothing: the daemons belong to the parent.
        """
        if self._pid != os.getpid():
            return
        if at_once:
            self._hurry.set()
        self._stopping.set()
        os.write(self._wake_writer, b".")
        try:
            self.join()
        except (KeyboardInterrupt, SystemExit):
            self._hurry.set()
            os.write(self._wake_writer, b".")
            self.join()
            raise
        os.close(self._wake_writer)
        os.close(self._wake_reader)

    def run(self) -> None:
        """Keep the daemons running until told to stop. On every way out, stop all of them."""
        try:
            while not self._stopping.is_set() and self.failure is None:
                self._start_due()
                self._listen(TICK_S)
                self._collect_exited()
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"
        finally:
            self._end()
            self._selector.close()

    # -- starting and dying ---------------------------------------------------------------------

    def _start_due(self) -> None:
        for daemon in self._daemons:
            if daemon.process is None and daemon.pause.is_over():
                for pipe in daemon.start():
                    self._selector.register(pipe.stream, selectors.EVENT_READ, pipe)

    def _collect_exited(self) -> None:
        for daemon in self._daemons:
            code = None if daemon.process is None else daemon.process.poll()
            if code is None:
                continue
            self._listen(LAST_WORDS_S)
            self.failure = daemon.note_death(code) or self.failure
            if self.failure is None:
                text = f"The {daemon.name} ended by {how_it_ended(code)} and is started again."
                self._on_line(Line(daemon.name, text, "WARNING"))

    def _end(self) -> None:
        for daemon in self._daemons:
            daemon.signal(signal.SIGTERM)
        deadline = time.monotonic() + self._grace
        while alive := self._alive():
            late = self._hurry.is_set() or time.monotonic() >= deadline
            if late or all(daemon.expendable for daemon in alive):
                for daemon in alive:
                    daemon.signal(signal.SIGKILL)
            self._listen_safely(0.02)
        deadline = time.monotonic() + LAST_WORDS_S
        while len(self._selector.get_map()) > 1 and time.monotonic() < deadline:
            self._listen_safely(0.02)
        for key in list(self._selector.get_map().values()):
            if key.data is not None:
                self._close_pipe(key.data)

    def _alive(self) -> list[Daemon]:
        return [
            daemon
            for daemon in self._daemons
            if daemon.process is not None and daemon.process.poll() is None
        ]

    # -- listening ------------------------------------------------------------------------------

    def _close_pipe(self, pipe: Pipe) -> None:
        self._selector.unregister(pipe.stream)
        pipe.stream.close()

    def _listen_safely(self, seconds: float) -> None:
        """Listen while stopping: an error in ``on_line`` must not keep a daemon alive."""
        try:
            self._listen(seconds)
        except Exception as error:
            self.failure = self.failure or f"{type(error).__name__}: {error}"

    def _listen(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            pipe: Pipe | None = key.data
            if pipe is None:
                os.read(self._wake_reader, 64)
                continue
            for line in pipe.read():
                self._on_line(line)
            if pipe.ended:
                self._close_pipe(pipe)
