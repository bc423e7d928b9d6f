"""What a client reads of the system as a whole: its workers, its scheduler, its queues, its memory.

These methods are a part of ``Client``. They read only, and need no run.
"""

from __future__ import annotations

from ..arguments import check_limit, check_measuring, check_since
from ..core.finding import Finding
from ..core.queue_info import QueueInfo
from ..core.worker_info import WorkerInfo
from ..protocol.listings import Listing
from .activity import SystemActivity, read_activity
from .dag_activity import DAGActivity, TaskActivity, read_dags, read_task_activity
from .doctor import examine
from .filter_checks import check_dag_name
from .queues import read_queues
from .scheduler_info import SchedulerInfo
from .shard import ShardConnection
from .usage import DAGUsage, read_usage


class SystemOverview:
    """Reads of all ``shards``."""

    shards: tuple[ShardConnection, ...]

    def usage(self, limit: int = 1000, since: float | None = None) -> Listing[DAGUsage]:
        """Return how much memory of Redis the runs take, by DAG, the largest first.

        ``limit``: how many of the newest runs of each shard are counted; ``cut_short`` of the list
        says whether there are more. ``since``: only runs submitted in the last ``since`` seconds.
        Raises TypeError, ValueError for invalid arguments.
        """
        return read_usage(self.shards, check_limit(limit), check_since(since))

    def dags(self, limit: int = 1000, since: float | None = None) -> Listing[DAGActivity]:
        """Return how the runs of each DAG go: how many fail, and how long they take.

        ``limit``: how many of the newest runs are counted; ``cut_short`` of the list says whether
        there are more. ``since``: only runs submitted in the last ``since`` seconds. The DAG with
        the newest run is first. Raises TypeError, ValueError for invalid arguments.
        """
        return read_dags(self.shards, check_limit(limit), check_since(since))

    def task_activity(self, dag: str, runs: int = 20) -> Listing[TaskActivity]:
        """Return how the tasks of a DAG go, from its newest ``runs`` in each shard.

        The slowest is first, by the median of the durations of its executions that succeeded. Of a
        run with more than 2,000 tasks or items, a sample is counted; runs with more than 100,000
        tasks are left out, and ``cut_short`` of the list says so. Raises TypeError, ValueError for
        invalid arguments.
        """
        if check_dag_name(dag) is None:
            raise TypeError("dag must be the name of a DAG, not None.")
        return read_task_activity(self.shards, dag, check_limit(runs))

    def workers(self) -> Listing[WorkerInfo]:
        """Return the live workers of all shards; unreadable entries are in ``damaged``."""
        listing: Listing[WorkerInfo] = Listing()
        for shard in self.shards:
            listing.take(shard.workers())
        return listing

    def scheduler(self) -> SchedulerInfo:
        """Return whether a scheduler leads each shard, and why not where none does."""
        reasons = {shard.shard.shard_position: shard.why_leaderless() for shard in self.shards}
        return SchedulerInfo({shard: reason for shard, reason in reasons.items() if reason})

    def queues(self) -> Listing[QueueInfo]:
        """Return the queues that were ever used or that a live worker serves, by name.

        Numbers of several shards are added up. ``damaged`` of the list has the workers whose
        description cannot be read. ``cut_short`` says whether a shard has more queues and delayed
        tasks than are counted (10,000 lists, 5,000 delayed tasks).
        """
        return read_queues(self.shards)

    def activity(self, limit: int = 50) -> SystemActivity:
        """Return what happens now: runs, queues, workers and the scheduler.

        ``limit``: how many runs, unfinished ones first. It takes about twenty round trips to each
        shard, whatever there is. Raises TypeError, ValueError for an invalid limit.
        """
        return read_activity(self.shards, check_limit(limit))

    def doctor(self, seconds: float = 1.0) -> list[Finding]:
        """Check Redis, the scheduler, the workers and the queues; return a finding per subject.

        ``seconds``: how long to measure the growth of memory in each shard, at most 3600. Nothing
        is changed. What cannot be found out, for example without a right, is an unknown finding.
        Raises TypeError, ValueError for invalid arguments, RedisUnavailable.
        """
        return examine(self.shards, check_measuring(seconds))
