"""Values that each process makes for itself, so that a forked child never uses its parent's.

A fork copies locks in their current state, perhaps held by a thread that the child does not have,
and it shares sockets. The child must use neither (gunicorn ``--preload``, uwsgi, multiprocessing's
"fork").
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """One value per process, made by ``make``: here at once, in a child at the first ``get``."""

    __slots__ = ("_make", "_values")

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._values = {os.getpid(): make()}

    def get(self) -> T:
        """Return the value of this process. All its threads get the same value."""
        pid = os.getpid()
        try:
            return self._values[pid]
        except KeyError:
            value = self._values.setdefault(pid, self._make())  # atomic: the first thread wins
            for other in [other for other in self._values.copy() if other != pid]:
                self._values.pop(other, None)
            return value
