"""Starts commands and daemons of flowkit without starting Python for each of them.

Starting it and importing flowkit takes ten times as long as what most of them do. Here one process
has imported flowkit, and forks for each program. What a program owes to the start of Python (its
streams, their encoding, its command line, a terminal, what an environment variable does to the
interpreter) is tested on programs that are started.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

LENGTH, NUMBER = struct.Struct(">I"), struct.Struct(">i")
RUNNING = -1000  # no exit code
ANSWER_S = 60.0
POLL_S = 0.005  # where the kernel does not tell of the end of a process that is no child
FLOWKIT, SCHEDULER, WORKER = "flowkit", "flowkit.scheduler", "flowkit.worker"
# What the programs import, at the start or when they need it.
IMPORTS = (
    "flowkit.cli",
    "flowkit.client.client",
    "flowkit.scheduler.__main__",
    "flowkit.state",
    "flowkit.worker.__main__",
    "redis.asyncio",
    "rich.table",
    "rich.traceback",
)


class Forked:
    """A program that was forked; what ``subprocess.Popen`` offers, as far as tests use it."""

    def __init__(self, forker: Forker, pid: int) -> None:
        self._forker = forker
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return its exit code if it has ended."""
        if self.returncode is None:
            code = self._forker.exit_code(self.pid)
            self.returncode = None if code == RUNNING else code
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait for its end and return its exit code. Raises subprocess.TimeoutExpired."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            left = deadline - time.monotonic()
            if left < 0:
                raise subprocess.TimeoutExpired(f"the program {self.pid}", timeout)
            self._until_it_ends(left)
        return code

    def _until_it_ends(self, seconds: float) -> None:
        if not hasattr(os, "pidfd_open"):
            time.sleep(min(POLL_S, seconds))
            return
        descriptor = os.pidfd_open(self.pid)
        try:
            select.select([descriptor], [], [], seconds)
        finally:
            os.close(descriptor)

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


class Forker:
    """A process that has imported flowkit, and forks for each program."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(ANSWER_S)
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                env=environ,
                pass_fds=[theirs.fileno()],
            )

    def start(
        self,
        program: str,
        words: Sequence[str],
        folder: Path,
        environ: Mapping[str, str],
        streams: tuple[int, int, int],
    ) -> Forked:
        """Start a program with these descriptors as its standard streams."""
        asked = ["start", program, [*words], str(folder), dict(environ)]
        return Forked(self, self._ask(asked, streams))

    def run(
        self, words: Sequence[str], folder: Path, environ: Mapping[str, str], deadline: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as ``subprocess.run`` does, without input. Too long, and it is killed."""
        with (
            open(os.devnull, "rb") as nothing,
            tempfile.TemporaryFile() as output,
            tempfile.TemporaryFile() as errors,
        ):
            streams = (nothing.fileno(), output.fileno(), errors.fileno())
            process = self.start(FLOWKIT, words, folder, environ, streams)
            try:
                code = process.wait(deadline)
            except BaseException:  # also pytest's own timeout
                process.kill()
                raise
            written = [os.pread(each, os.fstat(each).st_size, 0) for each in streams[1:]]
        return subprocess.CompletedProcess(words, code, *(text.decode() for text in written))

    def exit_code(self, pid: int) -> int:
        """Return the exit code of a program, ``RUNNING`` while it has none."""
        return self._ask(["poll", pid])

    def _ask(self, request: list[Any], descriptors: Sequence[int] = ()) -> int:
        text = json.dumps(request).encode()
        # An exception in between, such as pytest's timeout, would leave an answer for the next.
        with self._lock, _no_alarm():
            socket.send_fds(self._socket, [LENGTH.pack(len(text))], descriptors)
            self._socket.sendall(text)
            answer: int = NUMBER.unpack(self._socket.recv(NUMBER.size, socket.MSG_WAITALL))[0]
        return answer

    def close(self, patience: float = 20) -> None:
        """End the process.

        A copy of the socket in some process that pytest has forked would keep it open, so it is
        shut down, not only closed.
        """
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._process.wait(patience)


@contextmanager
def _no_alarm() -> Iterator[None]:
    """Hold back the signal of pytest's timeout."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@cache
def shared_forker() -> Forker:
    """Return the one of this process."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FLOWKIT_")}
    forker = Forker(environ)
    atexit.register(forker.close)
    return forker


# -- in the process that forks ------------------------------------------------------------------


def answer(requests: socket.socket) -> tuple[str, list[str]] | None:
    """Answer requests; return None when there are no more, and in a fork its program and words."""
    while True:
        head, descriptors, _, _ = socket.recv_fds(requests, LENGTH.size, 3)
        if not head:
            return None
        with requests.makefile("rb") as stream:
            verb, *details = json.loads(stream.read(LENGTH.unpack(head)[0]))
        if verb == "poll":
            ended, status = os.waitpid(details[0], os.WNOHANG)
            code = os.waitstatus_to_exitcode(status) if ended else RUNNING
            requests.sendall(NUMBER.pack(code))
            continue
        child = os.fork()
        if child == 0:
            requests.close()
            program, words, folder, environ = details
            become(program, words, folder, environ, descriptors)
            return program, words
        for descriptor in descriptors:
            os.close(descriptor)
        requests.sendall(NUMBER.pack(child))


def become(
    program: str, words: list[str], folder: str, environ: dict[str, str], streams: list[int]
) -> None:
    """Take over what a process is started with."""
    for descriptor, stream in zip(streams, (0, 1, 2), strict=True):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    # Those of the parent belong to other files.
    sys.stdin = open(0)  # noqa: SIM115
    sys.stdout = open(1, "w")  # noqa: SIM115
    sys.stderr = open(2, "w", errors="backslashreplace", buffering=1)  # noqa: SIM115
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = [program, *words]
    if program != FLOWKIT:
        sys.path.insert(0, folder)  # as `python -m` does


def run_and_exit(program: str) -> None:
    """Run a program; end without the clean-up that would copy all of the parent's memory."""
    code: object = 0
    try:
        if program == FLOWKIT:
            import_module("flowkit.cli").main(prog_name="flowkit")
        else:
            import_module(f"{program}.__main__").main(prog_name=f"python -m {program}")
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    for name in IMPORTS:
        import_module(name)
    gc.freeze()
    asked = answer(socket.socket(fileno=int(sys.argv[1])))
    if asked is not None:
        run_and_exit(asked[0])
