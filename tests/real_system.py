"""A flowkit system of real processes, for tests that break it.

``System`` starts schedulers and workers as a user does, keeps what they write in the test's
folder, and ends every process that it started. ``executions`` is what really happened, as the
tasks themselves noted it outside of Redis; ``check_executions`` compares it with the records.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import psutil
from forker import SCHEDULER, WORKER, Forked, shared_forker
from helpers import wait_until

from flowkit import Client, RunHandle
from flowkit.core.states import TaskState
from flowkit.protocol.records import TaskRecord
from flowkit.settings import Settings
from flowkit.worker.daemon import SAME_REQUEST_S

HERE = Path(__file__).parent / "integration"
APP = str(HERE / "fault_app.py")
OTHER_APP = str(HERE / "other_app.py")
LONG_LEASE = 300.0  # what is done sooner cannot have waited for a lease
DAEMONS = (SCHEDULER, WORKER)
STARTED = frozenset({TaskState.SUCCEEDED, TaskState.FAILED, TaskState.RUNNING})


class Execution(NamedTuple):
    """One start of a task, as it noted it."""

    run: str
    task: str
    attempt: int
    pid: int


@dataclass
class Process:
    """One process of ours and where its output goes."""

    name: str
    popen: subprocess.Popen[bytes] | Forked
    log_path: Path
    _terminated_at: float = 0.0

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def log(self) -> str:
        return self.log_path.read_text("utf-8", "replace")

    def children(self) -> list[psutil.Process]:
        """Return the processes of a worker that run tasks.

        That is all but the first two: its orphan killer and its log collector.
        """
        return sorted(self._below(), key=lambda item: (item.create_time(), item.pid))[2:]

    def _below(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.pid).children()
        except psutil.NoSuchProcess:
            return []

    def cpu_seconds(self) -> float:
        """Return the processor time of it and its children so far."""
        family = [psutil.Process(self.pid), *self._below()]
        return sum(sum(item.cpu_times()[:2]) for item in family)

    def says(self, words: str, deadline: float = 20.0) -> None:
        wait_until(f"{self.name} says {words!r}", lambda: words in self.log, deadline)

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait(20)

    def terminate(self) -> None:
        self.popen.terminate()
        self._terminated_at = time.monotonic()

    def terminate_again(self) -> None:
        """Send another signal, when it no longer counts as the same request as the first."""
        due = self._terminated_at + 2 * SAME_REQUEST_S
        wait_until("a signal is another request", lambda: time.monotonic() >= due)
        self.popen.terminate()

    def exit_code(self, deadline: float = 20.0) -> int:
        """Wait for its end."""
        wait_until(f"{self.name} has ended", lambda: self.popen.poll() is not None, deadline)
        return int(self.popen.returncode)


@dataclass
class System:
    """The processes on one namespace of one Redis.

    ``forked``: daemons are forked by a process that has imported flowkit, which takes a tenth of
    the time; see ``forker``. Else Python is started for each, as users do.
    """

    url: str
    namespace: str
    folder: Path
    forked: bool = True
    processes: list[Process] = field(default_factory=list)

    # -- processes ----------------------------------------------------------------------------

    def run_program(self, name: str, words: Iterable[str], **environ: str) -> Process:
        """Start ``python WORDS…``; its output goes to its own file."""
        path = self.folder / f"{name}-{len(self.processes)}.log"
        whole = {
            **{key: value for key, value in os.environ.items() if not key.startswith("FLOWKIT_")},
            "FAULT_FOLDER": str(self.folder),
            "FLOWKIT_REDIS_URL": self.url,
            "FLOWKIT_NAMESPACE": self.namespace,
            **environ,
        }
        words = [*words]
        of_python = any(key.startswith("PYTHON") for key in environ)
        forked = self.forked and words[:1] == ["-m"] and words[1] in DAEMONS and not of_python
        begin = self._fork if forked else self._execute
        with path.open("wb") as log:
            popen = begin(words, log.fileno(), whole)
        process = Process(name, popen, path)
        self.processes.append(process)
        return process

    def _execute(
        self, words: list[str], log: int, environ: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        command = [sys.executable, *words]
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, env=environ)

    def _fork(self, words: list[str], log: int, environ: dict[str, str]) -> Forked:
        _, program, *options = words
        with open(os.devnull, "rb") as nothing:
            streams = (nothing.fileno(), log, log)
            return shared_forker().start(program, options, self.folder, environ, streams)

    def scheduler(self, *options: str, **environ: str) -> Process:
        return self.run_program("scheduler", ["-m", "flowkit.scheduler", *options], **environ)

    def worker(
        self, *options: str, app: str = APP, lease: float = LONG_LEASE, **environ: str
    ) -> Process:
        words = ["-m", "flowkit.worker", "--app", app, *options]
        return self.run_program("worker", words, FLOWKIT_LEASE=f"{lease:g}", **environ)

    def start(self, *options: str, lease: float = LONG_LEASE) -> tuple[Process, Process]:
        """Start a scheduler and a worker."""
        return self.scheduler(), self.worker(*options, lease=lease)

    def close(self) -> None:
        """End everything; nothing that was started here may outlive the test."""
        families: list[psutil.Process] = []
        for process in self.processes:
            if process.popen.poll() is None:
                family = psutil.Process(process.pid)
                families += [family, *family.children(recursive=True)]
                process.popen.send_signal(signal.SIGCONT)
        for family in families:
            with suppress(psutil.NoSuchProcess):
                family.kill()
        for process in self.processes:
            process.popen.wait(20)

    def logs(self) -> str:
        return "\n".join(
            f"--- {process.log_path.name}\n{process.log[-6000:]}" for process in self.processes
        )

    # -- runs ---------------------------------------------------------------------------------

    def client(self, **settings: object) -> Client:
        return Client(Settings(redis_url=self.url, namespace=self.namespace, **settings))  # type: ignore[arg-type]

    # -- what really happened -------------------------------------------------------------------

    def open_gate(self, name: str) -> None:
        (self.folder / f"gate-{name}").touch()

    def executions(self, task: str | None = None) -> list[Execution]:
        """Return the starts noted so far, of one task or of all."""
        path = self.folder / "executions"
        lines = path.read_text().splitlines() if path.exists() else []
        result = [
            Execution(run, name, int(n), int(pid)) for run, name, n, pid in map(str.split, lines)
        ]
        return [item for item in result if task is None or item.task == task]

    def started(self, task: str, times: int = 1) -> Execution:
        """Wait until a task has started so often; return the last start."""
        wait_until(f"{task} has started {times} times", lambda: len(self.executions(task)) >= times)
        return self.executions(task)[-1]


def records(run: RunHandle) -> dict[str, TaskRecord]:
    """Return task name → its record in Redis."""
    names = run.graph().graph.names
    store = run.shard._store
    return dict(zip(names, store.read_records(run.run_id, range(len(names))), strict=True))


def check_executions(system: System, run: RunHandle, *, repeats: int = 0) -> dict[str, TaskRecord]:
    """Compare what happened with what is recorded, and return the records.

    A task that ran for good ran in the attempt that its record names, no attempt came after that,
    and what never started left no trace. The history tells of each attempt. At most
    ``repeats`` starts repeat an attempt that had begun before: those that a killed process took
    with it.
    """
    known = records(run)
    starts = [execution for execution in system.executions() if execution.run == run.run_id]
    assert {start.task for start in starts} <= set(known)
    for name, record in known.items():
        attempts = [start.attempt for start in starts if start.task == name]
        if record.state in STARTED:
            assert attempts, f"{name} is {record.state.value}, and it never started"
            assert max(attempts) == record.attempt, f"{name} is recorded in another attempt"
        elif record.attempt == 0 or record.state is TaskState.SKIPPED:
            assert not attempts, f"{name} is {record.state.value}, and it has started"
    told = {(event.task, event.attempt) for event in run.history()}
    untold = {(start.task, start.attempt) for start in starts} - told
    assert not untold, f"the history does not tell of {sorted(untold)[:5]}"
    again = Counter((start.task, start.attempt) for start in starts)
    extra = sum(count - 1 for count in again.values())
    assert extra <= repeats, f"{extra} starts repeat an attempt: {again.most_common(5)}"
    return known
