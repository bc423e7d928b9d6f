"""Scenarios in which Redis is emptied, away, or forgets: R10, R11, R12, R14."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from itertools import pairwise

import redis
from helpers import wait_until

from flowkit import RunHandle
from flowkit.exceptions import FlowkitError

from . import dags
from .checker import Allowed, Witness
from .processor_time import busiest, pids_of
from .stage import APP, PATIENCE_S, Stage

HANG_S = 60.0  # whoever still waits then would wait forever
LOSSY = Allowed(repeats=None, same_attempt=None, blamed=None, lost_time=True)


# -- R10 ----------------------------------------------------------------------------------------


def queues_rebuild(stage: Stage, *, rounds: int, tasks: int, sweep: float) -> None:
    """R10: every ready list, every wake list and the delayed set are deleted in the middle."""
    ms, children = 10.0, 2
    stage.scheduler(CHAOS_SWEEP=str(sweep))
    stage.worker("--processes", str(children))
    worst, deleted = 0.0, 0
    for _ in range(rounds):
        run = stage.client.submit(dags.retrying(tasks, ms=ms))
        wait_until(
            "a third has begun", lambda r=run: len(stage.executions(r)) > tasks / 3, PATIENCE_S
        )
        at = time.monotonic()
        deleted += delete_hints(stage)
        witness = Witness()
        state = stage.end(run, HANG_S + tasks * ms / 1000, witness)
        took = time.monotonic() - at
        worst = max(worst, took)
        work = tasks * ms / 1000 / children
        stage.demand(state == "succeeded", f"the run ended as {state}")
        stage.demand(took < 2 * sweep + work + 2, f"it took {took:.1f} s, sweeps are {sweep:g} s")
        stage.check(run, Allowed(retried=dags.retries_of(tasks)), witness)
    stage.figure("rounds", rounds)
    stage.figure("keys deleted", deleted)
    stage.figure("sweep, s", sweep)
    stage.figure("worst, s until the end", worst)


def delete_hints(stage: Stage) -> int:
    """Delete all that is no truth; return how many keys that were."""
    with stage.redis.client() as server:
        names = [
            key
            for pattern in ("ready:*", "wake:*", "delayed")
            for key in server.scan_iter(match="{chaos}:" + pattern, count=1000)
        ]
        return int(server.delete(*names)) if names else 0


# -- R11 ----------------------------------------------------------------------------------------


@dataclass
class Waiters:
    """Two that wait for a run: a client in a thread, and the command line in a process."""

    stage: Stage
    name: str
    told: list[str] = field(default_factory=list)

    def begin(self) -> RunHandle:
        """Submit two runs and wait for them; return the client's."""
        stage = self.stage
        dag = dags.layered(60, stage.random.randrange(10**6), ms=20, width=20)
        self.run = stage.client.submit(dag, run_id=f"client-{self.name}")
        self.thread = threading.Thread(target=self._wait)
        self.thread.start()
        words = ["submit", f"{APP}:waited", "--wait", "--run-id", f"cli-{self.name}"]
        self.cli = stage.system.run_program("cli", ["-m", "flowkit", *words])
        return self.run

    def _wait(self) -> None:
        try:
            with self.stage.new_client() as client:
                self.told.append(client.run(self.run.run_id).wait(HANG_S).value)
        except FlowkitError as error:
            self.told.append(type(error).__name__)

    def outcome(self) -> tuple[str, str]:
        """Return what the client was told, and the last line and exit code of the command."""
        self.thread.join(HANG_S + 10)
        client = self.told[0] if self.told else "waits for ever"
        try:
            code = self.cli.exit_code(HANG_S)
        except AssertionError:
            return client, "waits for ever"
        return client, f"exit code {code}: {self.cli.log.strip().splitlines()[-1:]}"


