"""A namespace with its three stores under a clock that the test moves.

``run.submitted`` is always ``START``, so that records, which count ms from there, read well.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

from helpers import EXPIRING, dump

from flowkit.core.compiled import CompiledDAG
from flowkit.core.graph import Graph
from flowkit.core.retry import Policy
from flowkit.protocol.client_store import ClientStore, Submission
from flowkit.protocol.graph_writer import pack_graph
from flowkit.protocol.graphs import digest_of
from flowkit.protocol.link import Link
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.scheduler_store import SchedulerStore
from flowkit.protocol.scripts import script
from flowkit.protocol.worker_store import Claim, Exchange, WorkerStore

START = 1_000_000
HOUR_MS = 3_600_000
LIST = "default"


def compiled(total: int = 4, name: str = "etl") -> CompiledDAG:
    """A DAG of that many tasks without edges."""
    zeros = array("i", [0] * total)
    graph = Graph.build([f"t{at}" for at in range(total)], [])
    return CompiledDAG(name, graph, (Policy(),), zeros, ("app:f",), zeros)


class Environment:
    """What a test of the protocol acts on. ``now``: the time in ms that scripts are told."""

    def __init__(self, url: str, namespace: str) -> None:
        self.url = url
        self.namespace = namespace
        self.now = START
        self.link = Link(url, read_timeout=10)
        clock = self._clock
        self.client = ClientStore(self.link, namespace, now_ms=clock)
        self.worker = WorkerStore(self.link, namespace, now_ms=clock)
        self.scheduler = SchedulerStore(self.link, namespace, "s1", now_ms=clock)
        self.keys = self.client.keys
        self.calls = 0

    def _clock(self) -> int:
        return self.now

    # -- making a situation ---------------------------------------------------------------------

    def submission(self, run: str = "r1", total: int = 4, **changes: Any) -> Submission:
        packed = pack_graph(compiled(total, changes.pop("dag", "etl")))
        ttl, params = changes.get("ttl_ms", HOUR_MS), changes.get("params", b"")
        return Submission(
            *(run, "etl", digest_of(packed), packed, params, total, ttl),
            packed_takes=changes.get("takes", b""),
        )

    def submit(self, run: str = "r1", total: int = 4, **changes: Any) -> Submission:
        item = self.submission(run, total, **changes)
        assert self.client.submit(item)
        return item

    def run_hash(self, **more: str) -> dict[str, str]:
        """The hash of run r1 as submit writes it, and further fields."""
        fixed = {"dag": "etl", "state": "running", "submitted": str(START), "total": "4"}
        return {**fixed, "graph": self.submission().digest, "ttl": str(HOUR_MS), **more}

    def acquire_lease(self, lease_ms: int = HOUR_MS) -> None:
        self.scheduler.term = self.scheduler.acquire_lease(lease_ms).term

    def register(self, worker: str = "W", lanes: Sequence[str] = ("W.0",)) -> None:
        self.worker.heartbeat(worker, HOUR_MS, list(lanes), b"about")

    def apply(self, *commands: object, cursor: str = "") -> None:
        self.scheduler.apply(cursor, commands)

    def queue(
        self, *tasks: int, run: str = "r1", list_: str = LIST, level: str = "5", flags: str = ""
    ) -> None:
        if tasks:
            self.apply("queue", run, list_, level, flags, len(tasks), *tasks)

    def ready(self, *tasks: int, total: int = 4, lanes: Sequence[str] = ("W.0",)) -> None:
        """A run of ``total`` tasks of which these are queued, a leader, and a worker."""
        self.submit(total=total)
        self.acquire_lease()
        self.register(lanes=lanes)
        self.queue(*tasks)

    def next_call(self) -> int:
        self.calls += 1
        return self.calls

    def claim(
        self,
        lane: str = "W.0",
        limit: int = 1000,
        *,
        share: int = 1,
        lists: Sequence[str] = (LIST,),
    ) -> list[Claim]:
        exchange = self.worker.complete(lane, [], self.next_call(), limit, share, list(lists))
        return list(exchange.claims)

    def running(self, *tasks: int, total: int = 4, lanes: Sequence[str] = ("W.0",)) -> None:
        """As ``ready``, and the first lane has claimed them."""
        self.ready(*tasks, total=total, lanes=lanes)
        assert [claim.task for claim in self.claim(lanes[0])] == list(tasks)

    def complete(self, *outcomes: Outcome, lane: str = "W.0") -> Exchange:
        return self.worker.complete(lane, outcomes, self.next_call(), 0, 1, [LIST])

    def complete_called(self, code: str = "F") -> None:
        """Task 0, whose calls are over, is claimed and ends."""
        self.claim()
        self.complete(done(0, code, attempt=2))

    def finish(
        self,
        run: str = "r1",
        outcome: str = "succeeded",
        failed: object = "",
        counts: str = "succeeded=1",
    ) -> None:
        exists = [
            self.link.call("EXISTS", key) for key in (self.keys.run(run), self.keys.tasks(run))
        ]
        if exists == [1, 0]:  # a run that has not begun cannot end
            self.link.call("HSET", self.keys.tasks(run), 0, "K1,,,0,0")
        self.apply("finish", run, outcome, failed, counts)

    # -- looking at it --------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        return dump(self.url, self.namespace)

    def changed_by(self, act: Callable[[], object]) -> dict[str, Any]:
        """Return the keys that ``act`` changed, with their values behind it; None for deleted."""
        before = self.dump()
        act()
        after = self.dump()
        names = {
            name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
        }
        if EXPIRING in names:
            after[EXPIRING] = sorted(set(after[EXPIRING]) - set(before[EXPIRING]))
        return {name: after.get(name) for name in names}

    def raw(self, name: str, *args: object) -> list[Any]:
        """Run a script as a store does, and return its reply as it came."""
        reply: list[Any] = self.link.script(script(name), self.keys.prefix, (self.now, *args))
        return reply

    def records(self, run: str = "r1") -> dict[str, str]:
        result: dict[str, str] = self.dump().get(f"run:{run}:tasks", {})
        return result

    def events(self) -> list[dict[str, str]]:
        result: list[dict[str, str]] = self.dump().get("events", [])
        return result


def done(task: int, code: str = "S", attempt: int = 1, run: str = "r1", **more: Any) -> Outcome:
    """An outcome of an attempt; for W, D and A with ``delay`` (ms) and ``level``."""
    token = f"{task},{attempt},{code}"
    if code in "WDA":
        token += f",{more.get('delay', 500)},{LIST},{more.get('level', '5')}"
    return Outcome.decode(run, token, more.get("payload", b""))
