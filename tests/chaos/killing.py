"""Scenarios in which processes are killed: R1, R2, R6, R7, R8, R9, R19."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from helpers import wait_until

from flowkit import DAG, RunHandle

from . import dags
from .checker import Allowed, Witness
from .stage import PATIENCE_S, Stage, meanwhile

RUN_S = 900.0


def under_fire(
    stage: Stage, *, runs: int, tasks: int, ms: float, lease: float = 2.0, twice: bool = False
) -> None:
    """R1, R2: a worker process is killed every 0.5 s, a scheduler every 2 s, while runs continue.

    One kill of a worker process in four hits a parent, whose children end with it. ``twice``: every
    script is sent twice by everybody.
    """
    environ = {"CHAOS_TWICE": "1"} if twice else {}

    def start_worker() -> object:
        return stage.worker("--processes", "2", lease=lease, **environ)

    def start_scheduler() -> object:
        return stage.scheduler(**environ)

    for start in (start_scheduler, start_scheduler, start_worker, start_worker):
        start()
    kills = Kills(stage, start_worker, start_scheduler)
    repeats, unsent, whole, took = 0, 0, 0, 0.0
    for number in range(runs):
        before, began = len(stage.violations), time.monotonic()
        run = stage.client.submit(dags.layered(tasks, stage.random.randrange(10**6), ms=ms))
        witness = Witness()
        wait_until(f"run {number} has begun", lambda r=run: stage.executions(r), PATIENCE_S)
        with meanwhile(0.5, kills.hit):
            state = stage.end(run, RUN_S, witness)
        took = max(took, time.monotonic() - began)
        stage.demand(state == "succeeded", f"run {number} ended as {state}")
        # What was done and not yet told when its process died is no failure: it is run again under
        # the same number.
        stage.check(run, Allowed(repeats=None, same_attempt=None, blamed=None), witness)
        repeats, unsent = repeats + stage.repeats(run), unsent + stage.unnumbered(run)
        whole += len(stage.violations) == before
    stage.figure("runs whole", f"{whole} of {runs}")
    stage.figure("tasks a run", tasks)
    stage.figure("children killed", kills.children)
    stage.figure("workers killed", kills.workers)
    stage.figure("schedulers killed", kills.schedulers)
    stage.figure("executions repeated", repeats)
    stage.figure("of them under the same number", unsent)
    stage.figure("longest run, s", took)


class Kills:
    """What is killed, in turns: worker processes, and a scheduler every fourth time."""

    def __init__(
        self, stage: Stage, worker: Callable[[], object], scheduler: Callable[[], object]
    ) -> None:
        self._stage, self._worker, self._scheduler = stage, worker, scheduler
        self.children = self.workers = self.schedulers = self._turn = 0

    @property
    def total(self) -> int:
        return self.children + self.workers + self.schedulers

    def hit(self) -> None:
        stage = self._stage
        self._turn += 1
        if stage.random.random() < 0.25:
            stage.replace(stage.workers, self._worker)
            self.workers += 1
        else:
            self.children += stage.kill_child()
        if self._turn % 4 == 0:
            stage.replace(stage.schedulers, self._scheduler)
            self.schedulers += 1


def retried_soon(
    stage: Stage, *, children: int, parents: int, takeovers: int, lease: float
) -> None:
    """R6: how long it takes until a killed child's, parent's or scheduler's work continues."""
    for _ in range(2):
        stage.scheduler()
        stage.worker("--processes", "1", lease=lease)
    after_child = [_until_retried(stage, f"c{n}", parent=False) for n in range(children)]
    worst = sorted(after_child)[int(len(after_child) * 0.99)] if after_child else 0.0
    stage.figure("child killed: p99, s", worst)
    stage.demand(worst < 0.5, f"a killed child's task was retried after {worst:.2f} s")
    after_parent = []
    for n in range(parents):
        after_parent.append(_until_retried(stage, f"p{n}", parent=True))
        stage.worker("--processes", "1", lease=lease)
    slowest = max(after_parent, default=0.0)
    stage.figure("parent killed: worst, leases", slowest / lease)
    stage.demand(slowest < 2 * lease, f"a killed parent's task was retried after {slowest:.2f} s")
    longest = max((_until_led(stage) for _ in range(takeovers)), default=0.0)
    stage.figure("scheduler killed: worst, s", longest)
    stage.demand(longest < 5, f"a standby took over after {longest:.2f} s")


def _until_retried(stage: Stage, gate: str, *, parent: bool) -> float:
    run = stage.client.submit(dags.single("held", gate))
    first = stage.started(run, "held")
    worker = stage.worker_of(first.pid)
    at = time.monotonic_ns()
    if parent:
        stage.workers.remove(worker)
        worker.kill()
    else:
        os.kill(first.pid, signal.SIGKILL)
    second = stage.started(run, "held", 2)
    stage.system.open_gate(gate)
    stage.end(run, PATIENCE_S)
    allowed = Allowed(repeats=1, blamed=frozenset({"held"}))
    stage.check(run, allowed)
    return (second.began - at) / 1e9


def _until_led(stage: Stage) -> float:
    """Kill the scheduler that leads; return how long a chain of two then needs to be resolved."""
    result = wait_until("one leads", lambda: [s for s in stage.schedulers if _leads(s.log)])
    leader = result[-1]
    stage.schedulers.remove(leader)
    leader.kill()
    at = time.monotonic()
    run = stage.client.submit(dags.layered(2, 0, width=1))
    stage.end(run, PATIENCE_S)
    took = time.monotonic() - at
    stage.check(run, Allowed())
    standby = stage.scheduler()
    standby.says("stands by")
    return took


