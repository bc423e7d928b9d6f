"""Claiming: what a lane gets, in which order, and what Redis knows of it afterwards."""

from __future__ import annotations

import msgpack
import pytest
from helpers import EXPIRING
from world import HOUR_MS, LIST, START, World, done

from flowkit.core.states import RunState
from flowkit.core.worker_info import WorkerInfo
from flowkit.exceptions import LeaseLost
from flowkit.protocol.spent import UNSPENT, Spent


def tasks(claims: list) -> list[int]:
    return [claim.task for claim in claims]


class TestClaim:
    def test_a_claim_writes_the_record_and_the_lane_s_claims(self, world: World) -> None:
        world.ready(0, 1)
        world.now += 40
        changed = world.changed_by(lambda: world.claim(limit=1))
        assert changed == {
            "run:r1:tasks": {"0": "R1,W.0,0,40,", "1": "Q1,,0,,"},
            "worker:W.0:claims": {"#": "1", "r1,0": f"1,1,{LIST},5"},
            f"ready:{LIST}:5": ["r1,1,1"],
        }

    def test_it_tells_all_that_a_worker_must_know(self, world: World) -> None:
        world.submit(params=b"\x81\xa1a\x01")
        world.acquire_lease()
        world.register()
        world.queue(2)
        (claim,) = world.claim()
        assert (claim.run, claim.task, claim.attempt, claim.spent) == ("r1", 2, 1, UNSPENT)
        assert (claim.digest, claim.packed_params) == (world.submission().digest, b"\x81\xa1a\x01")
        assert (claim.life, claim.key) == (("r1", str(START)), "r1,2")

    def test_two_lanes_never_get_the_same_attempt(self, world: World) -> None:
        world.ready(0, 1, 2, 3, lanes=["W.0", "W.1"])
        assert tasks(world.claim("W.0", 2)) == [0, 1]
        assert tasks(world.claim("W.1", 100)) == [2, 3]
        assert world.claim("W.0") == []

    def test_attempts_of_several_runs_come_in_one_claim(self, world: World) -> None:
        world.ready(0)
        world.submit("r2")
        world.queue(3, run="r2")
        world.queue(1)
        assert [claim.key for claim in world.claim()] == ["r1,0", "r1,1", "r2,3"]

    def test_a_limit_of_zero_claims_nothing_and_leaves_the_number(self, world: World) -> None:
        world.ready(0)
        assert world.changed_by(lambda: world.claim(limit=0)) == {}

    def test_a_lane_that_is_not_registered_gets_nothing(self, world: World) -> None:
        world.ready(0)
        before = world.dump()
        with pytest.raises(LeaseLost, match=r"lane W\.7 is no longer registered"):
            world.claim("W.7")
        assert world.dump() == before

    def test_the_number_of_claims_held_is_answered(self, world: World) -> None:
        world.ready(0, 1, 2)
        assert world.worker.complete("W.0", [], 1, 2, 1, [LIST]).held == 2
        assert world.worker.complete("W.0", [done(0)], 2, 5, 1, [LIST]).held == 2
        assert world.worker.complete("W.0", [done(1), done(2)], 3, 0, 1, [LIST]).held == 0


class TestOrder:
    def test_levels_come_from_high_to_low_whenever_they_were_queued(self, world: World) -> None:
        world.ready(0)
        world.queue(1, level="9")
        world.queue(2, level="0")
        world.queue(3, level="7")
        assert world.dump()["levels"] == {LIST: "9750"}
        assert [claim.task for claim in world.claim(limit=3)] == [1, 3, 0]
        assert tasks(world.claim()) == [2]

    def test_lists_come_in_the_order_that_the_lane_names(self, world: World) -> None:
        world.ready(0)
        world.queue(1, list_="mail", level="1")
        assert tasks(world.claim(lists=["mail", LIST])) == [1, 0]

    def test_a_lane_gets_nothing_from_lists_that_it_does_not_name(self, world: World) -> None:
        world.ready(0)
        world.queue(1, list_="default~async")
        assert tasks(world.claim(lists=["default~async"])) == [1]
        assert tasks(world.claim(lists=["unknown"])) == []

    def test_work_given_back_is_first_again(self, world: World) -> None:
        world.ready(0, 1, 2)
        world.claim(limit=1)
        world.worker.release("W.0", ["r1,0"])
        assert tasks(world.claim()) == [0, 1, 2]


