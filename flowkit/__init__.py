"""Workflows of Python functions: decorate them, draw a DAG, run it here or on many machines.

    from flowkit import DAG, task

    @task
    def extract():
        return [1, 2, 3]

    @task(retries=3)
    def load(rows):
        return len(rows)

    with DAG("etl") as dag:
        extract >> load

    dag.run()                    # in this process
    dag.run(executor="redis")    # on the workers of a running flowkit system

This module has only public names. Modules that need Redis or a file are imported at first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .basics.again import Again, again
from .basics.log_level import LogLevel
from .basics.version import VERSION as __version__  # noqa: N811 - its name in public
from .context import current_attempt
from .dag import DAG
from .exceptions import DAGCycleError, FlowkitError, TaskExecutionError, TaskNotFoundError
from .execution.progress import progress, track
from .logging import configure_logging, get_logger
from .logging.logger import FlowkitLogger
from .task import Task, task  # not from the definition: the module would replace the name

if TYPE_CHECKING:
    from .client.async_client import AsyncClient
    from .client.client import Client
    from .client.run_handle import RunHandle
    from .core.mapped_sequence import Mapped
    from .definition.hooks import HookEvent, Hooks
    from .state.manager import StateManager
    from .state.task_cache import TaskCache

__all__ = [
    "DAG",
    "Again",
    "AsyncClient",
    "Client",
    "DAGCycleError",
    "FlowkitError",
    "FlowkitLogger",
    "HookEvent",
    "Hooks",
    "LogLevel",
    "Mapped",
    "RunHandle",
    "StateManager",
    "Task",
    "TaskCache",
    "TaskExecutionError",
    "TaskNotFoundError",
    "__version__",
    "again",
    "configure_logging",
    "current_attempt",
    "get_logger",
    "progress",
    "task",
    "track",
]

_LAZY = {
    "AsyncClient": ".client.async_client",
    "Client": ".client.client",
    "HookEvent": ".definition.hooks",
    "Hooks": ".definition.hooks",
    "Mapped": ".core.mapped_sequence",
    "RunHandle": ".client.run_handle",
    "StateManager": ".state",
    "TaskCache": ".state.task_cache",
}


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
