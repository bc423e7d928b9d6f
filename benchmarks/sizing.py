"""The command ``python -m benchmarks.sizing``: figures for planning.

It prints three tables: the processor time of each process per task; how large results change it;
and the memory of Redis and the scheduler for runs of different sizes. Peaks are sampled, so they
are a little too low. It compares nothing and has no limits, unlike ``python -m benchmarks``.

Exit codes: 0; 1 if something could not be measured; 2 for wrong options.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

import click
import psutil  # type: ignore[import-untyped, unused-ignore]
import redis

from flowkit import DAG, RunHandle
from flowkit.core.states import RunState
from flowkit.exceptions import RunNotFound

from . import app, report
from .daemons import BrokenSystemError
from .metrics import Store
from .options import shared_options, write_table
from .system import Setup, System

WAIT_S = 900.0
KEPT_S = 1  # a finished run's keys
SAMPLE_S = 0.05
SETTLE_S, SETTLED_BYTES = 0.5, 20_000
PAYLOADS = {0: 20_000, 100: 20_000, 1_000: 20_000, 10_000: 5_000, 100_000: 1_000, 1_000_000: 100}
RUN_SIZES = (1, 100, 1_000, 10_000, 100_000)
A_MILLION = 1_000_000
MIB = 2**20
_numbers = count()


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the document. ``rows`` hold numbers; ``head`` names their units."""

    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def text(self) -> str:
        """Return it as Markdown, with numbers aligned to the right."""
        plain = report.markdown(self.head, self.rows, self.head[1:], {"x": ""})
        return f"**{self.title}**\n\n{plain.rpartition(chr(10) + chr(10))[0]}"


class Meter:
    """Processor time and memory of each part of a system during a block."""

    def __init__(self, system: System) -> None:
        result = system.processes()
        self._parts = {
            "Redis": [result["server"]],
            "scheduler": [result["scheduler"]],
            "workers": [item for name, item in result.items() if name.startswith("worker")],
            "client": [psutil.Process()],
        }
        self._server = redis.Redis.from_url(system.url, protocol=2)
        self.seconds = 0.0
        self.cpu: dict[str, float] = {}
        self.peaks: dict[str, float] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure the block."""
        self.peaks, over = {}, threading.Event()
        sampler = threading.Thread(target=self._sample, args=(over,))
        before, began = self._cpu(), time.perf_counter()
        sampler.start()
        try:
            yield
            self.seconds = time.perf_counter() - began
            self.cpu = {name: now - before[name] for name, now in self._cpu().items()}
        finally:
            over.set()
            sampler.join()

    def used_memory(self) -> int:
        """Return the memory of the data in Redis at rest, in bytes."""
        self._server.execute_command("MEMORY", "PURGE")
        return int(self._server.info("memory")["used_memory"])

    def _cpu(self) -> dict[str, float]:
        return {
            name: sum(sum(part.cpu_times()[:2]) for part in parts)
            for name, parts in self._parts.items()
        }

    def _sample(self, over: threading.Event) -> None:
        with redis.Redis.from_url(self._server_url(), protocol=2) as server:
            while not over.wait(SAMPLE_S):
                self._note("Redis", int(server.info("memory")["used_memory"]))
                for name in ("scheduler", "workers"):
                    self._note(name, max(part.memory_info().rss for part in self._parts[name]))

    def _server_url(self) -> str:
        options = self._server.connection_pool.connection_kwargs
        return f"redis://{options['host']}:{options['port']}/0"

    def _note(self, name: str, value: float) -> None:
        self.peaks[name] = max(self.peaks.get(name, 0.0), value)


def spread(tasks: int, size: int) -> DAG:
    """Return tasks with results of that size in bytes, and one that takes all results."""
    with DAG(f"sizing_{next(_numbers)}") as dag:
        kind = app.payload if size else app.leaf_alone
        options = {"size": size} if size else {}
        [kind.bind(f"t{at}", **options) for at in range(tasks)] >> app.count
    return dag


def alone(tasks: int) -> DAG:
    """Return independent no-ops."""
    return app.wide(tasks, app.leaf_alone, f"sizing_{next(_numbers)}")


def done(system: System, dag: DAG) -> RunHandle:
    """Run a DAG to its end. Raises BrokenSystemError unless it succeeds."""
    handle = system.client.submit(dag, ttl=KEPT_S)
    state = handle.wait(WAIT_S)
    if state is not RunState.SUCCEEDED:
        raise BrokenSystemError(f"the run of {len(dag.tasks):,} tasks is {state.value}")
    return handle


def gone(handle: RunHandle, meter: Meter) -> None:
    """Wait until a run's keys have expired and Redis has released their memory."""
    with suppress(RunNotFound):
        while handle.record():
            time.sleep(SAMPLE_S)
    last, used = 0, meter.used_memory()
    while abs(used - last) > SETTLED_BYTES:
        time.sleep(SETTLE_S)
        last, used = used, meter.used_memory()


