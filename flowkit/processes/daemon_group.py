"""Keeping daemons alive: start them, pass on what they print, restart them, stop them.

What they print is untrusted. No output can end the thread that reads it: a line that is not a log
line is passed on as text. The text is raw in a ``Line`` and escaped in ``failure``. A program that
a task starts writes to the same stream as the daemon, and can write anything there. So each start
of a daemon has a random token, and only lines that begin with it are log lines. Programs do not
inherit the token (``flowkit.basics.environment``).

One thread does all the work, because the kernel ties a process to the *thread* that started it
(``parent_death.py``). The thread that starts the daemons must live as long as they do.

A daemon that dies is restarted after a pause that grows. If a daemon cannot work (its options or
its app are wrong), or dies ``QUICK_DEATHS`` times in a row as soon as it starts, the group gives
up: it stops all daemons, and ``failure`` says why. Each daemon runs in a separate session, so the
terminal's Ctrl-C reaches only the process that started them, which stops them in order.
"""

from __future__ import annotations

import json
import os
import secrets
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, cast

from ..basics.display_text import escape_text
from ..basics.environment import LOG_MARK
from ..logging.output import mark_of
from .ends import WRONG_USAGE, how_it_ended
from .restart_pause import FIRST_PAUSE_S, RestartPause

QUICK_DEATHS, QUICK_S = 5, 2.0
LONGEST_PAUSE_S = 5.0
TICK_S = 0.2
LAST_WORDS_S = 0.3  # to read what is still in the pipes when all daemons have exited
LONGEST_LINE = 64 * 1024
LONGEST_RECORD = 4 * 1024 * 1024  # a log line contains the message of an error, twice
LEVELS = frozenset({"DEBUG", "INFO", "SUCCESS", "SYSTEM", "WARNING", "ERROR", "CRITICAL"})


@dataclass(frozen=True, slots=True)
class Line:
    """A printed line. ``level``: the level of a log line, None for what tasks print.

    ``source``: the daemon's name. ``is_error``: whether it was printed on standard error.
    """

    source: str
    text: str
    level: str | None = None
    is_error: bool = False


Listener = Callable[[Line], None]


class Daemon:
    """One daemon: its command, its current process and its recent deaths."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environ: Mapping[str, str],
        *,
        expendable: bool = False,
    ) -> None:
        """``expendable``: it holds nothing, so stopping does not wait for it."""
        self.name = name
        self.expendable = expendable
        self._command = [
            sys.executable,
            "-P",
            "-m",
            "flowkit.processes.parent_death",
            str(os.getpid()),
            *command,
        ]
        self._environ = dict(environ)
        self._folder = os.getcwd()  # for restarts too: this process may change its directory
        self.process: subprocess.Popen[bytes] | None = None
        self.token = ""  # begins the log lines of the current process
        self.last_words: deque[str] = deque(maxlen=3)
        self.pause = RestartPause(LONGEST_PAUSE_S, least=FIRST_PAUSE_S)
        self._started_at = 0.0
        self._quick_deaths = 0

    def start(self) -> list[Pipe]:
        """Start its process, and return the pipes that it prints to."""
        self._started_at = time.monotonic()
        self.token = secrets.token_hex(16)
        self.process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**self._environ, LOG_MARK: self.token},
            cwd=self._folder,
            start_new_session=True,
        )
        out, err = cast(IO[bytes], self.process.stdout), cast(IO[bytes], self.process.stderr)
        return [Pipe(self, out, is_error=False), Pipe(self, err, is_error=True)]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its process, if there is one."""
        if self.process is not None:
            self.process.send_signal(number)

    def note_death(self, code: int) -> str | None:
        """Forget its process and schedule a restart, or return why there will be none."""
        self.process = None
        quick = time.monotonic() - self._started_at < QUICK_S
        self._quick_deaths = self._quick_deaths + 1 if quick else 0
        if code == WRONG_USAGE or self._quick_deaths >= QUICK_DEATHS:
            output = "".join(f"\n    {escape_text(line)}" for line in self.last_words)
            return f"The {self.name} cannot work: it ended by {how_it_ended(code)}.{output}"
        if quick:
            self.pause.lengthen()
        else:
            self.pause.reset()
        return None


class DaemonGroup(threading.Thread):
    """The thread that keeps these daemons running. It calls ``on_line`` for each line."""

    def __init__(self, daemons: Sequence[Daemon], on_line: Listener, grace: float) -> None:
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
                if line.level in ("WARNING", "ERROR") or line.is_error:
                    pipe.daemon.last_words.append(line.text)
                self._on_line(line)
            if pipe.ended:
                self._close_pipe(pipe)


class Pipe:
    """One output stream of a daemon, split into lines."""

    def __init__(self, daemon: Daemon, stream: IO[bytes], *, is_error: bool) -> None:
        self.daemon = daemon
        self.stream = stream
        self.ended = False
        self._is_error = is_error
        self._mark = mark_of(daemon.token).encode()
        self._rest = b""

    def read(self) -> list[Line]:
        """Return the complete lines; at the end of the stream also an incomplete one."""
        data = os.read(self.stream.fileno(), LONGEST_LINE)
        self.ended = not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        limit = LONGEST_LINE if self._is_error or self._mark not in self._rest else LONGEST_RECORD
        if self._rest and (self.ended or len(self._rest) > limit):
            lines.append(self._rest)
            self._rest = b""
        return [line for raw in lines for line in self._lines(raw)]

    def _lines(self, raw: bytes) -> list[Line]:
        """Separate a log line from what a task printed, also in the same line before it."""
        at = -1 if self._is_error else raw.find(self._mark)
        logged = self._logged(raw[at:]) if at >= 0 else None
        if logged is None:
            return [self._printed(raw)]
        return [self._printed(raw[:at]), logged] if at else [logged]

    def _printed(self, raw: bytes) -> Line:
        text = raw.decode("utf-8", "replace").removesuffix("\r")
        return Line(self.daemon.name, text, None, self._is_error)

    def _logged(self, raw: bytes) -> Line | None:
        try:
            record = json.loads(raw)
            text, level, event = str(record["message"]), record["level"], record["event"]
        # JSON that a task prints is passed on unchanged. JSON can be nested too deeply to parse.
        except (ValueError, KeyError, RecursionError):
            return None
        if event == "task_log":
            text = f"{record.get('task_name')}: {text}\n{record.get('traceback', '')}".rstrip()
        # JSON can contain lone surrogates, which no stream accepts.
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
        if event == "task_output":
            return Line(self.daemon.name, text, None, record.get("stream") == "stderr")
        known = isinstance(level, str) and level in LEVELS
        return Line(self.daemon.name, text, level) if known else None
