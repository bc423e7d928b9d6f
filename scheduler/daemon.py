"""The scheduler process: it keeps the lease, and while it leads it runs all duties.

Start: wait for Redis, check it and the rights of this user, then stand by. After taking the lease:
rebuild every active run, then read events and run the duties in one thread, in turns. Each turn
first checks that the lease still holds. When the lease is lost, by a fenced write or by time,
everything in memory is dropped.

Stop: release the lease so that a standby takes over at once. There is nothing to save: the next
leader finds everything that was not written from the cursor on.
"""

from __future__ import annotations

import random
import signal
import socket
import string
import threading
import time
import traceback
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

from flowkit.configuration.redis_url import redact_url
from flowkit.configuration.shards import ALONE
from flowkit.daemon.exposure import warn_of_risks
from flowkit.daemon.outage import OutageLog
from flowkit.events.event import Listener
from flowkit.events.schedulers import (
    LeaderElected,
    LeaderLost,
    LeaderPassedOn,
    SchedulerBroken,
    SchedulerStandsBy,
    SchedulerStarted,
    SchedulerStopped,
)
from flowkit.exceptions import LeaseLost, NotPermitted, RedisUnavailable, StoreError
from flowkit.logging.logger import FlowkitLogger
from flowkit.protocol.keys import SCHEMA
from flowkit.protocol.lease_store import LeaseReply
from flowkit.protocol.link import Link
from flowkit.protocol.reply_errors import WrongType
from flowkit.protocol.scheduler_store import SchedulerStore
from flowkit.protocol.server_checks import check_schema, check_server
from flowkit.protocol.wrong_keys import wrong_keys

from .config import SchedulerConfig
from .inspector import Inspector
from .janitor import Janitor
from .leader import Leader, Leadership
from .loop import DutyLoop
from .missing_functions import MissingFunctions
from .promoter import Promoter
from .queue_repair import QueueRepair
from .reaper import Reaper
from .resolver import Resolver
from .run_log import RunLog
from .serving import Serving
from .shard_balance import ShardBalance

LONGEST_BLOCK_S = 1.0
RESTART_S, LONGEST_RESTART_S = 1.0, 5.0
REPEAT_S, MOST_MESSAGES = 30.0, 20  # of errors that are logged


def new_scheduler_id(shard_position: str = ALONE) -> str:
    """Return a unique id for this start: the host's name for the logs, random letters, and with
    several shards the position of this one.
    """
    host = "".join(char for char in socket.gethostname() if char.isalnum() or char == "-")[:40]
    name = f"{host}-" + "".join(random.SystemRandom().choices(string.ascii_lowercase, k=8))
    return name if shard_position == ALONE else f"{name}-{shard_position.partition('/')[0]}"


def _on_new_server() -> NoReturn:
    """Make the scheduler drop its memory and start over.

    A restarted Redis may have lost its last writes. Tasks would then be queued because of outcomes
    that it no longer has.
    """
    raise LeaseLost("Redis was restarted or replaced; lost work is repeated")


