"""The worker's parent process: a lease, children, deadlines, and an orderly end.

Start: reach Redis, register, fork the children (their lanes are registered first: a lane that
Redis does not know may not claim). Then four duties in one loop, none of which runs user code:
renew the lease, hear of dead children and report them at once, end attempts whose deadline has
passed, end attempts of cancelled runs.

Stop: children claim nothing more and give back what they have not started; what runs may go on
for the grace period; what is left then is killed and given back without blame; only then is the
worker retired, so the lease lives as long as anything that it covers. A second signal skips the
grace period.

If this process dies here: the kernel ends its children, the lease runs out, and the scheduler
takes back what they held.
"""

from __future__ import annotations

import random
import select
import signal
import socket
import string
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from os import getpid, pipe, read, set_blocking
from types import FrameType

import msgpack

from .. import __version__
from ..exceptions import LeaseLost, RedisUnavailable, TaskTimeout
from ..logging import FlowkitLogger, LogLevel
from ..protocol.fitness import check_fitness
from ..protocol.link import Link
from ..protocol.records import ErrorInfo
from ..protocol.worker_store import Outcome, Pulse, WorkerStore
from .board import Board, Executing
from .child import Child, ExitCode
from .children import Children, Death, Kid
from .config import WorkerConfig

TICK_S = 0.1
MOST_DEATHS = 3
STUBBORN_S = 2.0  # a cancelled coroutine that has not ended by then is ended with its process
QUICK_DEATH_S, LONGEST_RESPAWN_S = 1.0, 10.0
_ALPHABET = string.ascii_letters + string.digits


def new_worker_id() -> str:
    """Return an id for one process start; 48 bits of chance keep incarnations apart."""
    return "".join(random.SystemRandom().choices(_ALPHABET, k=8))


def _child_main(config: WorkerConfig, number: int, worker: str, board: Board, control: int) -> None:
    Child(config, number, worker, board, control).run()


