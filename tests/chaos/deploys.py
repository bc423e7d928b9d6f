"""R21, R22: workers with different apps serve one queue, during a deployment or for good."""

from __future__ import annotations

import time

from helpers import wait_until
from real_system import Process

from .services import App, Load, all_ready, ends, start_worker, write_app
from .stage import PATIENCE_S, Stage, meanwhile

# -- R21 ----------------------------------------------------------------------------------------


def deploys_roll(
    stage: Stage, *, workers: int, tasks: int, ms: float, before: float, killed: float = 0.2
) -> None:
    """R21: all workers are replaced one by one, and back again, under load.

    The second version of the app has a function more and one less, and one in another module.
    ``before``: seconds of load before. ``killed``: share of the workers that are not told to stop.
    """
    old = write_app(
        stage.folder, "v1", {"common": "service", "removed": "service", "moved": "service"}
    )
    new = write_app(
        stage.folder, "v2", {"common": "service", "added": "service", "moved": "elsewhere"}
    )
    stage.scheduler()
    for _ in range(workers):
        start_worker(stage, old)
    load = Load(stage, (old, new), runs=4, tasks=tasks, ms=ms)
    load.start()
    all_ready(stage)
    time.sleep(1)
    began = time.monotonic()
    time.sleep(before)
    rates, times = [ends(stage, began, time.monotonic(), old, new)], []
    kills = 0
    for app in (new, old):
        began = time.monotonic()
        kills += _replace_all(stage, app, killed)
        times.append(time.monotonic() - began)
        rates.append(ends(stage, began, time.monotonic(), old, new))
    load.stop()
    start_worker(stage, new)  # for the runs of the second version that are unfinished
    load.check()
    stage.figure("workers", workers)
    stage.figure("replaced", 2 * workers)
    stage.figure("of them killed", kills)
    stage.figure("deployments, s", " and ".join(f"{item:.0f}" for item in times))
    stage.figure("tasks a second before", rates[0])
    stage.figure("during, of before", " and ".join(f"{rate / rates[0]:.0%}" for rate in rates[1:]))


def _replace_all(stage: Stage, app: App, killed: float) -> int:
    """Replace each worker by one with this app; return how many were killed."""
    kills = 0
    for worker in list(stage.workers):
        start_worker(stage, app).says(" started ", PATIENCE_S)
        stage.workers.remove(worker)
        if stage.random.random() < killed:
            kills += 1
            worker.kill()
        else:
            worker.terminate()
            code = worker.exit_code(30)
            stage.demand(code == 0, f"a worker told to stop ended with exit code {code}")
    return kills


# -- R22 ----------------------------------------------------------------------------------------


def two_apps_share(
    stage: Stage, *, workers: int, tasks: int, ms: float, seconds: float, away: float
) -> None:
    """R22: two apps with no function in common on one queue, for ``seconds`` under kills.

    Then one of them has no worker for ``away`` seconds.
    """
    first = write_app(stage.folder, "first", {"a": "service", "b": "service", "c": "first_parts"})
    second = write_app(stage.folder, "second", {"x": "service", "y": "second_parts"})
    stage.scheduler()
    teams = {
        app.name: [start_worker(stage, app) for _ in range(workers)] for app in (first, second)
    }
    load = Load(stage, (first, second), runs=4, tasks=tasks, ms=ms)
    load.start()
    all_ready(stage)
    began = time.monotonic()
    with meanwhile(0.7, lambda: _hit(stage, teams, (first, second))) as hits:
        time.sleep(seconds)
    rate = ends(stage, began, time.monotonic(), first, second)
    all_ready(stage)
    alone = _without(stage, teams["second"], away, first)
    _says_why(stage, "second-")
    teams["second"] = [start_worker(stage, second) for _ in range(workers)]
    all_ready(stage)
    began = time.monotonic()
    time.sleep(away)
    together = ends(stage, began, time.monotonic(), first)
    load.stop()
    load.check()
    stage.figure("workers", 2 * workers)
    stage.figure("processes killed", len(hits))
    stage.figure("tasks a second under kills", rate)
    stage.figure("of the first app beside the second", together)
    stage.figure("of the first app while the second has no worker", alone)
    stage.demand(alone > together / 2, f"one app slowed down to {alone:.0f} without the other's")


def _hit(stage: Stage, teams: dict[str, list[Process]], apps: tuple[App, App]) -> None:
    """Kill a child, or now and then a worker, which is replaced by one of the same app."""
    if stage.random.random() < 0.6:
        stage.kill_child()
        return
    app = stage.random.choice(apps)
    victim = stage.random.choice(teams[app.name])
    for among in (stage.workers, teams[app.name]):
        among.remove(victim)
    victim.kill()
    teams[app.name].append(start_worker(stage, app))


def _without(stage: Stage, team: list[Process], away: float, other: App) -> float:
    """Stop a team of workers; return how many tasks a second the other app's workers do then."""
    for worker in team:
        stage.workers.remove(worker)
        worker.terminate()
    for worker in team:
        worker.exit_code(30)
    began = time.monotonic()
    time.sleep(away)
    return ends(stage, began, time.monotonic(), other)


def _says_why(stage: Stage, runs: str) -> None:
    """Demand that each unfinished run of an app without workers says what it waits for."""

    def silent() -> list[str]:
        records = stage.client.runs(limit=1000)
        some = [record for record in records if record.run.startswith(runs)]
        waiting = [item.run for item in some if item.state.value == "running"]
        reasons = {run: stage.client.run(run).status().waiting_for for run in waiting}
        assert reasons, f"no run {runs}… is unfinished"
        return [f"{run}: {why!r}" for run, why in reasons.items() if "has its function" not in why]

    try:
        wait_until("all runs say what they wait for", lambda: not silent(), 10)
    except AssertionError:
        stage.demand(False, f"these do not say what they wait for: {silent()[:3]}")
