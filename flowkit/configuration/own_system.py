"""The system whose tasks this process runs: the settings with which its worker was started.

A worker's child adopts them before it loads the app. So a task that submits a run reaches the
system of its worker, even if flags of the worker say which one that is, if the app changes the
working directory, or if a key file has changed since. A variable that the app or a task sets itself
wins over them: it differs from what it was at the start.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .shards import Shard


@dataclass(frozen=True, slots=True, repr=False)
class OwnSystem:
    """``values``, ``sources``: the settings by name. ``environ``: the variables at the start.

    ``pid``: the process that adopted it, of which tasks may make copies.
    """

    values: Mapping[str, Any]
    sources: Mapping[str, str]
    environ: Mapping[str, str]
    shards: tuple[Shard, ...]
    pid: int = field(default_factory=os.getpid)

    def changed(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the variables that have another value than at the start."""
        return {name: value for name, value in environ.items() if self.environ.get(name) != value}


_own: OwnSystem | None = None


def adopt_system(system: OwnSystem | None) -> None:
    """Make this the system of the process; None for a process without one."""
    global _own
    _own = system


def own_system() -> OwnSystem | None:
    """Return the system of this process, None unless it runs the tasks of a worker."""
    return _own
