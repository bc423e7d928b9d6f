"""Claiming: what a lane gets, in which order, and what Redis knows of it afterwards."""

from __future__ import annotations

import msgpack
import pytest
from environment import HOUR_MS, LIST, START, Environment, done
from helpers import EXPIRING

from flowkit.core.states import RunState
from flowkit.core.worker_info import WorkerInfo
from flowkit.exceptions import LeaseLost
from flowkit.protocol.spent import UNSPENT, Spent


def tasks(claims: list) -> list[int]:
    return [claim.task for claim in claims]


class TestClaim:
    def test_a_claim_writes_the_record_and_the_lane_s_claims(self, env: Environment) -> None:
        env.ready(0, 1)
        env.now += 40
        changed = env.changed_by(lambda: env.claim(limit=1))
        assert changed == {
            "run:r1:tasks": {"0": "R1,W.0,0,40,,0", "1": "Q1,,0,,,0"},
            "worker:W.0:claims": {"#": "1", "r1,0": f"1,1,{LIST},5"},
            f"ready:{LIST}:5": ["r1,1,1"],
        }

    def test_it_returns_all_that_a_worker_needs(self, env: Environment) -> None:
        env.submit(params=b"\x81\xa1a\x01")
        env.acquire_lease()
        env.register()
        env.queue(2)
        (claim,) = env.claim()
        assert (claim.run, claim.task, claim.attempt, claim.spent) == ("r1", 2, 1, UNSPENT)
        assert (claim.digest, claim.packed_params) == (env.submission().digest, b"\x81\xa1a\x01")
        assert (claim.life, claim.key) == (("r1", str(START)), "r1,2")

    def test_two_lanes_never_get_the_same_attempt(self, env: Environment) -> None:
        env.ready(0, 1, 2, 3, lanes=["W.0", "W.1"])
        assert tasks(env.claim("W.0", 2)) == [0, 1]
        assert tasks(env.claim("W.1", 100)) == [2, 3]
        assert env.claim("W.0") == []

    def test_attempts_of_several_runs_come_in_one_claim(self, env: Environment) -> None:
        env.ready(0)
        env.submit("r2")
        env.queue(3, run="r2")
        env.queue(1)
        assert [claim.key for claim in env.claim()] == ["r1,0", "r1,1", "r2,3"]

    def test_a_limit_of_zero_claims_nothing_and_leaves_the_number(self, env: Environment) -> None:
        env.ready(0)
        assert env.changed_by(lambda: env.claim(limit=0)) == {}

    def test_a_lane_that_is_not_registered_gets_nothing(self, env: Environment) -> None:
        env.ready(0)
        before = env.dump()
        with pytest.raises(LeaseLost, match=r"lane W\.7 is no longer registered"):
            env.claim("W.7")
        assert env.dump() == before

    def test_the_reply_has_the_number_of_held_claims(self, env: Environment) -> None:
        env.ready(0, 1, 2)
        assert env.worker.complete("W.0", [], 1, 2, 1, [LIST]).held == 2
        assert env.worker.complete("W.0", [done(0)], 2, 5, 1, [LIST]).held == 2
        assert env.worker.complete("W.0", [done(1), done(2)], 3, 0, 1, [LIST]).held == 0


class TestOrder:
    def test_levels_come_from_high_to_low_whenever_they_were_queued(self, env: Environment) -> None:
        env.ready(0)
        env.queue(1, level="9")
        env.queue(2, level="0")
        env.queue(3, level="7")
        assert env.dump()["levels"] == {LIST: "9750"}
        assert [claim.task for claim in env.claim(limit=3)] == [1, 3, 0]
        assert tasks(env.claim()) == [2]

    def test_lists_come_in_the_order_that_the_lane_names(self, env: Environment) -> None:
        env.ready(0)
        env.queue(1, list_="mail", level="1")
        assert tasks(env.claim(lists=["mail", LIST])) == [1, 0]

    def test_a_lane_gets_nothing_from_lists_that_it_does_not_name(self, env: Environment) -> None:
        env.ready(0)
        env.queue(1, list_="default~async")
        assert tasks(env.claim(lists=["default~async"])) == [1]
        assert tasks(env.claim(lists=["unknown"])) == []

    def test_returned_work_is_first_again(self, env: Environment) -> None:
        env.ready(0, 1, 2)
        env.claim(limit=1)
        env.worker.release("W.0", ["r1,0"])
        assert tasks(env.claim()) == [0, 1, 2]


