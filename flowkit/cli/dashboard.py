"""``flowkit dashboard``: the page of a running system."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..daemon.options import redis_options
from .connect import connect

if TYPE_CHECKING:
    from ..dashboard.access import TokenAccess

PORT = 8420
SHORTEST_PASSWORD = 12


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: a free one."
)
@click.option(
    "--allow-host",
    "names",
    metavar="NAME",
    multiple=True,
    help="A further name under which browsers may ask for the page. Repeatable.",
)
@click.option(
    "--password-file",
    type=click.Path(dir_okay=False, path_type=Path),  # _password says why it cannot be read
    help="A file with the password of the page. Without it, a token in the address lets in.",
)
@click.option(
    "--behind-https",
    is_flag=True,
    help="Browsers reach the page through a proxy that speaks HTTPS. Cookies are for HTTPS only.",
)
@click.option("--read-only", is_flag=True, help="Offer no action: no cancel, no retry, no submit.")
@click.option("--no-open", is_flag=True, help="Do not open a browser.")
@redis_options
@click.pass_context
def dashboard(
    ctx: click.Context, /, host: str, port: int, read_only: bool, no_open: bool, **options: Any
) -> None:
    """Show the system in a browser: runs, tasks, logs, workers, queues, dead letters.

    Prints the address of the page, with a token that lets its reader in, and runs until Ctrl-C.
    """
    from ..dashboard import missing_packages

    if missing := missing_packages():
        raise click.UsageError(
            f"The dashboard needs {missing}. Install them: pip install 'flowkit[dashboard]'"
        )
    from ..dashboard.app import LOOPBACK, build_app
    from ..dashboard.server import listen, serve
    from .output import note, say

    names, password = options.pop("names"), _password(host, options.pop("password_file"))
    client = connect(ctx, options)
    socket = listen(host, port)
    port = socket.getsockname()[1]
    access = _access(port, password)
    address = _address(host, port, access)
    say(address)
    note("Ctrl-C stops the dashboard. The address lets its reader in: do not pass it on.")
    if not no_open:
        click.launch(address)
    hosts, is_https = (*LOOPBACK, host, *names), options.pop("behind_https")
    actor = None if read_only else client
    serve(build_app(client, actor, access, hosts, behind_https=is_https), socket)


def _access(port: int, password: str | None) -> TokenAccess:
    from ..dashboard.access import TokenAccess

    return TokenAccess(f"flowkit-{port}", password)


def _address(host: str, port: int, access: TokenAccess) -> str:
    name = f"[{host}]" if ":" in host else host
    root = f"http://{name}:{port}/"
    return root if access.has_password else f"{root}?token={access.token}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _password(host: str, file: Path | None) -> str | None:
    if file is None and not _is_loopback(host):
        raise click.UsageError(
            f"Others can reach {host}: give --password-file FILE. A token in an address is not "
            "enough where it passes through proxies and logs."
        )
    if file is None:
        return None
    try:
        text = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file} cannot be read: {error}") from None
    if len(text) < SHORTEST_PASSWORD or "\n" in text:
        raise click.UsageError(
            f"{file} must have one line, a password of at least {SHORTEST_PASSWORD} characters."
        )
    return text
