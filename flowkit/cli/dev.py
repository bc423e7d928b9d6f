"""``flowkit dev``: store, scheduler and worker in one terminal, until Ctrl-C.

The store is in memory, at a port that stays the same from one start to the next if it is free, so
an exported FLOWKIT_REDIS_URL stays right. A daemon that dies is started again.
"""

from __future__ import annotations

import shlex
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from ..exceptions import StoreError
from .daemon_options import settings_from
from .inputs import load_app_calmly

if TYPE_CHECKING:
    from ..daemons import Line
    from ..embedded import EmbeddedServer
    from ..loader import App
    from ..system import LocalSystem

PORT = 6399
LOOK_S = 0.2


@click.command()
@click.option("--app", required=True, metavar="FILE_OR_MODULE", help="What defines the tasks.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Worker processes [default: one per core, at least 2].",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="P",
    help=f"Port of the store, 0 for any [default: {PORT}, or any if that is taken].",
)
@click.option("--namespace", metavar="NAME", help="Prefix of all keys [FLOWKIT_NAMESPACE].")
def dev(app: str, workers: int | None, port: int | None, **options: Any) -> None:
    """Run store, scheduler and workers in this terminal, until Ctrl-C.

    Another terminal can then submit runs, as this command tells at its start.
    """
    from ..loader import split_spec
    from ..system import LocalSystem
    from .watch import signals_raise

    settings = settings_from(options)
    target, _ = split_spec(app)
    loaded = load_app_calmly(target)
    with signals_raise(), ExitStack() as stack:
        server = _server(port)
        stack.callback(server.stop)
        system = stack.enter_context(
            LocalSystem(
                target,
                url=server.url,
                namespace=settings.namespace,
                queues=_queues(loaded),
                processes=workers,
                log_level=settings.log_level,
                on_line=_print_line,
            )
        )
        system.wait_ready()
        _tell(_example(target, loaded), server.url, settings.namespace)
        _stay(system)


def _queues(app: App) -> list[str]:
    """Return all queues that tasks of the app use."""
    from ..task import Task

    tasks = [*Task._all_tasks, *(task for dag in app.dags.values() for task in dag.tasks)]
    return sorted({"default", *(task.policy.queue for task in tasks)})


def _server(port: int | None) -> EmbeddedServer:
    from ..embedded import EmbeddedServer

    try:
        return EmbeddedServer(port=PORT if port is None else port).start()
    except StoreError:
        if port is not None:
            raise
    return EmbeddedServer().start()


def _example(target: str, app: App) -> str:
    """Return what can be submitted: the app, and one of its DAGs if it has several."""
    return f"{target}:{next(iter(app.dags))}" if len(app.dags) > 1 else target


def _tell(target: str, url: str, namespace: str) -> None:
    from .output import note

    note(f"The system is ready. Its store is in memory at {url} and ends with this command.")
    note("In another terminal:")
    note(f"    export FLOWKIT_REDIS_URL={url}")
    if namespace != "flowkit":
        note(f"    export FLOWKIT_NAMESPACE={namespace}")
    note(f"    flowkit submit {shlex.quote(target)} --wait")
    note("Ctrl-C ends it.")


def _stay(system: LocalSystem) -> None:
    """Return at Ctrl-C or TERM. Raises FlowkitError when a daemon cannot work."""
    from .output import note

    try:
        while True:
            system.check()
            time.sleep(LOOK_S)
    except (KeyboardInterrupt, SystemExit):
        note("Stopping: running tasks get a moment to end. Ctrl-C again ends them at once.")


def _print_line(line: Line) -> None:
    """Show who says what; tasks' own output is left as it is."""
    from .output import indented

    if line.level is None:
        click.echo(line.text, err=line.is_error)
    else:
        click.echo(f"{line.source:<9}  {line.level:<7}  {indented(line.text)}", err=True)