class TestHints:
    """What is popped counts only if the record says so."""

    def test_an_attempt_that_is_not_queued_any_more_is_dropped(self, world: World) -> None:
        world.ready(0, 1, 2)
        world.scheduler.stop_run("r1", RunState.CANCELLED)
        world.raw("end_tasks", "s1", 1, "r1", "C", "0", 0, 1, 2)
        assert world.claim() == []
        assert f"ready:{LIST}:5" not in world.dump()
        assert world.dump()["worker:W.0:claims"] == {"#": "1"}

    def test_an_older_attempt_s_entry_is_dropped(self, world: World) -> None:
        world.ready(0)
        world.link.call("HSET", world.keys.tasks("r1"), "0", "Q2,,0,,")
        assert world.claim() == []

    def test_an_entry_that_is_there_twice_is_claimed_once(self, world: World) -> None:
        world.ready(0, 1)
        world.scheduler.requeue("r1", [(0, LIST, "5"), (1, LIST, "5")])
        assert tasks(world.claim()) == [0, 1]
        assert world.claim() == []

    @pytest.mark.parametrize("ending", ["stop", "finish", "loss"])
    def test_nothing_of_a_run_that_does_not_go_on_is_claimed(
        self, world: World, ending: str
    ) -> None:
        world.ready(0)
        if ending == "stop":
            world.client.cancel("r1")
        elif ending == "finish":
            world.finish(outcome="cancelled")
        else:
            world.link.call("DEL", world.keys.run("r1"), world.keys.tasks("r1"))
        before = world.records()
        assert world.claim() == []
        assert world.records() == before

    def test_entries_that_make_no_sense_are_dropped(self, world: World) -> None:
        world.ready(0)
        world.link.call("LPUSH", world.keys.ready(LIST, "5"), "nonsense", "r1,x,1", "r1,1")
        assert tasks(world.claim()) == [0]


class TestSuspects:
    """A task that may have killed its worker is claimed alone, so that a death names its cause."""

    def suspect(self, world: World) -> None:
        world.ready(0, 1, 2, lanes=["W.0", "W.1"])
        world.claim("W.1", 1)
        executing = ["r1,0", "r9,0"]  # in both lanes of the child: nobody knows which it was
        assert world.worker.reap_child("W.1", executing, 3, b"error") == [("r1", 0, "!")]
        world.register(lanes=["W.0", "W.1"])

    def test_it_comes_before_everything_and_alone(self, world: World) -> None:
        self.suspect(world)
        assert world.dump()["levels"] == {LIST: "!5"}
        assert [(claim.task, claim.attempt, claim.spent) for claim in world.claim()] == [
            (0, 2, Spent.decode("0/1!"))
        ]
        assert tasks(world.claim("W.1")) == [1, 2]

    def test_a_lane_that_holds_something_makes_room_for_it(self, world: World) -> None:
        # It would otherwise never be free for the suspect under constant load.
        self.suspect(world)
        world.link.call("HSET", world.keys.claims("W.0"), "r1,3", f"1,0,{LIST},5")
        assert world.claim("W.0") == []
        assert tasks(world.claim("W.1")) == [0]
        assert tasks(world.claim("W.0")) == [1, 2]

    def test_outcomes_recorded_in_the_same_call_make_a_lane_free_for_it(self, world: World) -> None:
        self.suspect(world)
        world.queue(3, level="9")
        (first,) = world.claim("W.1", 1)
        assert first.task == 0
        world.worker.release("W.1", ["r1,0"])
        assert tasks(world.claim("W.0", 1)) == [0]
        exchange = world.worker.complete("W.0", [done(0, attempt=2)], 99, 5, 1, [LIST])
        assert tasks(list(exchange.claims)) == [3, 1, 2]


