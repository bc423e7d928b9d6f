"""What ``TaskCache`` and ``dag.run(state=…)`` need of a state store."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class StateStore(Protocol):
    """The interface of a store for ``TaskCache`` and ``dag.run(state=…)``.

    Any object with these methods is accepted. If it also has ``batch()``, a context manager that
    combines writes, a run uses it for results that arrive at the same time.
    """

    def get(self, key: str, default: Any = None) -> Any:
        """Return a live value, else ``default``."""
        ...

    def set(
        self,
        key: str,
        value: Any,
        ttl: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Store a value. ``ttl``: seconds, None for the store's own default."""
        ...

    def delete(self, key: str) -> bool:
        """Remove a value; return whether there was a live one."""
        ...

    def get_metadata(self, key: str) -> dict[str, Any] | None:
        """Return the metadata of a live value, None if there is none."""
        ...


def batch_of(state: StateStore) -> AbstractContextManager[Any]:
    """Return the ``batch()`` of a store, or a context that does nothing if it has none."""
    batch = getattr(state, "batch", None)
    return nullcontext() if batch is None else batch()
