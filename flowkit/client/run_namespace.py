"""The namespace of one run that has a separate system."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from ..protocol.link import Link
from ..protocol.namespace import (
    abandoned_namespaces,
    drop_namespace,
    expire_namespace,
    keep_namespace,
)


def abandoned(url: str, *, patience: float, read_timeout: float) -> list[str]:
    """Return the namespaces that killed ``flowkit run`` commands have left on a Redis.

    ``patience``, ``read_timeout``: seconds to reach Redis, and to wait for each answer. Raises
    StoreError.
    """
    with closing(_link_to(url, patience, read_timeout)) as link:
        return abandoned_namespaces(link)


def _link_to(url: str, patience: float, read_timeout: float) -> Link:
    return Link(url, name="flowkit-client", patience=patience, read_timeout=read_timeout)


class RunNamespace:
    """A namespace that was made for one run. Each call opens a separate connection.

    The caller must know that no client, scheduler or worker uses the namespace.
    """

    def __init__(self, url: str, name: str, *, patience: float, read_timeout: float) -> None:
        """``patience``, ``read_timeout``: seconds to reach Redis, and to wait for each answer."""
        self._url = url
        self._name = name
        self._patience = patience
        self._read_timeout = read_timeout

    def keep(self) -> None:
        """Let none of its keys expire. Raises StoreError."""
        with self._link() as link:
            keep_namespace(link, self._name)

    def expire(self, ttl: int) -> None:
        """Let all of its keys expire after ``ttl`` seconds. Raises StoreError."""
        with self._link() as link:
            expire_namespace(link, self._name, ttl * 1000)

    def delete(self) -> None:
        """Delete all of its keys. Raises StoreError."""
        with self._link() as link:
            drop_namespace(link, self._name)

    @contextmanager
    def _link(self) -> Iterator[Link]:
        with closing(_link_to(self._url, self._patience, self._read_timeout)) as link:
            yield link
