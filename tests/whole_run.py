"""Runs in one process, turn by turn: the resolver of a scheduler, and a lane of a worker.

Both are the real ones, on a real or an embedded server. A test can look at what is stored between
two turns, damage it, or let another scheduler or another worker continue.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flowkit import DAG
from flowkit.codec.packing import pack, unpack
from flowkit.codec.provenance import Provenance
from flowkit.context import enter_attempt
from flowkit.core.compiled import CompiledDAG
from flowkit.events.event import Event
from flowkit.protocol.client_store import ClientStore, Submission
from flowkit.protocol.graph_writer import pack_graph
from flowkit.protocol.graphs import digest_of
from flowkit.protocol.link import Link
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.records import ErrorInfo, TaskRecord
from flowkit.protocol.scheduler_store import SchedulerStore
from flowkit.protocol.worker_store import WorkerStore
from flowkit.scheduler.resolver import Resolver
from flowkit.worker.executor import Executor
from flowkit.worker.inputs import Inputs
from flowkit.worker.mailbox import Mailbox
from flowkit.worker.prepared import Prepared
from flowkit.worker.signed_values import SignedValues

TURNS = 10_000


class Heard:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def wants(self, kind: type[Event], /) -> bool:
        return True

    def hear(self, event: Event, /) -> None:
        self.events.append(event)

    def named(self, name: str) -> list[Event]:
        return [event for event in self.events if type(event).__name__ == name]


class Lane:
    """A worker with one lane."""

    def __init__(self, whole: WholeRun, name: str, keys: Sequence[bytes] = ()) -> None:
        self.store = WorkerStore(whole.link, whole.namespace)
        self.store.heartbeat(name, 3_600_000, [f"{name}.0"], b"about")
        self.name = name
        self.inputs = Inputs(
            WorkerStore(whole.link, whole.namespace),
            whole.max_bytes,
            signed=SignedValues(keys, whole.namespace),
        )
        self.mailbox = Mailbox(
            self.store, f"{name}.0", ["default", "default~async"], on_sent=self.inputs.recorded
        )
        self.executor = Executor(self.inputs, whole.heard, f"{name}.0", "app", whole.max_bytes)
        self.on_outcome: Callable[[Outcome], None] = lambda outcome: None

    def work(self, limit: int = 500) -> int:
        """Claim, run what was claimed, and send the outcomes; return how many."""
        self.mailbox.exchange(limit)
        claims = list(self.mailbox.inbox)
        self.inputs.prefetch(claims)
        self.mailbox.inbox.clear()
        for claim in claims:
            self.run(claim)
        self.mailbox.flush()
        return len(claims)

    def run(self, claim: Any) -> None:
        """Run one claim. Nothing of it stays in the context of the test."""
        contextvars.copy_context().run(self._run, claim)

    def _run(self, claim: Any) -> None:
        prepared = self.executor.prepare(claim)
        if not isinstance(prepared, Prepared):
            assert isinstance(prepared, Outcome), prepared
            outcome = prepared
        else:
            who = (claim.run, prepared.name, claim.attempt, prepared.params, claim.life[1])
            enter_attempt(*who, claim.task, f"{self.name}.0", prepared.comeback)
            try:
                result = prepared.task.func(*prepared.args, **prepared.kwargs)
            except Exception as error:
                outcome = self.executor.raised(prepared, error)
            else:
                outcome = self.executor.succeeded(prepared, result, 0.0)
        self.on_outcome(outcome)
        self.mailbox.put(outcome)


class WholeRun:
    """One run, and all that it needs."""

    def __init__(
        self,
        url: str,
        namespace: str,
        dag: DAG | CompiledDAG,
        *,
        params: Mapping[str, object] | None = None,
        window: int = 1000,
        keys: Sequence[bytes] = (),
        max_bytes: int = 1_000_000,
    ) -> None:
        self.link = Link(url, read_timeout=30)
        self.namespace, self.window, self.max_bytes = namespace, window, max_bytes
        self.heard = Heard()
        self.client = ClientStore(self.link, namespace)
        self.keys = self.client.keys
        self.dag = dag if isinstance(dag, CompiledDAG) else dag.compile()
        self.run = "r1"
        self.terms = 0
        self.lane = Lane(self, "W", keys)
        self._submit(params or {}, keys)
        self.resolver = self.takeover()

    def _submit(self, params: Mapping[str, object], keys: Sequence[bytes]) -> None:
        packed = pack_graph(self.dag)
        given = pack(dict(params)) if params else b""
        submission = Submission(
            self.run,
            self.dag.name,
            digest_of(packed),
            packed,
            given,
            len(self.dag.graph),
            3_600_000,
        )
        self.client.submit(submission.signed(Provenance(keys), self.namespace))

    def takeover(self) -> Resolver:
        """Return the resolver of another scheduler, which has just taken over."""
        self.terms += 1
        store = SchedulerStore(self.link, self.namespace, f"s{self.terms}")
        self.link.call("SET", self.keys.leader(), f"s{self.terms},{self.terms},{10**14}")
        store.term = self.terms
        self.resolver = Resolver(store, self.heard, self.window, monotonic=lambda: 0.0)
        self.resolver.recover(store.read_cursor())
        return self.resolver

    # -- turns --------------------------------------------------------------------------------

    def schedule(self) -> None:
        """Let the scheduler apply what was announced."""
        while self.resolver.run_once(1):
            pass

    def turn(self, limit: int = 500) -> int:
        self.schedule()
        worked = self.lane.work(limit)
        self.schedule()
        return worked

    def finish(self, *, restarts: bool = False, limit: int = 500) -> str:
        """Run to the end; return the state of the run. ``restarts``: other schedulers take over
        after each turn."""
        for _ in range(TURNS):
            if self.turn(limit) == 0 and self.state != "running":
                return self.state
            if restarts and self.state == "running":
                self.takeover()
        raise AssertionError(f"the run does not end: {self.records()}")

    # -- what is stored -----------------------------------------------------------------------

    @property
    def state(self) -> str:
        return self.link.call("HGET", self.keys.run(self.run), "state").decode()

    def number(self, name: str) -> int:
        number = self.dag.numbering.number(self.dag.graph.names, name)
        assert number is not None, name
        return number

    def record(self, name: str) -> TaskRecord:
        (record,) = self.client.read_records(self.run, [self.number(name)])
        return record

    def records(self) -> dict[str, TaskRecord]:
        """Return the records of all tasks and items by name."""
        numbers = [int(field) for field in self.link.call("HKEYS", self.keys.tasks(self.run))]
        records = self.client.read_records(self.run, sorted(numbers))
        return {
            self.dag.task_name(number): record
            for number, record in zip(sorted(numbers), records, strict=True)
        }

    def states(self) -> dict[str, str]:
        return {name: record.state.value for name, record in self.records().items()}

    def states_of(self, task: str) -> list[str]:
        """Return the states of the items of a mapped task, in their order."""
        prefix = f"{task}["
        return [state for name, state in self.states().items() if name.startswith(prefix)]

    def result(self, name: str) -> object:
        (packed,) = self.client.read_results(self.run, [self.number(name)])
        return unpack(packed) if packed else None

    def error(self, name: str) -> ErrorInfo | None:
        (packed,) = self.client.read_errors(self.run, [self.number(name)])
        return ErrorInfo.unpack(packed) if packed else None

    def label(self, name: str) -> str:
        return self.client.read_labels(self.run, self.dag, [self.number(name)])[0]

    def inputs(self) -> dict[str, bytes]:
        flat = self.link.call("HGETALL", self.keys.inputs(self.run))
        return {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}

    def damage(self, name: str, record: str | None = None, **change: str) -> None:
        """Replace the record of a task, or a part of it: ``old=new``."""
        number = self.number(name)
        key = self.keys.tasks(self.run)
        if record is None:
            record = self.link.call("HGET", key, number).decode()
        for old, new in change.items():
            record = record.replace(old, new)
        self.link.call("HSET", key, number, record)

    def resume(self, *names: str) -> None:
        self.client.resume(self.run, [self.number(name) for name in names])

    def close(self) -> None:
        self.link.close()
