"""What the commands that serve the page share: its extra, its address, and the browser.

The address has the token that lets its reader in. Every account of the machine can read the command
line of a browser (``ps``), so the token must not be part of it: the browser is given a file that
only this user can read, and that leads to the address.
"""

from __future__ import annotations

import html
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..dashboard.access import TokenAccess

PORT = 8420
_LEADS_TO = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>flowkit</title>
<meta http-equiv="refresh" content="0; url={address}">
<p><a href="{address}">Open the page</a></p>
</html>
"""


def require_extra() -> None:
    """Raise UsageError if a package is missing that the page needs."""
    from ..dashboard.packages import missing_packages

    if missing := missing_packages():
        raise click.UsageError(
            f"The dashboard needs {missing}. Install them: pip install 'flowkit[dashboard]'"
        )


def address_of(host: str, port: int, access: TokenAccess) -> str:
    """Return the address of the page, with its token unless there is a password."""
    root = f"http://{name_of(host)}:{port}/"
    return root if access.has_password else f"{root}?token={access.token}"


def name_of(host: str) -> str:
    """Return how an address has the host to listen on: a name, or in brackets if it is IPv6."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - all addresses, of which this is one
        return "127.0.0.1" if host == "0.0.0.0" else "[::1]"  # noqa: S104
    return f"[{host}]" if ":" in host else host


def has_screen() -> bool:
    """Return whether a browser can open a window. One without windows would take the terminal."""
    if sys.platform == "darwin":
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


@contextmanager
def opened(address: str, *, wanted: bool = True) -> Iterator[None]:
    """Open an address in a browser if one is wanted, and there is a screen.

    At the end of the block the file that leads to it is deleted. If it cannot be written, a note
    says so.
    """
    if not (wanted and has_screen()):
        yield
        return
    from .output import note

    try:
        folder = TemporaryDirectory(prefix="flowkit-page-")  # mode 0700
    except OSError as error:
        note(f"The browser was not opened: no file can be written: {error.strerror or error}.")
        yield
        return
    with folder as name:
        file = Path(name, "open.html")
        file.write_text(_LEADS_TO.format(address=html.escape(address)), "utf-8")
        click.launch(file.as_uri())
        yield