class TestFairShare:
    def test_a_short_list_is_divided_among_the_claimers(self, world: World) -> None:
        world.ready(*range(10), total=10, lanes=["W.0", "W.1"])
        assert len(world.claim("W.0", 100, share=3)) == 4
        assert len(world.claim("W.1", 100, share=3)) == 2

    def test_the_last_one_is_not_divided(self, world: World) -> None:
        world.ready(0)
        assert tasks(world.claim(share=8)) == [0]

    def test_stale_entries_do_not_use_up_a_share(self, world: World) -> None:
        world.ready(0, 1, 2, 3)
        stale = [f"r1,{task},7" for task in range(3)]
        world.link.call("LPUSH", world.keys.ready(LIST, "5"), *stale)
        assert len(world.claim(share=7)) == 1


class TestCallNumbers:
    """A reply can be lost: the same call number gives the same attempts again."""

    def test_the_same_number_returns_the_same_and_changes_nothing(self, world: World) -> None:
        world.ready(0, 1, 2, 3)
        world.submit("r2", params=b"\x80")
        world.queue(1, run="r2")
        first = world.worker.complete("W.0", [], 1, 3, 1, [LIST])
        for _ in range(3):
            world.now += 10
            assert world.changed_by(lambda: world.worker.complete("W.0", [], 1, 3, 1, [LIST])) == {}
            again = world.worker.complete("W.0", [], 1, 3, 1, [LIST])
            assert sorted(again.claims, key=str) == sorted(first.claims, key=str)
            assert again.held == first.held

    def test_the_next_number_gets_the_next(self, world: World) -> None:
        world.ready(0, 1)
        assert tasks(world.claim(limit=1)) == [0]
        assert tasks(world.claim(limit=1)) == [1]

    def test_it_returns_nothing_of_earlier_calls(self, world: World) -> None:
        world.ready(0, 1)
        world.worker.complete("W.0", [], 1, 1, 1, [LIST])
        world.worker.complete("W.0", [], 2, 1, 1, [LIST])
        again = world.worker.complete("W.0", [], 2, 1, 1, [LIST])
        assert tasks(list(again.claims)) == [1]

    def test_a_heartbeat_in_between_makes_no_lane_forget_its_last_call(self, world: World) -> None:
        world.ready(0, 1)
        first = world.worker.complete("W.0", [], 1, 1, 1, [LIST])
        world.worker.heartbeat("W", 1000, ["W.0"])
        assert world.worker.complete("W.0", [], 1, 1, 1, [LIST]) == first

    def test_what_was_ended_meanwhile_is_not_returned_again(self, world: World) -> None:
        world.ready(0, 1)
        world.worker.complete("W.0", [], 1, 5, 1, [LIST])
        world.worker.complete("W.0", [done(0)], 1, 0, 1, [LIST])
        again = world.worker.complete("W.0", [], 1, 5, 1, [LIST])
        assert tasks(list(again.claims)) == [1]

    def test_a_lost_reply_to_outcomes_with_a_claim(self, world: World) -> None:
        world.ready(0, 1, 2)
        world.worker.complete("W.0", [], 1, 1, 1, [LIST])
        first = world.worker.complete("W.0", [done(0, payload=b"x")], 2, 1, 1, [LIST])
        before = world.dump()
        again = world.worker.complete("W.0", [done(0, payload=b"x")], 2, 1, 1, [LIST])
        assert (again, world.dump()) == (first, before)
        assert tasks(list(again.claims)) == [1]
        assert list(again.stale) == []


