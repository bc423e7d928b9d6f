"""What a run keeps of the versions of the app that its attempts ran, and pinned graphs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from environment import HOUR_MS, LIST, Environment, compiled, done

from flowkit.protocol.app_functions import app_id, function_id, pinned_id
from flowkit.protocol.decoding import CorruptData
from flowkit.protocol.graph_writer import pack_graph
from flowkit.protocol.graphs import digest_of, unpack_graph
from flowkit.protocol.keys import of_function

FUNCTION = function_id("app:f")
V1, V2 = pinned_id("app:f", "v1"), pinned_id("app:f", "v2")
ONE, TWO = app_id([FUNCTION, V1]), app_id([FUNCTION, V2])


def worker(env: Environment, name: str, app: str, version: str) -> str:
    lane = f"{name}.0"
    env.worker.heartbeat(name, HOUR_MS, [lane, f"{name}.0a", f"{name}.1"], b"about", app)
    ids = [FUNCTION, pinned_id("app:f", version)] if version else [FUNCTION]
    env.worker.register_app(app, ids, version, lease_ms=HOUR_MS)
    return lane


def claim(env: Environment, lane: str, app: str, limit: int = 1) -> list[int]:
    reply = env.worker.complete(lane, [], env.next_call(), limit, 1, [LIST], app)
    return [claim.task for claim in reply.claims]


def run_one(env: Environment, lane: str, app: str) -> None:
    """Claim an attempt and let it succeed."""
    (task,) = claim(env, lane, app)
    env.worker.complete(lane, [done(task)], env.next_call(), 0, 1, [LIST], app)


def started(env: Environment, *tasks: int) -> None:
    env.submit(total=8)
    env.acquire_lease()
    env.queue(*tasks)


def notes(env: Environment) -> dict[str, str]:
    run = env.dump()["run:r1"]
    return {key: run[key] for key in run if key[0] == "@" or key in ("ran", "mixed")}


def told(env: Environment) -> list[str]:
    return [event["versions"] for event in env.events() if "versions" in event]


def test_a_run_notes_the_version_of_each_worker_once(env: Environment) -> None:
    started(env, *range(4))
    lane = worker(env, "A", ONE, "v1")
    claim(env, lane, ONE)
    assert notes(env) == {"@A": f"{ONE}=v1"}
    changed = env.changed_by(lambda: claim(env, "A.0a", ONE))
    assert "run:r1" not in changed
    run_one(env, lane, ONE)
    run_one(env, worker(env, "B", ONE, "v1"), ONE)
    assert notes(env) == {"@A": f"{ONE}=v1", "@B": f"{ONE}=v1", "ran": f"{ONE}=v1"}
    assert told(env) == []


def test_the_scheduler_is_told_once_of_a_second_version(env: Environment) -> None:
    started(env, *range(6))
    for name, app, version in (("A", ONE, "v1"), ("B", TWO, "v2"), ("C", TWO, "v2")):
        run_one(env, worker(env, name, app, version), app)
    run_one(env, "A.0", ONE)
    assert notes(env)["mixed"] == f"{TWO}=v2"
    assert told(env) == [f"r1 {ONE}=v1 {TWO}=v2"]


def test_a_worker_that_hands_on_what_it_claims_does_not_mix_versions(env: Environment) -> None:
    """It runs nothing, whether it claims before the one that does, or behind it."""
    started(env, *range(3))
    early, late = worker(env, "A", TWO, "v2"), worker(env, "C", TWO, "v2")
    (task,) = claim(env, early, TWO)
    run_one(env, worker(env, "B", ONE, "v1"), ONE)
    env.worker.release(early, [f"r1,{task}@{FUNCTION}"])
    (task,) = claim(env, late, TWO)
    env.worker.release(late, [f"r1,{task}@{FUNCTION}"])
    assert {"ran": f"{ONE}=v1"}.items() <= notes(env).items()
    assert "mixed" not in notes(env)
    assert told(env) == []


def test_an_attempt_that_dies_with_its_child_has_run(env: Environment) -> None:
    started(env, *range(3))
    run_one(env, worker(env, "A", ONE, "v1"), ONE)
    lane = worker(env, "B", TWO, "v2")
    (task,) = claim(env, lane, TWO)
    env.worker.reap_child(lane, [f"r1,{task}"], 3, b"error")
    assert told(env) == [f"r1 {ONE}=v1 {TWO}=v2"]


def test_attempts_that_had_not_started_when_their_child_died_have_not_run(env: Environment) -> None:
    started(env, *range(3))
    run_one(env, worker(env, "A", ONE, "v1"), ONE)
    lane = worker(env, "B", TWO, "v2")
    assert len(claim(env, lane, TWO, 2)) == 2
    env.worker.reap_child(lane, [], 3, b"error")
    assert told(env) == []


def test_a_child_that_loaded_another_version_later_is_noted_by_itself(env: Environment) -> None:
    started(env, *range(4))
    run_one(env, worker(env, "A", ONE, "v1"), ONE)
    env.worker.register_app(TWO, [FUNCTION, V2], "v2", lease_ms=HOUR_MS)
    run_one(env, "A.1", TWO)
    assert notes(env) == {
        "@A": f"{ONE}=v1", "@A.1": f"{TWO}=v2", "ran": f"{ONE}=v1", "mixed": f"{TWO}=v2",
    }  # fmt: skip


def test_a_worker_of_which_no_version_is_known_leaves_no_note(env: Environment) -> None:
    started(env, *range(4))
    assert claim(env, worker(env, "A", ONE, ""), ONE) == [0]
    env.link.call("SET", env.keys.app_version(TWO), "no version")
    env.worker.heartbeat("B", HOUR_MS, ["B.0"], b"about", TWO)
    assert claim(env, "B.0", TWO) == [1]
    assert notes(env) == {}


def test_an_app_without_a_version_has_no_key_for_one(env: Environment) -> None:
    app = app_id([FUNCTION])
    register = partial(env.worker.register_app, app, [FUNCTION], "", lease_ms=HOUR_MS)
    assert env.changed_by(register).keys() == {"worker:@", f"worker:@{app}", "(expiring)"}


def test_a_note_that_another_wrote_does_no_harm(env: Environment) -> None:
    started(env, *range(4))
    lane = worker(env, "A", ONE, "v1")
    env.link.call("HSET", env.keys.run("r1"), "ran", "x" * 10_000, "@A", "\n")
    run_one(env, lane, ONE)
    assert told(env) == []
    assert env.client.read_versions("r1", ["ran", "@A", "@A.0"]) == {"@A.0": "v1"}


def test_the_version_that_submitted_a_run_is_kept(env: Environment) -> None:
    env.client.submit(replace(env.submission(), version="v1"))
    assert env.worker.read_submitted_version("r1") == "v1"
    assert env.client.read_versions("r1", ["code"]) == {"code": "v1"}
    env.submit("r2")
    assert env.worker.read_submitted_version("r2") == ""


def test_the_version_of_an_app_lives_as_long_as_its_functions(env: Environment) -> None:
    worker(env, "A", ONE, "v1")
    env.link.call("PEXPIRE", env.keys.app_version(ONE), 1000)
    env.worker.heartbeat("A", HOUR_MS, ["A.0"], b"", ONE)
    assert env.link.call("PTTL", env.keys.app_version(ONE)) > HOUR_MS


def test_a_list_of_a_pinned_function_is_for_workers_of_its_version(env: Environment) -> None:
    started(env)
    item, two = worker(env, "A", ONE, "v1"), worker(env, "B", TWO, "v2")
    pinned = of_function(LIST, V1)
    env.queue(0, list_=pinned)
    assert claim(env, two, TWO) == []
    assert claim(env, item, ONE) == [0]
    retry = replace(done(0, "W", delay=100).retry, ready_list=pinned)
    env.complete(replace(done(0, "W"), retry=retry), lane=item)
    env.now += 100
    env.scheduler.promote(10)
    assert claim(env, two, TWO) == []
    assert claim(env, item, ONE) == [0]


def test_a_pin_is_part_of_the_graph_and_no_pin_changes_nothing() -> None:
    plain = compiled()
    pinned = replace(plain, pinned="v1")
    for dag in (plain, pinned):
        assert pack_graph(unpack_graph(pack_graph(dag))) == pack_graph(dag)
        assert unpack_graph(pack_graph(dag)).pinned == dag.pinned
    assert digest_of(pack_graph(pinned)) != digest_of(pack_graph(plain))
    with pytest.raises(CorruptData, match="none of an app"):
        unpack_graph(pack_graph(replace(plain, pinned="a b")))
