"""One scenario played to its end, with at most one fault in it.

The environment has a clock that moves when no process has work, seats in which processes take
turns, and an ordered log of all calls. Everything happens in one thread, so a scenario always makes
the same calls. That gives each point its number.

A paused process (``LATE``, ``TOO_LATE``) keeps its frames on the stack while the others take turns
from within its call. So does a process whose task waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from importlib import metadata
from typing import Any, Protocol
from unittest.mock import patch

import crash_app
import redis.exceptions as rx
from crash_collector import CollectorUnit, Pipe
from crash_scenarios import Scenario
from crash_scheduler import SchedulerUnit
from crash_seam import Call, Died, Fault, Kind, Process, load_scripts
from crash_watch import Watch
from crash_worker import ParentUnit

import flowkit.client.shard as connection_module
from flowkit import Client, FlowkitError, Task
from flowkit.context import attempt_fields
from flowkit.protocol.link import Link
from flowkit.settings import Settings

START_MS = 1_700_000_000_000
STEP_MS = 1000
MOST_TURNS = 150
TURNS_LATE = 25
TURNS_HELD = 40


class Unit(Protocol):
    """What takes turns."""

    process: Process

    def turn(self) -> bool:
        """Do what is to be done now; return whether there was anything."""


class Seat:
    """A place for one process; when it has died, a fresh one sits down."""

    def __init__(self, env: Environment, start: Callable[[Environment], Unit]) -> None:
        self._env = env
        self.start = start
        self.unit: Unit | None = None

    def turn(self) -> bool:
        """Give the process a turn, unless it stands still."""
        try:
            if self.unit is None or not self.unit.process.alive:
                self.unit = self.start(self._env)
            if self.unit.process in self._env.paused:
                return False
            return self.unit.turn()
        except Died:
            return True


class ClientUnit:
    """Somebody who does the scenario's steps, each when its time has come."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self.process = Process(env, "client")
        self._client: Client | None = None

    def turn(self) -> bool:
        """Do the next step if its time has come."""
        env = self._env
        steps = env.scenario.steps
        if self.process.executing or env.steps_done >= len(steps):
            return False
        step = steps[env.steps_done]
        if not step.when(env):
            return False
        self.process.executing = True
        env.tries += 1
        try:
            step.do(env, self._connected())
        finally:
            self.process.executing = False
        env.steps_done += 1
        env.tries = 0
        return True

    def _connected(self) -> Client:
        if self._client is None:
            settings = Settings(self._env.url, self._env.namespace, result_ttl=3600)
            with patch.object(connection_module, "Link", self.process.link):
                self._client = Client(settings)
        return self._client


_version = cache(metadata.version)


@contextmanager
def quickly() -> Iterator[None]:
    """Leave out what only costs time here: pauses between tries, and redis-py's look for its own
    version, which takes longer than a connection."""
    with (
        patch("flowkit.protocol.link.FIRST_PAUSE_S", 0.0),
        patch("flowkit.worker.lease_keeper._RETRY_S", 0.0),
        patch("flowkit.worker.log_sender.PAUSE_S", 0.0),
        patch("importlib.metadata.version", _version),
        # Other tests clear the registry, or register tasks of their own.
        patch.object(Task, "_by_ref", crash_app.REGISTERED),
        patch.object(Task, "_all_tasks", crash_app.TASKS),
    ):
        yield