class TestWakeTokens:
    def test_there_is_one_per_attempt_up_to_a_bound(self, world: World) -> None:
        world.ready(0, total=100)
        assert world.dump()[f"wake:{LIST}"] == ["1"]
        world.queue(*range(1, 100))
        assert len(world.dump()[f"wake:{LIST}"]) == 32

    def test_one_script_that_queues_many_times_wakes_as_many(self, world: World) -> None:
        """Ten runs of one task, queued at once, once woke a single worker of ten."""
        for number in range(10):
            world.submit(f"r{number}")
        world.acquire_lease()
        world.apply(*(word for n in range(10) for word in ("queue", f"r{n}", LIST, "5", "", 1, 0)))
        assert len(world.dump()[f"wake:{LIST}"]) == 10

    def test_they_go_when_the_list_is_drained(self, world: World) -> None:
        world.ready(0, 1)
        world.claim(limit=1)
        assert len(world.dump()[f"wake:{LIST}"]) == 2
        world.claim(limit=5)
        assert f"wake:{LIST}" not in world.dump()

    def test_waiting_ends_with_a_token_or_with_the_time(self, world: World) -> None:
        world.ready(0)
        assert world.worker.wait_for_work(["other", LIST], 5.0) is True
        assert world.worker.wait_for_work(["other", LIST], 0.01) is False


class TestWorkers:
    def test_registering_and_renewing(self, world: World) -> None:
        pulse = world.worker.heartbeat("W", 500, ["W.0", "W.0a"], b"about")
        assert (pulse.workers, pulse.held, pulse.stops) == (1, {"W.0": 0, "W.0a": 0}, {})
        assert world.dump() == {
            "workers": {"W": START + 500},
            "worker:W": {"about": "about", "lanes": "W.0 W.0a"},
            "worker:W.0:claims": {"#": "0"},
            "worker:W.0a:claims": {"#": "0"},
            EXPIRING: [],
        }
        world.now += 400
        changed = world.changed_by(lambda: world.worker.heartbeat("W", 500, ["W.0", "W.0a"]))
        assert changed == {"workers": {"W": START + 900}}

    def test_a_worker_that_was_declared_dead_does_not_come_back(self, world: World) -> None:
        with pytest.raises(LeaseLost, match="worker W was declared dead: its lease of 500 ms"):
            world.worker.heartbeat("W", 500, ["W.0"])
        assert world.dump() == {EXPIRING: []}

    def test_the_reply_says_what_each_lane_holds_and_should_stop(self, world: World) -> None:
        world.running(0, 1, lanes=["W.0", "W.1"])
        world.client.cancel("r1")
        assert world.raw("end_tasks", "s1", 1, "r1", "C", "1", 0, 2)[2] == b"0"
        pulse = world.worker.heartbeat("W", HOUR_MS, ["W.0", "W.1"])
        assert (pulse.held, pulse.stops) == ({"W.0": 2, "W.1": 0}, {"W.0": ["r1,0,1"]})
        assert world.worker.holdings("W.0") == [b"r1,0", b"r1,1"]

    def test_alive_and_expired(self, world: World) -> None:
        world.worker.heartbeat("A", 500, ["A.0"], b"first")
        world.worker.heartbeat("B", 900, ["B.0", "B.1"], msgpack.packb({"host": "h", "pid": 7}))
        world.now += 500
        assert world.client.alive_workers() == [WorkerInfo("B", host="h", pid=7)]
        assert world.scheduler.expired_workers() == [(b"A", ["A.0"])]

    def test_a_worker_is_retired_once_it_holds_nothing(self, world: World) -> None:
        world.running(0)
        before = world.dump()
        assert world.worker.retire("W", ["W.0"]) is False
        assert world.raw("retire", "W", "W.0") == [b"HOLDS", b"W.0"]
        assert world.dump() == before
        world.complete(done(0))
        changed = world.changed_by(lambda: world.worker.retire("W", ["W.0"]))
        assert changed == {"workers": None, "worker:W": None, "worker:W.0:claims": None}
        assert world.worker.retire("W", ["W.0"]) is True
