"""The dashboard: a page that shows a system, and acts on it. It needs the extra ``dashboard``.

It refuses to show anything to who has neither the token of its start, nor the password, nor a
login of the app that it is a part of. docs/dashboard.md has its design.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from ..exceptions import FlowkitError
from .packages import missing_packages

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from ..client.client import Client

__all__ = ["create_app"]


def create_app(
    client: Client,
    *,
    auth: Callable[[Any], str | None],
    actor: Client | None = None,
    read_only: bool = False,
    hosts: Collection[str] = ("*",),
) -> Starlette:
    """Return the dashboard as an ASGI app, to be mounted below any path of another one.

    ``auth``: gets each request (a ``starlette.requests.HTTPConnection``) and returns the name of
    who is logged in, None to refuse. ``client`` reads; ``actor`` carries out actions, ``client`` if
    None; with ``read_only`` there are none. ``hosts``: the names under which the page may be
    asked for, ``*`` for all: the app around it knows its own.

    Raises FlowkitError if the extra ``dashboard`` is not installed.
    """
    if missing := missing_packages():
        raise FlowkitError(f"the dashboard needs {missing}: pip install 'flowkit[dashboard]'")
    from .access import OwnAccess
    from .app import build_app

    return build_app(client, None if read_only else actor or client, OwnAccess(auth), hosts)
