"""Whole systems for tests: a store in memory, and the real daemons that work on it.

Everything that a test starts ends with the test, and what was changed in this process (registered
tasks, environment, import path) is restored. The daemons can import what the test can import: they
get its ``sys.path``.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..app import App, load_app
from ..basics.display_text import escape_lines
from ..dag import DAG
from ..definition.task import Task
from ..exceptions import WaitTimeout
from ..system import LocalSystem

if TYPE_CHECKING:
    from ..client.client import Client
    from ..client.run_handle import RunHandle
    from ..processes.daemon_output import Line

LINES_KEPT = 1000
LINES_SHOWN = 20
NAMESPACE = "test"
LOOK_S = 1.0  # how often a wait checks the daemons
GRACE_S = 1.0  # for tasks that are executing when the test is over


@contextmanager
def fresh_registry() -> Iterator[list[Task]]:
    """Start without registered tasks, and restore the registry afterwards."""
    with kept_registry():
        Task.clear_registry()
        yield Task._all_tasks


@contextmanager
def kept_registry() -> Iterator[None]:
    """Restore the registered tasks afterwards, and which of them belong to a DAG."""
    tasks, refs = list(Task._all_tasks), dict(Task._by_ref)
    taken = [task._in_dag for task in tasks]
    try:
        yield
    finally:
        for task, in_dag in zip(tasks, taken, strict=True):
            task._in_dag = in_dag
        Task._all_tasks[:] = tasks
        Task._by_ref.clear()
        Task._by_ref.update(refs)


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Set environment variables within a ``with`` block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def embedded_store() -> Iterator[str]:
    """Start an empty store in memory, set this process to use it, and yield its URL."""
    from ..embedded import EmbeddedServer

    with (
        EmbeddedServer() as server,
        environment(FLOWKIT_REDIS_URL=server.url, FLOWKIT_NAMESPACE=NAMESPACE),
    ):
        yield server.url


class RunningSystem:
    """A scheduler and a worker with the tasks of an app, ready to run its DAGs.

    ``url``, ``namespace``: of the store. ``client``: connected to it. ``lines``: the last lines
    that daemons and tasks printed; the lines of a run's tasks may arrive after its results.
    """

    def __init__(self, app: App, system: LocalSystem, client: Client, lines: deque[Line]) -> None:
        self._app, self._system = app, system
        self.url = system.url
        self.namespace = system.namespace
        self.client = client
        self.lines = lines

    def dag(self, name: str | None = None) -> DAG:
        """Return a DAG of the app; without a name, its only one. Raises UnknownDAGError."""
        return self._app.dag(name)

    def submit(
        self, dag: DAG | str | None = None, params: Mapping[str, Any] | None = None
    ) -> RunHandle:
        """Submit a run of a DAG, or of the app's DAG with that name. Raises DAGError."""
        return self.client.submit(dag if isinstance(dag, DAG) else self.dag(dag), params=params)

    def run(
        self,
        dag: DAG | str | None = None,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float = 60.0,
    ) -> dict[str, Any]:
        """Submit a run, wait for it and return its results by task.

        ``timeout``: seconds to wait. Raises TaskExecutionError for a failed task, WaitTimeout with
        the last lines of the daemons, and FlowkitError if the daemons can no longer work.
        """
        handle = self.submit(dag, params)
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            try:
                return handle.wait_results(max(0.0, min(left, LOOK_S)))
            except WaitTimeout:
                self._system.check()
                if left <= LOOK_S:
                    raise self._too_late(handle, timeout) from None

    def _too_late(self, handle: RunHandle, timeout: float) -> WaitTimeout:
        waiting, _ = handle._leading_cause()
        text = f"run {handle.run_id!r} had not ended after {timeout:g} s"
        error = WaitTimeout(handle.run_id, f"{text}. {waiting}" if waiting else text)
        error.add_note(self._printed())
        return error

    def _printed(self) -> str:
        last = list(self.lines)[-LINES_SHOWN:]
        shown = [f"  {line.source}: {escape_lines(line.text, '    ')}" for line in last]
        return "\n".join(["Last lines:", *shown]) if shown else "Nothing was printed."


class Systems:
    """Starts systems on one store. All of them end with the ``with`` block."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._open = ExitStack()

    def start(
        self,
        app: str | Path | ModuleType,
        workers: int = 2,
        queues: Sequence[str] | None = None,
    ) -> RunningSystem:
        """Start a scheduler and a worker, and return when they are ready.

        ``app``: a file, a module or its name; it is also loaded here. ``workers``: processes that
        run tasks. ``queues``: those of the worker; None for those of the app's tasks. Raises
        AppError if the app cannot be loaded, FlowkitError if the daemons cannot work.
        """
        name = app.__name__ if isinstance(app, ModuleType) else str(app)
        loaded = self._load(name)
        lines: deque[Line] = deque(maxlen=LINES_KEPT)
        system = LocalSystem(
            name,
            url=self._url,
            namespace=NAMESPACE,
            queues=loaded.queues() if queues is None else queues,
            processes=workers,
            grace=GRACE_S,
            on_line=lines.append,
        )
        path = [entry or os.getcwd() for entry in sys.path]
        path = [entry for entry in path if os.path.exists(entry)]  # without the hooks of finders
        with environment(PYTHONPATH=os.pathsep.join(path)):
            self._open.enter_context(system)
        system.wait_ready()
        client = self._open.enter_context(system.client())
        return RunningSystem(loaded, system, client, lines)

    def _load(self, name: str) -> App:
        """Load an app in this process. A module that is new here is removed afterwards."""
        known = set(sys.modules)
        app = load_app(name)
        if app.name not in known:
            self._open.callback(sys.modules.pop, app.name, None)
        return app

    def __enter__(self) -> Systems:
        self._open.enter_context(kept_registry())
        self._open.callback(sys.path.__setitem__, slice(None), list(sys.path))
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()
