"""R18: Redis is there and will not, or must not, be written to; then it is mended.

Its memory is full, its disk fails, it is a replica, it has handed its place to another server, or
somebody tells it to delete keys. Each time a run is in the middle, somebody waits to submit another
one, and whoever does not want to wait is told what to do. Nothing may be lost or done twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import ailing_redis
from ailing_redis import AILMENTS, EVICTING, KEEPING, REPLICA, Ailment
from helpers import wait_until
from real_system import Process
from secured import replica_of

from flowkit import Client, RunHandle
from flowkit.exceptions import FlowkitError, RedisUnavailable

from . import dags
from .checker import Allowed
from .processor_time import busiest, pids_of
from .stage import APP, PATIENCE_S, Stage

SAID_S = 10.0  # until somebody has noticed
WENT_ON_S = 5.0
BY_NAME = {ailment.name: ailment for ailment in AILMENTS}
KINDS = (*BY_NAME, "almost-full", "evicting", "failover")
SOME = ("memory", "almost-full", "failover")
_WAITS = "Waiting for Redis"


def unfit_is_calm(
    stage: Stage, *, rounds: int, tasks: int, hold: float, kinds: tuple[str, ...] = KINDS
) -> None:
    """R18: each of ``kinds`` for ``hold`` seconds, in turns, while runs continue."""
    for _ in range(2):
        stage.scheduler()
        stage.worker("--processes", "2")
    worst: dict[str, float] = {"cpu": 0.0, "on": 0.0, "lines": 0.0}
    for number in range(rounds):
        for kind in kinds:
            case = Case(stage, f"{kind}-{number}", tasks, hold)
            if kind in BY_NAME:
                ailment = BY_NAME[kind]
                case.suffer(ailment, lambda item=ailment: item.mend(stage.redis))
            else:
                OTHERS[kind](case)
            case.note(worst)
    stage.figure("rounds", rounds)
    stage.figure("kinds", ", ".join(kinds))
    stage.figure("unfit, s each", hold)
    stage.figure("busiest process, % of a processor", worst["cpu"] * 100)
    stage.figure("lines said, per process and time that it was unfit", worst["lines"])
    stage.figure("work went on after, s", worst["on"])


@dataclass
class Case:
    """One run, and one time that Redis is unfit while it continues."""

    stage: Stage
    name: str
    tasks: int
    hold: float
    share: float = 0.0
    lines: float = 0.0
    went_on: float = 0.0

    def note(self, worst: dict[str, float]) -> None:
        for key, value in (("cpu", self.share), ("lines", self.lines), ("on", self.went_on)):
            worst[key] = max(worst[key], value)

    def suffer(self, ailment: Ailment, mend: Callable[[], None]) -> None:
        """Make Redis fail while a run is half done, repair it, and wait for the run to end."""
        stage = self.stage
        run = _begin(stage, self.name, self.tasks)
        said = _lines(stage)
        ailment.begin(stage.redis)
        for process in stage.workers:
            more = said[process.log_path.name] + 1
            wait_until(f"{process.name} says so", lambda p=process, n=more: _says(p) >= n, SAID_S)
        late = Late(stage, f"late-{self.name}")
        self._refusals(ailment)
        self.share = busiest(pids_of(stage), self.hold)
        stage.demand(run.record().state.value == "running", f"{self.name}: it was over: too short")
        began, at = len(stage.executions()), time.monotonic()
        mend()
        wait_until("work goes on", lambda: len(stage.executions()) > began, PATIENCE_S)
        self.went_on = time.monotonic() - at
        self.lines = max(_says(daemon) - said[daemon.log_path.name] for daemon in stage.daemons)
        _must_end(stage, run.run_id)
        late.must_end()
        self._judge()

    def _refusals(self, ailment: Ailment) -> None:
        """Demand that who does not wait is told what to do; it takes two seconds and more, in
        which the first tries to reach Redis come soon one after the other."""
        stage, refused = self.stage, f"refused-{self.name}"
        messages = "was accepted"
        try:
            with _client(stage, 0.0) as hasty:
                hasty.submit(dags.single("held", "never"), run_id=refused)
        except RedisUnavailable as error:
            messages = str(error)
        stage.demand(ailment.advice in messages, f"{self.name}: the client was told {messages!r}")
        words = ["-m", "flowkit", "submit", f"{APP}:waited", "--run-id", refused]
        command = stage.system.run_program("cli", words, FLOWKIT_REDIS_URL=stage.proxy.url)
        code = command.exit_code(PATIENCE_S)
        stage.demand(code == 3, f"{self.name}: flowkit submit ended with {code}")
        stage.demand(ailment.advice in command.log, f"{self.name}: it said {command.log!r}")

    def _judge(self) -> None:
        stage, name = self.stage, self.name
        stage.demand(self.share < 0.03, f"{name}: a process took {self.share:.1%} of a processor")
        stage.demand(self.went_on < WENT_ON_S, f"{name}: work went on after {self.went_on:.1f} s")
        most = 2 + self.hold / 30
        stage.demand(self.lines <= most, f"{name}: a process said so {self.lines:g} times")


class Late:
    """Somebody who submits a run meanwhile, and has the patience to wait until it is accepted."""

    def __init__(self, stage: Stage, run_id: str) -> None:
        self._stage, self._id = stage, run_id
        self._told = "waits for ever"
        self._thread = threading.Thread(target=self._submit)
        self._thread.start()

    def _submit(self) -> None:
        try:
            with _client(self._stage, 2 * PATIENCE_S) as client:
                dag = dags.layered(20, 1, width=10)
                self._told = client.submit(dag, run_id=self._id).wait(PATIENCE_S).value
        except FlowkitError as error:
            self._told = f"{type(error).__name__}: {error}"

    def must_end(self) -> None:
        self._thread.join(3 * PATIENCE_S)
        self._stage.demand(self._told == "succeeded", f"{self._id}: its client {self._told}")
        self._stage.check(self._stage.client.run(self._id), Allowed())


# -- further cases ------------------------------------------------------------------------------


def _almost_full(case: Case) -> None:
    """Have room for some writes and not for others, as it comes when memory just runs out."""
    stage = case.stage
    run = _begin(stage, case.name, case.tasks)
    until = time.monotonic() + case.hold
    while time.monotonic() < until and run.record().state.value == "running":
        with stage.redis.client() as server:
            used = server.info("memory")["used_memory"]
        ailing_redis.config(stage.redis, maxmemory=used + stage.random.randrange(-20_000, 20_000))
        time.sleep(0.1)
    ailing_redis.config(stage.redis, maxmemory=0)
    _must_end(stage, run.run_id)


def _evicting(case: Case) -> None:
    """Tell it to delete keys when it is full: the leader says so, who starts then is refused."""
    stage = case.stage
    run = _begin(stage, case.name, case.tasks)
    messages = f"maxmemory-policy '{EVICTING}'"

    def heard(words: str) -> int:
        return sum(scheduler.log.count(words) for scheduler in stage.schedulers)

    before, fine = heard(messages), heard("no longer deletes keys")
    ailing_redis.config(stage.redis, maxmemory_policy=EVICTING)
    wait_until("the leader says so", lambda: heard(messages) > before, SAID_S)
    daemons = (["-m", "flowkit.scheduler"], ["-m", "flowkit.worker", "--app", APP])
    refused = [stage.system.run_program("refused", words) for words in daemons]
    for item in refused:
        stage.demand(item.exit_code(PATIENCE_S) == 3, f"{item.log_path.name} began on {messages}")
        stage.demand("--allow-eviction" in item.log, f"{item.log_path.name} said {item.log!r}")
    ailing_redis.config(stage.redis, maxmemory_policy=KEEPING)
    wait_until("all is well", lambda: heard("no longer deletes keys") > fine, SAID_S)
    _must_end(stage, run.run_id)


def _fail_over(case: Case) -> None:
    """Have a second server take the first one's place: first nobody knows, and the old one refuses
    writes; then the way to Redis leads to the new one."""
    stage = case.stage
    old = stage.redis
    ailing_redis.config(old, repl_diskless_sync_delay=0)
    new = stage.keep(replica_of(old, stage.folder / case.name))

    def hand_over(_: object) -> None:
        with old.client() as server:
            server.execute_command("FAILOVER", "TO", "127.0.0.1", new.port)
            wait_until("it is a replica", lambda: server.info("replication")["role"] == "slave")

    case.suffer(replace(REPLICA, begin=hand_over), lambda: stage.move_to(new))


OTHERS: dict[str, Callable[[Case], None]] = {
    "almost-full": _almost_full,
    "evicting": _evicting,
    "failover": _fail_over,
}

# -- tools --------------------------------------------------------------------------------------


def _client(stage: Stage, patience: float) -> Client:
    settings = replace(stage.client.settings, redis_url=stage.proxy.url)
    return Client(settings, patience=patience)


def _begin(stage: Stage, name: str, tasks: int) -> RunHandle:
    run = stage.client.submit(dags.wide(tasks, ms=20), run_id=name)
    wait_until("some tasks have begun", lambda: len(stage.executions(run)) > tasks / 10, PATIENCE_S)
    return run


def _must_end(stage: Stage, run_id: str) -> None:
    run = stage.client.run(run_id)
    state = stage.end(run, PATIENCE_S)
    stage.demand(state == "succeeded", f"the run {run_id} ended as {state}")
    stage.check(run, Allowed())


def _says(process: Process) -> int:
    return process.log.count(_WAITS)


def _lines(stage: Stage) -> dict[str, int]:
    return {daemon.log_path.name: _says(daemon) for daemon in stage.daemons}
