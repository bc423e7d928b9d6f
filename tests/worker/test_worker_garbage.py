"""Whatever stands in Redis, a worker continues: an attempt that cannot be read fails, others run.

The lanes, their scripts and the embedded store are the real ones; what a task would get is
somebody else's bytes. No function may be called for them.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import hypothesis.strategies as st
import pytest
from bench import FakeInputs, claim_of, dag_of, executor_of, trouble_of
from helpers import dump, literally
from hypothesis import example, given, settings
from samples import sampled

from flowkit import task
from flowkit.codec.packing import pack
from flowkit.core.compiled import CompiledDAG
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import RedisUnavailable
from flowkit.logging import FlowkitLogger
from flowkit.logging.event_log import EventLog
from flowkit.protocol.client_store import ClientStore, Submission
from flowkit.protocol.graph_writer import pack_graph
from flowkit.protocol.graphs import digest_of
from flowkit.protocol.link import Link
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.records import ErrorInfo
from flowkit.protocol.scheduler_store import SchedulerStore
from flowkit.protocol.worker_store import Claim, WorkerStore, _claims
from flowkit.worker.child import Child
from flowkit.worker.children import ChildProcess
from flowkit.worker.config import WorkerConfig
from flowkit.worker.control import obey_line
from flowkit.worker.execution_slots import ExecutionSlots
from flowkit.worker.executor import Executor
from flowkit.worker.inputs import Inputs
from flowkit.worker.mailbox import Mailbox
from flowkit.worker.prepared import Prepared
from flowkit.worker.sync_lane import SyncLane

BYTES = st.binary(max_size=30)
LANE = "W.0"


def noted() -> tuple[CompiledDAG, list[object]]:
    """A DAG ``up >> down``, and what its tasks were called with."""
    calls: list[object] = []

    @task
    def up(**params: object) -> str:
        calls.append("up")
        return "value"

    @task
    def down(value: object) -> None:
        calls.append(value)

    return dag_of(up, down, edges=[(0, 1)]), calls


class Bench:
    """One lane of a worker and the parts of everybody else, on one namespace."""

    def __init__(self, url: str, dag: CompiledDAG) -> None:
        self.url = url
        self.namespace = f"t-{uuid.uuid4().hex[:10]}"
        self.link = Link(url, read_timeout=10)
        self.dag = dag
        self.client = ClientStore(self.link, self.namespace)
        self.store = WorkerStore(self.link, self.namespace)
        self.scheduler = SchedulerStore(self.link, self.namespace, "s1")
        self.scheduler.term = self.scheduler.acquire_lease(3_600_000).term
        self.store.heartbeat("W", 3_600_000, [LANE], b"about")
        self.keys = self.client.keys
        self.mailbox = Mailbox(self.store, LANE, ["default"])
        self.inputs = Inputs(self.store, 10_000)
        executor = Executor(
            self.inputs, EventLog(FlowkitLogger("flowkit.test", "ERROR")), LANE, "app", 9999
        )
        self.lane = SyncLane(
            self.mailbox,
            self.store,
            self.inputs,
            executor,
            ExecutionSlots(0),
            may_claim_more=lambda done: True,
            trouble=trouble_of(),
        )

    def submit(self, run: str, *tasks: int, params: bytes = b"") -> None:
        """Submit a run and queue these tasks of it."""
        packed = pack_graph(self.dag)
        self.client.submit(Submission(run, "dag", digest_of(packed), packed, params, 2, 3_600_000))
        self.scheduler.apply("", ["queue", run, "default", "5", "", len(tasks), *tasks])

    def work(self) -> None:
        """Do what a lane does until nothing is left to claim."""
        while self.mailbox.exchange(10) or self.mailbox.unsent:
            self.inputs.prefetch(list(self.mailbox.inbox))
            self.lane._work_off()

    def outcome_codes(self, run: str) -> dict[str, str]:
        records = dump(self.url, self.namespace).get(f"run:{run}:tasks", {})
        return {number: record[:1] for number, record in records.items()}

    def error(self, run: str, number: int = 0) -> ErrorInfo:
        return ErrorInfo.unpack(self.client.read_errors(run, [number])[0] or b"")


@contextmanager
def bench_on(server: EmbeddedServer, dag: CompiledDAG) -> Iterator[Bench]:
    bench = Bench(server.url, dag)
    try:
        yield bench
    finally:
        prefix = literally("{" + bench.namespace + "}:")
        _, keys = bench.link.call("SCAN", 0, "MATCH", prefix + "*", "COUNT", 1_000_000)
        bench.link.call("DEL", *keys)
        bench.link.close()


@sampled(BYTES.filter(bool))
@example(pack([1, 2]))
@example(b"\xc1")
def test_no_parameters_stop_a_worker(fake_server: EmbeddedServer, params: bytes) -> None:
    dag, calls = noted()
    with bench_on(fake_server, dag) as bench:
        bench.submit("bad", 0, params=params)
        bench.submit("good", 0)
        bench.work()
        assert bench.outcome_codes("good") == {"0": "S"}
        assert bench.outcome_codes("bad") in ({"0": "F"}, {"0": "S"})
        assert calls == ["up"] * (1 + (bench.outcome_codes("bad") == {"0": "S"}))


@pytest.mark.parametrize("params", [b"\xc1", pack([1, 2]), b"\x00" * 20_000])
def test_with_unreadable_parameters_no_task_is_called(
    fake_server: EmbeddedServer, params: bytes
) -> None:
    dag, calls = noted()
    with bench_on(fake_server, dag) as bench:
        bench.submit("bad", 0, params=params)
        bench.work()
        assert (bench.outcome_codes("bad"), calls) == ({"0": "F"}, [])
        assert bench.error("bad").type in ("BrokenValue", "StoreError")


@sampled(BYTES.filter(bool))
@example(b"\xc1")
@example(b"\xdd\xff\xff\xff\xff")
def test_no_upstream_result_stops_a_worker(fake_server: EmbeddedServer, result: bytes) -> None:
    dag, calls = noted()
    with bench_on(fake_server, dag) as bench:
        bench.submit("bad", 1)
        bench.link.call("HSET", bench.keys.results("bad"), 0, result)
        bench.submit("good", 0)
        bench.work()
        assert bench.outcome_codes("good") == {"0": "S"}
        if bench.outcome_codes("bad") == {"1": "F"}:
            assert bench.error("bad", 1).type == "BrokenValue"
            assert calls == ["up"]


RECORDS = BYTES | st.text("PQRWSFKUC0123456789,W./*!?+~= ", max_size=20).map(str.encode)


@sampled(
    st.sampled_from(["0", "1", "7", "x"]),
    RECORDS | st.binary(max_size=9).map(lambda spent: b"Q1,," + spent + b",,"),
    st.sampled_from(["bad,0,1", "bad,7,1", "bad,1,2"]) | BYTES,
)
@example("0", b"Q1,,0 0,,", "bad,0,1")
@example("0", b"Q1,,\xff,,", "bad,0,1")
@example("0", b"Q1,,!!,,", "bad,0,1")
@example("7", b"Q1,,0,,", "bad,7,1")
def test_no_record_or_entry_stops_a_worker(
    fake_server: EmbeddedServer, field: str, record: bytes, entry: str | bytes
) -> None:
    dag, _ = noted()
    with bench_on(fake_server, dag) as bench:
        bench.submit("bad", 0)
        bench.submit("good", 0)
        bench.work()
        bench.link.call("HSET", bench.keys.tasks("bad"), field, record)
        bench.link.call("LPUSH", bench.keys.ready("default", "5"), entry)
        bench.submit("other", 0)
        bench.work()
        assert bench.outcome_codes("good") == bench.outcome_codes("other") == {"0": "S"}
        assert list(bench.mailbox._mine) == []


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ("0|Q1,,!!,,", "is not a valid record of what a task has spent"),
        ("7|Q1,,0,,", "no task has the number 7"),
    ],
)
def test_an_invalid_attempt_fails_and_its_lane_continues(
    fake_server: EmbeddedServer, record: str, why: str
) -> None:
    dag, calls = noted()
    number, _, text = record.partition("|")
    with bench_on(fake_server, dag) as bench:
        bench.submit("bad", 1)
        bench.submit("good", 0)
        bench.work()
        calls.clear()
        bench.link.call("HSET", bench.keys.tasks("bad"), number, text)
        bench.link.call("LPUSH", bench.keys.ready("default", "5"), f"bad,{number},1")
        bench.work()
        assert bench.outcome_codes("bad")[number] == "F"
        assert why in bench.error("bad", int(number)).message
        assert calls == []


@sampled(
    st.dictionaries(
        st.sampled_from(["graph", "submitted", "params", "resumes", "stop", "state"]), BYTES
    )
)
@example({"submitted": b"yesterday"})
@example({"graph": b"\xff"})
def test_no_run_stops_a_worker(fake_server: EmbeddedServer, fields: dict[str, bytes]) -> None:
    dag, _ = noted()
    with bench_on(fake_server, dag) as bench:
        bench.submit("bad", 0, 1)
        for field, value in fields.items():
            bench.link.call("HSET", bench.keys.run("bad"), field, value)
        bench.submit("good", 0)
        bench.work()
        assert bench.outcome_codes("good") == {"0": "S"}


def test_a_run_without_a_graph_is_not_claimed(fake_server: EmbeddedServer) -> None:
    dag, calls = noted()
    with bench_on(fake_server, dag) as bench:
        bench.submit("bad", 0)
        bench.link.call("HDEL", bench.keys.run("bad"), "graph")
        bench.work()
        assert (bench.outcome_codes("bad"), calls) == ({"0": "Q"}, [])


# -- replies, and what is made of them ------------------------------------------------------------

SPENT = st.from_regex(r"[!-+\--~]{1,12}", fullmatch=True)


@settings(max_examples=300, deadline=None)
@given(BYTES, BYTES, SPENT, st.integers(0, 5))
def test_every_claim_becomes_a_call_or_an_outcome(
    since: bytes, params: bytes, spent: str, number: int
) -> None:
    entry = f"{number},1,{spent}".encode()
    (claim,) = _claims([b"OK", 1, b"r1", b"0" * 64, since, params, entry], 2)
    dag, _ = noted()
    executor = executor_of(FakeInputs(dag))
    executor.slot_key(claim)
    made = executor.prepare(claim)
    assert isinstance(made, Prepared | Outcome)
    assert isinstance(made, Outcome) or number < 2


@pytest.mark.parametrize(
    ("run", "digest"),
    [(b"\xff", b"0" * 64), (b"a|b", b"0" * 64), (b"r" * 400, b"0" * 64), (b"r1", b"0" * 63)],
)
def test_a_claim_of_an_impossible_run_is_ignored(run: bytes, digest: bytes) -> None:
    """Such an id ended the worker's parent, which reads it from the board of its child."""
    assert _claims([b"OK", 1, run, digest, b"1", b"", b"0,1,0"], 2) == []


