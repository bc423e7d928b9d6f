"""Events that anybody may have written: what they cost is bounded, and no run is begun for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from threading import Event

import pytest
from stage import Stage, dag_of

from flowkit import Client
from flowkit.core.map_spec import MapSpec
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import StoreError
from flowkit.protocol.client_store import ClientStore
from flowkit.protocol.decoding import CorruptData
from flowkit.protocol.graph_writer import pack_graph
from flowkit.protocol.graphs import digest_of
from flowkit.protocol.link import Link
from flowkit.protocol.records import ErrorInfo
from flowkit.protocol.scheduler_store import SchedulerStore
from flowkit.protocol.scripts import Script
from flowkit.scheduler import daemon as scheduler_daemon
from flowkit.scheduler import resolver as resolver_module
from flowkit.scheduler.config import SchedulerConfig
from flowkit.scheduler.quarantine import REPEAT_S, Quarantine
from flowkit.scheduler.resolver import Resolver
from flowkit.settings import load_settings
from flowkit.state import RedisStateManager
from flowkit.worker import daemon as worker_daemon
from flowkit.worker.child import Child
from flowkit.worker.config import WorkerConfig

OTHER = "x y"


def events_of(stage: Stage, count: int, kind: str = "explode", text: object = "x") -> None:
    key = stage.client.keys.events()
    stage.link.batch([("XADD", key, "*", kind, text)] * count)


def test_a_fact_about_a_damaged_record_ends_its_run_alone(stage: Stage) -> None:
    """The scheduler read that record to say why nothing can be mapped, and started over."""
    stage.submit(replace(dag_of("a b"), maps={1: MapSpec((0,))}))
    stage.submit(dag_of("a"), "r2")
    resolver = stage.resolver()
    stage.link.call("HSET", stage.client.keys.tasks("r1"), 0, b"S1,W.0,0,1,2,5,\xff")
    events_of(stage, 1, "S", "r1 0")
    resolver.run_once(1)
    assert (stage.outcome(), stage.outcome("r2")) == ("failed", "running")
    error = ErrorInfo.unpack(stage.client.read_errors("r1", [1])[0] or b"")
    assert "'b' cannot be mapped, and a record that says why is damaged" in error.message


# -- what cannot be read --------------------------------------------------------------------------


def test_a_burst_of_bad_events_costs_a_call_for_a_batch_and_one_line(
    stage: Stage, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """50,000 of them made as many ERROR lines, and 14 s without scheduling."""
    resolver = stage.resolver()
    events_of(stage, 2000)
    stage.submit(dag_of("a b"), "good")
    calls: list[str] = []
    sizes: list[int] = []
    script = resolver._store.link.script

    def noted(sent: Script, prefix: str, args: Sequence[object]) -> object:
        calls.append(sent.name)
        sizes.append(len(args))
        return script(sent, prefix, args)

    monkeypatch.setattr(resolver._store.link, "script", noted)
    while resolver.run_once(1):
        pass
    assert calls.count("quarantine_event") == 4  # batches of 500
    assert len(calls) < 15
    assert max(sizes) < 110, "a hundred are kept, and no more are sent"
    lines = [line for line in capfd.readouterr().out.splitlines() if "quarantined" in line]
    assert len(lines) == 1
    assert "500 events cannot be read and were quarantined" in lines[0]
    assert len(stage.dump()["quarantine"]) == 100
    stage.play(resolver, stage.work)
    assert stage.outcome("good") == "succeeded"


def test_suppressed_messages_are_counted_and_logged_later(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    store = stage.leading()
    quarantine = Quarantine(store, stage.listener, monotonic=lambda: now)
    for number in range(3):
        quarantine.add(
            f"{number}-0", b"\x1b[31m", b"forged\nline", CorruptData("why\x1b" + "y" * 10_000)
        )
        quarantine.flush()
    now = REPEAT_S
    quarantine.flush()
    quarantine.flush()
    first, second = capfd.readouterr().out.splitlines()
    assert "Event 0-0 cannot be read and was quarantined: why" in first
    assert "2 events cannot be read and were quarantined; the first is 1-0" in second
    assert "\x1b" not in first + second
    assert len(first) < 1000
    kept = stage.dump()["quarantine"]
    assert len(kept) == 3
    assert not any(char in line for line in kept for char in "\x1b\n")


@pytest.fixture
def small_replies(monkeypatch: pytest.MonkeyPatch, stage: Stage) -> None:
    """Links that are made from now on read replies of 100,000 bytes."""
    monkeypatch.setattr("flowkit.protocol.link.MAX_REPLY_BYTES", 100_000)


@pytest.mark.usefixtures("small_replies")
def test_an_oversized_event_is_skipped(
    fake_server: EmbeddedServer, stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    """60 MB of them ended the scheduler, and again at each start."""
    link = Link(fake_server.url)
    store = SchedulerStore(link, stage.namespace, "s1", now_ms=stage.clock)
    store.term = stage.leading().term
    resolver = Resolver(store, stage.listener, 100, monotonic=lambda: 0.0)
    resolver.recover("0")
    stage.submit(dag_of("a"), "before")
    events_of(stage, 1, "S", b"before" + b" 0" * 100_000)
    events_of(stage, 3, "S", b"before" + b" 0" * 30_000)
    stage.submit(dag_of("a"), "behind")
    for _ in range(10):
        stage.play(resolver, stage.work)
    assert stage.outcome("before") == stage.outcome("behind") == "succeeded"
    assert "too large to be read" in str(stage.dump()["quarantine"])
    link.close()


@pytest.fixture
def bounded(fake_server: EmbeddedServer, small_replies: None) -> Iterator[Link]:
    link = Link(fake_server.url)
    yield link
    link.close()


def test_a_reply_beyond_its_bound_is_an_error_and_the_next_call_gets_its_own(
    bounded: Link, stage: Stage
) -> None:
    key = stage.client.keys.graph("large")
    stage.link.call("SET", key, b"x" * 1_000_000)
    for _ in range(2):
        with pytest.raises(CorruptData, match="too large: a reply was not read completely"):
            bounded.call("GET", key)
        assert bounded.call("PING") == b"PONG"
    with pytest.raises(StoreError):
        bounded.batch([("PING",), ("GET", key), ("PING",)])
    assert bounded.batch([("PING",)] * 30_000) == [b"PONG"] * 30_000, "each reply counts for itself"
    stage.link.call("DEL", key)


@pytest.mark.usefixtures("small_replies")
def test_after_an_abandoned_reply_the_server_is_checked_again(
    fake_server: EmbeddedServer, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is another one, and so may be what answers."""
    link = Link(fake_server.url, on_new_server=pytest.fail)
    looks: list[int] = []
    look = link._look_at_server
    monkeypatch.setattr(link, "_look_at_server", lambda: (looks.append(1), look()))
    key = stage.client.keys.graph("large")
    stage.link.call("SET", key, b"x" * 1_000_000)
    with pytest.raises(CorruptData):
        link.call("GET", key)
    before = len(looks)
    assert link.call("PING") == b"PONG"
    assert len(looks) == before + 1
    link.close()
    stage.link.call("DEL", key)


