"""R23: runs that share a queue take turns, whatever their sizes, and whatever happens."""

from __future__ import annotations

import statistics
import time
from collections import Counter

from helpers import wait_until
from real_system import System

from flowkit import Client, RunHandle
from flowkit.embedded import EmbeddedServer

from . import dags
from .killing import RUN_S, Kills
from .outages import delete_hints
from .services import KILLED
from .stage import APP, PATIENCE_S, Stage, meanwhile

PROMISED_S = 0.5
SWEEP_S = 5.0


def runs_take_turns(
    stage: Stage,
    *,
    large: int,
    probes: int,
    runs: int,
    tasks: int,
    ms: float,
    small: int,
    behind: int,
    kills: int,
    worst: float = PROMISED_S,
) -> None:
    """R23: a small run behind a large one; ``runs`` of ``tasks`` each; ``small`` ones behind one.

    The last ones are played under ``kills``, and with all queues deleted once. ``behind``: the size
    of the run that the small ones are behind. ``ms``: the time of a task of runs that are alike; of
    tasks that take none, one claim has up to 256, too many for few runs to look even. ``worst``:
    the longest that a probe may take.
    """
    stage.scheduler(CHAOS_SWEEP=f"{SWEEP_S:g}")
    _work(stage)
    _demand_soon(stage, "Redis", _probe(stage.client, large, probes), worst)
    with EmbeddedServer(port=0) as server:
        _demand_soon(stage, "embedded", _in_memory(stage, server.url, large, probes), worst)
    _evenly(stage, runs, tasks, ms)
    _under_fire(stage, runs, tasks, small, behind, kills)
    stage.figure("tasks of the large run", large)


def _work(stage: Stage) -> None:
    for _ in range(2):
        stage.worker("--processes", "2", lease=2.0)


def _rest(stage: Stage) -> None:
    """Have no workers."""
    for worker in stage.workers:
        worker.says(" started ", PATIENCE_S)
        worker.terminate()
    while stage.workers:
        stage.workers.pop().exit_code(30)


# -- one task behind many -------------------------------------------------------------------------


def _probe(client: Client, large: int, probes: int) -> list[float]:
    """Submit a large run and then runs of one task; return how long each of these took."""
    first = client.submit(dags.wide(large, ms=10))
    wait_until("it has begun", lambda: first.status().counts.get("succeeded", 0) > 20, PATIENCE_S)
    took = []
    for _ in range(probes):
        at = time.monotonic()
        client.submit(dags.layered(1, 0)).wait(PATIENCE_S)
        took.append(time.monotonic() - at)
    assert first.record().state.value == "running", "the large run is over: it is too small"
    first.cancel()
    first.wait(PATIENCE_S)
    return took


def _in_memory(stage: Stage, url: str, large: int, probes: int) -> list[float]:
    folder = stage.folder / "embedded"
    folder.mkdir()
    system = System(url, "turns", folder, forked=False)
    try:
        system.scheduler()
        system.worker("--processes", "4", app=APP)
        with system.client() as client:
            return _probe(client, large, probes)
    finally:
        system.close()


def _demand_soon(stage: Stage, where: str, took: list[float], worst: float) -> None:
    stage.figure(f"{where}: a small run behind a large one, median, s", statistics.median(took))
    stage.figure(f"{where}: the slowest of {len(took)}, s", max(took))
    stage.demand(max(took) < worst, f"{where}: a small run took {max(took):.2f} s")


# -- many alike -----------------------------------------------------------------------------------


def _evenly(stage: Stage, runs: int, tasks: int, ms: float) -> None:
    """Demand that runs which were submitted together are equally far at half time."""
    _rest(stage)
    handles = [stage.client.submit(dags.layered(tasks, 0, ms=ms, width=tasks)) for _ in range(runs)]
    ids = {run.run_id for run in handles}
    wait_until("all are queued", lambda: _queued(stage) >= runs * tasks, PATIENCE_S)
    _work(stage)
    done = _at_half(stage, ids, runs * tasks)
    counts = [done[run] for run in ids]
    spread = max(max(counts) - tasks / 2, tasks / 2 - min(counts)) / (tasks / 2)
    stage.figure("runs alike", f"{runs} of {tasks} tasks")
    stage.figure("at half time, executions of each", f"{min(counts)} to {max(counts)}")
    stage.demand(spread < 0.2, f"at half time they have {min(counts)} to {max(counts)} executions")
    for run in handles:
        _must_succeed(stage, run)


def _queued(stage: Stage) -> int:
    return sum(stage.client.shards[0]._store.ready_lists().values())


def _at_half(stage: Stage, ids: set[str], tasks: int) -> Counter[str]:
    """Return how many executions each run has when half of all tasks have been executed."""

    def half() -> bool:
        return sum(execution.run in ids for execution in stage.executions()) >= tasks / 2

    wait_until("half is done", half, RUN_S)
    begun = [execution for execution in stage.executions() if execution.run in ids]
    return Counter(item.run for item in begun[: tasks // 2])


# -- under fire -----------------------------------------------------------------------------------


def _under_fire(stage: Stage, runs: int, tasks: int, small: int, behind: int, most: int) -> None:
    """Play runs alike, and small ones behind a large one, under kills and without the queues.

    There are ``most`` kills at most: on a busy machine, a scheduler that is killed again and again
    may never have begun.
    """
    _rest(stage)
    stage.scheduler(CHAOS_SWEEP=f"{SWEEP_S:g}")
    large = stage.client.submit(dags.wide(behind, ms=1))
    alike = [
        stage.client.submit(dags.layered(tasks // 5, 0, width=tasks)) for _ in range(runs // 5 or 1)
    ]
    ones = [stage.client.submit(dags.layered(1, 0)) for _ in range(small)]
    _work(stage)
    kills = Kills(
        stage,
        lambda: stage.worker("--processes", "2", lease=2.0),
        lambda: stage.scheduler(CHAOS_SWEEP=f"{SWEEP_S:g}"),
    )
    ids = {run.run_id for run in ones}
    with meanwhile(1.0, lambda: kills.total < most and kills.hit()):
        _at_half(stage, ids, small)
        begun = len({execution.task for execution in stage.executions(large)})
        deleted = delete_hints(stage)
        for run in (large, *alike, *ones):
            state = stage.end(run, RUN_S)
            stage.demand(state == "succeeded", f"run {run.run_id} ended as {state}")
    for run in (large, *alike, *stage.random.sample(ones, min(small, 100))):
        stage.check(run, KILLED)
    stage.figure("small runs", f"{small} behind one of {behind} tasks")
    stage.figure("executions of the large one when half of them are over", begun)
    stage.demand(begun > 0, "the large run waited for the small ones")
    stage.figure("keys of queues deleted", deleted)
    stage.figure("processes killed", kills.total)


def _must_succeed(stage: Stage, run: RunHandle) -> None:
    state = stage.end(run, RUN_S)
    stage.demand(state == "succeeded", f"run {run.run_id} ended as {state}")