def _leads(log: str) -> bool:
    return "leads in term" in log


def nothing_repeats(stage: Stage, *, tasks: int) -> None:
    """R7: without a fault, each task is executed once."""
    stage.scheduler()
    stage.worker("--processes", "4")
    run = stage.client.submit(dags.wide(tasks))
    witness = Witness()
    state = stage.end(run, RUN_S, witness)
    stage.demand(state == "succeeded", f"the run ended as {state}")
    stage.check(run, Allowed(), witness)
    stage.figure("tasks", tasks)
    stage.figure("executions", len(stage.executions(run)))


def poison_stops(stage: Stage, *, rounds: int, good: int) -> None:
    """R8: a task that kills its process fails after three deaths; its neighbours have none."""
    stage.scheduler()
    stage.worker("--processes", "4")
    deaths, blamed = [], 0
    for number in range(rounds):
        share = 0.2 if number % 2 else 0.0
        seed = stage.random.randrange(10**6)
        run = stage.client.submit(dags.poisoned(good, seed, ms=5, share_async=share))
        witness = Witness()
        state = stage.end(run, RUN_S, witness)
        stage.demand(state == "failed", f"the run with a poison task ended as {state}")
        poison = frozenset({"poison"})
        allowed = Allowed(None, None, {"poison": 2}, failed=poison, blamed=poison)
        stage.check(run, allowed, witness)
        messages = stage.told(run)
        deaths.append(messages["poison"].deaths)
        blamed += sum(item.deaths > 0 for name, item in messages.items() if name != "poison")
        stage.demand(
            "WorkerLost" in messages["poison"].error, "the poison task does not say WorkerLost"
        )
    stage.demand(set(deaths) == {3}, f"the poison task died {deaths} times")
    stage.figure("deaths of the poison task", ", ".join(map(str, deaths)))
    stage.figure("good tasks", rounds * good)
    stage.figure("good tasks blamed", blamed)


def schedulers_agree(stage: Stage, *, counts: tuple[int, ...], tasks: int) -> None:
    """R9: one scheduler, or two, or five of which the leader is killed, resolve a run alike."""
    seed = stage.random.randrange(10**6)
    stage.worker("--processes", "2")
    outcomes = []
    for count in counts:
        for _ in range(count):
            stage.scheduler()
        run = stage.client.submit(dags.eventful(tasks, seed))
        if count > 1:
            half = tasks // 2
            wait_until("half has begun", lambda r=run, h=half: len(stage.executions(r)) >= h, 60)
            stage.replace(stage.schedulers, stage.scheduler)
        stage.end(run, RUN_S)
        outcomes.append(_outcome(stage, run, dags.eventful(tasks, seed)))
        while stage.schedulers:
            stage.schedulers.pop().kill()
    alike = sum(outcome == outcomes[0] for outcome in outcomes)
    stage.figure("schedulers", ", ".join(map(str, counts)))
    stage.figure("tasks", tasks)
    stage.figure("outcomes alike", f"{alike} of {len(outcomes)}")
    stage.demand(alike == len(outcomes), "other numbers of schedulers gave other states or results")


def _outcome(stage: Stage, run: RunHandle, dag: DAG) -> dict[str, tuple[str, str]]:
    """Check an eventful run; return task → its state and the value of its result."""
    messages = stage.told(run)
    retried = {
        task.name: int(task.kwargs["failures"])
        for task in dag.tasks
        if task.name.startswith("flaky")
    }
    failed = frozenset(name for name in messages if name.startswith("broken"))
    stage.check(run, Allowed(retried=retried, failed=failed))
    return {
        name: (item.state, (item.result or "").partition("|")[0]) for name, item in messages.items()
    }


def stops_cleanly(stage: Stage, *, rounds: int, tasks: int, grace: float = 10.0) -> None:
    """R19: all workers are restarted one by one under load; nothing is lost, nothing repeated."""
    stage.scheduler()
    options = ("--processes", "2", "--shutdown-timeout", f"{grace:g}")
    for _ in range(2):
        stage.worker(*options)
    slowest, restarts = 0.0, 0
    run = stage.client.submit(dags.wide(tasks, ms=20))
    for _ in range(rounds):
        for worker in list(stage.workers):
            seen = len(stage.executions(run))
            wait_until("more has begun", lambda n=seen: len(stage.executions(run)) > n, PATIENCE_S)
            worker.says(" started ")  # before that, it ends as any program does
            at = time.monotonic()
            worker.terminate()
            stage.workers.remove(worker)
            stage.worker(*options)
            code = worker.exit_code(grace + 10)
            slowest, restarts = max(slowest, time.monotonic() - at), restarts + 1
            stage.demand(code == 0, f"a worker told to stop ended with exit code {code}")
    under_load = run.record().state.value == "running"
    stage.demand(under_load, "the run was over before the restarts were: too few tasks")
    state = stage.end(run, RUN_S)
    stage.demand(state == "succeeded", f"the run ended as {state}")
    stage.demand(
        slowest < grace, f"a worker took {slowest:.1f} s to stop, its grace is {grace:g} s"
    )
    stage.check(run, Allowed())
    spent = [name for name, item in stage.told(run).items() if item.attempt != 1]
    stage.demand(not spent, f"{len(spent)} tasks were recorded in another attempt than the first")
    stage.figure("restarts", restarts)
    stage.figure("slowest stop, s", slowest)
    stage.figure("executions of tasks", f"{len(stage.executions(run))} of {tasks}")
