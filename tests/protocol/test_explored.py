"""What the explorer (tests/explorer) found in the scripts, told with the scripts alone."""

from __future__ import annotations

from environment import HOUR_MS, LIST, Environment, done

from flowkit.core.states import TaskState

LEASE_MS = 500


def test_a_returned_worker_is_not_forgotten_with_its_claims(env: Environment) -> None:
    """The scheduler saw it expired without lanes; before it retired it, it had one and a claim."""
    env.submit()
    env.acquire_lease()
    env.worker.heartbeat("W", LEASE_MS, [], b"about")
    env.queue(0)
    env.now += LEASE_MS
    assert env.scheduler.expired_workers() == [(b"W", [])]
    env.worker.heartbeat("W", LEASE_MS, ["W.0"])
    assert [claim.task for claim in env.claim()] == [0]
    assert env.scheduler.retire(b"W", []) is False
    env.complete(done(0))
    assert env.records()["0"].startswith("S1,W.0,")


def test_a_lane_of_a_worker_that_was_forgotten_claims_nothing(env: Environment) -> None:
    """The same, but it had claimed nothing yet: nobody would reap what it claims later."""
    env.submit()
    env.acquire_lease()
    env.queue(0)
    env.worker.heartbeat("W", LEASE_MS, ["W.0"], b"about")
    assert env.scheduler.retire(b"W", []) is True
    assert env.raw("claim", "W.0", 1, 1, 1, "default") == [b"UNKNOWN"]
    assert env.records()["0"].startswith("Q1,")


def test_a_repeated_end_does_not_end_a_resumed_run(env: Environment) -> None:
    """The reply to the first one was lost, and a client resumed the run before the second."""
    env.submit()
    env.acquire_lease()
    env.client.cancel("r1")
    env.scheduler.end_tasks("r1", TaskState.CANCELLED, [0, 1, 2, 3], notify=True)
    env.finish(outcome="cancelled")
    env.client.resume("r1")
    before = env.dump()
    env.finish(outcome="cancelled")
    assert env.dump() == before
    assert before["run:r1"]["state"] == "running"
    env.scheduler.reset("r1", [0, 1, 2, 3], b"")
    env.finish()
    assert env.dump()["run:r1"]["state"] == "succeeded"


def test_a_broken_run_ends_though_it_was_resumed(env: Environment) -> None:
    """Its graph cannot be read, so that nothing of it can be made pending; it has no counts."""
    env.submit()
    env.acquire_lease()
    env.finish(outcome="failed", failed=0)
    env.client.resume("r1")
    env.apply("finish", "r1", "failed", "", "")
    assert env.dump()["run:r1"]["state"] == "failed"


def test_a_repeated_outcome_does_not_free_a_later_claim(env: Environment) -> None:
    """Its lane was reaped and came back, and claimed the task again in the call that it repeats."""
    env.running(0)
    env.raw("reap", "W.0", "", "", 3, "", "?", "")
    env.worker.heartbeat("W", HOUR_MS, ["W.0"])
    late, call = done(0), env.next_call()
    exchanges = [env.worker.complete("W.0", [late], call, 9, 1, [LIST]) for _ in range(3)]
    for exchange in exchanges:
        assert list(exchange.stale) == ["r1,0"]
        assert [(claim.task, claim.attempt) for claim in exchange.claims] == [(0, 2)]
    assert env.worker.holdings("W.0") == [b"r1,0"]
