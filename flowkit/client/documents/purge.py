"""The documents of ``flowkit purge``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from .document import TIME, Document


@dataclass(frozen=True)
class PurgedRun:
    """A run that a purge deletes."""

    run_id: Annotated[str, "The id of the run."]
    dag: Annotated[str, "The name of its DAG."]
    state: Annotated[str, "`succeeded`, `failed` or `cancelled`."]
    finished: Annotated[str | None, f"When it ended: {TIME}."]


@dataclass(frozen=True, kw_only=True)
class PurgeDocument(Document):
    """The runs that were deleted, or would be."""

    SCHEMA: ClassVar[str] = "flowkit/purge/1"
    dry_run: Annotated[bool, "Whether nothing was deleted."]
    items: Annotated[list[PurgedRun], "The runs that match, the oldest first."]
    deleted: Annotated[int, "How many were deleted."]
    memory: Annotated[int | None, "About how many bytes they take in Redis."]
    more: Annotated[bool, "Whether more runs match than `--limit` allows."]


@dataclass(frozen=True, kw_only=True)
class LeftBehind(Document):
    """What killed commands left on this machine and on Redis."""

    SCHEMA: ClassVar[str] = "flowkit/left-behind/1"
    dry_run: Annotated[bool, "Whether nothing was deleted."]
    folders: Annotated[list[str], "The folders with dead sockets."]
    namespaces: Annotated[list[str], "The namespaces of single runs that no process uses."]
    deleted: Annotated[int, "How many folders were deleted."]
    expiring: Annotated[int, "How many of the namespaces expire from now on."]
