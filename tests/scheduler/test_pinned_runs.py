"""Versions of apps, for the scheduler: where a pinned run waits, and what a mixed one says."""

from __future__ import annotations

from dataclasses import replace

import msgpack
import pytest
from stage import Stage, dag_of

from flowkit.core.retry import Policy
from flowkit.protocol.app_functions import function_id, pinned_id
from flowkit.protocol.decoding import CorruptData
from flowkit.protocol.keys import of_function
from flowkit.protocol.outcomes import Outcome
from flowkit.scheduler.facts import read_fact
from flowkit.scheduler.queue_repair import QueueRepair
from flowkit.scheduler.serving import Serving

HOUR_MS = 3_600_000
PINNED = of_function("default", pinned_id("app:f", "v1"))
A, B = "a" * 16, "b" * 16
MIXED = f"r1 {A}=v1 {B}=v2".encode()


def test_a_pinned_run_waits_for_workers_of_its_version(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(replace(dag_of(*"abc"), pinned="v1"))
    resolver.run_once(1)
    result = stage.dump()
    assert result[f"ready:{PINNED}:5"] == ["r1,0,1", "r1,1,1", "r1,2,1"]
    assert "ready:default:5" not in result
    assert stage.claim() == []


def test_lost_entries_of_a_pinned_run_are_written_anew(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(replace(dag_of(*"ab", policy=Policy(retries=5)), pinned="v1"))
    resolver.run_once(1)
    before = stage.dump()
    queue_repair = stage.queue_repair(resolver)
    assert queue_repair.repair() == 0
    stage.link.call("DEL", stage.client.keys.ready(PINNED, "5"))
    assert queue_repair.repair() == 2
    assert stage.dump()[f"ready:{PINNED}:5"] == before[f"ready:{PINNED}:5"]


def test_a_retry_of_a_pinned_run_is_found_in_the_list_of_its_version(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(replace(dag_of("a", policy=Policy(retries=5)), pinned="v1"))
    resolver.run_once(1)
    stage.worker.register_app(A, [pinned_id("app:f", "v1")], "v1", lease_ms=HOUR_MS)
    assert [claim.task for claim in stage.claim(app=A)] == [0]
    outcome = Outcome.decode("r1", f"0,1,W,1000,{PINNED},5")
    stage.worker.complete("W.0", [outcome], 0, 0, 1, ())
    before = stage.dump()["delayed"]
    assert list(before) == [f"r1,0,2,{PINNED},5"]
    queue_repair = stage.queue_repair(resolver)
    assert queue_repair.repair() == 0
    stage.link.call("DEL", stage.client.keys.delayed())
    assert queue_repair.repair() == 1
    assert stage.dump()["delayed"] == before


def test_workers_of_an_older_release_let_no_entries_of_a_pinned_run_double(stage: Stage) -> None:
    """They find no list of a function, so the entries of other runs are written for them too."""
    serving = Serving(stage.store())
    resolver = stage.resolver(serving=serving)
    about: bytes = msgpack.packb({"queues": ["default"], "turns": False})
    stage.worker.heartbeat("B", HOUR_MS, ["B.0"], about, "")
    serving.look()
    assert serving.without_turns == {"default"}
    stage.submit(replace(dag_of(*"ab"), pinned="v1"))
    resolver.run_once(1)
    before = stage.dump()
    queue_repair = QueueRepair(stage.store(), resolver.active, serving)
    assert [queue_repair.repair() for _ in range(2)] == [0, 0]
    assert stage.dump() == before


def test_the_fact_of_two_versions_is_read_strictly() -> None:
    fact = read_fact(b"versions", MIXED, {})
    assert (fact.kind, fact.run, fact.versions) == ("versions", "r1", {A: "v1", B: "v2"})
    for text in (b"r1", b"r1 v1 v2", MIXED + b" more", MIXED.replace(b"=v2", b"=")):
        with pytest.raises(CorruptData):
            read_fact(b"versions", text, {})


class Hearing:
    def __init__(self) -> None:
        self.events: list[object] = []

    def wants(self, kind: type) -> bool:
        return True

    def hear(self, event: object) -> None:
        self.events.append(event)


@pytest.mark.parametrize(("functions", "is_mixed"), [(("app:f",), True), (("app:g",), False)])
def test_a_mixed_run_is_said_unless_its_apps_share_no_task(
    stage: Stage, functions: tuple[str, ...], is_mixed: bool
) -> None:
    hearing = Hearing()
    stage.listener = hearing  # type: ignore[assignment]
    resolver = stage.resolver()
    resolver._serving._functions = {
        A: frozenset({function_id("app:f")}),
        B: frozenset(map(function_id, functions)),
    }
    stage.submit(dag_of(*"ab"))
    resolver.run_once(1)
    stage.link.call("XADD", stage.client.keys.events(), "*", "versions", MIXED)
    resolver.run_once(1)
    said = [event for event in hearing.events if type(event).__name__ == "RunMixed"]
    assert len(said) == is_mixed
    if is_mixed:
        assert "ran v1, v2" in said[0].message()  # type: ignore[attr-defined]