# -- runs that an event makes up ------------------------------------------------------------------


def known(stage: Stage) -> tuple[Resolver, str]:
    """A resolver that has had a run of a DAG, and the digest of that DAG."""
    resolver = stage.resolver()
    stage.submit(dag_of(OTHER), "first")
    resolver.run_once(1)
    return resolver, digest_of(pack_graph(dag_of(OTHER)))


def test_a_run_known_only_from_an_event_is_not_kept(stage: Stage) -> None:
    """A few bytes made a run in the memory of the scheduler, which nothing ever ended."""
    resolver, digest = known(stage)
    for number in range(20):
        events_of(stage, 1, "submit", f"made-up-{number} {digest}")
    resolver.run_once(1)
    assert set(resolver.active) == {"first"}
    assert not any("made-up" in name for name in stage.dump())


def test_a_run_is_not_resolved_by_another_graph_than_its_own(stage: Stage) -> None:
    resolver, digest = known(stage)
    events_of(stage, 1, "submit", f"good {digest}")
    stage.submit(dag_of("a b c"), "good")
    stage.play(resolver, stage.work)
    assert stage.outcome("good") == "succeeded"
    assert set(stage.states("good")) == {"a", "b", "c"}


def test_a_stale_run_in_memory_is_dropped_and_the_real_one_begins(stage: Stage) -> None:
    """The event was read before the run was written."""
    resolver, digest = known(stage)
    events_of(stage, 1, "submit", f"good {digest}")
    resolver.run_once(1)
    stage.submit(dag_of(OTHER), "good")
    stage.play(resolver, stage.work)
    assert stage.outcome("good") == "succeeded"


