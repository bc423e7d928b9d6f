"""Whatever stands in Redis, the scheduler continues: with other runs, and with what can be read.

Somebody else's bytes are put where flowkit's own would be, a run beside them has to end well, and
no duty may raise. What cannot be read is said and kept, and a run that cannot continue has an end.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import hypothesis.strategies as st
import msgpack
import pytest
from helpers import literally
from hypothesis import example, given, settings
from samples import sampled
from stage import Stage, dag_of

from flowkit.core.run import Run
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import StoreError
from flowkit.protocol.client_store import Submission
from flowkit.protocol.graph_writer import pack_graph
from flowkit.protocol.graphs import digest_of, unpack_graph
from flowkit.scheduler.active import Active
from flowkit.scheduler.config import SchedulerConfig
from flowkit.scheduler.daemon import SchedulerDaemon
from flowkit.scheduler.janitor import Janitor
from flowkit.scheduler.leader import Leadership
from flowkit.scheduler.promoter import Promoter
from flowkit.scheduler.resolver import Resolver

BYTES = st.binary(max_size=30)
OVER = ["S", "F", "K", "C"]
KINDS = [*OVER, "W", "submit", "cancel", "resume"]
# What no fact about a run of two tasks may say.
NO_TASKS = ["", " ", " x", " 2", " -1", " 0,1", " 0  1", " 0 99999999999999999999", " 1" * 9 + "."]
FACTS = st.one_of(
    st.tuples(st.sampled_from(KINDS) | BYTES, BYTES),
    st.tuples(st.sampled_from(KINDS), st.sampled_from(["victim", "nobody"]).flatmap(
        lambda run: st.text(" 0123456789-", max_size=9).map(lambda rest: f"{run} {rest}")
    )),
    st.tuples(st.sampled_from(OVER), st.sampled_from([f"good{tasks}" for tasks in NO_TASKS])),
)  # fmt: skip


@contextmanager
def stage_on(server: EmbeddedServer) -> Iterator[Stage]:
    """A stage of its own for one example, with a run that is to end well and one that may not."""
    stage = Stage(server.url, f"t-{uuid.uuid4().hex[:10]}")
    try:
        yield stage
    finally:
        prefix = literally("{" + stage.namespace + "}:")
        _, keys = stage.link.call("SCAN", 0, "MATCH", prefix + "*", "COUNT", 1_000_000)
        if keys:
            stage.link.call("DEL", *keys)
        stage.link.close()


def begun(stage: Stage) -> Resolver:
    resolver = stage.resolver()
    stage.submit(dag_of("a b"), "good")
    stage.submit(dag_of("a b", name="other"), "victim")
    resolver.run_once(1)
    return resolver


def go_on(stage: Stage, resolver: Resolver) -> None:
    """Let all duties take their turns until nothing happens any more."""
    queue_repair = stage.queue_repair(resolver)
    queue_repair._on_broken = resolver.give_up
    promoter = Promoter(resolver._store, lambda: 0)
    janitor = Janitor(resolver._store, stage.listener, 1.0, queue_repair.sweep)
    for _ in range(3):
        stage.play(resolver, stage.work)
        queue_repair.repair()
        promoter.run_once()
        janitor.run_once()
        stage.now += 2000


@sampled(st.lists(FACTS, min_size=1, max_size=6), st.booleans())
@example([(b"S", b"victim")], False)
@example([(b"S", b"\xff 0")], True)
@example([(b"\xff", b"")], True)
@example([(b"S", b"victim " + b"9" * 100_000)], False)
def test_no_event_blocks_the_scheduler(
    fake_server: EmbeddedServer, garbage: Sequence[tuple[object, object]], taken_over: bool
) -> None:
    with stage_on(fake_server) as stage:
        resolver = begun(stage)
        for kind, text in garbage:
            stage.link.call("XADD", stage.client.keys.events(), "*", kind, text)
        if taken_over:
            resolver = stage.resolver("s2")
        go_on(stage, resolver)
        assert stage.outcome("good") == "succeeded"


@pytest.mark.parametrize("taken_over", [False, True])
@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        ("explode", "good 0", "the kind of fact is unknown"),
        (b"\xff\xfe", b"good 0", "the kind of fact is unknown"),
        ("F", "good 0 x", "list of task numbers is not valid"),
        ("F", "good", "list of task numbers is not valid"),
        ("F", b"good \xff", "list of task numbers is not valid"),
        ("F", "good 2", "run good has 2 tasks"),
        ("F", "good -1", "list of task numbers is not valid"),
        ("F", "good 0 00000001", "list of task numbers is not valid"),
        ("F", "two words 0", "list of task numbers is not valid"),
        ("F", "a|b 0", "not a valid run id"),
        ("S", b"\xff 0", "not a valid run id"),
        ("submit", "r0 " + "0" * 63, "the digest of a graph is damaged"),
        ("submit", "r" * 129 + " " + "0" * 64, "not a valid run id"),
        ("submit", "a|b " + "0" * 64, "not a valid run id"),
        ("W", "a|b", "not a valid run id"),
        ("cancel", "a|b", "not a valid run id"),
        ("cancel", "good now", "text that its kind does not allow"),
        ("S", "good" + " 0" * 20_000, "larger than the"),
    ],
)
def test_an_unreadable_event_is_logged_and_kept(
    stage: Stage, capfd: pytest.CaptureFixture[str], kind: object, text: object, why: str,
    taken_over: bool,
) -> None:  # fmt: skip
    resolver = begun(stage)
    event_id = stage.link.call("XADD", stage.client.keys.events(), "*", kind, text).decode()
    if taken_over:
        resolver = stage.resolver("s2")
    resolver.run_once(1)
    (line,) = [item for item in capfd.readouterr().out.splitlines() if "event_id=" in item]
    assert "ERROR" in line
    assert f"Event {event_id} cannot be read" in line
    assert why in line
    (kept,) = stage.dump()["quarantine"]
    assert kept.startswith(f"{event_id} ")
    go_on(stage, resolver)
    assert stage.outcome("good") == "succeeded"


def test_the_last_hundred_unreadable_events_are_kept(stage: Stage) -> None:
    resolver = stage.resolver()
    for number in range(120):
        stage.link.call("XADD", stage.client.keys.events(), "*", "explode", number)
    resolver.run_once(1)
    kept = stage.dump()["quarantine"]
    assert [item.rpartition(" ")[2] for item in kept] == [f"'{n}'" for n in range(119, 19, -1)]


RECORDS = BYTES | st.text("PQRWSFKUC0123456789,W./*!?+~= ", max_size=20).map(str.encode)
FIELDS = ["graph", "submitted", "ttl", "stop", "resuming", "params", "total", "resumes", "state"]


@sampled(
    st.dictionaries(st.sampled_from(["0", "1", "2", "-1", "x"]) | BYTES, RECORDS, max_size=3),
    st.dictionaries(st.sampled_from(FIELDS), BYTES | st.sampled_from(["failed", "from 9"])),
    st.booleans(),
)
@example({"0": b"Q1,,0 0,,"}, {}, False)
@example({"0": b"Q1,,\xff,,"}, {}, False)
@example({}, {"submitted": b"yesterday"}, False)
def test_no_data_of_one_run_affects_another(
    fake_server: EmbeddedServer,
    records: dict[str | bytes, bytes],
    fields: dict[str, bytes | str],
    taken_over: bool,
) -> None:
    with stage_on(fake_server) as stage:
        resolver, keys = begun(stage), stage.client.keys
        for key, result in ((keys.tasks("victim"), records), (keys.run("victim"), fields)):
            for field, value in result.items():
                stage.link.call("HSET", key, field, value)
        if taken_over:
            resolver = stage.resolver("s2")
        go_on(stage, resolver)
        assert stage.outcome("good") == "succeeded"


@pytest.mark.parametrize(
    ("field", "record"), [("0", b""), ("0", b"\xff"), ("0", b"X1"), ("x", b"S1,,0,,"), ("7", b"Q1")]
)
def test_a_run_whose_records_are_damaged_is_ended_by_the_next_scheduler(
    stage: Stage, capfd: pytest.CaptureFixture[str], field: str, record: bytes
) -> None:
    begun(stage)
    stage.link.call("HSET", stage.client.keys.tasks("victim"), field, record)
    resolver = stage.resolver("s2")
    resolver.run_once(1)
    assert stage.outcome("victim") == "failed"
    assert "Run victim cannot continue and was ended as failed" in capfd.readouterr().out
    go_on(stage, resolver)
    assert stage.outcome("good") == "succeeded"


@pytest.mark.parametrize(
    "change",
    ["HSET graph from", "HSET stop from", "HSET resuming from", "HDEL graph", "HDEL graph ttl"],
)
def test_a_run_whose_hash_is_damaged_is_ended_by_the_next_scheduler(
    stage: Stage, change: str
) -> None:
    begun(stage)
    keys, digest = stage.client.keys, stage.client.read_run("victim").digest
    verb, *words = (b"from \xff" if word == "from" else word for word in change.split())
    stage.link.call(verb, keys.run("victim"), *words)
    resolver = stage.resolver("s2")
    resolver.run_once(1)
    assert stage.link.call("HGET", keys.run("victim"), "state") == b"failed"
    assert stage.link.call("PTTL", keys.run("victim")) > 0
    stage.link.call("DEL", keys.graph(digest))


def test_an_error_unrelated_to_a_run_does_not_end_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A right may be missing for an hour; the runs are as sound as before."""

    def refused(run: str, tasks: int) -> None:
        raise StoreError("NOPERM this user has no permissions to run the 'hscan' command")

    begun(stage)
    store = stage.leading("s2")
    monkeypatch.setattr(store, "read_states", refused)
    resolver = Resolver(store, stage.listener, 100)
    with pytest.raises(StoreError, match="NOPERM"):
        resolver.recover("0")
    assert stage.outcome("good") == stage.outcome("victim") == "running"


