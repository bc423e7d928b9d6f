"""What is measured: the meaning, the unit and the floor of each figure.

A floor is the worst median that is allowed on an otherwise idle machine with two cores; ``--check``
compares the figures with it. A figure without a floor is only shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median


class Store(StrEnum):
    """The store of the runs: a redis-server, the embedded server, or none (``dag.run``)."""

    REDIS = "redis"
    EMBEDDED = "embedded"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure. ``floors``: by store, a minimum if ``more_is_better``, else a maximum."""

    label: str
    unit: str
    more_is_better: bool = False
    floors: Mapping[Store, float] = field(default_factory=dict)

    def misses(self, store: Store, value: float) -> bool:
        """Return whether a median is worse than the floor."""
        floor = self.floors.get(store)
        if floor is None:
            return False
        return value < floor if self.more_is_better else value > floor


METRICS = {
    "fan-out": Metric(
        "fan-out and fan-in", "tasks/s", True, {Store.REDIS: 20_000, Store.EMBEDDED: 2_000}
    ),
    "chain": Metric("chain, per hop", "ms", floors={Store.REDIS: 1.0, Store.EMBEDDED: 6.0}),
    "layered": Metric("DAG in layers of 100", "tasks/s", True, {Store.REDIS: 12_500}),
    "map": Metric("map over a list", "tasks/s", True, {Store.REDIS: 16_000}),
    "map-chain": Metric("three maps, one behind the other", "tasks/s", True, {Store.REDIS: 12_000}),
    "map-memory": Metric(
        "Redis memory per item of a finished map", "bytes", floors={Store.REDIS: 250}
    ),
    "map-beside": Metric("chain beside a large map, per hop", "ms"),
    "map-beside-alone": Metric("the same chain alone, per hop", "ms"),
    "cpu": Metric("tasks of 10 ms of CPU", "% of ideal", True, {Store.REDIS: 90}),
    "sleeps": Metric(
        "async sleeps of 1 s, 1,000 at once in a process", "% of ideal", True, {Store.REDIS: 80}
    ),
    "round-trip-p50": Metric(
        "run of one task, submit to end known, p50", "ms", floors={Store.REDIS: 2.0}
    ),
    "round-trip-p99": Metric("run of one task, submit to end known, p99", "ms"),
    "runs": Metric("runs of one task, many at once", "runs/s", True, {Store.REDIS: 3_000}),
    "turns": Metric(
        "run of one task behind a large run, p50",
        "ms",
        floors={Store.REDIS: 200, Store.EMBEDDED: 200},
    ),
    "turns-runs": Metric("20 runs at once", "tasks/s", True),
    "memory": Metric(
        "Redis memory per finished task without a result", "bytes", floors={Store.REDIS: 250}
    ),
    "memory-result": Metric("Redis memory per finished task, result a number", "bytes"),
    "idle": Metric("idle", "% of a core", floors={Store.EMBEDDED: 3.0}),
    "start-up": Metric("processes started to first run over", "ms"),
    "shards-runs": Metric("runs of one task, Redis servers", "tasks/s", True),
    "shards-runs-server": Metric("runs of one task, CPU of Redis, servers", "ms/1,000 tasks"),
    "shards-runs-scheduler": Metric(
        "runs of one task, CPU of schedulers, servers", "ms/1,000 tasks"
    ),
    "shards-runs-worker": Metric("runs of one task, CPU of workers, servers", "ms/1,000 tasks"),
    "shards-fan-out": Metric("eight fan-outs, Redis servers", "tasks/s", True),
    "shards-fan-out-server": Metric("eight fan-outs, CPU of Redis, servers", "ms/1,000 tasks"),
    "shards-fan-out-scheduler": Metric(
        "eight fan-outs, CPU of schedulers, servers", "ms/1,000 tasks"
    ),
    "shards-fan-out-worker": Metric("eight fan-outs, CPU of workers, servers", "ms/1,000 tasks"),
    "in-process": Metric('fan-out, dag.run(executor="thread")', "tasks/s", True),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """The values of one metric on one store. ``key`` may name a process: ``idle/worker``."""

    store: Store
    key: str
    values: tuple[float, ...]

    @property
    def metric(self) -> Metric:
        """The metric of the figure."""
        return METRICS[self.key.partition("/")[0]]

    @property
    def label(self) -> str:
        """The name of the figure in tables."""
        process = self.key.partition("/")[2]
        return f"{self.metric.label}: {process}" if process else self.metric.label

    @property
    def median(self) -> float:
        """The median of the values, which is compared with the floor."""
        return median(self.values)

    @property
    def floor(self) -> float | None:
        """The worst median that is allowed, None for any."""
        return self.metric.floors.get(self.store)

    @property
    def missed(self) -> bool:
        """Whether the median is worse than the floor."""
        return self.metric.misses(self.store, self.median)
