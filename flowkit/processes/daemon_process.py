"""One daemon as a child process: its command, its starts and its deaths.

A daemon that dies is restarted after a pause that grows. If it cannot work (its options or its app
are wrong), or dies ``QUICK_DEATHS`` times in a row as soon as it starts, it is not restarted.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import IO, cast

from ..basics.display_text import escape_text
from ..basics.environment import LOG_MARK
from .daemon_output import Pipe
from .ends import WRONG_USAGE, how_it_ended
from .restart_pause import FIRST_PAUSE_S, RestartPause

QUICK_DEATHS, QUICK_S = 5, 2.0
LONGEST_PAUSE_S = 5.0


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
        self._last_words: deque[str] = deque(maxlen=3)
        self.pause = RestartPause(LONGEST_PAUSE_S, least=FIRST_PAUSE_S)
        self._started_at = 0.0
        self._quick_deaths = 0

    def start(self) -> list[Pipe]:
        """Start its process, and return the pipes that it prints to."""
        self._started_at = time.monotonic()
        token = secrets.token_hex(16)
        self.process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**self._environ, LOG_MARK: token},
            cwd=self._folder,
            start_new_session=True,
        )
        out, err = cast(IO[bytes], self.process.stdout), cast(IO[bytes], self.process.stderr)
        return [
            Pipe(self.name, token, out, self._last_words, is_error=False),
            Pipe(self.name, token, err, self._last_words, is_error=True),
        ]

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
            output = "".join(f"\n    {escape_text(line)}" for line in self._last_words)
            return f"The {self.name} cannot work: it ended by {how_it_ended(code)}.{output}"
        if quick:
            self.pause.lengthen()
        else:
            self.pause.reset()
        return None
