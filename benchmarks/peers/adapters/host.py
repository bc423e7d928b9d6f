"""The client of a peer: starts its workers, submits tasks, measures the time.

It reads a command per line of JSON and writes a reply per line of JSON; everything else that a
library prints goes to standard error. A wrong result is an error, never a figure. When standard
input ends, the workers and this process end too, so a driver that died leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import jobs

URL = os.environ.get("PEERS_REDIS", "redis://127.0.0.1:6379/0")
MODE = os.environ.get("PEERS_MODE", "")  # of a worker
FOLDER = Path(__file__).resolve().parent
PYTHON = sys.executable
BIN = Path(sys.executable).parent
PROCESSES = 2
NAPPERS = 500  # sleeping tasks at a time in each of them
LONGEST_S = 90.0
STOP_S = 5.0
WARM = 4
Answer = Mapping[str, object]


class Wrong(Exception):
    """The peer did not do what it should. The table shows the message."""


class Adapter:
    """What differs between peers. A method may be a coroutine function."""

    stoppable = slice(None)  # the processes to stop while tasks are submitted

    def commands(self, mode: str) -> list[list[str]]:
        """Return the command of each process. ``mode``: empty, or ``sleeps`` for many at once."""
        raise NotImplementedError

    def open(self) -> Any:
        """Connect the client. Called after the processes have started."""

    def close(self) -> Any:
        """Close the client."""

    def submit(self, job: str, size: int) -> Any:
        """Submit ``size`` single tasks: ``noop``, ``burn`` or ``nap``."""
        raise NotImplementedError

    def settle(self) -> Any:
        """Wait until the tasks are over, for peers that record this after the task ran."""

    def one(self) -> Any:
        """Run ``jobs.one`` and return its result."""
        raise NotImplementedError

    def chain(self, size: int) -> Any:
        """Run a chain of ``size`` times ``jobs.hop``; return the last result."""
        raise NotImplementedError

    def fan_in(self, of: str, size: int, end: str) -> Any:
        """Run ``size`` tasks ``of`` and a task that takes their results; return its result."""
        raise NotImplementedError

    def fan_out(self, size: int) -> Any:
        """Run ``size`` times ``jobs.leaf``, and ``jobs.total`` of their results."""
        return self.fan_in("leaf", size, "total")

    def large(self, size: int) -> Any:
        """Run ``size`` times ``jobs.block``, and ``jobs.weight`` of their results."""
        return self.fan_in("block", size, "weight")

    def layered(self, parents: list[list[int]]) -> Any:
        """Run ``jobs.node`` for each list of parents; return the result of the last."""
        raise NotImplementedError


class Host:
    """One peer: its processes, its client, and the commands of the driver."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self._loop = asyncio.new_event_loop()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._opened = False

    def wait(self, given: Any) -> Any:
        """Return a value, or the result of a coroutine."""
        if isinstance(given, Awaitable):
            return self._loop.run_until_complete(asyncio.wait_for(given, LONGEST_S))
        return given

    def start(self, mode: str) -> Answer:
        """Start the processes and run a first task."""
        paths = os.pathsep.join(filter(None, (str(FOLDER), os.environ.get("PYTHONPATH"))))
        environment = {**os.environ, "PYTHONPATH": paths, "PEERS_MODE": mode}
        began = time.perf_counter()
        for number, command in enumerate(self.adapter.commands(mode)):
            log = (Path.cwd() / f"worker-{number}.log").open("ab")
            with log:
                self._processes.append(_spawn(command, environment, log))
        self._opened = True
        self.wait(self.adapter.open())
        self._expect(self.wait(self.adapter.one()), 1)
        return {"seconds": time.perf_counter() - began}

    def stop(self) -> Answer:
        """Close the client and end the processes."""
        if self._opened:
            self._opened = False
            self.wait(self.adapter.close())
        for kind in (signal.SIGCONT, signal.SIGTERM):
            self._signal(self._processes, kind)
        deadline = time.monotonic() + STOP_S
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):  # it is killed below, with its children
                process.wait(max(0.0, deadline - time.monotonic()))
        self._signal(self._processes, signal.SIGKILL)
        for process in self._processes:
            process.wait()
        self._processes.clear()
        return {}

    def submit(self, job: str, size: int) -> Answer:
        """Submit tasks while the workers are stopped, then wait until all have run."""
        self._run_singles(job, WARM)
        return self._run_singles(job, size)

    def _run_singles(self, job: str, size: int) -> Answer:
        before, still = jobs.tallied(), self._processes[self.adapter.stoppable]
        self._signal(still, signal.SIGSTOP)
        began = time.perf_counter()
        self.wait(self.adapter.submit(job, size))
        submitted = time.perf_counter()
        self._signal(still, signal.SIGCONT)
        while (done := jobs.tallied() - before) < size:
            self._check_alive()
            if time.perf_counter() - submitted > LONGEST_S:
                raise Wrong(f"{done} of {size} tasks were done in {LONGEST_S:g} s")
            time.sleep(0.001)
        self.wait(self.adapter.settle())
        ended = time.perf_counter()
        self._expect(jobs.tallied() - before, size)
        return {"enqueue": submitted - began, "drain": ended - submitted}

    def round_trip(self, size: int) -> Answer:
        """Run one task after the other; return the 50th and 99th percentile in seconds."""
        seconds = []
        for _ in range(WARM + max(2, size)):
            began = time.perf_counter()
            self._expect(self.wait(self.adapter.one()), 1)
            seconds.append(time.perf_counter() - began)
        cuts = statistics.quantiles(seconds[WARM:], n=100, method="inclusive")
        return {"p50": cuts[49], "p99": cuts[98]}

    def time(self, what: str, size: int) -> Answer:
        """Run a chain, a fan-out, large results or the layered DAG."""
        for count in (max(WARM, size // 100), size):
            given: Any = jobs.layers(count) if what == "layered" else count
            right = {
                "large": count * jobs.BLOCK,
                "layered": jobs.answer(given) if what == "layered" else 0,
            }.get(what, count)
            call = getattr(self.adapter, what)
            began = time.perf_counter()
            result = self.wait(call(given))
            seconds = time.perf_counter() - began
            self._expect(result, right)
        return {"seconds": seconds}

    def _expect(self, found: object, right: object) -> None:
        if found != right:
            raise Wrong(f"the answer is {found!r}, but {right!r} is right")

    def _check_alive(self) -> None:
        for process in self._processes:
            code = process.poll()
            if code is not None:
                raise Wrong(f"one of its processes ended with exit code {code}")

    def _signal(self, processes: list[subprocess.Popen[bytes]], kind: int) -> None:
        for process in processes:
            with suppress(ProcessLookupError):  # it has ended, with all its children
                os.killpg(process.pid, kind)


def _spawn(
    command: list[str], environment: dict[str, str], log: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start a process as the leader of a group, so that its children can be stopped with it."""
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        process_group=0,
    )


def serve(adapter: Adapter) -> None:
    """Run the commands of the driver until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    host = Host(adapter)
    asyncio.set_event_loop(host._loop)
    try:
        for line in sys.stdin:
            words = json.loads(line)
            try:
                said: Answer = getattr(host, words.pop("do"))(**words)
            except Exception as error:  # the driver handles it
                said = {"error": f"{type(error).__name__}: {error}"}
            answers.write(json.dumps(said) + "\n")
    finally:
        host.stop()
