"""The page of ``flowkit dev --dashboard``, in a thread beside the store.

It listens on the port of ``flowkit dashboard``, or on a free one if that is taken. If it fails, a
note says so, and the system continues without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..exceptions import FlowkitError
from .page import PORT, address_of

if TYPE_CHECKING:
    import socket

    from ..system import LocalSystem

HOST = "127.0.0.1"


@contextmanager
def serving_page(system: LocalSystem) -> Iterator[str]:
    """Serve the page of a system until the end of the block. Yields its address.

    The system need not run yet, only its store. Raises FlowkitError if no port is free, StoreError
    if the store does not answer.
    """
    from ..dashboard.access import TokenAccess
    from ..dashboard.app import build_app
    from ..dashboard.server import BackgroundServer

    with system.client() as client, _listen() as listening:
        port = listening.getsockname()[1]
        access = TokenAccess(f"flowkit-{port}")
        with BackgroundServer(build_app(client, client, access), listening, _report):
            yield address_of(HOST, port, access)


def _listen() -> socket.socket:
    from ..dashboard.server import listen

    try:
        return listen(HOST, PORT)
    except FlowkitError:
        return listen(HOST, 0)


def _report(text: str) -> None:
    from .output import note

    note(f"{text} The system continues without it.")
