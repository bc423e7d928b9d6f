"""Scenarios in which something will not end, or comes back after its time: R4, R16."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import psutil
from helpers import wait_until

from flowkit import RunHandle

from . import dags, history
from .checker import Allowed
from .stage import PATIENCE_S, Stage, is_alive, stop

LEASE_S = 1.0
LIMIT_S = 2.0  # after its deadline, or after the cancel, or after the end of its parent
WAYS = ("timeout", "cancel", "parent")
DESCENDANTS = {"deaf": 0, "in_c": 0, "forks": 3}  # kind of hang → processes that it starts


def stale_commits_nothing(stage: Stage, *, rounds: int, lease: float) -> None:
    """R4: a worker is stopped for three leases and comes back with its own outcome.

    In every other round the other worker is still at it then, and Redis says that the task runs.
    """
    stage.scheduler()
    for _ in range(2):
        stage.worker("--processes", "1", lease=lease)
    accepted = came_to_end = 0
    for number in range(rounds):
        gate = f"stale{number}"
        run = stage.client.submit(dags.single("held", gate))
        first, second = _overtaken(stage, run, lease, gate, is_over=number % 2 == 0)
        stage.check(run, Allowed(repeats=1))
        token = stage.told(run)["held"].token
        stage.demand(token in (first.token, second.token), f"{gate} has a result of nobody's")
        accepted += token == first.token
        came_to_end += any(o.token == first.token and o.ended for o in stage.executions(run))
    stage.figure("rounds", rounds)
    # The others were told by their second lane, while they were still at it, that they are void.
    stage.figure("stale executions that came to their end", came_to_end)
    stage.demand(came_to_end > 0 or rounds < 10, "no stale worker ever had an outcome to send")
    stage.figure("stale outcomes accepted", accepted)
    stage.demand(accepted == 0, f"{accepted} outcomes of workers without a lease were accepted")


def _overtaken(
    stage: Stage, run: RunHandle, lease: float, gate: str, *, is_over: bool
) -> tuple[history.Execution, history.Execution]:
    first = stage.started(run, "held")
    worker = stage.worker_of(first.pid)
    said = worker.log.count("started in its place")
    *children, parent = stop(worker)
    time.sleep(3 * lease)
    second = stage.started(run, "held", 2)
    if is_over:
        stage.system.open_gate(f"{gate}-2")
        stage.end(run, PATIENCE_S)
    stage.system.open_gate(f"{gate}-1")
    # The child continues alone first, so that its parent cannot end it before it has spoken.
    for pid in children:
        os.kill(pid, signal.SIGCONT)
    wait_until(
        "the stale child has been told", lambda: not any(map(is_alive, children)), PATIENCE_S
    )
    os.kill(parent, signal.SIGCONT)
    wait_until(
        "the worker is another", lambda: worker.log.count("started in its place") > said, PATIENCE_S
    )
    if not is_over:
        still = run.record().state.value
        stage.demand(still == "running", f"{gate}: the run was {still} while its task still ran")
        stage.system.open_gate(f"{gate}-2")
        stage.end(run, PATIENCE_S)
    return first, second


def hangs_are_ended(stage: Stage, *, rounds: int, ways: tuple[str, ...] = WAYS) -> None:
    """R16: tasks that ignore signals, fork, or block in C are gone soon, with all they started.

    ``ways``: ``timeout``; ``cancel``; ``parent``, whose worker's parent process is killed.
    """
    stage.scheduler()
    stage.worker("--processes", "1", lease=LEASE_S)
    worst = dict.fromkeys(ways, 0.0)
    left = dict.fromkeys(ways, 0)
    for _ in range(rounds):
        for way in ways:
            for kind in DESCENDANTS:
                took, orphans = _ended(stage, kind, way)
                worst[way] = max(worst[way], took)
                left[way] += orphans
                stage.demand(
                    not orphans,
                    f"{kind}, {way}: {orphans} processes were still there after {LIMIT_S:g} s",
                )
    for way in ways:
        stage.figure(f"{way}: worst, s", worst[way])
        stage.figure(f"{way}: processes left", left[way])


def _ended(stage: Stage, kind: str, way: str) -> tuple[float, int]:
    """Return the seconds until all was gone, at most the limit, and how many were left then."""
    run = stage.client.submit(dags.hanging(kind, late=way == "timeout"))
    first = stage.started(run, "hang")
    family = [first.pid, *_descendants(first.pid, DESCENDANTS[kind])]
    due = first.began / 1e9 + 1.0 if way == "timeout" else time.monotonic()
    if way == "cancel":
        run.cancel()
    elif way == "parent":
        worker = stage.worker_of(first.pid)
        stage.workers.remove(worker)
        worker.kill()
    while (alive := [pid for pid in family if is_alive(pid)]) and time.monotonic() < due + LIMIT_S:
        time.sleep(0.01)
    took = time.monotonic() - due
    for pid in alive:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if way == "parent":
        stage.worker("--processes", "1", lease=LEASE_S)
        stage.started(run, "hang", 2)
        run.cancel()
    state = stage.end(run, PATIENCE_S)
    wanted = "failed" if way == "timeout" else "cancelled"
    stage.demand(state == wanted, f"{kind}, {way}: the run ended as {state}")
    stage.check(run, Allowed(repeats=way == "parent", failed=frozenset({"hang"})))
    return took, len(alive)


def _descendants(pid: int, count: int) -> list[int]:
    """Wait until a task has started so many processes; return their pids."""

    def find() -> list[int] | None:
        result = [child.pid for child in psutil.Process(pid).children(recursive=True)]
        return [*result, 0] if len(result) >= count else None

    return (wait_until(f"{count} processes have been started", find) or [])[:-1]
