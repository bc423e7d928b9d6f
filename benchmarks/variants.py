"""The command ``python -m benchmarks.variants``: what gets faster if one thing is changed?

Systems that differ in one thing take turns (A B C, A B C …), so that a busy moment of the machine
affects all of them. The result is the ratio to the unchanged system. None of these changes is an
option of flowkit: the figures show what such an option would gain.

Exit codes: 0; 1 if something could not be measured; 2 for wrong options.
"""

from __future__ import annotations

import importlib.util
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

import click

from flowkit.core.states import RunState

from . import app, report
from .daemons import BrokenSystemError, free_port
from .metrics import Store
from .options import chosen, shared_options, write_table
from .system import SIGNING_KEY, Setup, System
from .workloads import WAIT_S, Bench, chain, fan_out, round_trip

AS_IT_IS = "as it is"
UNIX, PORT, SIGNED = "unix-socket", "port", "signed"
VARIANTS = {
    UNIX: "Redis over a unix socket",
    PORT: "the embedded store over a port",
    SIGNED: "signed values",
    "uvloop": "coroutines on uvloop",
    "no-collector": "no garbage collector",
    "no-hiredis": "redis-py without hiredis",
}
OF_THE_HOST = ("uvloop", "no-collector", "no-hiredis")
NOT_WITH = {Store.REDIS: (PORT,), Store.EMBEDDED: (UNIX,)}
SHARE = {Store.REDIS: 1.0, Store.EMBEDDED: 0.25}
HEAD = ("what", "with", "median", "min–max", "unit", "× as it is")
NUMBERS = ("median", "× as it is")
_numbers = count()


