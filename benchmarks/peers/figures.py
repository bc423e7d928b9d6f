"""What is measured for each peer: the workloads with their sizes, and the meaning of each figure.

A missing figure has a reason: what a peer cannot do is never left out silently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from .catalogue import PEERS


@dataclass(frozen=True, slots=True)
class Workload:
    """``figures``: the keys of what it measures. ``size``: 0 if it has none."""

    figures: tuple[str, ...]
    size: int = 0
    mode: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure. ``short``: the head of its column in the overview."""

    label: str
    short: str
    unit: str
    more_is_better: bool = False


# In the order of measuring. A workload with another mode starts the workers again.
WORKLOADS = {
    "start-up": Workload(("start-up",)),
    "round-trip": Workload(("round-trip-p50", "round-trip-p99"), 300),
    "chain": Workload(("chain",), 200),
    "drain": Workload(("enqueue", "drain"), 3_000),
    "fan-out": Workload(("fan-out",), 1_000),
    "fan-out-large": Workload(("fan-out-large",), 20_000),
    "layered": Workload(("layered",), 10_000),
    "cpu": Workload(("cpu",), 500),
    "large": Workload(("large",), 50),
    "memory": Workload(("memory",), 2_000),
    "idle": Workload(("idle-cpu", "idle-memory"), 4),
    "sleeps": Workload(("sleeps",), 4_000, "sleeps"),
    "million": Workload(
        ("million", "million-scheduler", "million-worker", "million-redis"), 1_000_000
    ),
}
DEFAULT = tuple(name for name in WORKLOADS if name != "million")
BURN_S = 0.010
PROCESSES = 2

METRICS = {
    "start-up": Metric("processes started to first task done", "start", "s"),
    "round-trip-p50": Metric("one task, sent to result known, p50", "trip p50", "ms"),
    "round-trip-p99": Metric("one task, sent to result known, p99", "trip p99", "ms"),
    "chain": Metric("chain, per hop", "hop", "ms"),
    "enqueue": Metric("handing in single tasks", "hand in", "tasks/s", True),
    "drain": Metric("single tasks that do nothing", "drain", "tasks/s", True),
    "fan-out": Metric("fan-out and fan-in", "fan-out", "tasks/s", True),
    "fan-out-large": Metric("fan-out and fan-in, large", "large fan-out", "tasks/s", True),
    "layered": Metric("layered DAG", "layers", "tasks/s", True),
    "cpu": Metric("10 ms of processor each, of the ideal", "CPU", "%", True),
    "large": Metric("results of 1 MB through a fan-in", "1 MB", "MB/s", True),
    "memory": Metric("Redis memory per finished task of a fan-out", "Redis", "bytes"),
    "idle-cpu": Metric("idle: workers, scheduler and Redis", "idle", "% of a core"),
    "idle-memory": Metric("resident memory of all but Redis", "RSS", "MB"),
    "sleeps": Metric("10 ms of waiting each, many at a time", "sleeps", "tasks/s", True),
    "million": Metric("one run of a million tasks", "million", "tasks/s", True),
    "million-scheduler": Metric("the same: scheduler's greatest memory", "", "MB"),
    "million-worker": Metric("the same: a child's greatest memory", "", "MB"),
    "million-redis": Metric("the same: Redis' greatest memory", "", "MB"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """The values of one figure of one peer, or the reason why there are none."""

    key: str
    peer: str
    size: int
    values: tuple[float, ...]
    reason: str = ""

    @property
    def metric(self) -> Metric:
        """The metric of the figure."""
        return METRICS[self.key]

    @property
    def median(self) -> float | None:
        """The median of the values, None if there are none."""
        return median(self.values) if self.values else None


def times_flowkit(row: Row, rows: Sequence[Row]) -> float | None:
    """Return this median divided by flowkit's; None for flowkit's own or without it."""
    base = next((item for item in rows if item.key == row.key and item.peer == "flowkit"), None)
    if base is None or base is row or not base.median or row.median is None:
        return None
    return row.median / base.median


def size_of(peer: str, workload: str, sizes: Mapping[str, int]) -> int:
    """Return the size of a workload for a peer: as the caller says, as the peer needs, or all."""
    own = PEERS[peer].sizes.get(workload, WORKLOADS[workload].size)
    return sizes.get(workload, own)


def why_not(peer: str, workload: str) -> str:
    """Return why a peer does not take part in a workload; empty if it does."""
    if workload == "million" and peer != "flowkit":
        return "not measured: of flowkit only"
    cannot = PEERS[peer].cannot.get(workload)
    return f"cannot: {cannot}" if cannot else ""
