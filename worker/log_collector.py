"""The log collector as the worker's parent sees it: a process that reads what the children print.

It is a process, not a thread of the parent, for three reasons. The parent forks, which is safe only
without threads. Reading 100,000 lines a second takes processor time, which must not delay the lease
or a deadline. And it outlives the parent: if the parent is killed, it still sends what the tasks
had printed by then.

The parent creates the pipes of each child, keeps copies of their read ends, and sends other ones
over a socket. So a collector that dies is replaced, and the new one gets all pipes: the children
keep their pipes and lose no line that was still in them. What the old one had read and not sent is
lost. The new one numbers lines from 1 again, and its chunks carry its generation. If it dies at
once, the next one waits for a while, at most ``LONGEST_PAUSE_S``; after three such deaths in a row
the log says so. It is never given up, since programs of tasks wait while their pipe is full. For
the same reason a process that was stopped is continued.

``remove`` waits until the lines of a dead child are in Redis, for at most ``FLUSH_S``: a client
that sees how the attempt ended also finds what it printed. It does not wait for Redis in an outage.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from flowkit.events.event import Listener
from flowkit.events.workers import TaskLogsGivenUp

from .children import Lanes
from .config import WorkerConfig
from .log_reading import collect
from .log_sender import LAST_S
from .output_pipe import ChildPipes, new_pipe

FLUSH_S = 0.5
SEND_S = 1.0
QUICK_DEATH_S, MANY_QUICK_DEATHS = 1.0, 3
PAUSE_S, LONGEST_PAUSE_S = 0.25, 5.0


@dataclass(frozen=True, slots=True)
class ReadEnds:
    """The parent's copies of what the collector reads of one child: two pipes and its slots."""

    records: int
    programs: int
    slots: int
    token: str

    def close(self) -> None:
        """Close them."""
        for descriptor in (self.records, self.programs, self.slots):
            os.close(descriptor)


class LogCollector:
    """Starts the process, and tells it which pipes to read."""

    def __init__(
        self,
        config: WorkerConfig,
        forget: Callable[[], None],
        listener: Listener,
    ) -> None:
        """Start the process. ``forget`` closes, in it, what belongs to the parent alone.

        ``listener`` hears when it dies again and again.
        """
        self._config = config
        self._forget = forget
        self._read_ends: dict[Lanes, ReadEnds] = {}
        self._is_closed = False
        self._quick_deaths = 0
        self._not_before = 0.0
        self._pid = 0  # of the process, 0 while there is none
        self._generation = -1
        self._listener = listener
        self._start()

    def _start(self) -> None:
        self._started_at = time.monotonic()
        self._generation += 1
        self._socket, theirs = socket.socketpair()
        try:
            pid = os.fork()
        except OSError:  # there are too many processes now
            theirs.close()
            self._socket.close()
            self._not_before = time.monotonic() + LONGEST_PAUSE_S
            return
        if pid == 0:
            self.forget()
            self._forget()
            collect(theirs, self._config, self._generation)
        self._pid = pid
        theirs.close()
        self._socket.settimeout(SEND_S)
        for lanes in self._read_ends:
            self._send_pipes(lanes)

    def new_pipes(self, lanes: Lanes, slots: int) -> ChildPipes | None:
        """Create the pipes of a child that starts now, and return its ends, None for none.

        ``slots``: the descriptor of its execution slots.
        """
        if self._is_closed:
            return None
        token = secrets.token_hex(8)
        (records, to_records), (programs, to_programs) = new_pipe(), new_pipe()
        os.set_blocking(to_programs, True)
        self._read_ends[lanes] = ReadEnds(records, programs, os.dup(slots), token)
        self._send_pipes(lanes)
        return ChildPipes(to_records, to_programs, token)

    def remove(self, lanes: Lanes) -> None:
        """A child is dead: wait for its lines to be sent, for a short time."""
        ends = self._read_ends.pop(lanes, None)
        if ends is None:
            return
        ends.close()
        if not self._is_closed:
            self._send(f"-{lanes[0]}\n".encode())
            self._await(lanes[0])

    def check(self) -> bool:
        """Replace the process if it has died, and continue it if it was stopped.

        Return whether it was replaced. All children must then announce their attempts.
        """
        if self._is_closed or self._is_alive():
            return False
        if self._pid:
            self._note_death()
        if time.monotonic() < self._not_before:
            return False
        self._start()
        return self._pid > 0

    def _is_alive(self) -> bool:
        if not self._pid:
            return False
        try:
            pid, status = os.waitpid(self._pid, os.WNOHANG | os.WUNTRACED)
        except ChildProcessError:
            return False
        if pid and os.WIFSTOPPED(status):
            os.kill(pid, signal.SIGCONT)
            return True
        return pid == 0

    def _note_death(self) -> None:
        """Determine when the next process may start."""
        now = time.monotonic()
        self._pid = 0
        self._socket.close()
        is_quick = now - self._started_at < QUICK_DEATH_S
        self._quick_deaths = self._quick_deaths + 1 if is_quick else 0
        pause = PAUSE_S * self._quick_deaths**2
        self._not_before = now + min(pause, LONGEST_PAUSE_S)
        if self._quick_deaths == MANY_QUICK_DEATHS:
            worker = next((lanes[0].partition(".")[0] for lanes in self._read_ends), "")
            reason = (
                f"the log collector died {MANY_QUICK_DEATHS} times in a row. It is started again "
                f"every {LONGEST_PAUSE_S:g} s"
            )
            self._listener.hear(TaskLogsGivenUp(worker=worker, reason=reason))

    def close(self) -> None:
        """Let the process send what it has, for a few seconds, and end."""
        if self._is_closed:
            return
        self._is_closed = True
        self._socket.close()
        deadline = time.monotonic() + LAST_S + 1
        while self._is_alive() and time.monotonic() < deadline:
            time.sleep(0.005)

    def forget(self) -> None:
        """In a new child: close what is the parent's."""
        with suppress(OSError):
            self._socket.close()
        for ends in self._read_ends.values():
            ends.close()
        self._read_ends.clear()

    def _send_pipes(self, lanes: Lanes) -> None:
        ends = self._read_ends[lanes]
        line = f"+{lanes[0]} {lanes[1]} {ends.token}\n"
        self._send(line.encode(), [ends.records, ends.programs, ends.slots])

    def _send(self, line: bytes, descriptors: list[int] | None = None) -> None:
        # If it is dead, `check` replaces it, and the new one gets all pipes.
        with suppress(OSError):
            socket.send_fds(self._socket, [line], descriptors or [])

    def _await(self, lane: str) -> None:
        """Wait until the process has acknowledged the death of this lane's child."""
        deadline, answers = time.monotonic() + FLUSH_S, b""
        try:
            while lane.encode() not in answers.split(b"\n")[:-1]:
                self._socket.settimeout(max(0.001, deadline - time.monotonic()))
                data = self._socket.recv(4096)
                if not data:
                    return
                answers += data
        except OSError:
            return  # it takes too long, or is dead
        finally:
            with suppress(OSError):
                self._socket.settimeout(SEND_S)


class NoLogs:
    """Stands for the collector of a worker that keeps no lines."""

    def new_pipes(self, lanes: Lanes, slots: int) -> ChildPipes | None:
        """Return None: there are no pipes."""
        return None

    def remove(self, lanes: Lanes) -> None:
        """Do nothing."""

    def check(self) -> bool:
        """Return False: there is no process."""
        return False

    def close(self) -> None:
        """Do nothing."""

    def forget(self) -> None:
        """Do nothing."""
