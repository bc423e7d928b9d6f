"""The worker's parent process: a lease, children, deadlines, and an orderly end.

Start: reach Redis, check it and the rights of this user, register, fork the children (their lanes
are registered first: a lane that Redis does not know may not claim). Then four duties in one loop,
none of which runs user code: renew the lease, hear of dead children and report them at once, end
attempts whose deadline has passed, end attempts of cancelled runs.

Stop: children claim nothing more and give back what they have not started; what runs may go on
for the grace period; what is left then is killed and given back without blame; only then is the
worker retired, so the lease lives as long as anything that it covers. A second signal skips the
grace period.

If this process dies here: the kernel ends its children and the warden what their tasks have
started, the lease runs out, and the scheduler takes back what they held.
"""

from __future__ import annotations

import select
import signal
import time
from contextlib import suppress
from os import pipe, read, set_blocking
from types import FrameType

from ..exceptions import LeaseLost
from ..exposure import warn_of_risks
from ..logging import FlowkitLogger, LogLevel
from ..outage import OutageLog
from ..protocol.link import Link
from ..protocol.worker_store import Pulse, WorkerStore
from .board import Board, Mark
from .child import Child
from .children import Children, Death, Kid
from .config import ExitCode, WorkerConfig
from .enforcer import Enforcer
from .lease_keeper import LeaseKeeper
from .self_report import SelfReport
from .undertaker import Undertaker
from .warden import Warden

TICK_S = 0.1
START_TICK_S = 0.02  # while children load the app: who starts a system waits for them
HAND_OVER_S = 5.0
# TERM to a whole group comes twice to a process whose parent passes it on: that is one request.
SAME_REQUEST_S = 0.3
QUICK_DEATH_S, LONGEST_RESPAWN_S = 1.0, 10.0


def _child_main(config: WorkerConfig, number: int, worker: str, board: Board, control: int) -> None:
    Child(config, number, worker, board, control).run()


