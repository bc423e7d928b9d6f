"""Faults of all kinds, drawn one after the other from the seed, while runs continue.

First those that lose no data, under which the whole promise has to hold; then, if asked for, one
that does after each run, after which everybody has to be told and the system has to serve again.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import psutil
import redis
from helpers import wait_until

from . import dags, outages
from .checker import Allowed, Witness
from .stage import PATIENCE_S, Stage, meanwhile

LEASE_S = 2.0
RUN_S = 300.0


class Faults:
    """Draws a fault, makes it, and undoes in time what has to be undone."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._undo: list[tuple[float, Callable[[], None]]] = []
        self.made: Counter[str] = Counter()
        self._kinds: dict[str, tuple[int, Callable[[], None]]] = {
            "child killed": (8, self._kill_child),
            "worker killed": (2, self._kill_worker),
            "scheduler killed": (3, self._kill_scheduler),
            "log collector killed": (2, self._kill_collector),
            "process stopped": (6, self._stop),
            "reply lost": (6, lambda: self._cut("before")),
            "cut after a reply": (4, lambda: self._cut("after")),
            "all cut off": (2, stage.proxy.hang_up),
            "half-open": (1, stage.proxy.freeze),
            "slow": (2, self._slow),
            "SCRIPT FLUSH": (3, self._flush_scripts),
            "CLIENT KILL": (3, self._kill_clients),
            "Redis killed": (2, self._kill_redis),
            "memory full": (2, self._fill_memory),
            "hints deleted": (1, lambda: self._quietly(lambda: outages.delete_hints(stage))),
        }

    def make(self) -> None:
        """Undo what is due, then make a fault."""
        self.undo(time.monotonic())
        names = list(self._kinds)
        weights = [self._kinds[name][0] for name in names]
        (name,) = self._stage.random.choices(names, weights)
        self._kinds[name][1]()
        self.made[name] += 1

    def undo(self, until: float = float("inf")) -> None:
        """Undo what is due by then; by default everything."""
        due = [item for item in self._undo if item[0] <= until]
        self._undo = [item for item in self._undo if item[0] > until]
        for _, undo in due:
            undo()

    def _later(self, seconds: float, undo: Callable[[], None]) -> None:
        self._undo.append((time.monotonic() + seconds, undo))

    # -- processes ------------------------------------------------------------------------------

    def _kill_child(self) -> None:
        self._stage.kill_child()

    def _kill_worker(self) -> None:
        self._stage.replace(self._stage.workers, lambda: start_worker(self._stage))

    def _kill_scheduler(self) -> None:
        self._stage.replace(self._stage.schedulers, self._stage.scheduler)

    def _kill_collector(self) -> None:
        """Its worker starts another one, and no task notices."""
        worker = self._stage.random.choice(self._stage.workers)
        below = sorted(worker._below(), key=lambda item: (item.create_time(), item.pid))
        with suppress(psutil.NoSuchProcess, IndexError):
            below[1].kill()

    def _stop(self) -> None:
        """Stop one child, parent or scheduler, for less or for longer than its lease."""
        stage = self._stage
        parents = [worker.pid for worker in stage.daemons]
        pid = stage.random.choice([*parents, *(child.pid for child in stage.children())])
        with suppress(ProcessLookupError):
            started = psutil.Process(pid).create_time()
            os.kill(pid, signal.SIGSTOP)
            self._later(stage.random.uniform(0.1, 2 * LEASE_S), lambda: _go_on(pid, started))

    # -- connections ----------------------------------------------------------------------------

    def _cut(self, when: str) -> None:
        self._stage.proxy.cut_at(self._stage.random.randint(1, 50), when)

    def _slow(self) -> None:
        self._stage.proxy.slow(self._stage.random.uniform(0.005, 0.05))
        self._later(1.0, lambda: self._stage.proxy.slow(0))

    # -- Redis ----------------------------------------------------------------------------------

    def _quietly(self, what: Callable[[], object]) -> None:
        with suppress(redis.ConnectionError, redis.ResponseError):  # it was just killed, or is full
            what()

    def _flush_scripts(self) -> None:
        with self._stage.redis.client() as server:
            self._quietly(lambda: server.script_flush("SYNC"))

    def _kill_clients(self) -> None:
        with self._stage.redis.client() as server:
            for kind in ("normal", "pubsub"):
                words = ("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
                self._quietly(lambda w=words: server.execute_command(*w))

    def _kill_redis(self) -> None:
        self._stage.redis.kill()
        time.sleep(self._stage.random.uniform(0, 1.5))
        self._stage.redis.start()

    def _fill_memory(self) -> None:
        self._limit_memory(1)
        self._later(self._stage.random.uniform(0.2, 1.0), lambda: self._limit_memory(0))

    def _limit_memory(self, size: int) -> None:
        with self._stage.redis.client() as server:
            self._quietly(lambda: server.config_set("maxmemory", size))


def _go_on(pid: int, started: float) -> None:
    with suppress(ProcessLookupError, psutil.NoSuchProcess):
        if psutil.Process(pid).create_time() == started:
            os.kill(pid, signal.SIGCONT)


def start_worker(stage: Stage) -> object:
    return stage.worker("--processes", "2", lease=LEASE_S)


def everything_at_once(stage: Stage, *, runs: int, tasks: int, losses: bool, every: float) -> None:
    """mixed: faults of all kinds, one every ``every`` seconds."""
    for _ in range(2):
        stage.scheduler()
        start_worker(stage)
    faults = Faults(stage)
    whole = repeats = 0
    lost: list[str] = []
    for number in range(runs):
        before = len(stage.violations)
        dag = dags.layered(tasks, stage.random.randrange(10**6), ms=20, share_async=0.15)
        run, witness = stage.client.submit(dag), Witness()
        wait_until(f"run {number} has begun", lambda r=run: stage.executions(r), PATIENCE_S)
        with meanwhile(every, faults.make):
            _outlast(stage, run, tasks)
        faults.undo()
        state = stage.end(run, RUN_S, witness)
        stage.demand(state == "succeeded", f"run {number} ended as {state}")
        # A claim whose reply is lost with its process is returned as the attempt that it was.
        stage.check(run, Allowed(repeats=None, same_attempt=None, blamed=None), witness)
        repeats += stage.repeats(run)
        whole += len(stage.violations) == before
        if losses:
            kind = stage.random.choice(("cut", "cut", "flush", "empty"))
            lost.append(f"{kind}: {outages.lose_and_ask(stage, kind, f'{number}-{kind}')}")
    stage.figure("runs whole", f"{whole} of {runs}")
    stage.figure("executions repeated", repeats)
    stage.figure("faults", ", ".join(f"{n} {name}" for name, n in sorted(faults.made.items())))
    if losses:
        stage.figure("after losses", ", ".join(lost))


def _outlast(stage: Stage, run: object, tasks: int) -> None:
    """Wait until most tasks have begun; what is left continues in peace, so that it must end."""
    wait_until(
        "most of the tasks have begun",
        lambda: len({execution.task for execution in stage.executions(run)}) > tasks * 0.8,  # type: ignore[arg-type]
        300.0,
    )
