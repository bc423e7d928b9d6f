"""A worker in the test's own process: the real parent, with children that are objects.

Of the daemon only what needs the operating system is replaced: a child is an object that takes
turns instead of a process, killing it means that it is dead from then on, and its lanes run
without threads. The lease, the board, reports of deaths and the ends of cancelled attempts are
the daemon's own.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

from crash_collector import PlayedCollector
from crash_seam import Died, Process

import flowkit.worker.child as child_module
import flowkit.worker.daemon as daemon_module
import flowkit.worker.executor as executor_module
from flowkit.core.lanes import lanes_of
from flowkit.definition.task import registered_refs, registered_task
from flowkit.exceptions import LeaseLost
from flowkit.execution.progress import REPORTERS
from flowkit.logging import FlowkitLogger
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.worker_store import Claim
from flowkit.worker.app_versions import LoadedApp
from flowkit.worker.async_lane import POLL_S, AsyncLane
from flowkit.worker.attempt_killer import AttemptKiller
from flowkit.worker.child import Child
from flowkit.worker.children import ChildPool, ChildProcess, Death
from flowkit.worker.config import ExitReason, WorkerConfig
from flowkit.worker.daemon import WorkerDaemon
from flowkit.worker.death_reporter import DeathReporter
from flowkit.worker.execution_slots import Executing, ExecutionSlots
from flowkit.worker.executor import Executor
from flowkit.worker.prepared import NotHere, Prepared
from flowkit.worker.progress_reporter import ProgressReporter
from flowkit.worker.sync_lane import SyncLane

if TYPE_CHECKING:
    from crash_environment import Environment

LEASE_S = 3.0
BATCH = 3  # so that a dying lane holds what it has not started
ASYNC_SLOTS = 2
SILENCE = 60  # no line is as important as that
_numbers = count(1)


def quiet_log() -> FlowkitLogger:
    """Return a log that writes nothing."""
    return FlowkitLogger("flowkit.crash", SILENCE)


class GuardedSlots(ExecutionSlots):
    """A board on which a dead process writes nothing more."""

    process: Process

    def enter(self, slot: int, text: str, deadline: float = 0.0) -> None:
        if self.process.alive:
            super().enter(slot, text, deadline)

    def disarm(self, slot: int) -> None:
        if self.process.alive:
            super().disarm(slot)

    def leave(self, slot: int) -> None:
        if self.process.alive:
            super().leave(slot)


class TurnLane(SyncLane):
    """A sync lane that claims a fixed number, and ends where its process does."""

    def __init__(self, process: Process, *parts: Any, **options: Any) -> None:
        super().__init__(*parts, **options)
        self.process = process

    def _batch_size(self) -> int:
        return BATCH

    def _attempt(self, claim: Claim) -> Outcome | NotHere:
        env: Any = self.process.env
        with env.executes(self.process):
            outcome = super()._attempt(claim)
            env.end_attempts(self.process)
        self.process.check()  # a death is nothing that the executor may classify
        return outcome


class TurnAsyncLane(AsyncLane):
    """An async lane without its threads: the pump, the loop and the waiter take turns."""

    def __init__(self, process: Process, *parts: Any, **options: Any) -> None:
        super().__init__(*parts, **options)
        self.process = process

    def turn(self) -> None:
        """Claim and run until there is nothing more, then ask whether to wait."""
        mailbox = self._mailbox
        while True:
            got = mailbox.exchange(len(self._free))
            self._start_claims()
            self.process.check()
            self._loop.run_until_complete(self._run_begun())
            self.process.check()
            if not got and not mailbox.unsent:
                break
        self._waiter.wait_for_work(mailbox.lists, POLL_S, mailbox.app)

    async def _run_begun(self) -> None:
        await asyncio.sleep(0)
        while self._begun:
            await asyncio.gather(*self._begun)
            # Since Python 3.12, gathering what is done already does not let the loop take its turn,
            # in which the done ones are taken out.
            await asyncio.sleep(0)

    def close(self) -> None:
        """Give the loop back, which a child leaves to the end of its process."""
        self._loop.close()


class _Within:
    """An executor that looks for functions in the app of its child."""

    def __init__(self, executor: Executor, app: Callable[[], AbstractContextManager[None]]) -> None:
        self._executor = executor
        self._app = app

    def __getattr__(self, name: str) -> Any:
        return getattr(self._executor, name)

    def prepare(self, claim: Claim) -> Prepared | Outcome | NotHere:
        with self._app():
            return self._executor.prepare(claim)


class ChildUnit(Child):
    """One child: the daemon's own, with lanes that take turns."""

    def __init__(
        self,
        env: Environment,
        host: Process,
        config: WorkerConfig,
        number: int,
        lanes: Lanes,
        lacks: frozenset[str],
    ) -> None:
        self.process = Process(env, "lane", host)
        self.process.on_wait = self._end_turn
        self.code = -9  # as if it had been killed
        self._idle = False
        lanes.slots.process = self.process
        with (
            patch.object(child_module, "configure_logging", lambda *how: quiet_log()),
            patch.object(child_module, "Link", self.process.link),
            patch.object(child_module, "SyncLane", partial(TurnLane, self.process)),
            patch.object(child_module, "AsyncLane", partial(TurnAsyncLane, self.process)),
        ):
            super().__init__(config, number, lanes.worker, lanes.slots, -1)
            self._refs = [ref for ref in registered_refs() if ref not in lacks]
            self._open()

    @contextmanager
    def _own_app(self) -> Iterator[None]:
        """Let this process have no other functions than its app."""
        with patch.object(
            executor_module,
            "registered_task",
            lambda ref: registered_task(ref) if ref in self._refs else None,
        ):
            yield

    def _open(self) -> None:
        """Do what a child does when it has loaded its app."""
        self._app = LoadedApp.of(self._refs, self._config.app_version)
        try:
            self.register_app()
        except Died:
            if self.process.alive:
                raise
        self._open_lanes()
        for lane in (self._sync, self._async):
            assert lane is not None
            executor = lane._executor
            lane._executor = _Within(executor, self._own_app)  # type: ignore[assignment]

    def _end_turn(self) -> None:
        self._idle = True

    def _may_claim_more(self, done: int) -> bool:
        return not self._idle

    def _leave(self, code: ExitReason) -> Any:
        self.code = code
        self.process.end()

    def turn(self) -> None:
        """Work off what there is."""
        self._idle = False
        assert isinstance(self._sync, TurnLane)
        assert isinstance(self._async, TurnAsyncLane)
        try:
            self._sync._claim_and_work()
            self._async.turn()
        except LeaseLost:
            self._leave(ExitReason.LEASE_LOST)
        except Died:
            if self.process.alive:
                raise

    def report(self) -> None:
        """Do the reporter's part during a long task: send what is done, return what is not."""
        assert self._sync is not None
        try:
            self._sync._mailbox.exchange(0)
            self._sync._mailbox.give_back()
        except LeaseLost:
            self._leave(ExitReason.LEASE_LOST)
        self.process.check()

    def drain(self) -> None:
        """Do what the word "drain" makes a child do."""
        assert self._sync is not None
        self._sync.drain()
        self._sync._wind_up()
        self._leave(ExitReason.DONE)

    def register(self) -> None:
        """Do what the word "register" makes a child do."""
        self.register_app()

    def close(self) -> None:
        """Give back what the test's own process must not lose."""
        assert isinstance(self._async, TurnAsyncLane)
        self._async.close()


