"""The workloads. Each is a function of a bench and a size that returns figures by key.

Rules: a workload checks its results, so that nothing is fast because it is wrong. All that it
needs is started and built before the clock starts. The clock stops when the client knows that the
run is over.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from statistics import median, quantiles

import psutil  # type: ignore[import-untyped, unused-ignore]
import redis

from flowkit import DAG, LogLevel, RunHandle, configure_logging
from flowkit.core.states import RunState

from . import app, maps, shards
from .daemons import BrokenSystemError
from .metrics import Store
from .system import Setup, System

WAIT_S = 300.0
SETTLE_S = 2.0
PROBES = 20  # runs of one task behind a large run
EQUAL_RUNS = 20
SLEEPERS = 1_000  # async tasks at once in each process
Figures = dict[str, float]
_numbers = count()


def _new_name() -> str:
    """Return a new name for a DAG: a graph that is known is neither sent nor read."""
    return f"new_{next(_numbers)}"


class Bench:
    """What a workload may use: the running system of a store, or the means to start another."""

    def __init__(self, setup: Setup, system: System | None = None) -> None:
        """``system``: one that is already running, if there is one."""
        self.setup = setup
        self._system = system

    @property
    def system(self) -> System:
        """The running system, started by the first use."""
        if self._system is None:
            self._system = System(self.setup).__enter__()
        return self._system

    def close(self) -> None:
        """End the system if it was started."""
        if self._system is not None:
            self._system.stop()
            self._system = None


@dataclass(frozen=True, slots=True)
class Workload:
    """``sizes``: the default size for each store on which the workload can run.

    ``asked_for``: it is measured only if it is named.
    """

    measure: Callable[[Bench, int], Figures]
    sizes: Mapping[Store, int]
    size_means: str
    asked_for: bool = False


def fan_out(bench: Bench, tasks: int) -> Figures:
    """One run: a task, no-ops downstream of it, and one that takes all their results."""
    client, dag = bench.system.client, app.fan_out(tasks, name=_new_name())
    began = time.perf_counter()
    handle = client.submit(dag)
    state = handle.wait(WAIT_S)
    seconds = time.perf_counter() - began
    _expect(state is RunState.SUCCEEDED and handle.result("count") == tasks, "fan-out")
    return {"fan-out": (tasks + 2) / seconds}


def chain(bench: Bench, tasks: int) -> Figures:
    """One run of tasks, each downstream of the previous one."""
    return {"chain": _seconds(bench.system, app.chain(tasks), "chain") / tasks * 1000}


def layered(bench: Bench, tasks: int) -> Figures:
    """One run of tasks in layers, each downstream of one to three of the previous layer."""
    dag = app.layered(tasks, _new_name())
    began = time.perf_counter()
    handle = bench.system.client.submit(dag)
    state = handle.wait(WAIT_S)
    seconds = time.perf_counter() - began
    layers = math.ceil(tasks / app.WIDTH)
    _expect(state is RunState.SUCCEEDED and handle.result("end") == layers + 1, "layered")
    return {"layered": (tasks + 1) / seconds}


def cpu(bench: Bench, tasks: int) -> Figures:
    """One run of tasks of 10 ms: the ideal time as a percentage of the measured time."""
    dag = app.wide(tasks, app.burn, _new_name())
    ideal = math.ceil(tasks / bench.setup.processes) * app.BURN_S
    return {"cpu": ideal / _seconds(bench.system, dag, "cpu") * 100}


def sleeps(bench: Bench, tasks: int) -> Figures:
    """One run of async tasks that sleep for a second, 1,000 at once in each process of the worker.

    The figure is the ideal time as a percentage of the measured time.
    """
    setup = replace(bench.setup, concurrency=SLEEPERS)
    ideal = math.ceil(tasks / (SLEEPERS * setup.processes)) * app.SNOOZE_S
    with System(setup) as system:
        dag = app.wide(tasks, app.snooze, _new_name())
        return {"sleeps": ideal / _seconds(system, dag, "sleeps") * 100}


def _seconds(system: System, dag: DAG, workload: str) -> float:
    """Return the seconds from submitting a run of this DAG to knowing its end."""
    began = time.perf_counter()
    state = system.client.submit(dag).wait(WAIT_S)
    seconds = time.perf_counter() - began
    _expect(state is RunState.SUCCEEDED, workload)
    return seconds


def round_trip(bench: Bench, times: int) -> Figures:
    """Runs of one task. Each is submitted when the end of the previous one is known."""
    client, dag = bench.system.client, app.single()
    milliseconds: list[float] = []
    for _ in range(max(2, times)):
        began = time.perf_counter()
        state = client.submit(dag).wait(WAIT_S)
        milliseconds.append((time.perf_counter() - began) * 1000)
        _expect(state is RunState.SUCCEEDED, "round-trip")
    cuts = quantiles(milliseconds, n=100, method="inclusive")
    return {"round-trip-p50": cuts[49], "round-trip-p99": cuts[98]}


def many_runs(bench: Bench, runs: int) -> Figures:
    """Runs of one task, submitted together, then waited for."""
    client, dag = bench.system.client, app.single()
    began = time.perf_counter()
    handles = client.submit_many(dag, [None] * runs)
    states = set(client.wait_all(handles, WAIT_S))
    seconds = time.perf_counter() - began
    _expect(states == {RunState.SUCCEEDED}, "runs")
    return {"runs": runs / seconds}


def turns(bench: Bench, tasks: int) -> Figures:
    """Runs of one task behind a large run of tasks of 10 ms; then many equal runs at once."""
    client = bench.system.client
    large = client.submit(app.wide(tasks, app.pause, _new_name()))
    _wait_until_begun(large)
    waits = [_seconds(bench.system, app.single(), "turns") * 1000 for _ in range(PROBES)]
    _expect(large.record().state is RunState.RUNNING, "turns, whose large run is too small,")
    large.cancel()
    large.wait(WAIT_S)
    dag = app.wide(math.ceil(tasks / EQUAL_RUNS), app.leaf_alone, _new_name())
    began = time.perf_counter()
    handles = client.submit_many(dag, [None] * EQUAL_RUNS)
    states = set(client.wait_all(handles, WAIT_S))
    seconds = time.perf_counter() - began
    _expect(states == {RunState.SUCCEEDED}, "turns")
    return {"turns": median(waits), "turns-runs": EQUAL_RUNS * len(dag.tasks) / seconds}


def _wait_until_begun(run: RunHandle) -> None:
    """Wait until workers execute tasks of a run."""
    end = time.monotonic() + WAIT_S
    while not run.status().counts.get("succeeded"):
        _expect(time.monotonic() < end, "turns")
        time.sleep(0.01)


def memory(bench: Bench, tasks: int) -> Figures:
    """The memory that Redis needs for a finished fan-out, including its graph."""
    figures: Figures = {}
    for key, task in (("memory", app.leaf), ("memory-result", app.answer)):
        dag = app.fan_out(tasks, task, name=_new_name())
        before = settled_memory(bench.system.url)
        handle = bench.system.client.submit(dag)
        _expect(handle.wait(WAIT_S) is RunState.SUCCEEDED, "memory")
        figures[key] = (settled_memory(bench.system.url) - before) / (tasks + 2)
    return figures


def settled_memory(url: str) -> int:
    """Return used_memory when it no longer falls: connections free buffers after two seconds."""
    with redis.Redis.from_url(url, protocol=2) as server:
        lowest, since = 0, time.monotonic()
        while time.monotonic() - since < SETTLE_S + 0.5:
            server.execute_command("MEMORY", "PURGE")
            used = int(server.info("memory")["used_memory"])
            if lowest == 0 or used < lowest * 0.999:
                lowest, since = used, time.monotonic()
            time.sleep(0.25)
        return lowest


def idle(bench: Bench, seconds: int) -> Figures:
    """How much of a core each process uses in ``seconds`` without any work."""
    processes = bench.system.processes()
    time.sleep(SETTLE_S)
    before, began = (
        {name: cpu_seconds(item) for name, item in processes.items()},
        time.perf_counter(),
    )
    time.sleep(seconds)
    passed = time.perf_counter() - began
    bench.system.check_alive()
    return {
        f"idle/{name}": (cpu_seconds(item) - before[name]) / passed * 100
        for name, item in processes.items()
    }


def cpu_seconds(process: psutil.Process) -> float:
    """Return the processor time that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