class VariedSystem(System):
    """A system with one thing changed."""

    def __init__(self, variant: str, store: Store = Store.REDIS) -> None:
        super().__init__(Setup(store))
        self._variant = variant
        if variant == SIGNED:
            self.variables[SIGNING_KEY] = secrets.token_urlsafe(32)

    def start_server(self, command: Sequence[str], port: int, name: str = "server") -> None:
        """Start the server. Use a unix socket if that is the change."""
        socket = self.folder / "redis.sock"
        super().start_server([*command, "--unixsocket", str(socket)], port, name)
        if self._variant == UNIX:
            self.url = f"unix://{socket}"

    def spawn(self, name: str, command: Sequence[str]) -> None:
        """Start a daemon or the embedded server, with the change."""
        if name in ("scheduler", "worker") and self._variant in OF_THE_HOST:
            python, _, module, *options = command
            host = [python, "-m", "benchmarks.variant_host", self._variant]
            command = [*host, module, *options]
        if name == "server" and self._variant == PORT:
            command = [*command, str(free_port())]
        super().spawn(name, command)


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure. ``of`` is called with a bench whose system is running, and a size."""

    label: str
    unit: str
    size: int
    of: Callable[[Bench, int], float]


def naps(bench: Bench, tasks: int) -> float:
    """Run coroutines that sleep; return tasks per second."""
    dag = app.wide(tasks, app.nap, f"naps_{next(_numbers)}")
    began = time.perf_counter()
    state = bench.system.client.submit(dag).wait(WAIT_S)
    seconds = time.perf_counter() - began
    if state is not RunState.SUCCEEDED:
        raise BrokenSystemError(f"a run of {tasks:,} naps is {state.value}")
    return tasks / seconds


def numbers(bench: Bench, tasks: int) -> float:
    """Run tasks that return a number, and one that takes all numbers; return tasks per second."""
    dag = app.fan_out(tasks, app.answer, f"numbers_{next(_numbers)}")
    began = time.perf_counter()
    handle = bench.system.client.submit(dag)
    state = handle.wait(WAIT_S)
    seconds = time.perf_counter() - began
    if state is not RunState.SUCCEEDED or handle.result("count") != tasks:
        raise BrokenSystemError(f"a run of {tasks:,} numbers is {state.value}")
    return tasks / seconds


MEASURES = (
    Measure("fan-out and fan-in", "tasks/s", 20_000, lambda *of: fan_out(*of)["fan-out"]),
    Measure("fan-out and fan-in of numbers", "tasks/s", 20_000, numbers),
    Measure("chain, per hop", "ms", 300, lambda *of: chain(*of)["chain"]),
    Measure("run of one task, p50", "ms", 300, lambda *of: round_trip(*of)["round-trip-p50"]),
    Measure("coroutines that sleep 10 ms, 100 at a time in each process", "tasks/s", 10_000, naps),
)
Values = dict[tuple[str, str], list[float]]


def measure(variants: Sequence[str], repeat: int, share: float, store: Store) -> Values:
    """Return the values of each measure with each variant, including the unchanged system."""
    result: Values = {}
    for turn in range(repeat):
        for variant in (AS_IT_IS, *variants):
            click.echo(f"{VARIANTS.get(variant, variant)}, {turn + 1} of {repeat}", err=True)
            with VariedSystem(variant, store) as system:
                bench = Bench(system.setup, system)
                for measure in MEASURES:
                    value = measure.of(bench, max(10, int(measure.size * share * SHARE[store])))
                    result.setdefault((measure.label, variant), []).append(value)
    return result


def as_rows(found: Values) -> list[tuple[str, ...]]:
    """Return a row per measure and variant."""
    rows = []
    for measure in MEASURES:
        base = median(found[measure.label, AS_IT_IS])
        for (label, variant), values in found.items():
            if label == measure.label:
                middle, low, high = median(values), min(values), max(values)
                spread = f"{report.number(low)}–{report.number(high)}"
                times = "" if variant == AS_IT_IS else report.number(middle / base)
                name = VARIANTS.get(variant, variant)
                rows.append((label, name, report.number(middle), spread, measure.unit, times))
    return rows


def as_json(found: Values, around: Mapping[str, object]) -> str:
    """Return each single value."""
    listed = [
        {"what": label, "variant": variant, "values": values}
        for (label, variant), values in found.items()
    ]
    return json.dumps({"around": dict(around), "figures": listed}, indent=2)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@chosen("--with", "variants", VARIANTS, "This only. uvloop has to be there: pip install uvloop.")
@click.option(
    "--share", type=click.FloatRange(0.001, 1.0), default=1.0, show_default=True,
    help="Measure with a share of the tasks.",
)  # fmt: skip
@click.option(
    "--store", type=click.Choice([Store.REDIS.value, Store.EMBEDDED.value]), default="redis",
    show_default=True, help="Which store is varied; the embedded one with a quarter of the tasks.",
)  # fmt: skip
@shared_options
def main(
    repeat: int,
    json_output: bool,
    write: Path | None,
    variants: Sequence[str],
    share: float,
    store: str,
) -> None:
    """Measure systems that differ in one thing. Starts and ends all it needs."""
    has_uvloop = importlib.util.find_spec("uvloop") is not None
    if "uvloop" in variants and not has_uvloop:
        raise click.UsageError("uvloop is not installed: pip install uvloop")
    varied = Store(store)
    wrong = [variant for variant in variants if variant in NOT_WITH[varied]]
    if wrong:
        raise click.UsageError(f"{wrong[0]} is nothing that can be changed of the {store} store")
    names = variants or [
        variant
        for variant in VARIANTS
        if variant not in NOT_WITH[varied] and (variant != "uvloop" or has_uvloop)
    ]
    around = report.surroundings(repeat, worker_processes=2)
    try:
        result = measure(names, repeat, share, varied)
    except BrokenSystemError as error:
        raise click.ClickException(str(error)) from None
    table = report.markdown(HEAD, as_rows(result), NUMBERS, around)
    click.echo(as_json(result, around) if json_output else table)
    write_table(write, table, "variants" if varied is Store.REDIS else "variants-embedded")


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.variants")