def test_a_queued_task_whose_record_is_damaged_is_not_waited_for(stage: Stage) -> None:
    """Its entry is dropped by the claim that pops it; the sweep then finds out why it is gone."""
    resolver = begun(stage)
    stage.link.call("HSET", stage.client.keys.tasks("victim"), "0", "Q1,,0 0,,")
    go_on(stage, resolver)
    assert stage.outcome("good") == "succeeded"
    assert stage.outcome("victim") == "failed"
    assert resolver.active == {}


@sampled(st.lists(BYTES, max_size=5), st.lists(BYTES, max_size=5))
@example([b"victim,0,1", b"victim,99,1", b"\xff,0,1", b",,"], [b"victim,0,2,default,5", b"\xff"])
def test_no_queue_entry_does_harm(
    fake_server: EmbeddedServer, ready: list[bytes], delayed: list[bytes]
) -> None:
    with stage_on(fake_server) as stage:
        resolver, keys = begun(stage), stage.client.keys
        if ready:
            stage.link.call("LPUSH", keys.ready("default", "5"), *ready)
        for entry in delayed:
            stage.link.call("ZADD", keys.delayed(), 0, entry)
        go_on(stage, resolver)
        assert {stage.outcome("good"), stage.outcome("victim")} == {"succeeded"}
        assert "delayed" not in stage.dump()


