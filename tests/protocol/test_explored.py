"""What the explorer (tests/explorer) found in the scripts, told with the scripts alone."""

from __future__ import annotations

from world import HOUR_MS, LIST, World, done

from flowkit.core.states import TaskState

LEASE_MS = 500


def test_a_worker_that_came_back_is_not_forgotten_with_what_it_holds(world: World) -> None:
    """The scheduler saw it expired without lanes; before it retired it, it had one and a claim."""
    world.submit()
    world.acquire_lease()
    world.worker.heartbeat("W", LEASE_MS, [], b"about")
    world.queue(0)
    world.now += LEASE_MS
    assert world.scheduler.expired_workers() == [(b"W", [])]
    world.worker.heartbeat("W", LEASE_MS, ["W.0"])
    assert [claim.task for claim in world.claim()] == [0]
    assert world.scheduler.retire(b"W", []) is False
    world.complete(done(0))
    assert world.records()["0"].startswith("S1,W.0,")


def test_a_lane_of_a_worker_that_was_forgotten_claims_nothing(world: World) -> None:
    """The same, but it had claimed nothing yet: nobody would reap what it claims later."""
    world.submit()
    world.acquire_lease()
    world.queue(0)
    world.worker.heartbeat("W", LEASE_MS, ["W.0"], b"about")
    assert world.scheduler.retire(b"W", []) is True
    assert world.raw("claim", "W.0", 1, 1, 1, "default") == [b"UNKNOWN"]
    assert world.records()["0"].startswith("Q1,")


def test_an_end_that_is_sent_again_does_not_end_a_resumed_run(world: World) -> None:
    """The reply to the first one was lost, and a client resumed the run before the second."""
    world.submit()
    world.acquire_lease()
    world.client.cancel("r1")
    world.scheduler.end_tasks("r1", TaskState.CANCELLED, [0, 1, 2, 3], notify=True)
    world.finish(outcome="cancelled")
    world.client.resume("r1")
    before = world.dump()
    world.finish(outcome="cancelled")
    assert world.dump() == before
    assert before["run:r1"]["state"] == "running"
    world.scheduler.reset("r1", [0, 1, 2, 3], b"")
    world.finish()
    assert world.dump()["run:r1"]["state"] == "succeeded"


def test_a_broken_run_ends_though_it_was_resumed(world: World) -> None:
    """Its graph cannot be read, so that nothing of it can be made pending; it has no counts."""
    world.submit()
    world.acquire_lease()
    world.finish(outcome="failed", failed=0)
    world.client.resume("r1")
    world.apply("finish", "r1", "failed", "", "")
    assert world.dump()["run:r1"]["state"] == "failed"


def test_an_outcome_that_is_sent_again_does_not_free_a_later_claim(world: World) -> None:
    """Its lane was reaped and came back, and claimed the task anew in the call that it repeats."""
    world.running(0)
    world.raw("reap", "W.0", "", "", 3, "", "?", "")
    world.worker.heartbeat("W", HOUR_MS, ["W.0"])
    late, call = done(0), world.next_call()
    exchanges = [world.worker.complete("W.0", [late], call, 9, 1, [LIST]) for _ in range(3)]
    for one in exchanges:
        assert list(one.stale) == ["r1,0"]
        assert [(claim.task, claim.attempt) for claim in one.claims] == [(0, 2)]
    assert world.worker.holdings("W.0") == [b"r1,0"]