class Lanes(NamedTuple):
    """Whose lanes a child has, and its board."""

    worker: str
    slots: GuardedSlots


class Puppet(ChildProcess):
    """A child as its parent sees it; killing it takes no signal."""

    unit: ChildUnit

    def tell(self, line: str) -> None:
        if line == "drain" and self.unit.process.alive:
            self.unit.drain()
        if line == "register" and self.unit.process.alive:
            self.unit.register()

    def kill(self) -> None:
        self.unit.process.end()

    @contextmanager
    def stopped(self) -> Iterator[list[Executing]]:
        yield list(self.slots.executing())


class PuppetPool(ChildPool):
    """The children of one incarnation."""

    def __init__(self, config: WorkerConfig, worker: str, parent: ParentUnit) -> None:
        super().__init__(config, worker, lambda *args: None, lambda: None)
        self._parent = parent

    def fork(self) -> ChildProcess:
        number, lanes = self._next, self.next_lanes()
        self._next += 1
        slots = GuardedSlots(ASYNC_SLOTS)
        child = Puppet(number, next(_numbers), slots, -1, lanes, 0.0)
        child.unit = self._parent.new_child(number, Lanes(self._worker, slots))
        self.alive[child.pid] = child
        return child

    def collect(self) -> list[Death]:
        deaths: list[Death] = []
        for pid, child in list(self.alive.items()):
            assert isinstance(child, Puppet)
            if not child.unit.process.alive:
                del self.alive[pid]
                # It lived long enough for the next one to be started at once.
                code = child.unit.code  # of a unit that ended itself, which says why
                said = None if code < 0 else code
                deaths.append(Death(child, code, 60.0, tuple(child.slots.executing()), said))
        return deaths


