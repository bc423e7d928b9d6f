"""The log collector as the worker's parent sees it: a process that reads what the children print.

It is a process, not a thread of the parent, for three reasons. The parent forks, which is safe only
without threads. Reading 100,000 lines a second takes processor time, which must not delay the lease
or a deadline. And it outlives the parent: if the parent is killed, it still sends what the tasks
had printed by then.

The parent creates the pipe of each child, keeps a copy of its read end, and sends another one
over a socket. So a collector that dies is replaced, and the new one gets all pipes: the children
keep their pipes and lose no line that was still in them. One that dies at once is given up: then
the lines of tasks are not kept, but the tasks run.

``remove`` waits until the lines of a dead child are in Redis, for at most ``FLUSH_S``: a client
that sees how the attempt ended also finds what it printed. It does not wait for Redis in an outage.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from .config import WorkerConfig
from .log_reading import LAST_S, collect
from .output_pipe import new_pipe

FLUSH_S = 0.5
SEND_S = 1.0
QUICK_DEATH_S = 1.0


class LogCollector:
    """Starts the process, and tells it which pipes to read."""

    def __init__(self, config: WorkerConfig, forget: Callable[[], None]) -> None:
        """Start the process. ``forget`` closes, in it, what belongs to the parent alone."""
        self._config = config
        self._forget = forget
        self._pipes: dict[tuple[str, str], int] = {}  # lanes of a child → its read end
        self._is_closed = False
        self._start()

    def _start(self) -> None:
        self._started_at = time.monotonic()
        self._socket, theirs = socket.socketpair()
        self._pid = os.fork()
        if self._pid == 0:
            self.forget()
            self._forget()
            collect(theirs, self._config)
        theirs.close()
        self._socket.settimeout(SEND_S)
        for lanes in self._pipes:
            self._send_pipe(lanes)

    def new_pipe(self, lanes: tuple[str, str]) -> int:
        """Create the pipe of a child that starts now, and return its write end, -1 for none."""
        if self._is_closed:
            return -1
        reader, writer = new_pipe()
        self._pipes[lanes] = reader
        self._send_pipe(lanes)
        return writer

    def remove(self, lanes: tuple[str, str]) -> None:
        """A child is dead: wait for its lines to be sent, for a short time."""
        reader = self._pipes.pop(lanes, None)
        if reader is None:
            return
        os.close(reader)
        if not self._is_closed:
            self._send(f"-{lanes[0]}\n".encode())
            self._await(lanes[0])

    def check(self) -> None:
        """Replace the process if it has died."""
        if self._is_closed:
            return
        with suppress(ChildProcessError):
            if os.waitpid(self._pid, os.WNOHANG)[0] == 0:
                return
        self._socket.close()
        if time.monotonic() - self._started_at < QUICK_DEATH_S:
            self._is_closed = True  # it cannot run here; the tasks can
            return
        self._start()

    def close(self) -> None:
        """Let the process send what it has, for a few seconds, and end."""
        if self._is_closed:
            return
        self._is_closed = True
        self._socket.close()
        deadline = time.monotonic() + LAST_S + 1
        with suppress(ChildProcessError):
            while os.waitpid(self._pid, os.WNOHANG)[0] == 0 and time.monotonic() < deadline:
                time.sleep(0.005)

    def forget(self) -> None:
        """In a new child: close what is the parent's."""
        with suppress(OSError):
            self._socket.close()
        for reader in self._pipes.values():
            os.close(reader)
        self._pipes.clear()

    def _send_pipe(self, lanes: tuple[str, str]) -> None:
        self._send(f"+{lanes[0]} {lanes[1]}\n".encode(), [self._pipes[lanes]])

    def _send(self, line: bytes, descriptors: list[int] | None = None) -> None:
        # If it is dead, `check` replaces it, and the new one gets all pipes.
        with suppress(OSError):
            socket.send_fds(self._socket, [line], descriptors or [])

    def _await(self, lane: str) -> None:
        """Wait until the process has acknowledged the death of this lane's child."""
        deadline, answers = time.monotonic() + FLUSH_S, b""
        try:
            while f"{lane}".encode() not in answers.split(b"\n")[:-1]:
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

    def new_pipe(self, lanes: tuple[str, str]) -> int:
        """Return -1: there is no pipe."""
        return -1

    def remove(self, lanes: tuple[str, str]) -> None:
        """Do nothing."""

    def check(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def forget(self) -> None:
        """Do nothing."""