class WorkerDaemon:
    """One worker: ``run`` returns its exit code."""

    def __init__(self, config: WorkerConfig, *, allow_eviction: bool = False) -> None:
        self._config = config
        self._allow_eviction = allow_eviction
        self._log = FlowkitLogger("flowkit", config.log_level, config.log_json)
        self._link = Link(config.redis_url, name="flowkit-worker", patience=0.0)
        self._store = WorkerStore(self._link, config.namespace)
        self._worker = ""
        self._children: Children
        self._signals = 0
        self._exit_code = 0
        self._share = 0
        self._next_beat = 0.0
        self._next_start = 0.0
        self._respawn_pause = 0.0
        self._started: dict[int, float] = {}
        self._ended_by_us: dict[int, tuple[Executing, Outcome]] = {}
        self._stop_asked: dict[str, float] = {}
        self._reports: list[Callable[[], object]] = []
        self._outage_since: float | None = None

    # -- life -----------------------------------------------------------------------------------

    def run(self) -> int:
        """Work until told to stop."""
        wake = self._catch_signals()
        self._enlist()
        self._say("worker_started", f"Worker {self._worker} started", app=self._config.app)
        while not self._signals:
            self._turn(wake)
        return self._stop(wake)

    def _turn(self, wake: int) -> None:
        """One turn of the loop: every duty, then a short sleep that signals cut."""
        self._hear_of_deaths()
        self._deliver()
        now = time.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + self._config.beat
            self._beat()
        self._end_overdue()
        self._fill_up()
        if not self._signals:
            select.select([wake], [], [], TICK_S)
            with suppress(BlockingIOError):
                read(wake, 4096)

    def _stop(self, wake: int) -> int:
        self._say("worker_stopping", f"Worker {self._worker} is stopping")
        asked, deadline = self._signals, time.monotonic() + self._config.shutdown_timeout
        for kid in self._children.alive.values():
            kid.tell("drain")
        while self._children.alive and self._signals == asked and time.monotonic() < deadline:
            self._turn_while_stopping(wake)
        for kid in self._children.alive.values():
            kid.kill()
        while self._children.alive:
            self._turn_while_stopping(wake, blameless=True)
        self._deliver()
        with suppress(RedisUnavailable, LeaseLost):
            self._store.retire(self._worker, [])
        self._say("worker_stopped", f"Worker {self._worker} stopped")
        return self._exit_code

    def _turn_while_stopping(self, wake: int, *, blameless: bool = False) -> None:
        self._hear_of_deaths(blameless=blameless)
        self._deliver()
        if time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + self._config.beat
            self._beat()
        self._end_overdue()
        select.select([wake], [], [], TICK_S / 2)
        with suppress(BlockingIOError):
            read(wake, 4096)

    def _catch_signals(self) -> int:
        """Make signals wake the loop; return the descriptor to wait on."""
        reader, writer = pipe()
        set_blocking(reader, False)
        set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

        def note(number: int, frame: FrameType | None) -> None:
            self._signals += 1

        signal.signal(signal.SIGTERM, note)
        signal.signal(signal.SIGINT, note)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        return reader

    # -- lease ----------------------------------------------------------------------------------

    def _enlist(self) -> None:
        """Become a new incarnation: wait for Redis, check it, register."""
        self._worker = new_worker_id()
        self._children = Children(self._config, self._worker, _child_main, self._before_child)
        self._ended_by_us.clear()
        self._reports.clear()
        while not self._signals:
            try:
                check_fitness(self._link, allow_eviction=self._allow_eviction)
                self._store.heartbeat(self._worker, self._config.lease_ms, [], self._about())
            except RedisUnavailable as error:
                self._note_outage(error)
                time.sleep(0.2 + random.random() * 0.3)  # noqa: S311
            else:
                self._note_recovery()
                return

    def _before_child(self) -> None:
        """In a new child: forget what is the parent's alone."""
        signal.set_wakeup_fd(-1)
        self._link.close()

    def _about(self) -> bytes:
        config = self._config
        packed: bytes = msgpack.packb(
            {
                "host": socket.gethostname(),
                "pid": getpid(),
                "app": config.app,
                "queues": list(config.queues),
                "processes": config.processes,
                "concurrency": config.concurrency,
                "version": __version__,
            }
        )
        return packed

    def _beat(self) -> None:
        try:
            pulse = self._store.heartbeat(
                self._worker, self._config.lease_ms, self._children.lanes()
            )
        except RedisUnavailable as error:
            self._note_outage(error)
        except LeaseLost as error:
            self._start_over(error)
        else:
            self._note_recovery()
            self._take_share(pulse)
            self._stop_cancelled(pulse)

    def _start_over(self, error: LeaseLost) -> None:
        """Declared dead: what the children do is void, so end them and come back as another."""
        self._log.event(LogLevel.ERROR, "lease_lost", str(error), worker=self._worker)
        for kid in self._children.alive.values():
            kid.kill()
        while self._children.alive:
            self._children.collect()
            time.sleep(0.01)
        self._enlist()
        self._say("worker_started", f"Worker {self._worker} started in its place")

    def _take_share(self, pulse: Pulse) -> None:
        share = pulse.workers * self._config.processes
        if share != self._share:
            self._share = share
            for kid in self._children.alive.values():
                kid.tell(f"share {share}")

    def _note_outage(self, error: Exception) -> None:
        if self._outage_since is None:
            self._outage_since = time.monotonic()
            self._log.event(
                LogLevel.WARNING, "redis_away", f"Waiting for Redis: {error}", worker=self._worker
            )

    def _note_recovery(self) -> None:
        if self._outage_since is not None:
            seconds = round(time.monotonic() - self._outage_since, 1)
            self._outage_since = None
            self._say("redis_back", f"Redis is there after {seconds} s", duration=seconds)

    # -- children -------------------------------------------------------------------------------

    def _fill_up(self) -> None:
        """Start children until there are as many as configured."""
        now = time.monotonic()
        while len(self._children.alive) < self._config.processes and now >= self._next_start:
            number = self._children.reserve()
            lanes = [*self._children.lanes(), *self._children.lanes_of(number)]
            try:
                self._store.heartbeat(self._worker, self._config.lease_ms, lanes)
            except RedisUnavailable as error:
                self._note_outage(error)
                return
            except LeaseLost as error:
                self._start_over(error)
                return
            kid = self._children.fork(number)
            self._started[kid.pid] = now
            if self._share:
                kid.tell(f"share {self._share}")

    def _hear_of_deaths(self, *, blameless: bool = False) -> None:
        for death in self._children.collect():
            self._pace_respawn(death)
            self._report(death, blameless=blameless)
            if death.code == ExitCode.APP_BROKEN:
                self._exit_code = 2
                self._signals += 1
            elif death.code not in (ExitCode.DONE, ExitCode.RECYCLED):
                self._log_death(death)

    def _pace_respawn(self, death: Death) -> None:
        """A child that dies as soon as it starts is not started again at once, over and over."""
        now = time.monotonic()
        lived = now - self._started.pop(death.kid.pid, now)
        if death.code in (ExitCode.DONE, ExitCode.RECYCLED) or lived > QUICK_DEATH_S:
            self._respawn_pause = 0.0
        else:
            self._respawn_pause = min(max(0.1, self._respawn_pause * 2), LONGEST_RESPAWN_S)
        self._next_start = now + self._respawn_pause

    def _log_death(self, death: Death) -> None:
        how = f"signal {-death.code}" if death.code < 0 else f"exit code {death.code}"
        what = ", ".join(one.key.replace(",", " task ") for one in death.executing) or "no task"
        message = f"Worker process {death.kid.pid} ended by {how} while executing {what}"
        self._log.event(
            LogLevel.ERROR,
            "child_died",
            message,
            worker=death.kid.lanes[0],
            pid=death.kid.pid,
        )

    def _report(self, death: Death, *, blameless: bool) -> None:
        """Queue what Redis has to be told of a dead child; it is sent as soon as Redis answers."""
        ended = self._ended_by_us.pop(death.kid.pid, None)
        executing = [] if blameless else list(death.executing)
        if ended is not None:
            slot, outcome = ended
            lane = death.kid.lanes[slot.slot > 0]
            executing = [one for one in executing if one.slot != slot.slot]
            self._reports.append(partial(self._store.complete, lane, [outcome], 0, 0, 1, ()))
        error = ErrorInfo(
            "WorkerLost",
            f"the worker process died {MOST_DEATHS} times while it ran this task "
            f"(last on {socket.gethostname()}, exit {death.code}). Look for what ends it: memory, "
            "a crash in native code, os._exit",
        ).pack()
        for at, lane in enumerate(death.kid.lanes):
            keys = [one.key for one in executing if (one.slot > 0) == bool(at)]
            self._reports.append(partial(self._store.reap_child, lane, keys, MOST_DEATHS, error))

    def _deliver(self) -> None:
        while self._reports:
            try:
                self._reports[0]()
            except RedisUnavailable as error:
                self._note_outage(error)
                return
            except LeaseLost:
                pass  # the scheduler has taken everything back already
            del self._reports[0]

    # -- deadlines and cancelled runs --------------------------------------------------------------

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for kid in self._children.alive.values():
            if kid.pid in self._ended_by_us or not kid.board.overdue(now):
                continue
            with kid.stopped() as executing:
                late = next((one for one in executing if 0.0 < one.deadline < now), None)
                if late is not None:
                    error = ErrorInfo("TaskTimeout", str(TaskTimeout(late.name, late.limit)))
                    outcome = Outcome(late.run, late.token, error.pack())
                    self._end(kid, late, outcome, "task_timeout", "took longer than its timeout")

    def _stop_cancelled(self, pulse: Pulse) -> None:
        asked: dict[str, float] = {}
        for lane, attempts in pulse.stops.items():
            kid = self._children.kid_of(lane)
            if kid is None:
                continue
            for attempt in attempts:
                mark = f"{lane} {attempt}"
                asked[mark] = self._stop_asked.get(mark, time.monotonic())
                if mark not in self._stop_asked:
                    kid.tell(f"stop {mark}")
                patience = STUBBORN_S if lane.endswith("a") else 0.0
                if time.monotonic() - asked[mark] >= patience:
                    self._end_attempt(kid, attempt)
        self._stop_asked = asked

    def _end_attempt(self, kid: Kid, attempt: str) -> None:
        if kid.pid in self._ended_by_us:
            return
        with kid.stopped() as executing:
            for one in executing:
                if f"{one.key},{one.attempt}" == attempt:
                    outcome = Outcome(one.run, f"{one.task},{one.attempt},C")
                    self._end(kid, one, outcome, "task_cancelled", "was cancelled")

    def _end(self, kid: Kid, one: Executing, outcome: Outcome, event: str, why: str) -> None:
        self._ended_by_us[kid.pid] = (one, outcome)
        kid.kill()
        message = f"Attempt {one.attempt} of task {one.task} of run {one.run} {why}: process ended"
        self._log.event(
            LogLevel.WARNING, event, message, run_id=one.run, attempt=one.attempt, worker=kid.lanes[0]
        )

    def _say(self, event: str, message: str, **fields: object) -> None:
        self._log.event(LogLevel.SYSTEM, event, message, worker=self._worker, **fields)
