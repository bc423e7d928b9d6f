"""A namespace on which scheduler duties act, with a clock that the test moves.

``Stage`` plays the other parts: it submits runs, and it is the one worker, which ends tasks as the
test says. Times are in ms; a run is submitted at ``START``.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from helpers import dump

from flowkit.core.compiled import CompiledDAG, OnFailure
from flowkit.core.graph import Graph
from flowkit.core.retry import Policy
from flowkit.core.states import TaskState
from flowkit.logging import FlowkitLogger
from flowkit.logging.event_log import EventLog
from flowkit.protocol.client_store import ClientStore, Submission
from flowkit.protocol.graph_writer import pack_graph
from flowkit.protocol.graphs import digest_of
from flowkit.protocol.link import Link
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.records import TaskRecord
from flowkit.protocol.scheduler_store import SchedulerStore
from flowkit.protocol.worker_store import Claim, WorkerStore
from flowkit.scheduler.queue_repair import QueueRepair
from flowkit.scheduler.resolver import Resolver
from flowkit.scheduler.serving import Serving

START = 1_000_000
LANE = "W.0"


def dag_of(
    *chains: str, name: str = "dag", on_failure: str = "stop", policy: Policy | None = None
) -> CompiledDAG:
    """Build a DAG from chains such as "a b c" (a >> b >> c)."""
    names = list(dict.fromkeys(word for chain in chains for word in chain.split()))
    edges: dict[tuple[int, int], None] = {}
    for chain in chains:
        words = [names.index(word) for word in chain.split()]
        edges.update(dict.fromkeys(pairwise(words)))
    zeros = array("i", [0] * len(names))
    graph = Graph.build(names, list(edges))
    policies = (policy or Policy(retries=5),)
    return CompiledDAG(
        name, graph, policies, zeros, ("app:f",), zeros, on_failure=OnFailure(on_failure)
    )


class Stage:
    """One namespace and everybody in it but the scheduler under test."""

    def __init__(self, url: str, namespace: str) -> None:
        self.url = url
        self.namespace = namespace
        self.now = START
        self.link = Link(url, read_timeout=10)
        self.client = ClientStore(self.link, namespace, now_ms=self.clock)
        self.worker = WorkerStore(self.link, namespace, now_ms=self.clock)
        self.calls = 0
        self.terms = 0
        self.log = FlowkitLogger("flowkit.test", "ERROR")
        self.listener = EventLog(self.log)
        self.dags: dict[str, CompiledDAG] = {}

    def clock(self) -> int:
        return self.now

    # -- schedulers -----------------------------------------------------------------------------

    def store(self, scheduler: str = "s1") -> SchedulerStore:
        return SchedulerStore(self.link, self.namespace, scheduler, now_ms=self.clock)

    def leading(self, scheduler: str = "s1") -> SchedulerStore:
        """Return a scheduler's store that leads from now on, whoever led before."""
        store = self.store(scheduler)
        self.terms += 1
        lease = f"{scheduler},{self.terms},{self.now + 10**9}"
        self.link.call("SET", store.keys.leader(), lease)
        store.term = self.terms
        return store

    def resolver(
        self,
        scheduler: str = "s1",
        *,
        window: int = 100,
        serving: Serving | None = None,
        monotonic: Callable[[], float] = lambda: 0.0,
    ) -> Resolver:
        """Return a resolver that has just taken over."""
        store = self.leading(scheduler)
        resolver = Resolver(store, self.listener, window, serving, monotonic=monotonic)
        resolver.recover(store.read_cursor())
        return resolver

    def queue_repair(self, resolver: Resolver) -> QueueRepair:
        return QueueRepair(resolver._store, resolver.active)

    # -- runs -----------------------------------------------------------------------------------

    def submit(self, dag: CompiledDAG, run: str = "r1", *, ttl_ms: int = 3_600_000) -> str:
        packed = pack_graph(dag)
        total, digest = len(dag.graph), digest_of(packed)
        self.client.submit(Submission(run, dag.name, digest, packed, b"", total, ttl_ms))
        self.dags[run] = dag
        return run

    def states(self, run: str = "r1") -> dict[str, str]:
        """Return task name → state, of those that have a record."""
        return {
            name: record.state.value
            for name, record in self.records(run).items()
            if record.state is not TaskState.PENDING
        }

    def records(self, run: str = "r1") -> dict[str, TaskRecord]:
        names = self.dags[run].graph.names
        return dict(zip(names, self.client.read_records(run, range(len(names))), strict=True))

    def outcome(self, run: str = "r1") -> str:
        return self.client.read_run(run).state.value

    def dump(self) -> dict[str, Any]:
        return dump(self.url, self.namespace)

    # -- the worker -----------------------------------------------------------------------------

    def claim(self, limit: int = 100, *, lane: str = LANE, app: str = "") -> list[Claim]:
        self.worker.heartbeat(lane.partition(".")[0], 3_600_000, [lane], b"about")
        self.calls += 1
        return list(self.worker.complete(lane, [], self.calls, limit, 1, ["default"], app).claims)

    def end(self, claims: Sequence[Claim], code: str = "S", *, lane: str = LANE) -> None:
        tail = ",1000,default,5" if code == "W" else ""
        outcomes = [
            Outcome.decode(claim.run, f"{claim.task},{claim.attempt},{code}{tail}")
            for claim in claims
        ]
        self.worker.complete(lane, outcomes, 0, 0, 1, ())

    def work(self, code: str = "S", limit: int = 100) -> list[str]:
        """Claim, end all as said, and return the names of the tasks."""
        claims = self.claim(limit)
        self.end(claims, code)
        return [self.dags[claim.run].graph.names[claim.task] for claim in claims]

    def play(self, resolver: Resolver, ends: Callable[[], object], rounds: int = 20) -> None:
        """Let the resolver and the worker take turns until nothing happens any more."""
        for _ in range(rounds):
            seen = resolver.run_once(1)
            if not ends() and not seen:
                return
