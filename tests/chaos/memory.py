"""R15: the memory of a scheduler and of workers is bounded, whatever the size of a run and however
many there have been.

First one large run, of tasks that do nothing; the DAG is built here, in the client, whose memory is
not measured. Then further runs, each of another DAG, behind which the scheduler must stand where it
stood. Then load without a pause, in which no worker process may grow. Nothing is broken meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import chaos_app as app
import psutil

from flowkit import DAG, RunHandle

from .stage import Stage

MB = 1024 * 1024
RUN_S = 900.0
EVERY_S = 0.25
SCHEDULER_MB = 400.0
WORKER_MB_AN_HOUR = 10.0
FURTHER_SHARE = 1.05  # of what the scheduler held in earlier runs of the same kind
Samples = list[tuple[float, float]]  # seconds, MB


@dataclass
class Watch:
    """Samples of the memory that each process holds, and Redis."""

    scheduler: Samples = field(default_factory=list)
    workers: dict[int, Samples] = field(default_factory=lambda: defaultdict(list))
    redis_peak: float = 0.0


def memory_is_bounded(
    stage: Stage,
    *,
    tasks: int,
    further: int,
    small: int,
    load_s: float,
    noise_mb: float,
    kept: int = 0,
) -> None:
    """R15: one run of ``tasks``, ``further`` ones of ``small``, then load for ``load_s`` seconds.

    ``noise_mb``: what a worker may grow by at once: in a few seconds a slope says nothing.
    ``kept``: bytes of results that a worker process keeps, if not the usual: so that it is full.
    """
    stage.scheduler()
    stage.worker("--processes", "2", **({"CHAOS_KEPT": str(kept)} if kept else {}))
    with _watched(stage) as watch:
        rate = _run(stage, tasks, "large")
        stage.figure("tasks in one run", tasks)
        stage.figure("tasks/s", round(rate))
        peak = max(mb for _, mb in watch.scheduler)
        stage.figure("scheduler: peak, MB", peak)
        stage.figure("scheduler: after it, MB", _scheduler_mb(stage))
        stage.figure("worker process: peak, MB", max(map(_peak, watch.workers.values())))
        stage.figure("Redis: peak, MB", watch.redis_peak)
        stage.demand(peak < SCHEDULER_MB, f"the scheduler took {peak:.0f} MB for one run")
        _further_runs(stage, further, small)
    _load(stage, small, load_s, noise_mb)


def _further_runs(stage: Stage, further: int, small: int) -> None:
    """Demand that the scheduler holds no more in later runs than in the first half of them."""
    held = []
    for number in range(further):
        _run(stage, small, f"further{number}")
        held.append(_scheduler_mb(stage))
    stage.figure("scheduler: after further runs, MB", ", ".join(f"{mb:.0f}" for mb in held))
    first, then = max(held[: further // 2]), max(held[further // 2 :])
    stage.demand(
        then <= first * FURTHER_SHARE + 1,
        f"the scheduler held {first:.1f} MB, and after as many runs again {then:.1f} MB",
    )


def _load(stage: Stage, small: int, load_s: float, noise_mb: float) -> None:
    """Keep all workers busy; each process' memory is to stand where it stood after a while."""
    dag = _wide("load", small)
    _keep_busy(stage, dag, load_s / 5)  # caches fill, pools grow
    with _watched(stage) as watch:
        runs = _keep_busy(stage, dag, load_s)
    worst = 0.0
    for pid, samples in watch.workers.items():
        if len(samples) < 2:
            continue
        seconds, slope = samples[-1][0] - samples[0][0], _slope(samples)
        grown = slope * seconds
        worst = max(worst, slope * 3600)
        stage.demand(
            grown <= WORKER_MB_AN_HOUR * seconds / 3600 + noise_mb,
            f"worker process {pid} grew by {grown:.1f} MB in {seconds:.0f} s",
        )
    stage.figure("load, s", load_s)
    stage.figure("load, tasks", runs * small)
    stage.figure("worker process: growth, MB an hour", worst)
    stage.figure(
        "worker processes: MB before and after",
        ", ".join(f"{worker[0][1]:.1f} {worker[-1][1]:.1f}" for worker in watch.workers.values()),
    )
    stage.figure("scheduler: growth under load, MB an hour", _slope(watch.scheduler) * 3600)


# -- runs ---------------------------------------------------------------------------------------


def _wide(name: str, tasks: int) -> DAG:
    """Draw a root, tasks that need it, and behind each of these one more: their results are kept
    for each other."""
    with DAG(name) as dag:
        root = app.nothing.bind("root")
        for at in range((tasks - 1) // 2):
            root >> app.nothing.bind(f"a{at}") >> app.nothing.bind(f"b{at}")
    return dag


def _keep_busy(stage: Stage, dag: DAG, seconds: float) -> int:
    """Have two runs at a time done for so long; return how many there were."""
    until, runs = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        for run in [stage.client.submit(dag, ttl=1) for _ in range(2)]:
            _until_over(stage, run)
            runs += 1
    return runs


def _run(stage: Stage, tasks: int, name: str) -> float:
    """Have one run done that nobody has had before; return its tasks per second."""
    dag = _wide(name, tasks)
    began = time.monotonic()
    _until_over(stage, stage.client.submit(dag, ttl=1))
    return tasks / (time.monotonic() - began)


def _until_over(stage: Stage, run: RunHandle) -> None:
    state = run.wait(RUN_S).value
    stage.demand(state == "succeeded", f"run {run.run_id} ended as {state}")


# -- memory -------------------------------------------------------------------------------------


@contextmanager
def _watched(stage: Stage) -> Iterator[Watch]:
    """Look at everybody's memory now and then as long as the block runs."""
    watch, over = Watch(), threading.Event()

    def look() -> None:
        with stage.redis.client() as server:
            while not over.wait(EVERY_S):
                now = time.monotonic()
                watch.scheduler.append((now, _scheduler_mb(stage)))
                used = server.info("memory")["used_memory"] / MB
                watch.redis_peak = max(watch.redis_peak, used)
                for child in (*stage.children(), *(psutil.Process(w.pid) for w in stage.workers)):
                    with suppress(psutil.NoSuchProcess):
                        watch.workers[child.pid].append((now, child.memory_info().rss / MB))

    thread = threading.Thread(target=look, name="memory")
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()


def _scheduler_mb(stage: Stage) -> float:
    result: float = psutil.Process(stage.schedulers[0].pid).memory_info().rss / MB
    return result


def _peak(samples: Samples) -> float:
    return max(mb for _, mb in samples)


def _slope(samples: Samples) -> float:
    """Return the slope of the line that fits best, in MB a second."""
    count = len(samples)
    mean_x = sum(x for x, _ in samples) / count
    mean_y = sum(y for _, y in samples) / count
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread if spread else 0.0
