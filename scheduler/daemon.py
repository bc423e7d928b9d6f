"""The scheduler process: a lease, and while it is held the duties of the one leader.

Start: wait for Redis, check it and the rights of this user, then stand by. On taking the lease:
rebuild every active run, then read events and run the duties in one thread, in turns; each turn
first asks whether the lease still holds. On losing it, by a fenced write or by time, everything in
memory is dropped.

Stop: give the lease up so that a standby takes over at once. Nothing has to be saved: whatever was
not written is found again from the cursor.
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

from ..exceptions import LeaseLost, NotPermitted, RedisUnavailable, StoreError
from ..exposure import warn_of_risks
from ..logging import FlowkitLogger, LogLevel
from ..outage import OutageLog
from ..protocol.fitness import check_schema, check_server
from ..protocol.keys import SCHEMA
from ..protocol.lease_store import LeaseReply
from ..protocol.link import Link
from ..protocol.redis_url import redact_url
from ..protocol.reply_errors import WrongType
from ..protocol.scheduler_store import SchedulerStore
from ..protocol.shards import ALONE
from ..protocol.wrong_keys import wrong_keys
from .config import SchedulerConfig
from .hints import Hints
from .inspector import Inspector
from .janitor import Janitor
from .leader import Leader, Leadership
from .loop import Loop
from .promoter import Promoter
from .reaper import Reaper
from .resolver import Resolver
from .share import Share

LONGEST_BLOCK_S = 1.0
BEGIN_ANEW_S, LONGEST_BEGIN_ANEW_S = 1.0, 5.0
SAY_AGAIN_S, MOST_SAID = 30.0, 20  # of what is broken


def new_scheduler_id(layout: str = ALONE) -> str:
    """Return an id for one process start, with the host's name in front for the logs, and the
    position of its shard behind it if there are several.
    """
    host = "".join(char for char in socket.gethostname() if char.isalnum() or char == "-")[:40]
    name = f"{host}-" + "".join(random.SystemRandom().choices(string.ascii_lowercase, k=8))
    return name if layout == ALONE else f"{name}-{layout.partition('/')[0]}"


def _begin_anew() -> NoReturn:
    """Drop what is in memory. A Redis that was started again may have lost its last writes, and
    what is resolved from them would be queued on outcomes that it does not have.
    """
    raise LeaseLost(
        "Redis was started anew, or is another one; what it has lost, if anything, is done again"
    )


class SchedulerDaemon:
    """One scheduler: ``run`` returns its exit code."""

    def __init__(
        self, config: SchedulerConfig, *, allow_eviction: bool = False, share: Share | None = None
    ) -> None:
        """``share``: what other children of this process lead, None if there are none."""
        self._config = config
        self._allow_eviction = allow_eviction
        self._log = FlowkitLogger("flowkit", config.log_level, config.log_json)
        self._id = new_scheduler_id(config.layout)
        self._stopping = threading.Event()
        self._outages = OutageLog(self._log, lambda: self._id, role="scheduler")
        self._holder = ""
        self._broken_pause = BEGIN_ANEW_S
        self._said: dict[str, float] = {}  # what is broken → when it was said last
        # Patience for a cut connection only: a longer outage comes back to the loop, which must
        # go on asking for its lease.
        self._store = self._new_store(
            "flowkit-scheduler", patience=config.lease / 3, on_new_server=_begin_anew
        )
        self._leader = Leader(
            self._new_store("flowkit-leader", read_timeout=config.lease / 3),
            config.lease,
            config.standby_poll,
            share=share,
            on_held=self._say_standby,
            on_trouble=self._outages.away,
            on_answer=self._outages.back,
        )
        self._resolver = Resolver(self._store, self._log, config.window)
        self._hints = Hints(self._store, self._resolver.active, self._resolver.give_up)

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
        layout = self._config.layout
        return SchedulerStore(link, self._config.namespace, self._id, layout=layout)

    def run(self) -> int:
        """Work until told to stop. Raises UnfitRedis, WrongShards, NotPermitted."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self._wait_for_redis()
        if not self._stopping.is_set():
            where = redact_url(self._config.redis_url)
            self._say("scheduler_started", f"Scheduler {self._id} started on {where}")
            patched = self._config.redis_patched
            warn_of_risks(self._store.link, self._log, patched=patched, scheduler=self._id)
            self._leader.start()
        while not self._stopping.is_set():
            leadership = self._leader.leadership()
            if self._leader.refused is not None:
                raise self._leader.refused
            if leadership is None:
                self._stopping.wait(self._config.standby_poll / 5)
            else:
                self._lead_calmly(leadership)
        self._leader.stop()
        self._say("scheduler_stopped", f"Scheduler {self._id} stopped")
        return 0

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping.set()
        self._store.link.interrupt()  # it may be waiting for events

    # -- leading --------------------------------------------------------------------------------

    def _lead_calmly(self, leadership: Leadership) -> None:
        """Lead until the lease is lost or Redis goes away; neither is the end of this process."""
        try:
            self._lead(leadership)
        except LeaseLost as error:
            self._say_lost(error)
            with suppress(LeaseLost, RedisUnavailable):  # whoever leads next sees what is there
                self._resolver.tell_lost()
            self._stopping.wait(self._config.standby_poll)
        except RedisUnavailable as error:
            if self._stopping.is_set():
                return  # the connection was cut to end the wait for events
            self._outages.away(error)
            self._stopping.wait(self._config.standby_poll * (0.5 + random.random()))  # noqa: S311
        except Exception as error:
            # Redis holds something that a script or a read cannot handle, such as a key of another
            # type, or there is a bug. The log says which, and the scheduler begins anew: all that
            # it forgets is in Redis.
            self._say_broken(f"Scheduler {self._id} cannot go on and begins anew", error)
            self._stopping.wait(self._broken_pause)
            self._broken_pause = min(self._broken_pause * 2, LONGEST_BEGIN_ANEW_S)

    def _say_broken(self, what: str, error: Exception) -> None:
        """Log why something cannot be done; the same again only after a while."""
        cause = str(error) or repr(error)
        why: dict[str, object] = {"scheduler": self._id, "error_type": type(error).__name__}
        if isinstance(error, WrongType):
            with suppress(StoreError):
                cause = wrong_keys(self._store) or cause
        elif not isinstance(error, StoreError):
            why["traceback"] = traceback.format_exc()
        message, now = f"{what}: {cause}", time.monotonic()
        if now - self._said.get(message, -SAY_AGAIN_S) < SAY_AGAIN_S:
            return
        self._said = {**dict(list(self._said.items())[-MOST_SAID:]), message: now}
        self._log.event(LogLevel.ERROR, "scheduler_broken", message, **why)

    def _rest(self, duty: str, error: WrongType) -> None:
        self._say_broken(f"The {duty} of scheduler {self._id} cannot do its work", error)

    def _lead(self, leadership: Leadership) -> None:
        self._holder = ""
        self._store.term = leadership.term
        self._store.note_schema(SCHEMA, upgrade=False)  # a Redis that came back may be empty
        self._resolver.recover(self._store.read_cursor())
        self._hints.mend()
        self._outages.back()
        runs = len(self._resolver.active)
        active = "1 run is active" if runs == 1 else f"{runs} runs are active"
        message = f"Scheduler {self._id} leads in term {leadership.term}; {active}"
        self._say("leader_elected", message)
        loop = Loop(
            [
                Promoter(self._store, lambda: self._resolver.retries_seen),
                Reaper(self._store, self._log),
                Janitor(self._store, self._log, self._config.sweep, self._hints.sweep),
                Inspector(self._store.link, self._log, allow_eviction=self._allow_eviction),
            ],
            on_wrong_type=self._rest,
        )
        while not self._stopping.is_set():
            if self._leader.leadership() != leadership:
                raise LeaseLost(
                    f"scheduler {self._id} does not lead any more (term {leadership.term})"
                )
            free = loop.run_due(LONGEST_BLOCK_S)
            self._resolver.run_once(max(1, int(free * 1000)))
            self._broken_pause = BEGIN_ANEW_S

    # -- Redis ----------------------------------------------------------------------------------

    def _wait_for_redis(self) -> None:
        pause = 0.2
        while not self._stopping.is_set():
            try:
                check_server(self._store.link, allow_eviction=self._allow_eviction)
                check_schema(self._store, daemon=True)
                self._store.check_rights()
            except NotPermitted:
                raise  # waiting does not mend it
            except RedisUnavailable as error:
                self._outages.away(error)
                self._stopping.wait(pause * (0.5 + random.random()))  # noqa: S311
                pause = min(pause * 2, 2.0)
            else:
                self._outages.back()
                return

    def _say_standby(self, reply: LeaseReply) -> None:
        if reply.holder != self._holder:
            self._holder = reply.holder
            self._say("standby", f"Scheduler {self._id} stands by; {reply.holder} leads")

    def _say_lost(self, error: LeaseLost) -> None:
        heir = self._leader.heir()
        if heir:
            message = f"Scheduler {self._id} has passed its lease on to {heir}, which leads fewer"
            self._say("leader_passed_on", message)
        else:
            self._log.event(LogLevel.WARNING, "leader_lost", str(error), scheduler=self._id)

    def _say(self, event: str, message: str) -> None:
        self._log.event(LogLevel.SYSTEM, event, message, scheduler=self._id)
