"""R20: two releases side by side in one namespace, as in every deployment, while processes die.

Some daemons are of this release and some of another one; runs are submitted by clients of both,
and both read all of them, while they continue and when they are over. Without ``older`` the other
one is the release to come as ``releases`` makes it up; with it, an earlier one out of git.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
from real_system import Process

from flowkit import RunHandle

from . import HERE
from .checker import Allowed, Witness
from .dags import layered
from .printing import missing, read_kept, read_noted, wrong
from .releases import from_history, next_release
from .stage import Stage, meanwhile

SUBMIT, READ = (str(HERE / "apps" / name) for name in ("chaos_submit.py", "chaos_read.py"))
LEASE_S = 2.0
RUN_S = 300.0
PRINTING = 0.2  # share of the tasks
# What a child had done and not yet sent when it was killed is run again under its number. A
# release of before the history replaces attempts without a word.
ANY = Allowed(repeats=None, same_attempt=None, blamed=None)
ANY_OLDER = replace(ANY, untold=True)
OURS, OTHER = "this", "other"
# Releases of the schedulers, and of the workers.
Combination = tuple[tuple[str, ...], tuple[str, ...]]
COMBINATIONS: tuple[Combination, ...] = (
    ((OURS, OURS), (OTHER, OTHER)),
    ((OURS, OTHER), (OURS, OTHER)),
    ((OTHER, OTHER), (OURS, OURS)),
    ((OTHER, OTHER), (OTHER, OTHER)),
)
SOME = COMBINATIONS[1:2]


def releases_mix(
    stage: Stage,
    *,
    tasks: int,
    ms: float,
    older: str | None = None,
    combinations: tuple[Combination, ...] = COMBINATIONS,
) -> None:
    """R20: each combination has two runs, one of each release's client, under kills."""
    place = stage.folder / "other-release"
    folder = next_release(place) if older is None else from_history(place, older)
    kills = 0
    for number, (schedulers, workers) in enumerate(combinations):
        before = len(stage.violations)
        mix = Mix(stage, folder)
        for release in schedulers:
            mix.start("scheduler", release)
        for release in workers:
            mix.start("worker", release)
        runs = [
            stage.client.submit(
                layered(tasks, stage.random.randrange(10**6), ms=ms, share_printing=PRINTING),
                run_id=f"this-{number}",
            ),
            _submitted_elsewhere(stage, folder, f"other-{number}", tasks, ms),
        ]
        witnesses = [Witness() for _ in runs]
        with meanwhile(0.5, mix.hit):
            _read_everywhere(stage, folder, runs)
            states = [
                stage.end(item, RUN_S, seen) for item, seen in zip(runs, witnesses, strict=True)
            ]
        for run, state, witness in zip(runs, states, witnesses, strict=True):
            stage.demand(state == "succeeded", f"run {run.run_id} ended as {state}: {_why(run)}")
            stage.check(run, ANY if older is None else ANY_OLDER, witness)
        _read_everywhere(stage, folder, runs)
        for run in runs:
            noted, kept = read_noted(stage.folder / "printed", run.run_id), read_kept(run)
            # A release of before the logs keeps none.
            for sentence in (*wrong(noted, kept), *(missing(noted, kept) if older is None else ())):
                stage.demand(False, f"run {run.run_id}: {sentence}")
        stage.check_processes()
        mix.stop()
        kills += mix.kills
        held = "all is well" if len(stage.violations) == before else "VIOLATED"
        stage.figure(f"schedulers {'+'.join(schedulers)}, workers {'+'.join(workers)}", held)
    if older is None:
        with stage.redis.client() as server:
            unknown = server.llen(stage.client.shards[0]._store.keys.quarantine())
        stage.figure("events that this release does not know", unknown)
        stage.demand(unknown > 0, "the other release said nothing that this one does not know")
    stage.figure("other release", "one to come" if older is None else older or "the one before")
    stage.figure("tasks", 2 * tasks * len(combinations))
    stage.figure("processes killed", kills)


@dataclass
class Mix:
    """Daemons of two releases. What is killed is replaced by one of its kind and release."""

    stage: Stage
    folder: Path
    kills: int = 0
    _again: dict[int, Callable[[], None]] = field(default_factory=dict)

    def start(self, kind: str, release: str) -> None:
        environ = {"PYTHONPATH": str(self.folder)} if release == OTHER else {}
        if kind == "worker":
            process = self.stage.worker("--processes", "2", lease=LEASE_S, **environ)
        else:
            process = self.stage.scheduler(**environ)
        self._again[process.pid] = lambda: self.start(kind, release)

    def hit(self) -> None:
        """Kill a worker's child, or now and then a whole daemon."""
        stage = self.stage
        self.kills += 1
        if stage.random.random() < 0.6:
            stage.kill_child()
            return
        victim = stage.random.choice(stage.daemons)
        again = self._again.pop(victim.pid)
        self._remove(victim)
        again()

    def stop(self) -> None:
        for process in [*self.stage.workers, *self.stage.schedulers]:
            self._remove(process)

    def _remove(self, process: Process) -> None:
        for among in (self.stage.workers, self.stage.schedulers):
            if process in among:
                among.remove(process)
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _submitted_elsewhere(
    stage: Stage, folder: Path, run_id: str, tasks: int, ms: float
) -> RunHandle:
    """Have a client of the other release submit a run."""
    seed = stage.random.randrange(10**6)
    words = [SUBMIT, run_id, str(tasks), str(seed), f"{ms:g}", f"{PRINTING:g}"]
    program = stage.system.run_program("submit", words, PYTHONPATH=str(folder))
    code = program.exit_code(60)
    assert code == 0, f"the other release's client ended with {code}: {program.log[-1000:]}"
    return stage.client.run(run_id)


def _read_everywhere(stage: Stage, folder: Path, runs: Sequence[RunHandle]) -> None:
    """Read each run with both releases; whatever is raised is a violation."""
    for run in runs:
        try:
            run.status(), run.history(), run.explain(), list(run.logs())
        except Exception as error:
            stage.demand(False, f"run {run.run_id} cannot be read: {type(error).__name__}: {error}")
        program = stage.system.run_program("read", [READ, run.run_id], PYTHONPATH=str(folder))
        code = program.exit_code(60)
        said = program.log.splitlines()[-1:]
        is_wrong = code != 0 or (run.record().state.value != "running" and said != ["succeeded"])
        if is_wrong and said != ["running"]:  # it was over a moment later
            text = f"the other release's client read {run.run_id} and ended with {code}"
            stage.demand(False, f"{text}: {program.log[-500:]}")


def _why(run: RunHandle) -> str:
    """Return what a run says that it failed of."""
    try:
        return str(run.error()).partition("\n")[0]
    except Exception as error:
        return str(error)
