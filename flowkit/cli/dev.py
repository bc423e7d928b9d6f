"""``flowkit dev``: a store, a scheduler, workers, and a page if asked for, until Ctrl-C.

The store is in memory. It listens on a socket that only this user can reach, or on a port if asked
to. Each start has a new password, which is part of the printed URL, so another terminal needs the
new URL after a restart. A daemon that dies is restarted.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from ..configuration.redis_url import redact_url
from ..daemon.options import app_version_option, settings_from
from .loading import load_app_quietly
from .page import opened, require_extra

if TYPE_CHECKING:
    from ..app import App
    from ..processes.daemon_output import Line
    from ..settings import Settings
    from ..system import LocalSystem

    Page = Callable[[LocalSystem], AbstractContextManager[str | None]]

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
@click.option(
    "--dashboard",
    is_flag=True,
    help="Serve the page of the system too, on port 8420 of 127.0.0.1, or on a free one.",
)
@click.option("--open", "opens", is_flag=True, help="Open that page in a browser.")
@click.option("--namespace", metavar="NAME", help="Prefix of all keys [FLOWKIT_NAMESPACE].")
@app_version_option
def dev(
    apps: tuple[str, ...], workers: int | None, port: int | None, opens: bool, **options: Any
) -> None:
    """Run a store, a scheduler and workers in this terminal, until Ctrl-C.

    The command first prints how to submit runs from another terminal. With --dashboard, it also
    serves the page that shows the system, and prints its address.
    """
    from ..app import split_spec
    from ..embedded import EmbeddedServer
    from ..system import LocalSystem, warn_through
    from .awaiting import signals_raise

    page = _chosen_page(options.pop("dashboard"), opens=opens)
    settings = settings_from(options, uses_redis=False)
    targets = list(dict.fromkeys(split_spec(app)[0] for app in apps))
    loaded = [load_app_quietly(target) for target in targets]
    with signals_raise(), ExitStack() as stack:
        server = stack.enter_context(EmbeddedServer(port=port, warn=warn_through(_print_line)))
        system = LocalSystem(
            targets,
            url=server.url,
            namespace=settings.namespace,
            queues=sorted({queue for app in loaded for queue in app.queues()}),
            processes=workers,
            log_level=settings.log_level,
            app_version=settings.app_version,
            on_line=_print_line,
        )
        address = stack.enter_context(page(system))  # first, to show also how the system stops
        stack.enter_context(system)
        system.wait_ready()
        _note_unused_redis(settings)
        _print_usage(list(map(_example, targets, loaded)), server.url, settings.namespace)
        stack.enter_context(_shown(address, opens=opens))
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


def _chosen_page(wanted: bool, *, opens: bool) -> Page:
    """Return what serves the page of a system, or serves none. Raises UsageError."""
    if not wanted and opens:
        raise click.UsageError("--open opens the page of --dashboard: give both, or neither.")
    if not wanted:
        return lambda system: nullcontext()
    from .dev_page import serving_page

    require_extra()
    return serving_page


@contextmanager
def _shown(address: str | None, *, opens: bool) -> Iterator[None]:
    """Print the address of the page, if there is one, and how to stop. Open it if asked to."""
    from .output import note

    if address is not None:
        note(f"The page of the system. Its address lets its reader in:\n    {address}")
    note("Press Ctrl-C to stop.")
    with opened(address or "", wanted=opens):
        yield


def _print_usage(targets: list[str], url: str, namespace: str) -> None:
    from .output import note

    note(f"The system is ready. Its store is in memory at {redact_url(url)}.")
    note("Its data is lost when this command ends. In another terminal:")
    note(f"    export FLOWKIT_REDIS_URL={shlex.quote(url)}")
    if namespace != "flowkit":
        note(f"    export FLOWKIT_NAMESPACE={namespace}")
    for target in targets:
        note(f"    flowkit submit {shlex.quote(target)} --wait")


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