class TestHints:
    """What is popped counts only if the record says so."""

    def test_an_attempt_that_is_no_longer_queued_is_dropped(self, env: Environment) -> None:
        env.ready(0, 1, 2)
        env.scheduler.stop_run("r1", RunState.CANCELLED)
        env.raw("end_tasks", "s1", 1, "r1", "C", "0", 0, 1, 2)
        assert env.claim() == []
        assert f"ready:{LIST}:5" not in env.dump()
        assert env.dump()["worker:W.0:claims"] == {"#": "1"}

    def test_an_older_attempt_s_entry_is_dropped(self, env: Environment) -> None:
        env.ready(0)
        env.link.call("HSET", env.keys.tasks("r1"), "0", "Q2,,0,,")
        assert env.claim() == []

    def test_a_duplicate_entry_is_claimed_once(self, env: Environment) -> None:
        env.ready(0, 1)
        env.scheduler.requeue("r1", [(0, LIST, "5"), (1, LIST, "5")])
        assert tasks(env.claim()) == [0, 1]
        assert env.claim() == []

    @pytest.mark.parametrize("ending", ["stop", "finish", "loss"])
    def test_nothing_of_a_stopped_run_is_claimed(self, env: Environment, ending: str) -> None:
        env.ready(0)
        if ending == "stop":
            env.client.cancel("r1")
        elif ending == "finish":
            env.finish(outcome="cancelled")
        else:
            env.link.call("DEL", env.keys.run("r1"), env.keys.tasks("r1"))
        before = env.records()
        assert env.claim() == []
        assert env.records() == before

    def test_invalid_entries_are_dropped(self, env: Environment) -> None:
        env.ready(0)
        env.link.call("LPUSH", env.keys.ready(LIST, "5"), "nonsense", "r1,x,1", "r1,1")
        assert tasks(env.claim()) == [0]


class TestSuspects:
    """A task that may have killed its worker is claimed alone, so that a death names its cause."""

    def suspect(self, env: Environment) -> None:
        env.ready(0, 1, 2, lanes=["W.0", "W.1"])
        env.claim("W.1", 1)
        executing = ["r1,0", "r9,0"]  # in both lanes of the child: nobody knows which it was
        assert env.worker.reap_child("W.1", executing, 3, b"error") == [("r1", 0, "!")]
        env.register(lanes=["W.0", "W.1"])

    def test_it_comes_before_everything_and_alone(self, env: Environment) -> None:
        self.suspect(env)
        assert env.dump()["levels"] == {LIST: "!5"}
        assert [(claim.task, claim.attempt, claim.spent) for claim in env.claim()] == [
            (0, 2, Spent.decode("0/1!"))
        ]
        assert tasks(env.claim("W.1")) == [1, 2]

    def test_a_lane_that_holds_something_makes_room_for_it(self, env: Environment) -> None:
        # It would otherwise never be free for the suspect under constant load.
        self.suspect(env)
        env.link.call("HSET", env.keys.claims("W.0"), "r1,3", f"1,0,{LIST},5")
        assert env.claim("W.0") == []
        assert tasks(env.claim("W.1")) == [0]
        assert tasks(env.claim("W.0")) == [1, 2]

    def test_outcomes_recorded_in_the_same_call_make_a_lane_free_for_it(
        self, env: Environment
    ) -> None:
        self.suspect(env)
        env.queue(3, level="9")
        (first,) = env.claim("W.1", 1)
        assert first.task == 0
        env.worker.release("W.1", ["r1,0"])
        assert tasks(env.claim("W.0", 1)) == [0]
        exchange = env.worker.complete("W.0", [done(0, attempt=2)], 99, 5, 1, [LIST])
        assert tasks(list(exchange.claims)) == [3, 1, 2]


