"""The worker's parent process: it keeps the lease, the children and the deadlines.

Starting: reach Redis, check it and the rights of this user, register, and fork the children. The
lanes of a child are registered before the fork, since a lane that Redis does not know may not
claim. Then one loop has four duties, none of which runs user code: renew the lease, report dead
children at once, end attempts whose deadline has passed, and end attempts of cancelled runs.

Stopping: the children claim nothing more and give back what they have not started. Running
attempts may continue for the grace period; those that remain are killed and given back without
blame. Only then is the worker retired, so the lease outlives everything that it covers. A second
signal skips the grace period.

If this process dies here, the kernel ends its children, the orphan killer ends what their tasks
have started, the lease expires, and the scheduler takes back what they held.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

from flowkit.daemon.exposure import warn_of_risks
from flowkit.daemon.outage import OutageLog
from flowkit.events.event import Listener
from flowkit.events.workers import (
    WorkerLeaseLost,
    WorkerStarted,
    WorkerStopped,
    WorkerStopping,
)
from flowkit.exceptions import LeaseLost
from flowkit.logging.event_log import EventLog
from flowkit.logging.logger import FlowkitLogger
from flowkit.processes.restart_pause import RestartPause
from flowkit.processes.signal_alarm import SignalAlarm
from flowkit.protocol.link import Link
from flowkit.protocol.worker_store import Pulse, WorkerStore

from .attempt_killer import AttemptKiller
from .child import Child
from .children import ChildPool, ChildProcess, Death
from .config import ExitReason, WorkerConfig
from .death_reporter import DeathReporter
from .execution_slots import ChildMark
from .lease_keeper import LeaseKeeper
from .log_collector import LogCollector, NoLogs
from .orphan_killer import OrphanKiller
from .progress_reporter import ProgressReporter
from .self_report import SelfReport
from .throughput import Throughput

TICK_S = 0.1
START_TICK_S = 0.02  # while children load the app: a program may wait until they are ready
HAND_OVER_S = 5.0
# A TERM to the process group arrives twice if the parent also passes it on: that is one request.
SAME_REQUEST_S = 0.3
QUICK_DEATH_S, LONGEST_RESPAWN_S = 1.0, 10.0


def _child_main(config: WorkerConfig, *parts: Any) -> None:
    Child(config, *parts).run()


class WorkerDaemon:
    """One worker: ``run`` returns its exit code."""

    def __init__(self, config: WorkerConfig, *, allow_eviction: bool = False) -> None:
        self._config = config
        logger = FlowkitLogger("flowkit", config.log_level, config.log_json)
        self._listener: Listener = EventLog(logger, on_worker=True)
        # No waiting, and short timeouts: a Redis that hangs must not stop the other duties.
        self._link = Link(
            config.redis_url,
            name="flowkit-worker",
            patience=0.0,
            read_timeout=config.lease / 3,
        )
        self._store = WorkerStore(self._link, config.namespace)
        self._outages = OutageLog(self._listener, lambda: self._keeper.worker)
        self._keeper = LeaseKeeper(
            config, self._store, self._outages, allow_eviction=allow_eviction
        )
        self._unready: set[int] = set()  # pids of children killed while they loaded the app
        self._report = SelfReport(self._listener, lambda: self._keeper.worker)
        self._logs: LogCollector | NoLogs = NoLogs()
        self._throughput = Throughput(config.queues)
        self._new_incarnation()
        self._signals = 0
        self._last_signal = -SAME_REQUEST_S
        self._exit_code = 0
        self._claimers = 0
        self._next_beat = 0.0
        self._respawn_pause = RestartPause(LONGEST_RESPAWN_S)

    def _new_incarnation(self) -> None:
        """Start without children and reports, with the current id of the lease keeper."""
        self._death_reporter = DeathReporter(self._store, self._outages)
        self._attempt_killer = AttemptKiller(self._death_reporter, self._listener)
        self._progress = ProgressReporter(self._store, self._keeper.worker)
        self._children = ChildPool(
            self._config, self._keeper.worker, _child_main, self._before_child, self._logs.new_pipes
        )

    def _before_child(self) -> None:
        """Close, in a new child, what belongs to the parent alone."""
        SignalAlarm.forget()
        self._orphan_killer.forget()
        self._link.close()
        self._logs.forget()

    def _before_collector(self) -> None:
        self._before_child()
        self._children.forget()

    # -- life -----------------------------------------------------------------------------------

    def run(self) -> int:
        """Work until told to stop. Raises UnfitRedis, WrongShards, NotPermitted."""
        self._orphan_killer = OrphanKiller()
        self._alarm = SignalAlarm()
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        if self._config.task_logs and self._config.capture_output:
            self._logs = LogCollector(self._config, self._before_collector, self._listener)
        self._enlist()
        self._store.read_scripts()
        if not self._signals:
            patched = self._config.redis_patched
            warn_of_risks(self._link, self._listener, patched=patched, worker=self._keeper.worker)
        while not self._signals:
            self._duties(blameless=False)
            self._fill_up()
            self._sleep()
        self._stop()
        self._logs.close()
        self._orphan_killer.close()
        return self._exit_code

    def _enlist(self, *, restarted: bool | None = None) -> None:
        is_enlisted = self._keeper.enlist(lambda: self._signals > 0)
        self._new_incarnation()
        if not is_enlisted:
            return
        worker, app = self._keeper.worker, self._config.app
        self._listener.hear(WorkerStarted(worker=worker, app=app, restarted=restarted))

    def _duties(self, *, blameless: bool) -> None:
        for death in self._collect():
            self._handle_death(death, blameless=blameless)
        self._death_reporter.deliver()
        counts = self._report.look(self._children.alive.values())
        news, self._keeper.counts = counts != self._keeper.counts, counts
        self._keeper.load = self._throughput.look(self._children.alive.values())
        if news or time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + self._config.beat
            self._beat()
        self._attempt_killer.end_overdue(self._children.alive.values())
        self._progress.report(self._children.alive.values())

    def _stop(self) -> None:
        asked, deadline = self._signals, time.monotonic() + self._config.shutdown_timeout
        for child in self._children.alive.values():
            self._dismiss(child)
        self._children.wait_for(ChildMark.DRAINS, lambda: self._duties(blameless=False))
        self._listener.hear(WorkerStopping(worker=self._keeper.worker))
        while self._children.alive and self._signals == asked and time.monotonic() < deadline:
            self._duties(blameless=False)
            self._sleep()
        for child in self._children.alive.values():
            child.kill()
        while self._children.alive:
            self._duties(blameless=True)
            self._sleep()
        self._hand_over()
        self._listener.hear(WorkerStopped(worker=self._keeper.worker))

    def _dismiss(self, child: ChildProcess) -> None:
        """Let a child finish what it executes, or kill it while it loads the app.

        A child that loads the app does not read the pipe and has nothing to finish. It is stopped
        for the check, since it could otherwise become ready, and claim, in between.
        """
        with child.stopped():
            if not child.slots.is_marked(ChildMark.READY):
                self._unready.add(child.pid)
                child.kill()
                return
        child.tell("drain")

    def _hand_over(self) -> None:
        """Send the last reports, then retire: Redis refuses reports on an unknown worker."""
        deadline = time.monotonic() + HAND_OVER_S
        while not self._death_reporter.deliver():
            if time.monotonic() > deadline:
                return  # the lease expires, and the scheduler takes back what is left
            self._sleep()
        self._keeper.retire()

    # -- signals --------------------------------------------------------------------------------

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._last_signal >= SAME_REQUEST_S:
            self._signals += 1
            self._last_signal = now

    def _sleep(self) -> None:
        """Sleep for a tick. Any signal ends the sleep early, also the one for a child's end."""
        starting = self._keeper.counts.ready < len(self._children.alive)
        self._alarm.sleep(START_TICK_S if starting else TICK_S)

    # -- lease ----------------------------------------------------------------------------------

    def _beat(self) -> None:
        try:
            pulse = self._keeper.beat(self._lanes())
        except LeaseLost as error:
            self._start_over(error)
            return
        if pulse is not None:
            self._take_share(pulse)
            if not pulse.app_known:
                self._children.tell("register")
            self._attempt_killer.stop_cancelled(pulse, self._children)

    def _lanes(self) -> list[str]:
        """Return the lanes that may hold claims: of living children, and of unreported deaths."""
        return [*self._children.lanes(), *self._death_reporter.lanes]

    def _start_over(self, error: LeaseLost) -> None:
        """After the worker was declared dead: kill the children, and register with a new id.

        What the children still do has no effect, because Redis refuses their writes.
        """
        self._listener.hear(WorkerLeaseLost(worker=self._keeper.worker, reason=str(error)))
        for child in self._children.alive.values():
            child.kill()
        while self._children.alive:
            for death in self._collect():
                self._throughput.child_ended(death.child)
            time.sleep(0.01)
        self._enlist(restarted=True)

    def _take_share(self, pulse: Pulse) -> None:
        claimers = pulse.workers * self._config.processes
        if claimers != self._claimers:
            self._claimers = claimers
            self._children.tell(f"claimers {claimers}")

    # -- children -------------------------------------------------------------------------------

    def _fill_up(self) -> None:
        """Start children up to the configured number. The lanes of each are registered first."""
        while len(self._children.alive) < self._config.processes:
            if self._signals or not self._respawn_pause.is_over():
                return
            try:
                if self._keeper.beat([*self._lanes(), *self._children.next_lanes()]) is None:
                    return
            except LeaseLost as error:
                self._start_over(error)
                return
            child = self._children.fork()
            self._orphan_killer.add(child.pid)
            if self._claimers:
                child.tell(f"claimers {self._claimers}")

    def _collect(self) -> Iterator[Death]:
        """Yield the children that have died. What they printed is in Redis by then, if possible."""
        if self._logs.check():  # another process reads from now on
            self._children.tell("announce")
        for death in self._children.collect():
            self._orphan_killer.remove(death.child.pid)
            self._logs.remove(death.child.lanes)
            yield death

    def _handle_death(self, death: Death, *, blameless: bool) -> None:
        self._throughput.child_ended(death.child)
        was_killed = self._death_reporter.ending(death.child)
        self._pace_respawn(death, idle=not (was_killed or death.executing))
        self._death_reporter.report_death(death, blameless=blameless)
        if death.exit_reason == ExitReason.APP_BROKEN:
            self._exit_code = 2
            self._signals += 1
        elif not (was_killed or blameless or death.orderly or death.child.pid in self._unready):
            self._listener.hear(death.event())

    def _pace_respawn(self, death: Death, *, idle: bool) -> None:
        """Wait longer each time before replacing children that die as soon as they start.

        A child that died by a task, or was killed because of one, says nothing about the next one.
        ``idle``: the child executed nothing, and this worker did not kill it.
        """
        if idle and not death.orderly and death.lived < QUICK_DEATH_S:
            self._respawn_pause.lengthen()
        else:
            self._respawn_pause.reset()
