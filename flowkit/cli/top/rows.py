"""The cells of the tables of ``flowkit top``. Those of queues are in ``cli.queue_rows``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...basics.counted import counted
from ...client.stall_notice import done_of
from ..output import seconds
from ..queue_rows import busy_text

if TYPE_CHECKING:
    from ...client.activity import SystemActivity
    from ...core.queue_info import QueueInfo
    from ...core.run_record import RunRecord
    from ...core.worker_info import WorkerInfo

RUN_COLUMNS = ["RUN", "DAG", "STATE", "TIME", "DONE", "ACTIVE", "FAILED"]
WORKER_COLUMNS = ["WORKER", "HOST", "APP", "QUEUES", "BUSY", "PER MINUTE"]


def run_row(run: RunRecord, now: float) -> list[str]:
    """Return the cells of ``RUN_COLUMNS``. ``now``: seconds since 1970 by the clock of Redis."""
    end = now if run.finished_ms is None else run.finished_ms / 1000
    done, counts = done_of(run.counts), run.counts
    return [
        run.run,
        run.dag_name,
        "stopping" if run.stopping else run.state.value,
        seconds(max(0.0, end - run.submitted_ms / 1000)),
        f"{done}/{run.total}",
        str(counts.get("queued", 0)),  # the scheduler counts, and sees no claims
        str(counts.get("failed", 0)),
    ]


def worker_row(info: WorkerInfo) -> list[str]:
    """Return the cells of ``WORKER_COLUMNS``."""
    if info.damaged:
        return [info.worker, "", info.damaged, "", "", ""]
    rate = "?" if info.rates is None else f"{sum(r.per_minute for r in info.rates):,.0f}"
    busy = busy_text(info.busy, info.processes, info.busy_async)
    return [info.worker, info.host, info.app, ", ".join(info.queues), busy, rate]


def summary(activity: SystemActivity) -> str:
    """Return the whole system in one line."""
    unfinished = activity.unfinished
    parts = [counted(unfinished, "unfinished run") if unfinished is not None else "runs: see below"]
    parts.append(f"{sum(queue.waiting for queue in activity.queues):,} waiting")
    busy = sum(info.busy or 0 for info in activity.workers)
    lanes = sum(info.processes for info in activity.workers)
    parts += [counted(len(activity.workers), "worker"), f"{busy} of {lanes} processes busy"]
    parts.append(f"{rate_of(activity.queues):,.0f} tasks/min")
    return " · ".join(parts)


def rate_of(queues: Sequence[QueueInfo]) -> float:
    """Return the attempts that end in a minute in all queues."""
    return sum(queue.per_minute or 0.0 for queue in queues)


def leaderless(activity: SystemActivity) -> str:
    """Return why no run proceeds on some shards, "" if schedulers lead."""
    missing = activity.scheduler.missing
    where = [f"shard {shard}: {why}" if len(missing) > 1 else why for shard, why in missing.items()]
    return "; ".join(where) + ": start flowkit-scheduler." if where else ""
