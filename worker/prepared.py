"""What becomes of a claim before its function is called: an attempt that is ready to be called, or
one of a function that the app does not have. It has no behaviour: ``executor.py`` makes both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowkit.context import Comeback
from flowkit.core.compiled import CompiledDAG
from flowkit.core.retry import Policy
from flowkit.definition.task import Task
from flowkit.protocol.outcomes import CacheEntry
from flowkit.protocol.worker_store import Claim


@dataclass(frozen=True, slots=True)
class Prepared:
    """An attempt that is ready to be called. ``log_name``: its name with the label, if any."""

    claim: Claim
    task: Task
    name: str
    log_name: str
    policy: Policy
    args: list[Any]
    kwargs: Mapping[str, Any]
    params: Mapping[str, object]
    mapped: CompiledDAG | None = None  # its DAG, if other tasks are mapped over its result
    label: str = ""  # of an item that makes one
    cache: CacheEntry | None = None  # where a success stores its result
    comeback: Comeback | None = None  # if the task has come again


@dataclass(frozen=True, slots=True)
class NotHere:
    """An attempt of a function (an id) that the app does not have."""

    claim: Claim
    function: str