class TestFairShare:
    def test_a_short_list_is_divided_among_the_claimers(self, env: Environment) -> None:
        env.ready(*range(10), total=10, lanes=["W.0", "W.1"])
        assert len(env.claim("W.0", 100, share=3)) == 4
        assert len(env.claim("W.1", 100, share=3)) == 2

    def test_the_last_one_is_not_divided(self, env: Environment) -> None:
        env.ready(0)
        assert tasks(env.claim(share=8)) == [0]

    def test_stale_entries_do_not_use_up_a_share(self, env: Environment) -> None:
        env.ready(0, 1, 2, 3)
        stale = [f"r1,{task},7" for task in range(3)]
        env.link.call("LPUSH", env.keys.ready(LIST, "5"), *stale)
        assert len(env.claim(share=7)) == 1


class TestCallNumbers:
    """A reply can be lost: the same call number gives the same attempts again."""

    def test_the_same_number_returns_the_same_and_changes_nothing(self, env: Environment) -> None:
        env.ready(0, 1, 2, 3)
        env.submit("r2", params=b"\x80")
        env.queue(1, run="r2")
        first = env.worker.complete("W.0", [], 1, 3, 1, [LIST])
        for _ in range(3):
            env.now += 10
            assert env.changed_by(lambda: env.worker.complete("W.0", [], 1, 3, 1, [LIST])) == {}
            again = env.worker.complete("W.0", [], 1, 3, 1, [LIST])
            assert sorted(again.claims, key=str) == sorted(first.claims, key=str)
            assert again.held == first.held

    def test_the_next_number_gets_the_next(self, env: Environment) -> None:
        env.ready(0, 1)
        assert tasks(env.claim(limit=1)) == [0]
        assert tasks(env.claim(limit=1)) == [1]

    def test_it_returns_nothing_of_earlier_calls(self, env: Environment) -> None:
        env.ready(0, 1)
        env.worker.complete("W.0", [], 1, 1, 1, [LIST])
        env.worker.complete("W.0", [], 2, 1, 1, [LIST])
        again = env.worker.complete("W.0", [], 2, 1, 1, [LIST])
        assert tasks(list(again.claims)) == [1]

    def test_a_heartbeat_in_between_makes_no_lane_forget_its_last_call(
        self, env: Environment
    ) -> None:
        env.ready(0, 1)
        first = env.worker.complete("W.0", [], 1, 1, 1, [LIST])
        env.worker.heartbeat("W", 1000, ["W.0"])
        assert env.worker.complete("W.0", [], 1, 1, 1, [LIST]) == first

    def test_an_attempt_that_ended_meanwhile_is_not_returned_again(self, env: Environment) -> None:
        env.ready(0, 1)
        env.worker.complete("W.0", [], 1, 5, 1, [LIST])
        env.worker.complete("W.0", [done(0)], 1, 0, 1, [LIST])
        again = env.worker.complete("W.0", [], 1, 5, 1, [LIST])
        assert tasks(list(again.claims)) == [1]

    def test_a_lost_reply_to_outcomes_with_a_claim(self, env: Environment) -> None:
        env.ready(0, 1, 2)
        env.worker.complete("W.0", [], 1, 1, 1, [LIST])
        first = env.worker.complete("W.0", [done(0, payload=b"x")], 2, 1, 1, [LIST])
        before = env.dump()
        again = env.worker.complete("W.0", [done(0, payload=b"x")], 2, 1, 1, [LIST])
        assert (again, env.dump()) == (first, before)
        assert tasks(list(again.claims)) == [1]
        assert list(again.stale) == []