class WorkerDaemon:
    """One worker: ``run`` returns its exit code."""

    def __init__(self, config: WorkerConfig, *, allow_eviction: bool = False) -> None:
        self._config = config
        self._log = FlowkitLogger("flowkit", config.log_level, config.log_json)
        # Not patient, and not long-suffering: a Redis that hangs must not stop the other duties.
        self._link = Link(
            config.redis_url,
            name="flowkit-worker",
            patience=0.0,
            read_timeout=config.lease / 3,
        )
        self._store = WorkerStore(self._link, config.namespace)
        self._outages = OutageLog(self._log, lambda: self._keeper.worker)
        self._keeper = LeaseKeeper(
            config, self._store, self._outages, allow_eviction=allow_eviction
        )
        self._unready: set[int] = set()  # ended while they loaded the app, by their pids
        self._report = SelfReport(self._log, lambda: self._keeper.worker)
        self._new_incarnation()
        self._signals = 0
        self._last_signal = -SAME_REQUEST_S
        self._exit_code = 0
        self._share = 0
        self._next_beat = 0.0
        self._next_start = 0.0
        self._respawn_pause = 0.0

    def _new_incarnation(self) -> None:
        """Begin with no children and no reports under the keeper's present id."""
        self._undertaker = Undertaker(self._store, self._outages)
        self._enforcer = Enforcer(self._undertaker, self._log)
        self._children = Children(
            self._config, self._keeper.worker, _child_main, self._before_child
        )

    def _before_child(self) -> None:
        """In a new child: forget what is the parent's alone."""
        signal.set_wakeup_fd(-1)
        self._warden.forget()
        self._link.close()

    # -- life -----------------------------------------------------------------------------------

    def run(self) -> int:
        """Work until told to stop. Raises UnfitRedis, WrongShards, NotPermitted."""
        self._warden = Warden()
        wake = self._catch_signals()
        self._enlist("started")
        if not self._signals:
            patched = self._config.redis_patched
            warn_of_risks(self._link, self._log, patched=patched, worker=self._keeper.worker)
        while not self._signals:
            self._duties(blameless=False)
            self._fill_up()
            self._sleep(wake)
        self._stop(wake)
        self._warden.close()
        return self._exit_code

    def _enlist(self, how: str) -> None:
        is_enlisted = self._keeper.enlist(lambda: self._signals > 0)
        self._new_incarnation()
        if not is_enlisted:
            return
        self._say("worker_started", f"Worker {self._keeper.worker} {how}", app=self._config.app)

    def _duties(self, *, blameless: bool) -> None:
        for death in self._children.collect():
            self._warden.remove(death.kid.pid)
            self._hear_of(death, blameless=blameless)
        self._undertaker.deliver()
        counts = self._report.look(self._children.alive.values())
        news, self._keeper.counts = counts != self._keeper.counts, counts
        if news or time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + self._config.beat
            self._beat()
        self._enforcer.end_overdue(self._children.alive.values())

    def _stop(self, wake: int) -> None:
        self._say("worker_stopping", f"Worker {self._keeper.worker} is stopping")
        asked, deadline = self._signals, time.monotonic() + self._config.shutdown_timeout
        for kid in self._children.alive.values():
            self._dismiss(kid)
        while self._children.alive and self._signals == asked and time.monotonic() < deadline:
            self._duties(blameless=False)
            self._sleep(wake)
        for kid in self._children.alive.values():
            kid.kill()
        while self._children.alive:
            self._duties(blameless=True)
            self._sleep(wake)
        self._hand_over(wake)
        self._say("worker_stopped", f"Worker {self._keeper.worker} stopped")

    def _dismiss(self, kid: Kid) -> None:
        """Have a child finish what it executes. One that still loads the app hears nothing before
        that is over, and has nothing to finish: it is ended. It is stopped for the look, since it
        could become ready, and claim, in between.
        """
        with kid.stopped():
            if not kid.board.is_marked(Mark.READY):
                self._unready.add(kid.pid)
                kid.kill()
                return
        kid.tell("drain")

    def _hand_over(self, wake: int) -> None:
        """Deliver the last reports, then retire: a worker that is forgotten cannot be reaped."""
        deadline = time.monotonic() + HAND_OVER_S
        while not self._undertaker.deliver():
            if time.monotonic() > deadline:
                return  # the lease runs out, and the scheduler takes back what is left
            self._sleep(wake)
        self._keeper.retire()

    # -- signals --------------------------------------------------------------------------------

    def _catch_signals(self) -> int:
        """Make signals wake the loop; return the descriptor to wait on."""
        reader, writer = pipe()
        set_blocking(reader, False)
        set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

        def note(number: int, frame: FrameType | None) -> None:
            now = time.monotonic()
            if now - self._last_signal >= SAME_REQUEST_S:
                self._signals += 1
                self._last_signal = now

        signal.signal(signal.SIGTERM, note)
        signal.signal(signal.SIGINT, note)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        return reader

    def _sleep(self, wake: int) -> None:
        """Sleep for a tick; a signal, a child's end among them, cuts it short."""
        starting = self._keeper.counts.ready < len(self._children.alive)
        select.select([wake], [], [], START_TICK_S if starting else TICK_S)
        with suppress(BlockingIOError):
            read(wake, 4096)

    # -- lease ----------------------------------------------------------------------------------

    def _beat(self) -> None:
        try:
            pulse = self._keeper.beat(self._lanes())
        except LeaseLost as error:
            self._start_over(error)
            return
        if pulse is not None:
            self._take_share(pulse)
            self._enforcer.stop_cancelled(pulse, self._children)

    def _lanes(self) -> list[str]:
        """Every lane that may hold claims: of living children, and of dead ones not reported."""
        return [*self._children.lanes(), *self._undertaker.lanes]

    def _start_over(self, error: LeaseLost) -> None:
        """Declared dead: what the children do is void, so end them and come back as another."""
        self._log.event(LogLevel.ERROR, "lease_lost", str(error), worker=self._keeper.worker)
        for kid in self._children.alive.values():
            kid.kill()
        while self._children.alive:
            for death in self._children.collect():
                self._warden.remove(death.kid.pid)
            time.sleep(0.01)
        self._enlist("started in its place")

    def _take_share(self, pulse: Pulse) -> None:
        share = pulse.workers * self._config.processes
        if share != self._share:
            self._share = share
            for kid in self._children.alive.values():
                kid.tell(f"share {share}")

    # -- children -------------------------------------------------------------------------------

    def _fill_up(self) -> None:
        """Start children until there are as many as configured; each is registered first."""
        while len(self._children.alive) < self._config.processes:
            if self._signals or time.monotonic() < self._next_start:
                return
            try:
                if self._keeper.beat([*self._lanes(), *self._children.next_lanes()]) is None:
                    return
            except LeaseLost as error:
                self._start_over(error)
                return
            kid = self._children.fork()
            self._warden.add(kid.pid)
            if self._share:
                kid.tell(f"share {self._share}")

    def _hear_of(self, death: Death, *, blameless: bool) -> None:
        ours = self._undertaker.ending(death.kid)
        self._pace_respawn(death, innocent=not (ours or death.executing))
        self._undertaker.bury(death, blameless=blameless)
        if death.said == ExitCode.APP_BROKEN:
            self._exit_code = 2
            self._signals += 1
        elif not (ours or blameless or death.orderly or death.kid.pid in self._unready):
            self._log_death(death)

    def _pace_respawn(self, death: Death, *, innocent: bool) -> None:
        """A child that dies as soon as it starts is not started again at once, over and over.

        One that a task killed, or that was ended for one, says nothing about how the next fares.
        """
        if innocent and not death.orderly and death.lived < QUICK_DEATH_S:
            self._respawn_pause = min(max(0.1, self._respawn_pause * 2), LONGEST_RESPAWN_S)
        else:
            self._respawn_pause = 0.0
        self._next_start = time.monotonic() + self._respawn_pause

    def _log_death(self, death: Death) -> None:
        what = ", ".join(map(str, death.executing)) or "no task"
        message = f"Worker process {death.kid.pid} ended by {death.how} while executing {what}"
        fields: dict[str, object] = {"worker": death.kid.lanes[0], "pid": death.kid.pid}
        if len(death.executing) == 1:
            (one,) = death.executing
            fields |= {"run_id": one.run, "task_name": one.name, "attempt": one.attempt}
        self._log.event(LogLevel.ERROR, "child_died", message, **fields)

    def _say(self, event: str, message: str, **fields: object) -> None:
        self._log.event(LogLevel.SYSTEM, event, message, worker=self._keeper.worker, **fields)