def loss_is_told(stage: Stage, *, rounds: int, cuts: int) -> None:
    """R11: the append-only file is cut, Redis is emptied, or comes back empty."""
    for _ in range(2):
        stage.scheduler()
    stage.worker("--processes", "2", lease=2.0)
    kinds = ["cut"] * cuts + ["flush", "empty"] * rounds
    stage.random.shuffle(kinds)
    resumed, lost = 0, 0
    for number, kind in enumerate(kinds):
        messages = lose_and_ask(stage, kind, f"{number}-{kind}")
        resumed += messages == "succeeded"
        lost += messages in ("RunLost", "RunNotFound")
    stage.figure("files cut", cuts)
    stage.figure("emptied", 2 * rounds)
    stage.figure("runs that went on", resumed)
    stage.figure("runs that were said to be lost", lost)
    stage.demand(resumed + lost == len(kinds), "some runs neither went on nor were called lost")


def lose_and_ask(stage: Stage, kind: str, name: str) -> str:
    """Lose data in the middle of two runs; return what the client was told, and try a third."""
    messages = _lose(stage, kind, name)
    _serves_again(stage, name)
    return messages


def _lose(stage: Stage, kind: str, name: str) -> str:
    _shorten_file(stage)
    waiters = Waiters(stage, name)
    run = waiters.begin()
    share = stage.random.random() * 50
    wait_until("some tasks have begun", lambda: len(stage.executions(run)) > share, PATIENCE_S)
    said = sum(_says_lost(process.log) for process in stage.system.processes)
    lose_data(stage, kind)
    client, command = waiters.outcome()
    stage.demand(
        client in ("succeeded", "RunLost", "RunNotFound"), f"{name}: the client was told {client!r}"
    )
    fine = command.startswith(("exit code 0", "exit code 3"))
    stage.demand(fine, f"{name}: the command line said {command}")
    if client == "succeeded":
        stage.check(run, LOSSY)
        return client
    wait_until(
        "a log says that data was lost",
        lambda: sum(_says_lost(process.log) for process in stage.system.processes) > said,
        20,
    )
    code, text = status_of(stage, run.run_id)
    stage.demand(code == 4 and "no run" in text, f"{name}: status says {text!r} ({code})")
    return client


def _shorten_file(stage: Stage) -> None:
    """Have the append-only file start over, so that a cut hits what happens from now on."""

    def is_short() -> bool:
        return not server.info("persistence")[_REWRITING]

    with stage.redis.client() as server:
        wait_until("the file is written", is_short)
        server.bgrewriteaof()
        wait_until("the file is short", is_short)


_REWRITING = "aof_rewrite_in_progress"
_LOST_WORDS = ("is lost", "was declared dead", "are lost", "was lost", "lost the run", "run_lost")


def _says_lost(log: str) -> int:
    return sum(log.count(words) for words in _LOST_WORDS)


def lose_data(stage: Stage, kind: str) -> None:
    """``flush``: FLUSHALL. ``empty``: a restart without data. ``cut``: a restart on a cut file."""
    if kind == "flush":
        with stage.redis.client() as server:
            server.flushall()
        return
    stage.redis.kill()
    if kind == "empty":
        shutil.rmtree(stage.redis.folder)
    else:
        cut_file(stage)
    stage.redis.start()


def cut_file(stage: Stage) -> None:
    """Cut the append-only file at a drawn offset: half of the time near its end, as a crash would,
    and one time in eight all that was written since the last run began.
    """
    files = [*stage.redis.folder.rglob("*.incr.aof"), *stage.redis.folder.glob("appendonly.aof")]
    newest = max(files, key=lambda path: path.stat().st_mtime)
    size = newest.stat().st_size
    luck = stage.random.random()
    most = min(size, 3000) if luck < 0.5 else size
    cut = size if luck > 7 / 8 or not size else stage.random.randint(1, most)
    with newest.open("r+b") as file:
        file.truncate(size - cut)


def _serves_again(stage: Stage, name: str) -> None:
    """Demand that the system works for whoever comes next, also under a run id that was in use."""
    run_id = f"after-{name}"
    run = stage.client.submit(dags.layered(10, 1, width=5), run_id=run_id)
    try:
        state = run.wait(HANG_S).value
    except FlowkitError as error:
        state = type(error).__name__
    stage.demand(state == "succeeded", f"{name}: the run after it ended as {state}")


# -- R12 ----------------------------------------------------------------------------------------


