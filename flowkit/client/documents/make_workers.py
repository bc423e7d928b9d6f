"""Makes the document about the live workers of a system."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ...core.worker_info import WorkerInfo
from ...protocol.listings import Listing
from .document import Damaged
from .system import WorkerEntry, Workers


class _Place(Protocol):
    @property
    def shard_position(self) -> str: ...


class Shard(Protocol):
    """What the document needs of a connection to a shard."""

    @property
    def shard(self) -> _Place:
        """The place of the shard among all."""

    def workers(self) -> Listing[WorkerInfo]:
        """Return its live workers."""

    def why_leaderless(self) -> str:
        """Return why no scheduler leads it."""


def read_workers(
    shards: Sequence[Shard],
    limit: int,
    is_wanted: Callable[[WorkerInfo], bool] = lambda info: True,
) -> tuple[Workers, dict[str, str]]:
    """Return the live workers that are wanted, and why shards have no scheduler, by shard."""
    reasons = {shard.shard.shard_position: shard.why_leaderless() for shard in shards}
    leaderless = {at: why for at, why in reasons.items() if why}
    entries: list[WorkerEntry] = []
    damaged: list[Damaged] = []
    for shard in shards:
        alive = shard.workers()
        damaged += [Damaged(*item) for item in alive.damaged]
        damaged += [Damaged(info.worker, info.damaged) for info in alive if info.damaged]
        position = shard.shard.shard_position if len(shards) > 1 else None
        wanted = [info for info in alive if not info.damaged and is_wanted(info)]
        entries += [worker_entry(info, position) for info in wanted]
    document = Workers(
        scheduler=not leaderless,
        shards=len(shards),
        shards_without=list(leaderless),
        items=entries[:limit],
        damaged=damaged[:limit],
        matching=len(entries),
        more=len(entries) > limit,
    )
    return document, leaderless


def worker_entry(info: WorkerInfo, shard: str | None) -> WorkerEntry:
    """Return a live worker of the list."""
    return WorkerEntry(
        worker=info.worker,
        shard=shard,
        host=info.host,
        pid=info.pid,
        app=info.app,
        queues=list(info.queues),
        processes=info.processes,
        concurrency=info.concurrency,
        version=info.version,
        app_version=info.app_version,
        other_versions=list(info.other_versions),
        ready=info.ready,
        waiting=info.waiting,
        busy=info.busy,
        busy_async=info.busy_async,
        ended_per_minute=_rates(info),
    )


def _rates(info: WorkerInfo) -> dict[str, float] | None:
    """Return the attempts that end in a minute, by queue; None if the worker does not report it."""
    if info.rates is None:
        return None
    return {rate.queue: round(rate.per_minute, 1) for rate in info.rates}
