"""The ways to run a DAG, each behind the same names: ``Place.run`` and its ``Report``."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers import wait_until

from flowkit import DAG, Client, RunHandle, StateManager
from flowkit.cli import main
from flowkit.core.states import TaskState
from flowkit.exceptions import DAGError, RunAlreadyOver, WaitTimeout

WITH_WORKERS = ["fakeredis", "redis-server"]
PLACES = ["thread", "process", *WITH_WORKERS]
NAMESPACE = "everywhere"
DEADLINE_S = 30.0


@dataclass
class Report:
    """What came of a run, as far as all places can tell.

    ``results`` of a run that succeeded; ``error``: type name and message of the failed task's own.
    ``handle``, and ``states`` of each task: where there is a store to ask.
    """

    results: dict[str, Any] | None = None
    error: tuple[str, str] | None = None
    states: dict[str, TaskState] = field(default_factory=dict)
    diary: list[Any] = field(default_factory=list)
    handle: RunHandle | None = None


class Diary:
    """The file in which the tasks of a run write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0

    def new(self) -> list[Any]:
        """Return what was written since the last call."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        first, self._read = self._read, len(lines)
        return [json.loads(line) for line in lines[first:]]

    def has(self, entry: object) -> bool:
        return self.path.exists() and json.dumps(entry) in self.path.read_text().splitlines()

    def write(self, entry: object) -> None:
        """Tell tasks that wait for this entry."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


class Place:
    """A way to run DAGs."""

    def __init__(self, name: str, folder: Path, client: Client | None) -> None:
        self.name = name
        self.client = client
        self._folder = folder
        self._runs = 0

    @property
    def on_redis(self) -> bool:
        return self.client is not None

    @property
    def options(self) -> dict[str, Any]:
        """What ``DAG.run`` must be told to run a DAG here."""
        if self.client is None:
            return {"executor": self.name}
        return {"executor": "redis", "redis": self.client.url, "namespace": NAMESPACE}

    def new_diary(self) -> Diary:
        self._runs += 1
        return Diary(self._folder / f"diary-{self._runs}")

    def run(
        self, dag: DAG, params: Mapping[str, Any] | None = None, *, diary: bool = False
    ) -> Report:
        """Run it and wait. ``diary``: give the tasks that parameter, and report what they wrote."""
        written = self.new_diary()
        given = {**(params or {}), **({"diary": str(written.path)} if diary else {})}
        report = self._run_on_redis(dag, given) if self.on_redis else self.run_here(dag, given)
        report.diary = written.new()
        return report

    def run_here(self, dag: DAG, params: Mapping[str, Any], **options: Any) -> Report:
        given = {**options, **self.options, "params": params, "timeout": DEADLINE_S}
        try:
            return Report(results=dag.run(**given))
        except Exception as error:
            if isinstance(error, DAGError | WaitTimeout):
                raise
            return Report(error=(type(error).__name__, str(error)))

    def _run_on_redis(self, dag: DAG, params: Mapping[str, Any]) -> Report:
        assert self.client is not None
        return ended(self.client.submit(dag, params=params))

    def run_and_cancel(self, dag: DAG, when: object, then: object = None) -> Report:
        """Run it, cancel it when its diary has an entry, and wait for its end.

        ``then``: what to write into the diary when the run has heard of its cancel.
        """
        written, run_id = self.new_diary(), uuid.uuid4().hex
        options = self.options | {"params": {"diary": str(written.path)}, "timeout": DEADLINE_S}
        options |= {"run_id": run_id} if self.on_redis else {}

        async def cancelled() -> None:
            running = asyncio.create_task(dag.arun(**options))
            await asyncio.to_thread(wait_until, f"{when!r} is written", lambda: written.has(when))
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

        asyncio.run(cancelled())
        report = Report()
        if self.client is not None:
            handle = self.client.run(run_id)
            wait_until("the run is told to stop", lambda: handle.record().stop)
            written.write(then)
            report = ended(handle)
        else:
            written.write(then)
        report.diary = [entry for entry in written.new() if entry != then]
        return report

    def resumable(self, dag: DAG) -> Resumable:
        return Resumable(self, dag)

    def command(self, *words: str) -> str:
        """Run a ``flowkit`` command on the store, and return its output."""
        assert self.client is not None
        runner = CliRunner()
        shown = runner.invoke(
            main, [*words, "--redis", self.client.url, "--namespace", NAMESPACE], terminal_width=250
        )
        assert shown.exit_code == 0, shown.output
        return shown.stdout


class Resumable:
    """A run that is resumed by its handle on workers, and with a state store here."""

    def __init__(self, place: Place, dag: DAG) -> None:
        self._place, self._dag = place, dag
        self.diary = place.new_diary()
        self._params = {"diary": str(self.diary.path)}
        self._state = StateManager()
        self._handle: RunHandle | None = None

    def run(self) -> Report:
        """Run it; the reports have what was written since the last one."""
        if self._place.client is not None:
            self._handle = self._place.client.submit(self._dag, params=self._params)
        return self._report()

    def resume(self, from_task: str | None = None) -> Report:
        if self._handle is not None:
            self._handle.resume(from_task)
        return self._report(resume=True, from_task=from_task)

    def is_done(self) -> bool:
        """Return whether there is nothing left to resume."""
        if self._handle is None:
            return self._report(resume=True).diary == []
        with pytest.raises(RunAlreadyOver, match="nothing to resume"):
            self._handle.resume()
        return True

    def _report(self, **options: Any) -> Report:
        if self._handle is not None:
            report = ended(self._handle)
        else:
            report = self._place.run_here(self._dag, self._params, state=self._state, **options)
        report.diary = self.diary.new()
        return report


def ended(handle: RunHandle) -> Report:
    """Wait for the end of a run on workers, and report it."""
    end = handle.wait(DEADLINE_S)
    status = handle.status()
    report = Report(states={task.name: task.state for task in status.tasks}, handle=handle)
    if end.value == "succeeded":
        report.results = handle.results()
    elif end.value == "failed":
        error = handle.error()
        report.error = (error.error_type, error.error_message)
    return report