def test_an_outage_is_still_distinguished_from_garbage() -> None:
    class Away(FakeInputs):
        def params(self, claim: Claim) -> dict[str, object]:
            raise RedisUnavailable("away")

    dag, _ = noted()
    with pytest.raises(RedisUnavailable):
        executor_of(Away(dag)).prepare(claim_of())


# -- the control pipe ---------------------------------------------------------------------------


class Deaf:
    """Stands for a lane: notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def cancel(self, attempt: str) -> None:
        self.told.append(attempt)

    def set_claimers(self, claimers: int) -> None:
        self.told.append(claimers)

    def drain(self) -> None:
        self.told.append("drain")


def listening() -> tuple[Child, Deaf]:
    child = Child(WorkerConfig(("app",), "redis://127.0.0.1:1/0"), 0, "W", ExecutionSlots(0), -1)
    child._sync = lane = Deaf()  # type: ignore[assignment]
    return child, lane


@given(
    st.text(max_size=40)
    | st.sampled_from(["stop", "claimers", "drain"]).flatmap(
        lambda verb: st.text(max_size=12).map(lambda rest: f"{verb} {rest}")
    )
)
@example("claimers \u00b2")
@example("claimers " + "9" * 5000)
@example("stop W.0")
def test_no_line_stops_the_listener(line: str) -> None:
    child, _ = listening()
    obey_line(child, line)


def test_valid_lines_are_obeyed() -> None:
    child, lane = listening()
    for line in (
        "claimers 4",
        "nonsense",
        "",
        "claimers many",
        "stop W.0 r1,0,1",
        "drain now",
        "drain",
    ):
        obey_line(child, line)
    assert lane.told == [4, "r1,0,1", "drain"]


def test_a_message_is_one_line(make_child: Callable[[int], ChildProcess]) -> None:
    """A run's id comes from Redis: what stands behind a line break in it is no word of ours."""
    reader, writer = os.pipe()
    child = make_child(writer)
    child.tell("stop W.0 r1\ndrain,0,1")
    assert os.read(reader, 100) == b"stop W.0 r1 drain,0,1\n"
    os.close(reader)
    os.close(writer)


@pytest.fixture
def make_child() -> Callable[[int], ChildProcess]:
    return lambda control: ChildProcess(0, 0, ExecutionSlots(0), control, ("W.0", "W.0a"), 0.0)
