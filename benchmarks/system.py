"""A complete flowkit system: a store, one scheduler, one worker, and a client.

The embedded server runs in a separate process, so that its cost is separate from the client's.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped, unused-ignore]

from flowkit.client.client import Client
from flowkit.core.states import RunState
from flowkit.settings import Settings

from . import app
from .daemons import START_S, BrokenSystemError, Daemons, free_port, server_command
from .metrics import Store

NAMESPACE = "benchmarks"
SIGNING_KEY = "FLOWKIT_SIGNING_KEY"


@dataclass(frozen=True, slots=True)
class Setup:
    """The parts of the system. ``redis_server``: an executable, None to look for one.

    ``shards``: the number of servers. ``processes``: of the worker of each shard. ``concurrency``:
    async tasks at once in each process, None for the worker's default.
    """

    store: Store
    processes: int = 2
    redis_server: str | None = None
    shards: int = 1
    concurrency: int | None = None


class System(Daemons):
    """Use it as a context manager. ``start_up``: seconds from the start to the end of a first run.

    It includes both daemons and the embedded server, but not a redis-server.
    """

    def __init__(self, setup: Setup) -> None:
        super().__init__()
        self.setup = setup
        self.start_up = 0.0
        self.client: Client

    def start(self) -> None:
        """Start everything and wait for the end of a first run."""
        embedded = self.setup.store is Store.EMBEDDED
        began = time.perf_counter()
        for number in range(self.setup.shards):
            name = f"server {number + 1}" if number else "server"
            if embedded:
                self.start_embedded(name)
            else:
                port = free_port()
                command = server_command(self.setup.redis_server, port, self.folder)
                self.start_server(command, port, name)
        if not embedded:
            began = time.perf_counter()
        store = ["--redis", self.url, "--namespace", NAMESPACE]
        self.spawn("scheduler", [sys.executable, "-m", "flowkit.scheduler", *store])
        children = ["--app", app.__name__, "--processes", str(self.setup.processes)]
        if self.setup.concurrency is not None:
            children += ["--concurrency", str(self.setup.concurrency)]
        self.spawn("worker", [sys.executable, "-m", "flowkit.worker", *children, *store])
        key = self.variables.get(SIGNING_KEY)
        self.client = Client(Settings(redis_url=self.url, namespace=NAMESPACE, signing_key=key))
        handle = self.client.submit(app.single())
        state = self.watch("the first run is over", lambda: handle.record().state)
        if state is not RunState.SUCCEEDED:
            raise BrokenSystemError(f"the first run is {state.value}. {self.logs()}")
        self.start_up = time.perf_counter() - began

    def start_embedded(self, name: str) -> None:
        """Start an embedded server in its own process, and add its address to ``url``."""
        written = self.folder / f"{name}.url"
        self.spawn(name, [sys.executable, "-m", "benchmarks.embedded_host", str(written)])
        deadline = time.monotonic() + START_S
        while not written.exists():
            self.check_alive()
            if time.monotonic() > deadline:
                raise BrokenSystemError(f"the {name} does not start. {self.logs()}")
            time.sleep(0.002)
        self.url = f"{self.url} {written.read_text()}".lstrip()

    def watch(self, what: str, look: Callable[[], RunState]) -> RunState:
        """Look every millisecond until a run is over; return its state.

        Raises BrokenSystemError if that takes too long.
        """
        deadline = time.monotonic() + START_S
        while (state := look()) is RunState.RUNNING:
            self.check_alive()
            if time.monotonic() > deadline:
                raise BrokenSystemError(
                    f"after {START_S:g} s it is not so that {what}. {self.logs()}"
                )
            time.sleep(0.001)
        return state

    def processes(self) -> dict[str, psutil.Process]:
        """Return all processes by name: server, scheduler, worker parent, its children."""
        result = {name: psutil.Process(item.pid) for name, item in self._processes.items()}
        parent = result.pop("worker")
        result["worker parent"] = parent
        # The first two run no tasks.
        children = sorted(parent.children(), key=lambda child: (child.create_time(), child.pid))
        result["worker orphan killer"], result["worker log collector"], *children = children
        for number, child in enumerate(children, 1):
            result[f"worker child {number}"] = child
        return result

    def cpu_by_role(self) -> dict[str, float]:
        """Return the processor time of servers, schedulers and workers in seconds.

        Children count with their parents.
        """
        used: dict[str, float] = {}
        for name, process in self._processes.items():
            parent = psutil.Process(process.pid)
            times = [child.cpu_times() for child in (parent, *parent.children(recursive=True))]
            role = name.partition(" ")[0]
            used[role] = used.get(role, 0.0) + sum(item.user + item.system for item in times)
        return used

    def stop(self) -> None:
        """Close the client, end everything (the store last), and remove the folder."""
        if hasattr(self, "client"):
            self.client.close()
        super().stop()
