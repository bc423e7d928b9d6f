"""The command ``python -m tests.crash_points``: plays every scenario with every fault in turn.

Exit codes: 0; 1 if something that is promised did not hold; 2 for wrong options.
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from crash_check import Played, play_once, sample, told
from crash_processes import play_processes
from crash_scenarios import SCENARIOS
from crash_seam import Fault, Kind
from open_server import OpenServer
from real_redis import RealRedis

STORES = ("redis", "embedded")


@contextmanager
def served(store: str) -> Iterator[str]:
    """Start a server of that sort and yield its URL."""
    if store == "embedded":
        with OpenServer() as embedded:
            yield embedded.url
        return
    with tempfile.TemporaryDirectory() as folder:
        server = RealRedis(Path(folder)).start()
        try:
            yield server.url
        finally:
            server.stop()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--store", "stores", type=click.Choice(STORES), multiple=True, help="Default: both.")
@click.option("--scenario", "scenarios", type=click.Choice(list(SCENARIOS)), multiple=True)
@click.option("--sample", "most", type=int, default=0, help="So many faults per scenario; 0: all.")
@click.option("--seed", default="", help="What the sample depends on; default: chance.")
@click.option("--only", default="", help="One fault, as SCENARIO@POINT:KIND.")
@click.option("--processes", type=int, default=0, help="So many faults in real processes instead.")
def main(
    stores: tuple[str, ...],
    scenarios: tuple[str, ...],
    most: int,
    seed: str,
    only: str,
    processes: int,
) -> None:
    """Play scenarios with one call after the other failing, in every way."""
    seed = seed or secrets.token_hex(4)
    if processes:
        with served("redis") as url:
            wrong = play_processes(url, processes, seed, click.echo)
        click.echo(f"{processes} faults in real processes, {wrong} violations (seed {seed})")
        raise SystemExit(1 if wrong else 0)
    named, fault = _parse(only) if only else ("", None)
    wrong = 0
    for store in stores or STORES:
        with served(store) as url:
            for name in [named] if named else scenarios or SCENARIOS:
                wrong += _play_all(url, store, name, fault, (most, seed))
    raise SystemExit(1 if wrong else 0)


def _parse(only: str) -> tuple[str, Fault]:
    try:
        name, _, fault = only.partition("@")
        point, _, kind = fault.partition(":")
        return SCENARIOS[name]().name, Fault(int(point), Kind(kind))
    except (KeyError, ValueError):
        raise click.UsageError(f"{only!r} is not SCENARIO@POINT:KIND") from None


def _play_all(url: str, store: str, name: str, fault: Fault | None, chosen: tuple[int, str]) -> int:
    """Play a scenario with each fault; return how many of these broke a promise."""
    began = time.monotonic()
    normal = play_once(url, SCENARIOS[name]())
    if normal.problems:
        click.echo(f"scenario {name!r} on {store} fails without any fault: {normal.problems}")
        return 1
    most, seed = chosen
    faults = list(normal.points()) if not most else sample(normal, most, seed)
    wrong = 0
    for item in [fault] if fault else faults:
        played = play_once(url, SCENARIOS[name](), item, normal)
        if played.problems:
            wrong += 1
            click.echo(told(name, store, item, played, normal))
    click.echo(_summary(store, name, normal, 1 if fault else len(faults), wrong, began))
    return wrong


def _summary(store: str, name: str, normal: Played, count: int, wrong: int, began: float) -> str:
    seconds = time.monotonic() - began
    return (
        f"{store}: {name}: {len(normal.calls)} calls, {count} faults, {wrong} violations, "
        f"{seconds:.0f} s"
    )