# -- time -----------------------------------------------------------------------------------------


def test_events_that_take_long_are_taken_in_turns(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five hundred graphs of the largest size would keep the lease from being looked at."""
    monkeypatch.setattr(resolver_module, "TURN_S", 5.0)
    store, times = stage.leading(), iter(range(0, 10_000, 2))
    resolver = Resolver(store, stage.listener, 100, monotonic=lambda: float(next(times)))
    resolver.recover("0")
    for number in range(9):
        stage.submit(dag_of("a"), f"r{number}")
    taken = []
    while count := resolver.run_once(1):
        taken.append(count)
    assert sum(taken) == 9
    assert max(taken) < 4
    assert len(resolver.active) == 9


def links_of(url: str, namespace: str) -> Iterator[tuple[str, Link]]:
    """Yield each kind of connection that programs make, where it is bounded as if for no value."""
    yield "scheduler", scheduler_daemon.SchedulerDaemon(SchedulerConfig(url))._store.link
    config = WorkerConfig(("app",), url, max_result_bytes=1)
    yield "worker's parent", worker_daemon.WorkerDaemon(config)._store.link
    child = object.__new__(Child)
    child._config, child._stop_links = config, Event()
    yield "worker's child", child._store("W.0").link
    with Client(load_settings(redis_url=url, namespace=namespace, max_result_bytes=1)) as client:
        yield "client", client.shards[0]._store.link
    yield "state", RedisStateManager(url, namespace)._entries.link


def test_no_program_reads_a_reply_beyond_its_bound(
    stage: Stage, fake_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One value of 512 MB would end it, and again at each start."""
    monkeypatch.setattr("flowkit.protocol.link.MAX_REPLY_BYTES", 100_000)
    monkeypatch.setenv("FLOWKIT_MAX_RESULT_BYTES", "1")
    key = stage.client.keys.graph("large")
    stage.link.call("SET", key, b"x" * 1_000_000)
    for name, link in links_of(fake_server.url, stage.namespace):
        with pytest.raises(CorruptData, match="too large"):
            assert link.call("GET", key) is None, name
        link.close()
    stage.link.call("DEL", key)


def test_many_results_are_read_within_the_bound_of_a_reply(bounded: Link, stage: Stage) -> None:
    """Each may have the largest size that is allowed; so few are asked for at once."""
    store = ClientStore(bounded, stage.namespace)
    run, results = store.keys.run("r1"), store.keys.results("r1")
    for task in range(30):
        stage.link.call("HSET", results, task, b"x" * (60_000 if task % 3 == 0 else 10))
    stage.link.call("HSET", run, "kept", 30)
    sizes = [len(data or b"") for data in store.read_results("r1", range(30))]
    assert sizes == [60_000 if task % 3 == 0 else 10 for task in range(30)]
    stage.link.call("HSET", results, 9, b"x" * 200_000)
    with pytest.raises(CorruptData, match="too large"):
        list(store.read_results("r1", range(30)))
    stage.link.call("DEL", run, results)