def start_up(bench: Bench, starts: int) -> Figures:
    """The mean time of starting a system: from its first process to the end of its first run."""
    total = 0.0
    for _ in range(starts):
        with System(bench.setup) as system:
            total += system.start_up
    return {"start-up": total / starts * 1000}


def in_process(bench: Bench, tasks: int) -> Figures:
    """The fan-out without a store, in threads of this process, with a quiet log."""
    configure_logging(LogLevel.WARNING)  # otherwise two lines for each task would be measured
    dag = app.fan_out(tasks)
    began = time.perf_counter()
    results = dag.run(executor="thread")
    seconds = time.perf_counter() - began
    _expect(results["count"] == tasks, "in-process")
    return {"in-process": (tasks + 2) / seconds}


def mapped(bench: Bench, items: int) -> Figures:
    """One run with a map over a list, and one with three maps, one behind the other."""
    return maps.measure(bench.system, items, _new_name())


def map_memory(bench: Bench, items: int) -> Figures:
    """The memory that Redis needs for an item of a finished map whose results are None."""
    before = settled_memory(bench.system.url)
    maps.measure_one(bench.system, items, _new_name())
    return {"map-memory": (settled_memory(bench.system.url) - before) / items}


def map_beside(bench: Bench, items: int) -> Figures:
    """A hop of chains while a map expands and runs, and without one."""
    return maps.beside(bench.system, items, _new_name())


