"""The namespace of one run that has a separate system."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..protocol.link import Link
from ..protocol.namespace import drop_namespace, expire_namespace, keep_namespace


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
        link = Link(
            self._url,
            name="flowkit-client",
            patience=self._patience,
            read_timeout=self._read_timeout,
        )
        try:
            yield link
        finally:
            link.close()