class Environment:
    """All processes of one scenario on one namespace."""

    def __init__(
        self, url: str, namespace: str, scenario: Scenario, fault: Fault | None = None
    ) -> None:
        self.url = url
        self.namespace = namespace
        self.scenario = scenario
        self.fault = fault
        self.now_ms = START_MS
        self.calls: list[Call] = []
        self.starts: list[tuple[str, str, int]] = []
        self.problems: list[str] = []
        self.executed = 0
        self.steps_done = 0
        self.tries = 0  # of the present step
        self.gate_open = False
        self.paused: set[Process] = set()
        self.collectors: list[CollectorUnit] = []
        self.pipes: list[Pipe] = []
        self.forgotten: dict[str, int] = {}  # run → starts before it was deleted
        self._running: list[Process] = []
        self._children: list[Any] = []
        crash_app.stage = self
        self.link = Link(url, patience=0.0)
        load_scripts(self.link)
        self.watch = Watch(
            self.link,
            namespace,
            {run: dag.compile() for run, dag in scenario.runs},
            {name: dag.compile() for name, dag in scenario.called.items()},
        )
        self.schedulers = [Seat(self, SchedulerUnit)]
        self.workers = [] if scenario.missing else [Seat(self, ParentUnit)]
        if scenario.lacks:
            self.workers.insert(0, Seat(self, partial(ParentUnit, lacks=scenario.lacks)))
        self.clients = [Seat(self, ClientUnit)]

    # -- what units need ---------------------------------------------------------------------------

    def seconds(self) -> float:
        """The clock that every process shares."""
        return self.now_ms / 1000

    def keep(self, child: Any) -> None:
        """Remember a child, to close it with the environment."""
        self._children.append(child)

    @contextmanager
    def executes(self, process: Process) -> Iterator[None]:
        """An attempt is on the stack within this block."""
        self.executed += 1
        process.executing = True
        self._running.append(process)
        try:
            yield
        finally:
            self._running.pop()
            process.executing = False

    # -- the seam ----------------------------------------------------------------------------------

    def exchange(self, process: Process, label: str, send: Callable[[], Any]) -> Any:
        """Number a call and carry it out, with the fault if it is its turn."""
        process.check()
        self.calls.append(Call(len(self.calls) + 1, process.role, label))
        if self.fault is not None and self.fault.point == len(self.calls):
            return self._fail(self.fault.kind, process, label, send)
        return self._carry_out(label, send)

    def _carry_out(self, label: str, send: Callable[[], Any]) -> Any:
        try:
            return send()
        finally:
            self.watch.look(label)

    def _fail(self, kind: Kind, process: Process, label: str, send: Callable[[], Any]) -> Any:
        if kind in (Kind.LATE, Kind.TOO_LATE):
            self._stand_still(process, kind)
            return self._carry_out(label, send)
        if kind is Kind.REQUEST_LOST:
            raise rx.ConnectionError("the request was lost")
        if kind not in (Kind.DIE_BEFORE, Kind.HOST_DIES_BEFORE):
            with suppress(rx.ResponseError):  # a server that does not know a command says so twice
                self._carry_out(label, send)
        if kind is Kind.SENT_TWICE:
            return self._carry_out(label, send)
        if kind is Kind.REPLY_LOST:
            raise rx.ConnectionError("the reply was lost")
        (process.host if kind in (Kind.HOST_DIES_BEFORE, Kind.HOST_DIES_AFTER) else process).end()
        raise Died(process.role)

    def _stand_still(self, process: Process, kind: Kind) -> None:
        """Let the others continue, with a fresh process in the place of this one's host."""
        host = process.host
        self.paused.add(host)
        twin = self._seat_twin(host)
        for _ in range(TURNS_LATE):
            self.now_ms += STEP_MS
            moved = self._turn_all()
            if kind is Kind.LATE and self._is_replaced(host, twin):
                break
            if kind is Kind.TOO_LATE and not moved and self._lease_is_over(host):
                break
        self.paused.discard(host)
        process.check()

    def _seat_twin(self, host: Process) -> Seat | None:
        for seats in (self.schedulers, self.workers):
            if any(seat.unit is not None and seat.unit.process is host for seat in seats):
                seats.append(Seat(self, seats[0].start))
                return seats[-1]
        return None

    def _is_replaced(self, host: Process, twin: Seat | None) -> bool:
        if twin is None or not isinstance(twin.unit, SchedulerUnit):
            return self._lease_is_over(host)
        return twin.unit.leads

    def _lease_is_over(self, host: Process) -> bool:
        """Whether nobody counts on a host any more. A client has no lease: three turns will do."""
        if host.role == "parent":
            known = self.link.call("ZCARD", self.watch.keys.workers())
            return int(known) < len(self.workers)
        return True

    # -- turns -------------------------------------------------------------------------------------

    def play(self) -> None:
        """Play the scenario to its end. Raises AssertionError if it does not come to one."""
        for _ in range(MOST_TURNS):
            self._turn_on()
            if self.steps_done == len(self.scenario.steps):
                return
        raise AssertionError(f"after {MOST_TURNS} turns the scenario is not over")

    def idle_away(self, ms: int, turns: int) -> None:
        """Let time pass, and let everybody notice."""
        self.now_ms += ms
        for _ in range(turns):
            self._turn_all()

    def _turn_on(self) -> None:
        if not self._turn_all():
            self.now_ms += STEP_MS

    def _turn_all(self) -> bool:
        moved = False
        for seat in [*self.clients, *self.schedulers, *self.workers]:
            moved = seat.turn() or moved
        for collector in list(self.collectors):
            moved = collector.turn() or moved
        return moved

    # -- what tasks act on -------------------------------------------------------------------------

    def note(self, run: str, name: str, attempt: int) -> None:
        """Keep a start, and let the attempt print its number."""
        self.executed += 1
        lane = (attempt_fields() or ("",) * 8)[7]
        for pipe in self.pipes:
            if lane in pipe.lanes:
                pipe.print_line(f"start {len(self.starts)}")
        self.starts.append((run, name, attempt))

    def end_attempts(self, process: Process) -> None:
        """What this process has executed is over."""
        for pipe in self.pipes:
            if pipe.process is process and process.alive:
                pipe.end_attempts()

    def hold(self) -> None:
        """Keep the lane busy, as a long task does, while all others continue."""
        process = self._running[-1]
        child = next(item for item in self._children if item.process is process)
        child.report()
        for _ in range(TURNS_HELD):
            if self.gate_open:
                return
            self._turn_on()
            process.check()
        self.problems.append("a task was held for ever")

    def is_open(self) -> bool:
        """Whether somebody has opened the gate."""
        return self.gate_open

    def is_held(self) -> bool:
        """Whether a task waits for the gate."""
        return bool(self._running)

    def kill_child(self) -> None:
        """End the process that runs the present task."""
        self._running[-1].end()
        self._running[-1].check()

    def kill_host(self) -> None:
        """End the worker that runs the present task."""
        self._running[-1].host.end()
        self._running[-1].check()

    # -- the operator's part -----------------------------------------------------------------------

    def stop_in_order(self, seats: list[Seat]) -> None:
        """Stop what can be stopped, as TERM does; what stands still does not hear it."""
        for seat in seats:
            unit = seat.unit
            if unit is None or unit.process in self.paused:
                continue
            if unit.process.alive:
                with suppress(Died, FlowkitError):
                    unit.stop()  # type: ignore[attr-defined]

    def close(self) -> None:
        """End all processes and give everything back."""
        for seat in [*self.clients, *self.schedulers, *self.workers]:
            if seat.unit is not None:
                seat.unit.process.end()
        for collector in self.collectors:
            collector.process.end()
        for item in (*self._children, *self.pipes):
            item.close()
        self.link.close()
