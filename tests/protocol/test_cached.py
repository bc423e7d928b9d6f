"""Cached results in Redis: kept in the step that records the outcome, under its fence, for a TTL;
and outcomes that come from the cache."""

from __future__ import annotations

import pytest
from helpers import EXPIRING
from world import World, done

from flowkit.core.states import RunState
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.records import parse_record
from flowkit.protocol.spent import Flag

KEPT = "0,1,S,c0ffee,60000"


def test_a_result_is_kept_in_the_step_that_records_it(world: World) -> None:
    world.running(0, 1)
    world.now += 5
    changed = world.changed_by(
        lambda: world.complete(Outcome.decode("r1", KEPT, b"result"), done(1, payload=b"other"))
    )
    assert changed["cache:c0ffee"] == "result"
    assert changed[EXPIRING] == ["cache:c0ffee"]
    assert changed["run:r1:results"] == {"0": "result", "1": "other"}
    assert changed["run:r1:tasks"]["0"] == "S1,W.0,0,0,5"
    assert 0 < world.link.call("PTTL", world.keys.cached("c0ffee")) <= 60_000
    assert world.worker.read_cached("c0ffee") == b"result"


def test_none_is_kept_as_nothing_and_is_not_what_is_missing(world: World) -> None:
    world.running(0)
    world.complete(Outcome.decode("r1", KEPT, b""))
    assert world.worker.read_cached("c0ffee") == b""
    assert world.worker.read_cached("decaf") is None


def test_a_result_of_an_attempt_that_does_not_count_is_not_kept(world: World) -> None:
    world.running(0)
    other = Outcome.decode("r1", "0,2,S,c0ffee,60000", b"x")
    changed = world.changed_by(lambda: world.complete(other))
    assert "cache:c0ffee" not in changed


@pytest.mark.parametrize("stopping", [False, True])
def test_what_came_from_the_cache_has_succeeded_and_is_marked(world: World, stopping: bool) -> None:
    world.running(0)
    world.now += 3
    if stopping:
        world.scheduler.stop_run("r1", RunState.FAILED)
    world.complete(done(0, "H", payload=b"cached"))
    assert world.records()["0"] == "S1,W.0,0~,0,3"
    assert world.events()[-1] == {"S": "r1 0"}
    assert world.dump()["run:r1:results"] == {"0": "cached"}
    (record,) = world.client.read_records("r1", [0])
    assert Flag.CACHED in record.spent.flags
    assert record.attempt == 1


def test_the_mark_stands_behind_all_else_that_was_spent(world: World) -> None:
    world.running(0)
    world.link.call("HSET", world.keys.tasks("r1"), "0", "R5,W.0,1/2*1!,0,")
    world.complete(done(0, "H", attempt=5))
    found = parse_record(world.records()["0"].encode())
    spent = found.spent
    assert (spent.deaths, spent.base, spent.put_off) == (1, 2, 1)
    assert spent.flags == {Flag.SUSPECT, Flag.CACHED}
