"""A complete flowkit system on this machine: a store, a scheduler and a worker.

    with LocalSystem("etl.py") as system:
        with system.client() as client:
            print(client.submit(dag).wait_results())

The daemons are the same as in production and run in separate processes. Unless a Redis is given,
the store is in this process, and its data is lost when the system stops. Nothing that the system
starts outlives the ``with`` block, or this process if it is killed (``parent_death.py``).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING

from .basics.display_text import escape_text
from .basics.terminal import write_output, write_text
from .definition.importing import refuse_while_imported
from .exceptions import FlowkitError
from .processes.daemon_group import DaemonGroup
from .processes.daemon_output import Line
from .processes.daemon_process import Daemon
from .settings import load_settings

if TYPE_CHECKING:
    from .client.client import Client
    from .client.shard import ShardConnection
    from .embedded import EmbeddedServer

GRACE_S = 5.0
# After its grace period a worker needs a moment to give back what it holds.
MARGIN_S = 3.0
LEAST_PROCESSES = 2
PATIENCE_S = 5.0


class LocalSystem:
    """A store, a scheduler and a worker. ``with LocalSystem("etl.py") as system: …``

    ``app``: file or module of the tasks, or a list of several. ``url``: URL of a Redis, None for a
    store in this process.
    ``queues``: the queues of the worker. ``processes``: the worker's child processes, by default
    one per core. ``grace``: seconds that running tasks may continue when the system stops.
    ``log_level``: minimum level of the daemons' log lines. ``app_version``: the version of the
    app's code, None for that of the settings. ``on_line``: called in another thread with each line
    that daemons and tasks print; by default the lines are printed.
    """

    def __init__(
        self,
        app: str | PathLike[str] | Sequence[str | PathLike[str]],
        *,
        url: str | None = None,
        namespace: str = "flowkit",
        queues: Sequence[str] = ("default",),
        processes: int | None = None,
        grace: float = GRACE_S,
        log_level: str = "WARNING",
        allow_eviction: bool = False,
        app_version: str | None = None,
        on_line: Callable[[Line], None] | None = None,
    ) -> None:
        self.apps = _checked_apps(app)
        self.namespace = namespace
        self.queues = tuple(queues)
        self.processes = default_processes() if processes is None else processes
        self._url = url
        self._grace = grace
        # A program that starts a system does not administer the Redis, so do not warn about it.
        self._shared = ["--redis-patched", "--log-json", "--log-level", log_level]
        self._shared += ["--namespace", namespace]
        self._allow_eviction = allow_eviction
        self._shared += ["--allow-eviction"] if allow_eviction else []
        self._app_version = app_version
        self._on_line = on_line or print_line
        self._server: EmbeddedServer | None = None
        self._group: DaemonGroup | None = None

    @property
    def url(self) -> str:
        """The address of the store, with its password: show it through ``redact_url``.

        Raises RuntimeError if the system has not been started.
        """
        if self._url is None:
            raise RuntimeError("the system has not been started, so its store has no address yet")
        return self._url

    # -- life -----------------------------------------------------------------------------------

    def start(self) -> LocalSystem:
        """Start all parts, and return without waiting until they are ready. Submitted runs wait.

        Raises RuntimeError if it is already running, StoreError if the store cannot be started,
        DAGError while an app is being imported.
        """
        if self._group is not None:
            raise RuntimeError("the system is already running; stop it first")
        refuse_while_imported("A LocalSystem")
        if self._url is None:
            from .embedded import EmbeddedServer

            self._server = EmbeddedServer(warn=warn_through(self._on_line)).start()
            self._url = self._server.url
        self._group = DaemonGroup(self._daemons(), self._on_line, self._grace + MARGIN_S)
        self._group.start()
        return self

    def stop(self, *, at_once: bool = False) -> None:
        """Stop all parts and wait until they have ended. Stopping a stopped system does nothing.

        ``at_once`` kills them. So does a KeyboardInterrupt in the meantime, which is raised again
        when they have ended.
        """
        server, self._server = self._server, None
        try:
            self.stop_daemons(at_once=at_once)
        finally:
            if server is not None:
                server.stop()
                self._url = None

    def stop_daemons(self, *, at_once: bool = False) -> None:
        """Stop the scheduler and the workers as ``stop`` does, and leave the store running.

        When this returns, all their output and that of their tasks has been passed to ``on_line``.
        """
        group, self._group = self._group, None
        if group is not None:
            group.stop(at_once=at_once)

    def __enter__(self) -> LocalSystem:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _daemons(self) -> list[Daemon]:
        # The URL may contain a password, which must not be in a command line.
        environ = {**os.environ, "FLOWKIT_REDIS_URL": self.url}
        worker = ["flowkit.worker", *(f"--app={app}" for app in self.apps)]
        worker += ["--queues", ",".join(self.queues)]
        worker += ["--processes", str(self.processes), "--shutdown-timeout", str(self._grace)]
        if self._app_version is not None:
            worker.append(f"--app-version={self._app_version}")
        return [
            Daemon("worker", [*worker, *self._shared], environ),
            # It only holds a lease, which is useless once the store has stopped too.
            Daemon(
                "scheduler",
                ["flowkit.scheduler", *self._shared],
                environ,
                expendable=self._server is not None,
            ),
        ]

    # -- using it -------------------------------------------------------------------------------

    def client(self, patience: float = PATIENCE_S) -> Client:
        """Return a client of this system. The caller closes it. Raises StoreError.

        ``patience``: seconds that a call tries to reach the store.
        """
        from .client.client import Client

        settings = load_settings(
            redis_url=self.url,
            namespace=self.namespace,
            allow_eviction=self._allow_eviction or None,
            app_version=self._app_version,
        )
        return Client(settings, patience=patience)

    def check(self) -> None:
        """Raise FlowkitError if a daemon cannot work, so that waiting for it is useless."""
        group = self._group
        if group is None:
            raise FlowkitError("The system is not running. Start it first.")
        if group.failure is not None:
            raise FlowkitError(group.failure)

    def wait_ready(self, timeout: float = 30.0) -> None:
        """Wait until a scheduler leads and a worker has loaded the app.

        Raises FlowkitError after ``timeout`` seconds, or as soon as a daemon cannot work.
        """
        deadline = time.monotonic() + timeout
        with self.client() as client:
            while True:
                self.check()
                if all(map(_is_served, client.shards)):
                    return
                if time.monotonic() >= deadline:
                    raise FlowkitError(f"The system was not ready after {timeout:g} s.")
                time.sleep(0.02)


def _checked_apps(app: object) -> list[str]:
    apps: list[str] = []
    for item in app if isinstance(app, list | tuple) and app else [app]:
        if not isinstance(item, str | PathLike):
            raise TypeError(f"app must be the file or module of the tasks, not {item!r}.")
        apps.append(os.fspath(item))
    return apps


def _is_served(shard: ShardConnection) -> bool:
    with shard.store() as store:
        return store.has_leader() and any(worker.is_ready for worker in store.alive_workers())


def default_processes() -> int:
    """Return the default number of children: one per core that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(LEAST_PROCESSES, cores)


def warn_through(on_line: Callable[[Line], None]) -> Callable[[str], None]:
    """Return a function that passes warnings of the embedded store to ``on_line``."""
    return lambda text: on_line(Line("store", text, "ERROR", is_error=True))


def print_line(line: Line) -> None:
    """Print a line: output of tasks to the stream they chose, log lines to standard error."""
    if line.level is not None:
        write_text(sys.stderr, f"{line.source}: {line.level} {escape_text(line.text)}\n")
    else:
        write_output(sys.stderr if line.is_error else sys.stdout, line.text)
