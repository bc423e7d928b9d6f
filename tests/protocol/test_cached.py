"""Cached results in Redis: kept in the step that records the outcome, under its fence, for a TTL;
and outcomes that come from the cache."""

from __future__ import annotations

import pytest
from environment import Environment, done
from helpers import EXPIRING

from flowkit.core.states import RunState
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.records import parse_record
from flowkit.protocol.spent import Flag

KEPT = "0,1,S,c0ffee,60000"


def test_a_result_is_kept_in_the_step_that_records_it(env: Environment) -> None:
    env.running(0, 1)
    env.now += 5
    changed = env.changed_by(
        lambda: env.complete(Outcome.decode("r1", KEPT, b"result"), done(1, payload=b"other"))
    )
    assert changed["cache:c0ffee"] == "result"
    assert changed[EXPIRING] == ["cache:c0ffee"]
    assert changed["run:r1:results"] == {"0": "result", "1": "other"}
    assert changed["run:r1:tasks"]["0"] == "S1,W.0,0,0,5,0"
    assert 0 < env.link.call("PTTL", env.keys.cached("c0ffee")) <= 60_000
    assert env.worker.read_cached("c0ffee") == b"result"


def test_none_is_cached_as_empty_and_differs_from_a_miss(env: Environment) -> None:
    env.running(0)
    env.complete(Outcome.decode("r1", KEPT, b""))
    assert env.worker.read_cached("c0ffee") == b""
    assert env.worker.read_cached("decaf") is None


def test_a_result_of_a_stale_attempt_is_not_cached(env: Environment) -> None:
    env.running(0)
    other = Outcome.decode("r1", "0,2,S,c0ffee,60000", b"x")
    changed = env.changed_by(lambda: env.complete(other))
    assert "cache:c0ffee" not in changed


@pytest.mark.parametrize("stopping", [False, True])
def test_a_cached_result_succeeds_and_is_marked(env: Environment, stopping: bool) -> None:
    env.running(0)
    env.now += 3
    if stopping:
        env.scheduler.stop_run("r1", RunState.FAILED)
    env.complete(done(0, "H", payload=b"cached"))
    assert env.records()["0"] == "S1,W.0,0~,0,3,0"
    assert env.events()[-1] == {"S": "r1 0"}
    assert env.dump()["run:r1:results"] == {"0": "cached"}
    (record,) = env.client.read_records("r1", [0])
    assert Flag.CACHED in record.spent.flags
    assert record.attempt == 1


def test_the_mark_comes_after_the_other_counts(env: Environment) -> None:
    env.running(0)
    env.link.call("HSET", env.keys.tasks("r1"), "0", "R5,W.0,1/2*1!,0,")
    env.complete(done(0, "H", attempt=5))
    result = parse_record(env.records()["0"].encode())
    spent = result.spent
    assert (spent.deaths, spent.base, spent.put_off) == (1, 2, 1)
    assert spent.flags == {Flag.SUSPECT, Flag.CACHED}
