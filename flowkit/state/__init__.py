"""State: named values that outlive a call or a run, and what is built on them.

``StateManager`` (manager.py) keeps values in memory or in a JSON file, ``RedisStateManager``
(redis.py) in Redis; ``TaskCache`` (task_cache.py) keeps the results of calls in either. Another
store needs the methods of ``StateStore`` (store.py). This module only hands the names on.
"""

from __future__ import annotations

# Part of the interface: tests move the time with patch("flowkit.state.time.time", …).
import time as time
from importlib import import_module
from typing import TYPE_CHECKING

from .manager import StateManager
from .store import StateStore

if TYPE_CHECKING:
    from .redis import RedisStateManager
    from .task_cache import TaskCache

__all__ = ["RedisStateManager", "StateManager", "StateStore", "TaskCache"]

_LAZY = {"RedisStateManager": ".redis", "TaskCache": ".task_cache"}


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