class SchedulerDaemon:
    """One scheduler: ``run`` returns its exit code."""

    def __init__(
        self,
        config: SchedulerConfig,
        *,
        allow_eviction: bool = False,
        shard_balance: ShardBalance | None = None,
    ) -> None:
        """``shard_balance``: the shards that this process leads, None if there is only one."""
        self._config = config
        self._allow_eviction = allow_eviction
        logger = FlowkitLogger("flowkit", config.log_level, config.log_json)
        self._listener: Listener = RunLog(logger)
        self._id = new_scheduler_id(config.shard_position)
        self._stopping = threading.Event()
        self._outages = OutageLog(self._listener, lambda: self._id, role="scheduler")
        self._holder = ""
        self._broken_pause = RESTART_S
        self._logged_at: dict[str, float] = {}  # error message → when it was last logged
        # Patience for a cut connection only. A longer outage must reach the loop, which keeps
        # renewing the lease.
        self._store = self._new_store(
            "flowkit-scheduler", patience=config.lease / 3, on_new_server=_on_new_server
        )
        self._leader = Leader(
            self._new_store("flowkit-leader", read_timeout=config.lease / 3),
            config.lease,
            config.standby_poll,
            shard_balance=shard_balance,
            on_held=self._log_standby,
            on_trouble=self._outages.away,
            on_answer=self._outages.back,
        )
        self._serving = Serving(self._store, lambda: self._queue_repair.repair())
        self._resolver = Resolver(self._store, self._listener, config.window, self._serving)
        self._queue_repair = QueueRepair(
            self._store, self._resolver.active, self._serving, self._resolver.give_up
        )

    def _new_store(
        self,
        name: str,
        **options: Any,
    ) -> SchedulerStore:
        options = {"patience": 0.0, **options}
        link = Link(
            self._config.redis_url,
            name=name,
            stopped=self._stopping,
            **options,
        )
        shard_position = self._config.shard_position
        return SchedulerStore(link, self._config.namespace, self._id, shard_position=shard_position)

    def run(self) -> int:
        """Work until a signal stops it. Raises UnfitRedis, WrongShards, NotPermitted."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self._wait_for_redis()
        if not self._stopping.is_set():
            where = redact_url(self._config.redis_url)
            self._listener.hear(SchedulerStarted(scheduler=self._id, redis=where))
            patched = self._config.redis_patched
            warn_of_risks(self._store.link, self._listener, patched=patched, scheduler=self._id)
            self._leader.start()
        while not self._stopping.is_set():
            leadership = self._leader.leadership()
            if self._leader.refused is not None:
                raise self._leader.refused
            if leadership is None:
                self._stopping.wait(self._config.standby_poll / 5)
            else:
                self._lead_until_lost(leadership)
        self._leader.stop()
        self._listener.hear(SchedulerStopped(scheduler=self._id))
        return 0

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping.set()
        self._store.link.interrupt()  # it may be waiting for events

    # -- leading --------------------------------------------------------------------------------

    def _lead_until_lost(self, leadership: Leadership) -> None:
        """Lead until the lease is lost or Redis goes away. Neither ends this process."""
        try:
            self._lead(leadership)
        except LeaseLost as error:
            self._log_lost(error)
            with suppress(LeaseLost, RedisUnavailable):  # the next leader looks itself
                self._resolver.report_lost()
            self._stopping.wait(self._config.standby_poll)
        except RedisUnavailable as error:
            if self._stopping.is_set():
                return  # the connection was cut to end the wait for events
            self._outages.away(error)
            self._stopping.wait(self._config.standby_poll * (0.5 + random.random()))  # noqa: S311
        except Exception as error:
            # Redis holds something that a script or a read cannot handle, such as a key of another
            # type, or there is a bug. The error is logged and the scheduler starts over: all that
            # it drops is in Redis.
            self._log_error(f"Scheduler {self._id} cannot continue and starts over", error)
            self._stopping.wait(self._broken_pause)
            self._broken_pause = min(self._broken_pause * 2, LONGEST_RESTART_S)

    def _log_error(self, what: str, error: Exception) -> None:
        """Log an error. The same message is repeated only after ``REPEAT_S``."""
        cause, trace = str(error) or repr(error), None
        if isinstance(error, WrongType):
            with suppress(StoreError):
                cause = wrong_keys(self._store) or cause
        elif not isinstance(error, StoreError):
            trace = traceback.format_exc()
        message, now = f"{what}: {cause}", time.monotonic()
        if now - self._logged_at.get(message, -REPEAT_S) < REPEAT_S:
            return
        self._logged_at = {**dict(list(self._logged_at.items())[-MOST_MESSAGES:]), message: now}
        kind = type(error).__name__
        self._listener.hear(
            SchedulerBroken(scheduler=self._id, reason=message, error_type=kind, traceback=trace)
        )

    def _on_wrong_type(self, duty: str, error: WrongType) -> None:
        self._log_error(f"The {duty} of scheduler {self._id} cannot do its work", error)

    def _lead(self, leadership: Leadership) -> None:
        self._holder = ""
        self._store.term = leadership.term
        self._store.note_schema(SCHEMA, upgrade=False)  # a Redis that is back may be empty
        self._resolver.recover(self._store.read_cursor())
        self._queue_repair.repair()
        self._outages.back()
        runs = len(self._resolver.active)
        self._listener.hear(LeaderElected(scheduler=self._id, term=leadership.term, active=runs))
        loop = DutyLoop(
            [
                self._serving,
                Promoter(self._store, lambda: self._resolver.retries_seen, self._serving),
                Reaper(self._store, self._listener),
                MissingFunctions(
                    self._store,
                    self._resolver.active,
                    self._serving,
                    self._listener,
                    self._config.function_timeout,
                ),
                Janitor(self._store, self._listener, self._config.sweep, self._repair),
                Inspector(self._store.link, self._listener, allow_eviction=self._allow_eviction),
            ],
            on_wrong_type=self._on_wrong_type,
        )
        while not self._stopping.is_set():
            if self._leader.leadership() != leadership:
                raise LeaseLost(f"scheduler {self._id} no longer leads (term {leadership.term})")
            free = loop.run_due(LONGEST_BLOCK_S)
            self._resolver.run_once(max(1, int(free * 1000)))
            self._broken_pause = RESTART_S

    def _repair(self) -> int:
        """Restore what is missing in the queues, and wake tasks that wait for nothing."""
        return self._resolver.families.sweep() + self._queue_repair.sweep()

    # -- Redis ----------------------------------------------------------------------------------

    def _wait_for_redis(self) -> None:
        pause = 0.2
        while not self._stopping.is_set():
            try:
                check_server(self._store.link, allow_eviction=self._allow_eviction)
                check_schema(self._store, daemon=True)
                self._store.check_rights()
            except NotPermitted:
                raise  # waiting does not help
            except RedisUnavailable as error:
                self._outages.away(error)
                self._stopping.wait(pause * (0.5 + random.random()))  # noqa: S311
                pause = min(pause * 2, 2.0)
            else:
                self._outages.back()
                return

    def _log_standby(self, reply: LeaseReply) -> None:
        if reply.holder != self._holder:
            self._holder = reply.holder
            self._listener.hear(SchedulerStandsBy(scheduler=self._id, leader=reply.holder))

    def _log_lost(self, error: LeaseLost) -> None:
        successor = self._leader.successor()
        if successor:
            self._listener.hear(LeaderPassedOn(scheduler=self._id, leader=successor))
        else:
            self._listener.hear(LeaderLost(scheduler=self._id, reason=str(error)))
