"""What a run keeps of the versions of the app that its attempts ran, and pinned graphs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from world import HOUR_MS, LIST, World, compiled, done

from flowkit.protocol.app_functions import app_id, function_id, pinned_id
from flowkit.protocol.decoding import CorruptData
from flowkit.protocol.graphs import digest_of, pack_graph, unpack_graph
from flowkit.protocol.keys import of_function

FUNCTION = function_id("app:f")
V1, V2 = pinned_id("app:f", "v1"), pinned_id("app:f", "v2")
ONE, TWO = app_id([FUNCTION, V1]), app_id([FUNCTION, V2])


def worker(world: World, name: str, app: str, version: str) -> str:
    lane = f"{name}.0"
    world.worker.heartbeat(name, HOUR_MS, [lane, f"{name}.0a", f"{name}.1"], b"about", app)
    ids = [FUNCTION, pinned_id("app:f", version)] if version else [FUNCTION]
    world.worker.register_app(app, ids, version)
    return lane


def claim(world: World, lane: str, app: str, limit: int = 1) -> list[int]:
    reply = world.worker.complete(lane, [], world.next_call(), limit, 1, [LIST], app)
    return [claim.task for claim in reply.claims]


def started(world: World, *tasks: int) -> None:
    world.submit(total=8)
    world.acquire_lease()
    world.queue(*tasks)


def notes(world: World) -> dict[str, str]:
    run = world.dump()["run:r1"]
    return {key: run[key] for key in run if key[0] == "@" or key in ("ran", "mixed")}


def told(world: World) -> list[str]:
    return [event["versions"] for event in world.events() if "versions" in event]


def test_a_run_notes_the_version_of_each_worker_once(world: World) -> None:
    started(world, *range(4))
    lane = worker(world, "A", ONE, "v1")
    claim(world, lane, ONE)
    assert notes(world) == {"@A": f"{ONE}=v1", "ran": f"{ONE}=v1"}
    changed = world.changed_by(lambda: claim(world, "A.0a", ONE))
    assert "run:r1" not in changed
    claim(world, worker(world, "B", ONE, "v1"), ONE)
    assert notes(world)["@B"] == f"{ONE}=v1"
    assert told(world) == []


def test_the_scheduler_is_told_once_of_a_second_version(world: World) -> None:
    started(world, *range(6))
    for name, app, version in (("A", ONE, "v1"), ("B", TWO, "v2"), ("C", TWO, "v2")):
        claim(world, worker(world, name, app, version), app)
    claim(world, "A.0", ONE)
    assert notes(world)["mixed"] == f"{TWO}=v2"
    assert told(world) == [f"r1 {ONE}=v1 {TWO}=v2"]


def test_a_child_that_loaded_another_version_later_is_noted_by_itself(world: World) -> None:
    started(world, *range(4))
    claim(world, worker(world, "A", ONE, "v1"), ONE)
    world.worker.register_app(TWO, [FUNCTION, V2], "v2")
    claim(world, "A.1", TWO)
    assert notes(world) == {
        "@A": f"{ONE}=v1", "@A.1": f"{TWO}=v2", "ran": f"{ONE}=v1", "mixed": f"{TWO}=v2",
    }  # fmt: skip


def test_a_worker_of_which_no_version_is_known_leaves_no_note(world: World) -> None:
    started(world, *range(4))
    assert claim(world, worker(world, "A", ONE, ""), ONE) == [0]
    world.link.call("SET", world.keys.app_version(TWO), "no version")
    world.worker.heartbeat("B", HOUR_MS, ["B.0"], b"about", TWO)
    assert claim(world, "B.0", TWO) == [1]
    assert notes(world) == {}


def test_a_note_that_another_wrote_does_no_harm(world: World) -> None:
    started(world, *range(4))
    lane = worker(world, "A", ONE, "v1")
    world.link.call("HSET", world.keys.run("r1"), "ran", "x" * 10_000, "@A", "\n")
    assert claim(world, lane, ONE) == [0]
    assert told(world) == []
    assert world.client.read_versions("r1", ["ran", "@A", "@A.0"]) == {"@A.0": "v1"}


def test_the_version_that_submitted_a_run_is_kept(world: World) -> None:
    world.client.submit(replace(world.submission(), version="v1"))
    assert world.worker.read_submitted_version("r1") == "v1"
    assert world.client.read_versions("r1", ["code"]) == {"code": "v1"}
    world.submit("r2")
    assert world.worker.read_submitted_version("r2") == ""


def test_the_version_of_an_app_lives_as_long_as_its_functions(world: World) -> None:
    worker(world, "A", ONE, "v1")
    world.link.call("PEXPIRE", world.keys.app_version(ONE), 1000)
    world.worker.heartbeat("A", HOUR_MS, ["A.0"], b"", ONE)
    assert world.link.call("PTTL", world.keys.app_version(ONE)) > HOUR_MS


def test_a_list_of_a_pinned_function_is_for_workers_of_its_version(world: World) -> None:
    started(world)
    one, two = worker(world, "A", ONE, "v1"), worker(world, "B", TWO, "v2")
    pinned = of_function(LIST, V1)
    world.queue(0, list_=pinned)
    assert claim(world, two, TWO) == []
    assert claim(world, one, ONE) == [0]
    retry = replace(done(0, "W", delay=100).retry, ready_list=pinned)
    world.complete(replace(done(0, "W"), retry=retry), lane=one)
    world.now += 100
    world.scheduler.promote(10)
    assert claim(world, two, TWO) == []
    assert claim(world, one, ONE) == [0]


def test_a_pin_is_part_of_the_graph_and_no_pin_changes_nothing() -> None:
    plain = compiled()
    pinned = replace(plain, pinned="v1")
    for dag in (plain, pinned):
        assert pack_graph(unpack_graph(pack_graph(dag))) == pack_graph(dag)
        assert unpack_graph(pack_graph(dag)).pinned == dag.pinned
    assert digest_of(pack_graph(pinned)) != digest_of(pack_graph(plain))
    with pytest.raises(CorruptData, match="none of an app"):
        unpack_graph(pack_graph(replace(plain, pinned="a b")))
