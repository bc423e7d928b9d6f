"""Apps with different functions on one queue, and programs that submit runs of each all the while.

Each app is written into a separate folder, as it would be deployed. Its tasks note who ran them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from helpers import wait_until
from real_system import Process

from flowkit import RunHandle

from . import HERE
from .checker import Allowed
from .stage import PATIENCE_S, Stage

SUBMITTER = str(HERE / "apps" / "chaos_submitter.py")
SERVICE = "service"  # the module of an app
# What a killed process had done and not yet sent is done once more under its number.
KILLED = Allowed(repeats=None, same_attempt=None, blamed=None)
END_S = 300.0

_HEAD = """from chaos_service import work
from flowkit import task
APP = {app!r}
"""
_FUNCTION = """
@task
def {name}(*values, ms=0.0):
    return work(APP, __name__ + ":{name}", values, ms)
"""


@dataclass(frozen=True)
class App:
    """An app in a folder. ``functions``: ``module:function`` of all that its runs use."""

    name: str
    path: str
    functions: frozenset[str]


def write_app(folder: Path, name: str, functions: Mapping[str, str]) -> App:
    """Write an app. ``functions``: name → module."""
    place = folder / name
    place.mkdir()
    modules: dict[str, list[str]] = {SERVICE: []}
    for function, module in functions.items():
        modules.setdefault(module, []).append(function)
    for module, some in modules.items():
        text = _HEAD.format(app=name) + "".join(_FUNCTION.format(name=item) for item in some)
        if module == SERVICE:
            text += "".join(
                f"from {other} import {their}\n"
                for other, theirs in modules.items()
                if other != SERVICE
                for their in theirs
            )
            text += f"FUNCTIONS = {{{', '.join(f'{item!r}: {item}' for item in functions)}}}\n"
        (place / f"{module}.py").write_text(text)
    refs = frozenset(f"{module}:{item}" for item, module in functions.items())
    return App(name, str(place / f"{SERVICE}.py"), refs)


def start_worker(stage: Stage, app: App, lease: float = 2.0) -> Process:
    """Start a worker of one process with this app."""
    apps = str(HERE / "apps")
    return stage.worker("--processes", "1", app=app.path, lease=lease, PYTHONPATH=apps)


@dataclass
class Load:
    """Submits runs of apps until it is stopped."""

    stage: Stage
    apps: tuple[App, ...]
    runs: int
    tasks: int
    ms: float

    def start(self) -> None:
        words = [str(self.runs), str(self.tasks), f"{self.ms:g}"]
        self._programs = [
            self.stage.system.run_program("submit", [SUBMITTER, app.path, "stop", *words])
            for app in self.apps
        ]

    def stop(self) -> None:
        self.stage.system.open_gate("stop")
        for program in self._programs:
            assert program.exit_code(60) == 0, program.log[-1000:]

    def all_runs(self) -> list[RunHandle]:
        """Return all runs that were submitted, without those of others."""
        names = {app.name for app in self.apps}
        result = (record.run for record in self.stage.client.runs(limit=100_000))
        return [self.stage.client.run(item) for item in result if item.rpartition("-")[0] in names]

    def check(self) -> None:
        """Demand that every run succeeds, and that each task ran where its function is."""
        stage, runs = self.stage, self.all_runs()
        until = time.monotonic() + END_S
        for run in runs:
            state = stage.end(run, max(5.0, until - time.monotonic()))
            stage.demand(state == "succeeded", f"run {run.run_id} ended as {state}")
            stage.check(run, KILLED)
        of = {app.name: app.functions for app in self.apps}
        strange = Counter(
            f"{function} ran on {app}" for _, function, app in self.ran() if function not in of[app]
        )
        stage.demand(not strange, f"on workers whose app lacks them: {dict(strange)}")
        failed = sum(process.log.count("Task failed") for process in stage.system.processes)
        stage.demand(not failed, f"{failed} tasks are said to have failed")
        for app in self.apps:
            count = sum(run.run_id.startswith(f"{app.name}-") for run in runs)
            stage.figure(f"runs of {app.name}", count)
        stage.figure("tasks", self.tasks * len(runs))
        handed_on = sum(process.log.count("Task handed on") for process in stage.system.processes)
        stage.figure("workers that were given what they lack", handed_on)

    def ran(self) -> list[list[str]]:
        """Return (run, function, app) of all that ran."""
        path = self.stage.folder / "ran"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def ends(stage: Stage, begin: float, end: float, *apps: App) -> float:
    """Return how many executions ended per second between two times, of runs of these apps."""
    names = {app.name for app in apps}
    count = sum(
        execution.ended is not None
        and begin <= execution.ended / 1e9 < end
        and execution.run.rpartition("-")[0] in names
        for execution in stage.executions()
    )
    return count / (end - begin)


def all_ready(stage: Stage) -> None:
    """Wait until all workers have loaded their apps."""
    for worker in stage.workers:
        worker.says(" started ", PATIENCE_S)
    wait_until("work is done", stage.executions, PATIENCE_S)