def nothing_is_left(stage: Stage, *, ttl: int, seconds: float, sweep: float) -> None:
    """R12: runs outlive their TTL while they continue, and leave nothing when it is over."""
    stage.scheduler(CHAOS_SWEEP=str(sweep))
    stage.worker("--processes", "2")
    stage.end(stage.client.submit(dags.eventful(40, 7), ttl=1), PATIENCE_S)
    before = _settled_keys(stage, sweep)
    slow = stage.client.submit(dags.layered(20, 1, ms=seconds / 20 * 1000, width=1), ttl=ttl)
    for number in range(3):
        stage.client.submit(dags.eventful(40, number), ttl=ttl)
    early: set[str] = set()
    while True:
        with stage.redis.client() as server:
            expiring = {key for key in _keys(server, slow.run_id) if server.pttl(key) >= 0}
        if slow.record().state.value != "running":
            break
        early |= expiring
        time.sleep(0.2)
    stage.check(slow, Allowed())
    stage.demand(not early, f"keys of a live run had a TTL: {sorted(early)[:3]}")
    after = _settled_keys(stage, sweep, before)
    stage.figure("TTL, s", ttl)
    stage.figure("keys before", len(before))
    stage.figure("keys too many after the TTL", len(after - before))
    stage.demand(after <= before, f"left behind: {sorted(after - before)[:5]}")


def _keys(server: redis.Redis, run: str = "") -> set[str]:
    pattern = "{chaos}:" + (f"run:{run}*" if run else "*")
    return {key.decode() for key in server.scan_iter(match=pattern, count=1000)}


def _settled_keys(stage: Stage, sweep: float, known: set[str] | None = None) -> set[str]:
    """Return the keys once no run is left, or what there is after two sweeps and the TTL."""
    until = time.monotonic() + 2 * sweep + 15
    with stage.redis.client() as server:
        while True:
            result = _keys(server)
            busy = any(":run:" in key or ":graph" in key or key.endswith(":runs") for key in result)
            if not busy and (known is None or result <= known):
                return result
            if time.monotonic() > until:
                return result
            time.sleep(0.1)


# -- R14 ----------------------------------------------------------------------------------------


def outages_are_calm(stage: Stage, *, away: float, tasks: int) -> None:
    """R14: Redis is unreachable; processes wait without using the processor, and soon continue."""
    for _ in range(2):
        stage.scheduler()
    stage.worker("--processes", "2")
    run = stage.client.submit(dags.wide(tasks, ms=20))
    wait_until("some tasks have begun", lambda: len(stage.executions(run)) > 20, PATIENCE_S)
    stage.redis.kill()
    for process in stage.daemons:
        process.says("Waiting for Redis")
    time.sleep(2)  # the first tries come soon one after the other, which is as it should be
    family, first = pids_of(stage), len(stage.proxy.attempts)
    share = busiest(family, away)
    tries = stage.proxy.attempts[first:]
    began = len(stage.executions(run))
    at = time.monotonic()
    stage.redis.start()
    wait_until("work goes on", lambda: len(stage.executions(run)) > began, PATIENCE_S)
    resumed = time.monotonic() - at
    state = stage.end(run, PATIENCE_S + tasks * 0.02)
    stage.check(run, Allowed())
    stage.demand(state == "succeeded", f"the run ended as {state}")
    stage.demand(share < 0.03, f"a process took {share:.1%} of a processor")
    stage.demand(resumed < 5, f"work went on after {resumed:.1f} s")
    rate = len(tries) / away / len(family)
    stage.demand(rate < 5, f"each process tried to connect {rate:.1f} times a second")
    stage.figure("away, s", away)
    stage.figure("busiest process, % of a processor", share * 100)
    stage.figure("tries to connect, per process and second", rate)
    stage.figure("different pauses between tries", f"{_different(tries)} of {len(tries) - 1}")
    stage.figure("work went on after, s", resumed)


def _different(times: list[float]) -> int:
    """Return how many of the pauses differ, in ms: without jitter it would be a handful."""
    return len({round((after - before) * 1000) for before, after in pairwise(times)})


def status_of(stage: Stage, run_id: str) -> tuple[int, str]:
    """Return exit code and output of ``flowkit status``."""
    words = ["-m", "flowkit", "status", run_id, "--redis", stage.redis.url, "--namespace", "chaos"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr
