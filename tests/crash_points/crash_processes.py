"""The same scenarios and faults, in real processes: fewer of them, since each takes seconds.

A scheduler and a worker run; one call of one of them fails. What dies is started again, as a
supervisor would; beside what stands still another one is started, and it is woken when its lease
is long over. Then the run is judged as in ``crash_check``.
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import redis
from crash_check import Played, play_once
from crash_program import NOTE
from crash_scenarios import SCENARIOS, Scenario
from crash_seam import OF_LANES, Fault, Kind
from helpers import literally
from real_system import STARTED, Process, System, records
from schema import violations

from flowkit import RunHandle
from flowkit.core.states import RUN_OVER

HERE = Path(__file__).parent
APP = HERE / "crash_app.py"
# How many calls a role makes in these scenarios, so that most faults are met.
CALLS = {"scheduler": 40, "parent": 8, "lane": 16, "collector": 4}
NAMES = ("mixed", "deaths")
LEASE_S = 1.0
ASLEEP_S = 5.0  # longer than the lease of a worker, and than that of a scheduler
DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Choice:
    """A scenario, and the call that fails in it."""

    name: str
    role: str
    fault: Fault

    def __str__(self) -> str:
        return f"{self.name}@{self.role}:{self.fault}"


def choose(chance: random.Random) -> Choice:
    """Choose a fault."""
    role = chance.choice(list(CALLS))
    kinds = [kind for kind in Kind if kind not in OF_LANES or role == "lane"]
    point = chance.randint(1, CALLS[role])
    return Choice(chance.choice(NAMES), role, Fault(point, chance.choice(kinds)))


def play_processes(url: str, count: int, seed: str, say: Callable[[str], None]) -> int:
    """Play ``count`` faults; return how many of them broke a promise."""
    wrong = 0
    normal = {name: play_once(url, SCENARIOS[name]()) for name in NAMES}
    for number in range(count):
        choice = choose(random.Random(f"{seed}-{number}"))
        with tempfile.TemporaryDirectory() as folder:
            problems, met = play_choice(url, choice, Path(folder), normal[choice.name])
        say(f"{choice}: {'met' if met else 'not met'}, {'; '.join(problems) or 'all is well'}")
        wrong += bool(problems)
    return wrong


def play_choice(url: str, choice: Choice, folder: Path, normal: Played) -> tuple[list[str], bool]:
    """Play one fault; return what is wrong, and whether the fault was met."""
    scenario, namespace = SCENARIOS[choice.name](), f"crash-{uuid.uuid4().hex[:10]}"
    system = System(url, namespace, folder)
    problems: list[str] = []
    try:
        with system.client() as client:
            ((run, dag),) = scenario.runs
            handle = client.submit(dag, run_id=run, ttl=3600)
            Supervisor(system, choice, folder).keep_up_until(lambda: is_over(handle))
            problems += judge(system, scenario, handle, normal)
            problems += judge_lines(system, handle, choice)
    except AssertionError as error:
        problems.append(f"{error}\n{system.logs()}")
    finally:
        system.close()
    with redis.Redis.from_url(url, protocol=2) as server:
        problems += violations(server, namespace)
        server.delete(*server.scan_iter(match=literally("{" + namespace + "}:") + "*"))
    return problems, (folder / NOTE).exists()


def is_over(handle: RunHandle) -> bool:
    return handle.record().state in RUN_OVER


class Supervisor:
    """Keeps the daemons going."""

    def __init__(self, system: System, choice: Choice, folder: Path) -> None:
        self._system = system
        self._folder = folder
        self._asleep_since = 0.0
        self._woken = choice.fault.kind not in (Kind.LATE, Kind.TOO_LATE)
        self._sleeper = "scheduler" if choice.role == "scheduler" else "worker"
        self._environ = {
            "CRASH_FOLDER": str(folder),
            "CRASH_AT": f"{choice.role}:{choice.fault}",
            "FLOWKIT_LEASE": f"{LEASE_S:g}",
            "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)]),
        }
        self._started = time.monotonic()
        self._places = [self._start(name) for name in ("scheduler", "worker")]

    def _start(self, name: str) -> Process:
        words = [str(HERE / "crash_program.py"), name]
        if name == "worker":
            words += ["--app", str(APP), "--processes", "1"]
        return self._system.run_program(name, words, **self._environ)

    def keep_up_until(self, over: Callable[[], bool]) -> None:
        """Start again what has died until it is over. Raises AssertionError at the deadline."""
        while not over():
            assert time.monotonic() - self._started < DEADLINE_S, "the run is not over"
            for at, process in enumerate(self._places):
                if process.popen.poll() is not None:
                    self._places[at] = self._start(process.name)
            self._wake()
            time.sleep(0.05)

    def _wake(self) -> None:
        """Replace what stands still, and let it continue when that has taken over."""
        note = self._folder / NOTE
        if self._woken or not note.exists():
            return
        now = time.monotonic()
        if not self._asleep_since:
            self._asleep_since = now
            self._places.append(self._start(self._sleeper))
        elif now - self._asleep_since > ASLEEP_S:
            self._woken = True
            for pid in map(int, note.read_text().split()):
                if pid != os.getpid():
                    with suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, signal.SIGCONT)


def judge(system: System, scenario: Scenario, handle: RunHandle, normal: Played) -> list[str]:
    """Compare a run with the same scenario without a fault."""
    run, wrong = handle.run_id, []
    state = handle.record().state
    if state is not scenario.ends[run]:
        wrong.append(f"{run} ended as {state.value}")
    known = records(handle)
    result = {name: record.state for name, record in known.items()}
    if result != normal.states[run]:
        wrong.append(f"other states than without the fault: {result}")
    due = normal.results[run]
    wrong += [
        f"{name} gave {value}" for name, value in handle.results().items() if value != due[name]
    ]
    starts = Counter((execution.task, execution.attempt) for execution in system.executions())
    for name, record in known.items():
        if record.state in STARTED and (name, record.attempt) not in starts:
            wrong.append(f"{name} is {record.state.value} in an attempt that has not started")
    for name, times in Counter(execution.task for execution in system.executions()).items():
        most = max(normal.starts[run, name], 1 + scenario.deaths) + 1
        if times > most:
            wrong.append(f"{name} has started {times} times, {most} are allowed")
    return wrong


def judge_lines(system: System, handle: RunHandle, choice: Choice) -> list[str]:
    """Each start was printed before it was noted: the logs have it under its attempt.

    What a collector has read dies with it. A process that stands still too long may print lines of
    an attempt that another lane has by then.
    """
    may_lose = choice.role == "collector" and choice.fault.kind in (Kind.DIE_BEFORE, Kind.DIE_AFTER)
    if may_lose or choice.fault.kind in (Kind.LATE, Kind.TOO_LATE):
        return []
    kept = {(line.task, line.attempt, line.text) for line in handle.logs()}
    return [
        f"{item.task} printed its start in attempt {item.attempt}, which is not in its logs"
        for item in system.executions()
        if (item.task, item.attempt, f"start {item.pid}") not in kept
    ]
