"""Runs commands that talk to a running system, without starting Python for each of them.

Starting it and importing flowkit takes ten times as long as such a command. Here one process has
imported the command line, and forks for each command. What a command owes to the start of Python
(its streams, their encoding, signals, a terminal, what an environment variable does to an import)
is tested on commands that are started: by the fixtures ``flowkit`` and ``started``.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path

LENGTH, CODE = struct.Struct(">I"), struct.Struct(">h")
# What commands import when they need it.
LATER = ("flowkit.client.client", "flowkit.state", "redis.asyncio", "rich.table", "rich.traceback")


class CommandForker:
    """A process that has imported the command line. A command that takes too long ends it, and the
    next command starts another one."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._open()

    def _open(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                env=self._environ,
                pass_fds=[theirs.fileno()],
                process_group=0,
            )

    def start(
        self,
        words: Sequence[str],
        folder: Path | None,
        environ: Mapping[str, str],
        streams: tuple[int, int, int],
    ) -> None:
        """Start ``flowkit WORDS`` with these descriptors as its standard streams."""
        request = json.dumps([words, str(folder or Path.cwd()), dict(environ)]).encode()
        socket.send_fds(self._socket, [LENGTH.pack(len(request))], streams)
        self._socket.sendall(request)

    def wait(self, deadline: float) -> int:
        """Return the exit code of the command that was started; wait ``deadline`` seconds."""
        self._socket.settimeout(deadline)
        try:
            code: int = CODE.unpack(self._socket.recv(CODE.size))[0]
        except BaseException:  # also pytest's own timeout: the late answer would be the next one's
            self.close(patience=0)
            self._open()
            raise
        return code

    def run(
        self, words: Sequence[str], folder: Path, environ: Mapping[str, str], deadline: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as ``subprocess.run`` does, without input."""
        with (
            open(os.devnull, "rb") as nothing,
            tempfile.TemporaryFile() as output,
            tempfile.TemporaryFile() as errors,
        ):
            descriptors = (nothing.fileno(), output.fileno(), errors.fileno())
            self.start(words, folder, environ, descriptors)
            code = self.wait(deadline)
            written = [os.pread(each, os.fstat(each).st_size, 0) for each in descriptors[1:]]
        return subprocess.CompletedProcess(words, code, *(text.decode() for text in written))

    def close(self, patience: float = 20) -> None:
        """End the process, and a command that is still running.

        A copy of the socket in some process that pytest has forked would keep it open, so it is
        shut down, not only closed.
        """
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def next_command(requests: socket.socket) -> bool:
    """Become the next command and return true; return false in the parent when there is none."""
    while True:
        head, descriptors, _, _ = socket.recv_fds(requests, LENGTH.size, 3)
        if not head:
            return False
        with requests.makefile("rb") as stream:
            request = stream.read(LENGTH.unpack(head)[0])
        child = os.fork()
        if child == 0:
            requests.close()
            become(*json.loads(request), descriptors)
            return True
        for descriptor in descriptors:
            os.close(descriptor)
        requests.sendall(CODE.pack(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))


def become(words: list[str], folder: str, environ: dict[str, str], streams: list[int]) -> None:
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
    sys.argv = ["flowkit", *words]


def run_and_exit() -> None:
    """Run the command; end without the clean-up that would copy all of the parent's memory."""
    code: object = 0
    try:
        main(prog_name="flowkit")
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    from flowkit.cli import main

    for name in LATER:
        import_module(name)
    gc.freeze()
    if next_command(socket.socket(fileno=int(sys.argv[1]))):
        run_and_exit()
