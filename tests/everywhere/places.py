"""The ways to run a DAG, each behind the same two names: ``Place.run`` and its ``Report``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowkit import DAG, Client
from flowkit.core.states import TaskState
from flowkit.exceptions import DAGError, WaitTimeout

PLACES = ["thread", "process", "fakeredis", "redis-server"]
NAMESPACE = "everywhere"
DEADLINE_S = 30.0


@dataclass
class Report:
    """What came of a run, as far as all places can tell.

    ``results`` of a run that succeeded; ``error``: type name and message of the failed task's own.
    ``states``: of each task, where there is a store to ask.
    """

    results: dict[str, Any] | None = None
    error: tuple[str, str] | None = None
    states: dict[str, TaskState] = field(default_factory=dict)
    diary: list[Any] = field(default_factory=list)


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

    def run(
        self, dag: DAG, params: Mapping[str, Any] | None = None, *, diary: bool = False
    ) -> Report:
        """Run it and wait. ``diary``: give the tasks that parameter, and report what they wrote."""
        self._runs += 1
        path = self._folder / f"diary-{self._runs}"
        given = {**(params or {}), **({"diary": str(path)} if diary else {})}
        report = self._run_on_redis(dag, given) if self.on_redis else self._run_here(dag, given)
        if path.exists():
            report.diary = [json.loads(line) for line in path.read_text().splitlines()]
        return report

    def _run_here(self, dag: DAG, params: Mapping[str, Any]) -> Report:
        try:
            return Report(results=dag.run(executor=self.name, params=params, timeout=DEADLINE_S))
        except Exception as error:
            if isinstance(error, DAGError | WaitTimeout):
                raise
            return Report(error=(type(error).__name__, str(error)))

    def _run_on_redis(self, dag: DAG, params: Mapping[str, Any]) -> Report:
        assert self.client is not None
        handle = self.client.submit(dag, params=params)
        ended = handle.wait(DEADLINE_S)
        status = handle.status()
        report = Report(states={task.name: task.state for task in status.tasks})
        if ended.value == "succeeded":
            report.results = handle.results()
        else:
            error = handle.error()
            report.error = (error.error_type, error.error_message)
        return report
