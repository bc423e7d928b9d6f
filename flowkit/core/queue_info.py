"""What is known of one queue: what waits in it, since when, and who serves it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from .worker_info import WorkerInfo


@dataclass(frozen=True, slots=True)
class UnservedFunction:
    """Tasks of a queue that wait for a function which no live worker of the queue has.

    ``run_id``, ``task``: one of them, by the number of the task in its DAG.
    """

    waiting: int
    run_id: str
    task: int


@dataclass(frozen=True, slots=True)
class QueueInfo:
    """A queue. Numbers of several shards are added up.

    ``levels``: how many tasks wait, by priority from "9" to "0", and "!" for tasks that run alone
    because they may have killed their process. ``oldest``: since when the first of them waits, in
    seconds since 1970 by Redis' clock, and ``oldest_s`` for how many seconds; None if none waits,
    or if an older release has queued it, which does not record the time.

    ``delayed``: tasks that wait for a retry, or for a worker with their function; None if this user
    may not read it. ``unserved``: waiting tasks whose function no live worker of the queue has.

    ``workers``: live workers that serve the queue. ``lanes``: their processes, each of which
    executes one plain function at a time, and ``busy`` how many do so now, for any queue.
    ``busy_async``: ``async`` tasks that they execute now. ``per_minute``: attempts of this queue
    that ended in the last minute, and ``mean_s`` their mean duration in seconds. These four are
    None if no worker reports them; ``mean_s`` also if no attempt has ended.
    """

    name: str
    levels: dict[str, int] = field(default_factory=dict)
    oldest: float | None = None
    delayed: int | None = None
    unserved: tuple[UnservedFunction, ...] = ()
    workers: int = 0
    lanes: int = 0
    busy: int | None = None
    busy_async: int | None = None
    per_minute: float | None = None
    mean_s: float | None = None
    oldest_s: float | None = None

    @property
    def waiting(self) -> int:
        """How many tasks wait in the queue for a free lane."""
        return sum(self.levels.values())

    @property
    def is_stuck(self) -> bool:
        """Whether tasks wait that no live worker can execute."""
        return bool(self.unserved) or (self.waiting > 0 and not self.workers)

    def served_by(self, workers: Iterable[WorkerInfo]) -> QueueInfo:
        """Return the queue with what these live workers report of it."""
        serving = [info for info in workers if self.name in info.queues and not info.damaged]
        rates = [rate for info in serving for rate in info.rates or () if rate.queue == self.name]
        ended = sum(rate.ended for rate in rates)
        reports = any(info.rates is not None for info in serving)
        return replace(
            self,
            workers=len(serving),
            lanes=sum(info.processes for info in serving),
            busy=_sum(info.busy for info in serving),
            busy_async=_sum(info.busy_async for info in serving),
            per_minute=sum(rate.per_minute for rate in rates) if reports else None,
            mean_s=sum(rate.took_s for rate in rates) / ended if ended else None,
        )

    def plus(self, other: QueueInfo) -> QueueInfo:
        """Return this queue with that of another shard."""
        mine, more = self.per_minute or 0.0, other.per_minute or 0.0
        means = [(self.mean_s, mine), (other.mean_s, more)]
        known = [(mean, weight) for mean, weight in means if mean is not None and weight]
        weights = sum(weight for _, weight in known)
        return QueueInfo(
            self.name,
            dict(Counter(self.levels) + Counter(other.levels)),
            min(filter(None, (self.oldest, other.oldest)), default=None),
            _sum((self.delayed, other.delayed)),
            self.unserved + other.unserved,
            self.workers + other.workers,
            self.lanes + other.lanes,
            _sum((self.busy, other.busy)),
            _sum((self.busy_async, other.busy_async)),
            _sum_of_rates(self.per_minute, other.per_minute),
            sum(mean * weight for mean, weight in known) / weights if known else None,
            max(filter(None, (self.oldest_s, other.oldest_s)), default=None),
        )


def queue_problem(queue: QueueInfo) -> str:
    """Return why tasks of a queue cannot start, and what to do; "" if workers can run them."""
    waiting = f"{queue.waiting} task{'' if queue.waiting == 1 else 's'}"
    if queue.waiting and not queue.workers:
        return (
            f"Queue {queue.name!r}: no live worker serves it, and {waiting} in it "
            f"{'waits' if queue.waiting == 1 else 'wait'}: start flowkit-worker --app … --queues "
            f"{queue.name}."
        )
    if queue.unserved:
        first, number = queue.unserved[0], sum(item.waiting for item in queue.unserved)
        verb = "waits" if number == 1 else "wait"
        return (
            f"Queue {queue.name!r}: {number} of {waiting} in it {verb} "
            "for a function that no live worker of the queue has, such as task number "
            f"{first.task} of run {first.run_id}. Start a worker whose --app imports the module "
            "that defines it, in the version that was submitted."
        )
    return ""


def _sum(numbers: Iterable[int | None]) -> int | None:
    """Return the sum of those that are known, None if none is."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _sum_of_rates(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else one + other