def costs(system: System, repeat: int, share: float) -> Table:
    """Measure the cost of a task in each process, by the kind of work."""
    tasks, hops, runs = (max(10, int(number * share)) for number in (20_000, 1_000, 5_000))

    def submit_many() -> None:
        handles = system.client.submit_many(app.single(), [None] * runs)
        if set(system.client.wait_all(handles, WAIT_S)) != {RunState.SUCCEEDED}:
            raise BrokenSystemError(f"one of {runs:,} runs did not succeed")

    kinds: dict[str, tuple[int, Callable[[], object]]] = {
        "tasks of a wide run": (tasks, lambda: done(system, alone(tasks))),
        "hops of a chain": (hops, lambda: done(system, app.chain(hops))),
        "runs of one task": (runs, submit_many),
    }
    rows = []
    for name, (number, work) in kinds.items():
        click.echo(f"Costs: {name}", err=True)
        result: dict[str, list[float]] = {}
        for _ in range(repeat):
            meter = Meter(system)
            with meter.running():
                work()
            for part, seconds in meter.cpu.items():
                result.setdefault(part, []).append(seconds / number * 1e6)
            result.setdefault("rate", []).append(number / meter.seconds)
        middle = {part: report.number(median(values)) for part, values in result.items()}
        parts = [middle[part] for part in ("Redis", "scheduler", "workers", "client", "rate")]
        rows.append((name, *parts))
    head = ("what", "Redis, µs", "scheduler, µs", "workers, µs", "client, µs", "per second")
    return Table("Processor time of each, and how many were done in a second", head, rows)


def payloads(system: System, repeat: int, share: float) -> Table:
    """Measure a fan-in of large results. ``share``: of the default number of tasks."""
    rows = []
    for size, number in PAYLOADS.items():
        tasks = max(10, int(number * share))
        click.echo(f"Results of {size:,} bytes, {tasks:,} tasks", err=True)
        rates, kept = [], []
        for _ in range(repeat):
            meter, dag = Meter(system), spread(tasks, size)
            before = meter.used_memory()
            with meter.running():
                handle = done(system, dag)
            rates.append(tasks / meter.seconds)
            kept.append((meter.used_memory() - before) / tasks)
            gone(handle, meter)
        rate = median(rates)
        moved = report.number(rate * size / 1e6) if size else "–"
        row = (f"{size:,}" if size else "none", f"{tasks:,}", report.number(rate), moved)
        rows.append((*row, report.number(median(kept))))
    head = ("bytes of a result", "tasks", "tasks/s", "MB/s", "Redis bytes a task, afterwards")
    return Table("Results of a fan-in", head, rows)


def run_sizes(system: System, sizes: Sequence[int]) -> Table:
    """Measure the memory of one run of no-ops, at its peak and afterwards."""
    rows = []
    for tasks in sizes:
        click.echo(f"A run of {tasks:,}", err=True)
        dag, meter = alone(tasks), Meter(system)
        before = meter.used_memory()
        with meter.running():
            handle = done(system, dag)
        kept, peaks = meter.used_memory() - before, meter.peaks
        gone(handle, meter)
        rows.append(
            (
                f"{tasks:,}",
                report.number(tasks / meter.seconds),
                report.number(kept / MIB),
                _mib(peaks["Redis"] - before if peaks else None),
                _mib(peaks.get("scheduler")),
                _mib(peaks.get("workers")),
            )
        )
    head = (
        "tasks of the run", "tasks/s", "Redis afterwards, MiB", "Redis at its peak, MiB",
        "scheduler at its peak, MiB", "a worker process at its peak, MiB",
    )  # fmt: skip
    return Table("One run, from submit to its end", head, rows)


def _mib(value: float | None) -> str:
    """Return bytes as MiB. A run that ended before the first sample has no peak."""
    return "–" if value is None else report.number(value / MIB)


def as_json(tables: Sequence[Table], around: Mapping[str, object]) -> str:
    """Return all tables, each row as a mapping by column."""
    listed = [
        {
            "title": table.title,
            "rows": [dict(zip(table.head, row, strict=True)) for row in table.rows],
        }
        for table in tables
    ]
    return json.dumps({"around": dict(around), "tables": listed}, indent=2)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--million", is_flag=True, help="Also a run of a million tasks.")
@click.option(
    "--share", type=click.FloatRange(0.001, 1.0), default=1.0, show_default=True,
    help="Measure with a share of the tasks.",
)  # fmt: skip
@shared_options
def main(repeat: int, json_output: bool, write: Path | None, million: bool, share: float) -> None:
    """Measure figures for planning. Starts and ends all it needs; takes a few minutes."""
    sizes = [max(1, int(size * share)) for size in RUN_SIZES] + ([A_MILLION] if million else [])
    around = report.surroundings(repeat, worker_processes=2)
    tables = []
    try:
        for measure in (
            lambda system: costs(system, repeat, share),
            lambda system: payloads(system, repeat, share),
            lambda system: run_sizes(system, sizes),
        ):
            with System(Setup(Store.REDIS)) as system:
                tables.append(measure(system))
    except BrokenSystemError as error:
        raise click.ClickException(str(error)) from None
    said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in around.items())
    text = "\n\n".join(table.text() for table in tables) + f"\n\n{said[:1].upper()}{said[1:]}."
    click.echo(as_json(tables, around) if json_output else text)
    write_table(write, text, "sizing")


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.sizing")