class TestWakeTokens:
    def test_there_is_one_per_attempt_up_to_a_bound(self, env: Environment) -> None:
        env.ready(0, total=100)
        assert env.dump()[f"wake:{LIST}"] == ["1"]
        env.queue(*range(1, 100))
        assert len(env.dump()[f"wake:{LIST}"]) == 32

    def test_one_script_that_queues_many_times_wakes_as_many(self, env: Environment) -> None:
        """Ten runs of one task, queued at once, once woke a single worker of ten."""
        for number in range(10):
            env.submit(f"r{number}")
        env.acquire_lease()
        env.apply(*(word for n in range(10) for word in ("queue", f"r{n}", LIST, "5", "", 1, 0)))
        assert len(env.dump()[f"wake:{LIST}"]) == 10

    def test_they_go_when_the_list_is_drained(self, env: Environment) -> None:
        env.ready(0, 1)
        env.claim(limit=1)
        assert len(env.dump()[f"wake:{LIST}"]) == 2
        env.claim(limit=5)
        assert f"wake:{LIST}" not in env.dump()

    def test_waiting_ends_with_a_token_or_with_the_time(self, env: Environment) -> None:
        env.ready(0)
        assert env.worker.wait_for_work(["other", LIST], 5.0) is True
        assert env.worker.wait_for_work(["other", LIST], 0.01) is False


class TestWorkers:
    def test_registering_and_renewing(self, env: Environment) -> None:
        pulse = env.worker.heartbeat("W", 500, ["W.0", "W.0a"], b"about")
        assert (pulse.workers, pulse.held, pulse.stops) == (1, {"W.0": 0, "W.0a": 0}, {})
        assert env.dump() == {
            "workers": {"W": START + 500},
            "worker:W": {"about": "about", "lanes": "W.0 W.0a"},
            "worker:W.0:claims": {"#": "0"},
            "worker:W.0a:claims": {"#": "0"},
            EXPIRING: [],
        }
        env.now += 400
        changed = env.changed_by(lambda: env.worker.heartbeat("W", 500, ["W.0", "W.0a"]))
        assert changed == {"workers": {"W": START + 900}}

    def test_a_worker_declared_dead_cannot_return(self, env: Environment) -> None:
        with pytest.raises(LeaseLost, match="worker W was declared dead: its lease of 500 ms"):
            env.worker.heartbeat("W", 500, ["W.0"])
        assert env.dump() == {EXPIRING: []}

    def test_the_reply_says_what_each_lane_holds_and_should_stop(self, env: Environment) -> None:
        env.running(0, 1, lanes=["W.0", "W.1"])
        env.client.cancel("r1")
        assert env.raw("end_tasks", "s1", 1, "r1", "C", "1", 0, 2)[2] == b"0"
        pulse = env.worker.heartbeat("W", HOUR_MS, ["W.0", "W.1"])
        assert (pulse.held, pulse.stops) == ({"W.0": 2, "W.1": 0}, {"W.0": ["r1,0,1"]})
        assert env.worker.holdings("W.0") == [b"r1,0", b"r1,1"]

    def test_alive_and_expired(self, env: Environment) -> None:
        env.worker.heartbeat("A", 500, ["A.0"], b"first")
        env.worker.heartbeat("B", 900, ["B.0", "B.1"], msgpack.packb({"host": "h", "pid": 7}))
        env.now += 500
        assert env.client.alive_workers() == [WorkerInfo("B", host="h", pid=7)]
        assert env.scheduler.expired_workers() == [(b"A", ["A.0"])]

    def test_a_worker_is_retired_once_it_holds_nothing(self, env: Environment) -> None:
        env.running(0)
        before = env.dump()
        assert env.worker.retire("W", ["W.0"]) is False
        assert env.raw("retire", "W", "W.0") == [b"HOLDS", b"W.0"]
        assert env.dump() == before
        env.complete(done(0))
        changed = env.changed_by(lambda: env.worker.retire("W", ["W.0"]))
        assert changed == {"workers": None, "worker:W": None, "worker:W.0:claims": None}
        assert env.worker.retire("W", ["W.0"]) is True