@sampled(BYTES, BYTES, BYTES)
def test_no_name_in_a_list_does_harm(
    fake_server: EmbeddedServer, run: bytes, listed: bytes, worker: bytes
) -> None:
    with stage_on(fake_server) as stage:
        resolver, keys = begun(stage), stage.client.keys
        stage.link.call("SADD", keys.active(), run)
        stage.link.call("ZADD", keys.runs(), 1, listed)
        stage.link.call("ZADD", keys.workers(), 1, worker)
        stage.link.call("HSET", keys.levels(), listed, run)
        resolver = stage.resolver("s2")
        go_on(stage, resolver)
        for name, lanes in resolver._store.expired_workers():
            assert resolver._store.retire(name, lanes)
        assert stage.outcome("good") == "succeeded"


def test_a_key_of_another_type_is_logged_and_stops_no_scheduler(
    fake_server: EmbeddedServer, capfd: pytest.CaptureFixture[str]
) -> None:
    with stage_on(fake_server) as stage:
        stage.link.call("SET", stage.client.keys.events(), "text")
        daemon = SchedulerDaemon(SchedulerConfig(fake_server.url, stage.namespace))
        daemon._stopping.set()  # or it would wait before it starts over
        daemon._lead_until_lost(Leadership(1, "0"))
        daemon._store.close()
    out = capfd.readouterr().out
    assert "cannot continue and starts over" in out
    assert f"{stage.client.keys.events()} is no stream: delete or rename it" in out