def on_shards(bench: Bench, tasks: int) -> Figures:
    """The same work on 1, 2 and 4 servers, and its cost for each role."""
    return shards.measure(bench.setup, tasks)


def _expect(right: bool, workload: str) -> None:
    if not right:
        raise BrokenSystemError(
            f"workload {workload!r} ended with a wrong answer: its figure is worthless"
        )


WORKLOADS = {
    "fan-out": Workload(fan_out, {Store.REDIS: 20_000, Store.EMBEDDED: 2_000}, "tasks"),
    "chain": Workload(chain, {Store.REDIS: 500, Store.EMBEDDED: 100}, "tasks"),
    "layered": Workload(layered, {Store.REDIS: 10_000, Store.EMBEDDED: 2_000}, "tasks"),
    "cpu": Workload(cpu, {Store.REDIS: 500}, "tasks"),
    "sleeps": Workload(sleeps, {Store.REDIS: 4_000}, "tasks"),
    "round-trip": Workload(round_trip, {Store.REDIS: 500, Store.EMBEDDED: 100}, "runs"),
    "runs": Workload(many_runs, {Store.REDIS: 5_000, Store.EMBEDDED: 500}, "runs"),
    "turns": Workload(turns, {Store.REDIS: 20_000, Store.EMBEDDED: 2_000}, "tasks"),
    "map": Workload(mapped, {Store.REDIS: 20_000, Store.EMBEDDED: 2_000}, "items"),
    "map-memory": Workload(map_memory, {Store.REDIS: 20_000}, "items"),
    "map-beside": Workload(map_beside, {Store.REDIS: 50_000}, "items"),
    "memory": Workload(memory, {Store.REDIS: 20_000}, "tasks"),
    "idle": Workload(idle, {Store.REDIS: 10, Store.EMBEDDED: 10}, "seconds"),
    "start-up": Workload(start_up, {Store.REDIS: 1, Store.EMBEDDED: 1}, "starts"),
    "in-process": Workload(in_process, {Store.NONE: 10_000}, "tasks"),
    "shards": Workload(on_shards, {Store.REDIS: 40_000}, "tasks", asked_for=True),
}
