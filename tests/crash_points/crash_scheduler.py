"""A scheduler in the test's own process: the daemon's objects, in turns instead of threads."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

from crash_seam import Process
from crash_worker import quiet_log

from flowkit.exceptions import LeaseLost, RedisUnavailable, StoreError
from flowkit.logging.event_log import EventLog
from flowkit.protocol.scheduler_store import SchedulerStore
from flowkit.protocol.server_checks import check_server
from flowkit.scheduler.daemon import _on_new_server
from flowkit.scheduler.janitor import Janitor
from flowkit.scheduler.leader import Leader, Leadership
from flowkit.scheduler.loop import DutyLoop
from flowkit.scheduler.missing_functions import MissingFunctions
from flowkit.scheduler.promoter import Promoter
from flowkit.scheduler.queue_repair import QueueRepair
from flowkit.scheduler.reaper import Reaper
from flowkit.scheduler.resolver import Resolver
from flowkit.scheduler.serving import Serving

if TYPE_CHECKING:
    from crash_environment import Environment

LEASE_S, POLL_S, SWEEP_S = 3.0, 0.5, 4.0
MISSING_S = 2.0
WINDOW = 4  # less than the scenarios' fan-outs, so that the window is at work too
_numbers = count(1)


class SchedulerUnit:
    """One scheduler, from its start to its death."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self.process = Process(env, "scheduler")
        self._id = f"s{next(_numbers)}"
        self._log = quiet_log()
        self._listener = EventLog(self._log)
        self._store = self._new_store(patience=1.0, on_new_server=_on_new_server)
        self._leader = Leader(self._new_store(patience=0.0), LEASE_S, POLL_S, monotonic=env.seconds)
        self._serving = Serving(
            self._store, lambda: self._queue_repair.repair(), small=env.scenario.small
        )
        self._resolver = Resolver(
            self._store, self._listener, WINDOW, self._serving, monotonic=env.seconds
        )
        self._queue_repair = QueueRepair(
            self._store, self._resolver.active, self._serving, self._resolver.give_up
        )
        self._lease_due = 0.0
        self._led: Leadership | None = None
        self._loop = DutyLoop([])
        self._fit = False

    def _new_store(self, **options: Any) -> SchedulerStore:
        link = self.process.link(**options)
        return SchedulerStore(link, self._env.namespace, self._id)

    @property
    def leads(self) -> bool:
        """Whether it has taken over all active runs."""
        return self._led is not None

    def turn(self) -> bool:
        """Do what is due, as ``SchedulerDaemon`` does; return whether there was anything."""
        try:
            if not self._fit:
                check_server(self._store.link)
                self._fit = True
            self._keep_lease()
            leadership = self._leader.leadership()
            if leadership is None:
                self._led = None
                return False
            if leadership is not self._led:
                self._take_over(leadership)
            self._loop.run_due(1.0)
            return self._resolver.run_once(1) > 0
        except LeaseLost:
            self._led = None
            with suppress(LeaseLost, RedisUnavailable):
                self._resolver.report_lost()
            return True
        except RedisUnavailable:
            self._led = None
            return True

    def _take_over(self, leadership: Leadership) -> None:
        self._store.term = leadership.term
        self._resolver.recover(self._store.read_cursor())
        self._queue_repair.repair()
        env, resolver = self._env, self._resolver
        self._loop = DutyLoop(
            [
                self._serving,
                MissingFunctions(
                    self._store,
                    resolver.active,
                    self._serving,
                    self._listener,
                    MISSING_S if env.scenario.missing else 0.0,
                    monotonic=env.seconds,
                ),
                Promoter(self._store, lambda: resolver.retries_seen, self._serving),
                Reaper(self._store, self._listener, monotonic=env.seconds),
                Janitor(self._store, self._listener, SWEEP_S, self._repair),
            ],
            monotonic=env.seconds,
        )
        self._led = leadership

    def _repair(self) -> int:
        return self._resolver.families.sweep() + self._queue_repair.sweep()

    def _keep_lease(self) -> None:
        now = self._env.seconds()
        if now < self._lease_due:
            return
        try:
            self._lease_due = now + self._leader.run_once()
        except StoreError:
            self._lease_due = now + POLL_S

    def stop(self) -> None:
        """Give the lease up, as on TERM, and end."""
        self._leader._stop.set()
        self._leader._keep()
        self.process.end()