class NoOrphanKiller:
    """What ends left-over processes has nothing to do where there are none."""

    def add(self, group: int) -> None:
        """Take note of a child."""

    def remove(self, group: int) -> None:
        """Forget a child."""


class ParentUnit(WorkerDaemon):
    """One worker, from its start to its death."""

    def __init__(self, env: Environment, lacks: frozenset[str] = frozenset()) -> None:
        """``lacks``: references of functions that its app does not have."""
        self._env = env
        self._lacks = lacks
        self.process = Process(env, "parent")
        self._enlisted = False
        config = WorkerConfig(
            ("crash_app",),
            env.url,
            env.namespace,
            processes=1,
            concurrency=ASYNC_SLOTS,
            lease=LEASE_S,
            app_version="2" if lacks else "1",
        )
        with (
            patch.object(daemon_module, "FlowkitLogger", lambda *how: quiet_log()),
            patch.object(daemon_module, "Link", self.process.link),
        ):
            super().__init__(config)
        self._orphan_killer: Any = NoOrphanKiller()
        self._logs: Any = PlayedCollector(env, self.process)

    def _new_incarnation(self) -> None:
        self._death_reporter = DeathReporter(self._store, self._outages)
        self._attempt_killer = AttemptKiller(self._death_reporter, self._listener)
        self._progress = ProgressReporter(self._store, self._keeper.worker)
        self._children = PuppetPool(self._config, self._keeper.worker, self)

    def new_child(self, number: int, lanes: Lanes) -> ChildUnit:
        """Start a child."""
        child = ChildUnit(self._env, self.process, self._config, number, lanes, self._lacks)
        self._env.keep(child)
        self._logs.connect(child.process, lanes_of(lanes.worker, number))
        return child

    def turn(self) -> bool:
        """Do the parent's duties once, then let each child work; return whether one did."""
        self._next_beat = self._respawn_pause.due = self._progress._next = 0.0
        for child in self._children.alive.values():  # as its thread would do now and then
            child.slots.progress.write(dict(REPORTERS))
        if not self._enlisted:
            self._enlist()
            self._enlisted = True
        self._duties(blameless=False)
        self._fill_up()
        before = self._env.executed
        for child in list(self._children.alive.values()):
            assert isinstance(child, Puppet)
            if child.unit.process.alive and not child.unit.process.executing:
                child.unit.turn()
        return self._env.executed != before

    def _duties(self, *, blameless: bool) -> None:
        super()._duties(blameless=blameless)
        self._next_beat = math.inf  # a busy machine must not add a heartbeat to a turn

    def stop(self) -> None:
        """End in good order, as on TERM."""
        self._signals = 1
        self._stop()
        self.process.end()

    def _sleep(self) -> None:
        """Nothing comes while this process has the turn."""
