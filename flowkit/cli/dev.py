"""``flowkit dev``: a store, a scheduler and workers in one terminal, until Ctrl-C.

The store is in memory. It listens on a socket that only this user can reach, or on a port if asked
to. Each start has a new password, which is part of the printed URL, so another terminal needs the
new URL after a restart. A daemon that dies is restarted.
"""

from __future__ import annotations

import shlex
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from ..configuration.redis_url import redact_url
from ..daemon.options import app_version_option, settings_from
from .loading import load_app_quietly

if TYPE_CHECKING:
    from ..app import App
    from ..processes.daemon_output import Line
    from ..settings import Settings
    from ..system import LocalSystem

LOOK_S = 0.2


@click.command()
@click.option(
    "--app",
    "apps",
    required=True,
    multiple=True,
    metavar="FILE_OR_MODULE",
    help="An app that defines tasks. Give the option once for each app.",
)
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
    help="Listen on this port of 127.0.0.1; 0 means any free port [default: a socket that only "
    "this user can reach].",
)
@click.option("--namespace", metavar="NAME", help="Prefix of all keys [FLOWKIT_NAMESPACE].")
@app_version_option
def dev(apps: tuple[str, ...], workers: int | None, port: int | None, **options: Any) -> None:
    """Run a store, a scheduler and workers in this terminal, until Ctrl-C.

    The command first prints how to submit runs from another terminal.
    """
    from ..app import split_spec
    from ..embedded import EmbeddedServer
    from ..system import LocalSystem, warn_through
    from .awaiting import signals_raise

    settings = settings_from(options, uses_redis=False)
    targets = list(dict.fromkeys(split_spec(app)[0] for app in apps))
    loaded = [load_app_quietly(target) for target in targets]
    with signals_raise(), ExitStack() as stack:
        server = stack.enter_context(EmbeddedServer(port=port, warn=warn_through(_print_line)))
        system = stack.enter_context(
            LocalSystem(
                targets,
                url=server.url,
                namespace=settings.namespace,
                queues=sorted({queue for app in loaded for queue in app.queues()}),
                processes=workers,
                log_level=settings.log_level,
                app_version=settings.app_version,
                on_line=_print_line,
            )
        )
        system.wait_ready()
        _note_unused_redis(settings)
        examples = list(map(_example, targets, loaded))
        _print_usage(examples, server.url, settings.namespace)
        _stay(system)


def _example(target: str, app: App) -> str:
    """Return an argument for ``flowkit submit``: the app, with a DAG if it has several."""
    return f"{target}:{next(iter(app.dags))}" if len(app.dags) > 1 else target


def _note_unused_redis(settings: Settings) -> None:
    """Print a note if a Redis URL is set, because this command does not use it."""
    from .output import note

    if settings.redis_url is not None:
        note(
            f"Redis at {redact_url(settings.redis_url)} ({settings.source('redis_url')}) is not "
            "used: flowkit dev runs its own store."
        )


def _print_usage(targets: list[str], url: str, namespace: str) -> None:
    from .output import note

    note(f"The system is ready. Its store is in memory at {redact_url(url)}.")
    note("Its data is lost when this command ends. In another terminal:")
    note(f"    export FLOWKIT_REDIS_URL={shlex.quote(url)}")
    if namespace != "flowkit":
        note(f"    export FLOWKIT_NAMESPACE={namespace}")
    for target in targets:
        note(f"    flowkit submit {shlex.quote(target)} --wait")
    note("Press Ctrl-C to stop.")


def _stay(system: LocalSystem) -> None:
    """Wait for Ctrl-C or TERM. Raises FlowkitError if a daemon cannot work."""
    from .output import note

    try:
        while True:
            system.check()
            time.sleep(LOOK_S)
    except (KeyboardInterrupt, SystemExit):
        note("Stopping: running tasks get a moment to finish. Ctrl-C again ends them at once.")


def _print_line(line: Line) -> None:
    """Print a line with its source. ``basics.terminal`` writes the output of tasks."""
    from ..basics.terminal import write_output
    from .output import indented

    if line.level is None:
        write_output(sys.stderr if line.is_error else sys.stdout, line.text)
    else:
        click.echo(f"{line.source:<9}  {line.level:<7}  {indented(line.text)}", err=True)