@pytest.mark.parametrize("error", [MemoryError(), ValueError("unheard of"), RecursionError()])
def test_an_unexpected_error_restarts_the_scheduler_without_ending_its_process(
    fake_server: EmbeddedServer, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, error: Exception,
) -> None:  # fmt: skip
    def fail(cursor: str) -> None:
        raise error

    with stage_on(fake_server) as stage:
        daemon = SchedulerDaemon(SchedulerConfig(fake_server.url, stage.namespace))
        monkeypatch.setattr(daemon._resolver, "recover", fail)
        daemon._store.term = daemon._store.acquire_lease(1000).term
        daemon._stopping.set()
        daemon._lead_until_lost(Leadership(1, "0"))
        daemon._store.close()
    out = capfd.readouterr().out
    assert "cannot continue and starts over" in out
    assert type(error).__name__ in out


# -- graphs whose address fits ------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**40) | st.floats() | st.text(max_size=3) | BYTES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=6,
)
PARTS = msgpack.unpackb(pack_graph(dag_of("a b", "c")))


@st.composite
def forged_graphs(draw: st.DrawFn) -> bytes:
    """A graph in which one part, or a part of a part, is something else."""
    parts = msgpack.unpackb(msgpack.packb(PARTS))
    place = draw(st.integers(0, len(parts) - 1))
    if isinstance(parts[place], list) and parts[place] and draw(st.booleans()):
        inner = parts[place]
        if isinstance(inner[0], list):
            inner = inner[0]
        inner[draw(st.integers(0, len(inner) - 1))] = draw(VALUES)
    else:
        parts[place] = draw(VALUES)
    return msgpack.packb(parts)


@settings(max_examples=500, deadline=None)
@given(forged_graphs())
def test_a_forged_graph_is_refused_or_can_be_resolved(packed: bytes) -> None:
    try:
        dag = unpack_graph(packed)
    except StoreError:
        return
    run = Run(dag.graph, on_failure=dag.on_failure, triggers=dag.triggers())
    active = Active.of("r1", dag, run)
    run.start()
    assert all(isinstance(part, str) for place in active.places for part in place)
    assert all(isinstance(name, str) for name in (dag.name, *dag.graph.names, *dag.refs))


@sampled(forged_graphs() | BYTES.filter(bool))
def test_no_graph_harms_another_run(fake_server: EmbeddedServer, packed: bytes) -> None:
    with stage_on(fake_server) as stage:
        resolver = begun(stage)
        stage.client.submit(Submission("forged", "dag", digest_of(packed), packed, b"", 3, 1000))
        stage.dags["forged"] = dag_of("a b", "c")
        go_on(stage, resolver)
        assert stage.outcome("good") == "succeeded"
