"""``flowkit dashboard``: the page of a running system."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..daemon.options import redis_options
from .connect import connect
from .page import PORT, address_of, name_of, opened, require_extra
from .page_password import is_loopback, read_password

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..dashboard.access import TokenAccess


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="The port to listen on; 0: any free one.",
)
@click.option(
    "--allow-host",
    "names",
    metavar="NAME",
    multiple=True,
    help="A further host name that the address of the page may have. Repeatable.",
)
@click.option(
    "--password-file",
    type=click.Path(dir_okay=False, path_type=Path),  # read_password says what is wrong with it
    help="A file with the password of the page [FLOWKIT_DASHBOARD_PASSWORD_FILE]. Without it, a "
    "token in the address lets its reader in.",
)
@click.option(
    "--behind-https",
    is_flag=True,
    help="Browsers reach the page through a proxy that speaks HTTPS. Cookies are for HTTPS only.",
)
@click.option(
    "--act-redis-file",
    type=click.Path(dir_okay=False, path_type=Path),  # acting_client says what is wrong with it
    help="A file with the Redis URL of the user that carries out actions [FLOWKIT_ACT_REDIS_URL]. "
    "Default: the user that reads.",
)
@click.option("--read-only", is_flag=True, help="Only show: no cancel, retry, submit or delete.")
@click.option("--no-open", is_flag=True, help="Do not open a browser.")
@redis_options
@click.pass_context
def dashboard(
    ctx: click.Context, /, host: str, port: int, read_only: bool, no_open: bool, **options: Any
) -> None:
    """Show the system in a browser: runs, tasks, logs, workers, queues, dead letters.

    Prints the address of the page, opens it, and runs until Ctrl-C. The address has a token that
    lets its reader in, because other accounts can reach the page too. An address that other
    machines can reach requires a password.
    """
    require_extra()
    from ..dashboard.app import LOOPBACK, build_app
    from ..dashboard.server import listen, serve
    from .awaiting import signals_raise
    from .output import note, say
    from .page_actor import acting_client

    names = options.pop("names")
    password = read_password(host, options.pop("password_file"), os.environ)
    client = connect(ctx, options)
    file = options.pop("act_redis_file")
    actor = None if read_only else acting_client(ctx, client, file, os.environ)
    socket = listen(host, port)
    port = socket.getsockname()[1]
    access = _access(port, password)
    address = address_of(host, port, access)
    say(address)
    hosts, is_https = (*LOOPBACK, name_of(host), *names), options.pop("behind_https")
    note(_words(host, names, has_password=access.has_password))
    with signals_raise(), opened(address, wanted=not no_open):
        serve(build_app(client, actor, access, hosts, behind_https=is_https), socket)


def _access(port: int, password: str | None) -> TokenAccess:
    from ..dashboard.access import TokenAccess

    return TokenAccess(f"flowkit-{port}", password)


def _words(host: str, names: Sequence[str], *, has_password: bool) -> str:
    """Return what to know about the address that was printed."""
    if not has_password:
        return "Ctrl-C stops the dashboard. The address lets its reader in: do not pass it on."
    if is_loopback(host):
        return "Ctrl-C stops the dashboard. It asks for the password."
    known = ", ".join(("127.0.0.1", "localhost", *names))
    return (
        "Ctrl-C stops the dashboard. It asks for the password. Browsers must name it as one of "
        f"{known}; --allow-host adds a name. The connection is not encrypted: put a proxy with "
        "TLS in front of it."
    )
