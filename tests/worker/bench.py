"""Parts to put a lane together from, with a store that the test plays.

``Counter`` is that store: it hands out the claims it was stocked with, keeps what it is told, and
loses replies when asked to. ``FakeInputs`` stands for ``Inputs``.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from flowkit import Task
from flowkit.core.compiled import CompiledDAG
from flowkit.core.graph import Graph
from flowkit.daemon.outage import OutageLog
from flowkit.exceptions import RedisUnavailable
from flowkit.logging import FlowkitLogger
from flowkit.logging.event_log import EventLog
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.spent import Spent
from flowkit.protocol.worker_store import Claim, Exchange
from flowkit.worker.executor import Executor
from flowkit.worker.trouble import Trouble

LANE = "W.0"


def claim_of(task: int = 0, attempt: int = 1, spent: str = "0", run: str = "r1") -> Claim:
    decoded = Spent.of_claim(spent)
    return Claim(run, task, attempt, decoded, "digest", b"", (run, "1"))


def dag_of(
    *tasks: Task, edges: Iterable[tuple[int, int]] = (), order: Iterable[tuple[int, int]] = ()
) -> CompiledDAG:
    """Put tasks into a DAG as they are, whatever a worker could import."""
    numbers = array("i", range(len(tasks)))
    return CompiledDAG(
        "dag",
        Graph.build([task.name for task in tasks], list(edges), list(order)),
        tuple(task.policy for task in tasks),
        numbers,
        tuple(task.ref for task in tasks),
        numbers,
    )


def trouble_of(on_error: Callable[[BaseException], None] = pytest.fail) -> Trouble:
    """Return what a lane does about errors of its store. ``on_error``: of those that end it."""
    log = EventLog(FlowkitLogger("flowkit.test", "ERROR"))
    return Trouble(OutageLog(log, lambda: LANE), on_error)


class Counter:
    """Stands for a lane's store."""

    def __init__(self, *stock: Claim) -> None:
        self.stock = list(stock)
        self.held: dict[str, Claim] = {}
        self.outcomes: list[Outcome] = []
        self.calls: list[tuple[int, int, int]] = []  # call number, outcomes, limit
        self.released: list[str] = []
        self.unsure: list[bytes] = []  # what each release said of tasks that must not start twice
        self.lost_replies = 0
        self.stale: list[str] = []
        self.on_complete: Callable[[], None] = lambda: None

    def complete(
        self,
        lane: str,
        outcomes: Sequence[Outcome],
        call: int,
        limit: int,
        share: int,
        lists: Sequence[str],
        app: str = "",
    ) -> Exchange:
        self.calls.append((call, len(outcomes), limit))
        if self.lost_replies:
            self.lost_replies -= 1
            raise RedisUnavailable("the reply was lost")
        self.on_complete()
        self.outcomes += outcomes
        for outcome in outcomes:
            self.held.pop(outcome.key, None)
        claims, self.stock = self.stock[:limit], self.stock[limit:]
        self.held.update((claim.key, claim) for claim in claims)
        stale, self.stale = self.stale, []
        return Exchange(stale, len(self.held), claims)

    def release(self, lane: str, keys: Sequence[str | bytes], unsure: bytes = b"") -> int:
        keys = [key.decode() if isinstance(key, bytes) else key for key in keys]
        self.released += keys
        self.unsure.append(unsure)
        return sum(self.held.pop(key.partition("@")[0], None) is not None for key in keys)

    def holdings(self, lane: str) -> list[bytes]:
        return [key.encode() for key in self.held]

    def wait_for_work(self, lists: Sequence[str], seconds: float, app: str = "") -> bool:
        return bool(self.stock)

    def tokens(self) -> list[str]:
        return [outcome.token for outcome in self.outcomes]


class FakeInputs:
    """Stands for ``Values``: one DAG, and what its upstream tasks have given."""

    def __init__(self, dag: CompiledDAG, *args: object, params: Any = None) -> None:
        self.dag = dag
        self.args = list(args)
        self.given = params or {}
        self.remembered: list[tuple[int, bytes]] = []
        self.cache: dict[str, bytes | Exception] = {}
        self.looked_up: list[str] = []
        self.asked_for: list[list[int]] = []
        self.store: Any = None

    def graph(self, digest: str) -> CompiledDAG:
        return self.dag

    def known(self, digest: str) -> CompiledDAG | None:
        return self.dag if digest == "digest" else None

    def comes_after(self, claim: Claim) -> bool:
        return self.dag.graph.has_upstream(claim.task)

    def upstream(self, claim: Claim, tasks: Sequence[int]) -> list[object]:
        self.asked_for.append(list(tasks))
        return self.args

    def arguments(self, claim: Claim, dag: CompiledDAG) -> list[object]:
        return self.upstream(claim, dag.graph.inputs(claim.task))

    def params(self, claim: Claim) -> dict[str, object]:
        return dict(self.given)

    def prefetch(self, claims: Iterable[Claim]) -> None:
        list(claims)

    def cached(self, entry: str) -> bytes | None:
        self.looked_up.append(entry)
        result = self.cache.get(entry)
        if isinstance(result, Exception):
            raise result
        return result

    def to_store(self, claim: Claim, packed: bytes, entry: str = "") -> bytes:
        return packed

    def remember(self, claim: Claim, packed: bytes) -> None:
        self.remembered.append((claim.task, packed))


def executor_of(
    inputs: FakeInputs,
    *,
    max_bytes: int = 10_000,
    random_unit: float = 0.0,
    functions: Sequence[str] = (),
) -> Executor:
    return Executor(
        inputs,  # type: ignore[arg-type]
        EventLog(FlowkitLogger("flowkit.test", "INFO"), on_worker=True),
        LANE,
        "my_app",
        max_bytes,
        functions=functions,
        random_unit=lambda: random_unit,
    )
