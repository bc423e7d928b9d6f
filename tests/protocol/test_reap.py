"""Taking back what a dead lane held, and whom its death is blamed on."""

from __future__ import annotations

import pytest
from world import LIST, World, done

from flowkit.exceptions import LeaseLost
from flowkit.protocol.spent import Spent
from flowkit.protocol.worker_store import NOBODY

MOST = 3


def dead(world: World, lane: str = "W.0") -> list[tuple[str, int, str]]:
    """The leader reaps a lane of a worker whose lease is over."""
    world.link.call("ZADD", world.keys.workers(), world.now, lane.partition(".")[0])
    return world.scheduler.reap(lane, MOST, b"lost")


def executing(world: World, *tasks: int, known: bool = True) -> dict[int, str]:
    """The parent of lane W.0 reports its death while these tasks were executing."""
    keys = [f"r1,{task}" for task in tasks]
    reaped = world.worker.reap_child("W.0", keys, MOST, b"lost", known=known)
    assert {run for run, _, _ in reaped} <= {"r1"}
    return {task: code for _, task, code in reaped}


class TestBlame:
    def test_the_one_that_was_executing_is_blamed_and_no_other(self, world: World) -> None:
        world.running(0, 1, 2)
        changed = world.changed_by(lambda: executing(world, 1))
        assert changed == {
            "run:r1:tasks": {"0": "Q1,,0,,", "1": "Q2,,1,,", "2": "Q1,,0,,"},
            "worker:W.0:claims": None,
            f"ready:{LIST}:5": changed[f"ready:{LIST}:5"],
            f"wake:{LIST}": ["1", "1", "1"],
        }
        assert sorted(changed[f"ready:{LIST}:5"]) == ["r1,0,1", "r1,1,2", "r1,2,1"]

    def test_of_several_that_executed_each_becomes_a_suspect(self, world: World) -> None:
        world.running(0, 1, 2)
        assert executing(world, 0, 2) == {0: "!", 1: "Q", 2: "!"}
        assert world.records() == {"0": "Q2,,0/1!,,", "1": "Q1,,0,,", "2": "Q2,,0/1!,,"}
        assert sorted(world.dump()[f"ready:{LIST}:!"]) == ["r1,0,2", "r1,2,2"]
        assert world.dump()[f"ready:{LIST}:5"] == ["r1,1,1"]

    def test_nobody_was_executing(self, world: World) -> None:
        """What kills a process that executes nothing may be a task all the same: its attempt was
        claimed again and again. The first time it is bad luck; the second time it is a suspect."""
        world.running(0, 1)
        for flags, level in (("?", "5"), ("?!", "!")):
            assert executing(world) == {0: "Q", 1: "Q"}
            assert world.records() == {"0": f"Q1,,0{flags},,", "1": f"Q1,,0{flags},,"}
            assert sorted(world.dump()[f"ready:{LIST}:{level}"]) == ["r1,0,1", "r1,1,1"]
            world.register()
            claims = world.claim()
        assert len(claims) == 1, "a suspect is claimed alone"

    @pytest.mark.parametrize("flags", ["", "="])
    def test_an_attempt_that_kills_without_being_seen_fails_in_the_end(
        self, world: World, flags: str
    ) -> None:
        world.running(0)
        world.link.call("HSET", world.keys.tasks("r1"), "0", f"R1,W.0,0{flags},0,")
        codes = []
        while codes[-1:] != ["F"]:
            codes.append(executing(world)[0])
            assert len(codes) < 9, "it is claimed without end"
            world.register()
            world.claim()
        assert codes == ["Q", "Q", "D", "D", "F"]
        assert world.dump()["run:r1:errors"] == {"0": "lost"}

    def test_an_orderly_end_makes_no_suspects(self, world: World) -> None:
        world.running(0)
        world.worker.reap_child("W.0", [], MOST, b"lost", blame=NOBODY)
        assert world.records() == {"0": "Q1,,0,,"}

    def test_where_nobody_knows_all_become_suspects_the_second_time(self, world: World) -> None:
        """A hundred tasks of an hour each, lost with their machine, would run one by one."""
        world.running(0, 1)
        assert sorted(dead(world)) == [("r1", 0, "?"), ("r1", 1, "?")]
        assert world.records() == {"0": "Q2,,0/1?,,", "1": "Q2,,0/1?,,"}
        assert sorted(world.dump()[f"ready:{LIST}:5"]) == ["r1,0,2", "r1,1,2"]
        world.register()
        world.claim()
        assert sorted(dead(world)) == [("r1", 0, "!"), ("r1", 1, "!")]
        assert world.records() == {"0": "Q3,,0/2?!,,", "1": "Q3,,0/2?!,,"}
        assert f"ready:{LIST}:5" not in world.dump()

    def test_what_was_lost_by_nobody_s_fault_spends_no_retry(self, world: World) -> None:
        world.running(0)
        dead(world)
        world.register()
        (claim,) = world.claim()
        assert (claim.attempt, claim.spent.failures(claim.attempt)) == (2, 1)

    def test_a_parent_that_does_not_know_says_so(self, world: World) -> None:
        world.running(0)
        assert executing(world, known=False) == {0: "?"}

    def test_a_suspect_that_was_alone_is_blamed_though_nobody_saw_it(self, world: World) -> None:
        world.running(0)
        dead(world)
        world.register()
        world.claim()
        dead(world)
        for deaths in (1, 2):
            world.register()
            (claim,) = world.claim()
            assert claim.spent == Spent.decode(f"{deaths - 1}/2?!")
            assert dead(world) == [("r1", 0, "D")]
            assert world.records() == {"0": f"Q{deaths + 3},,{deaths}/2?!,,"}
        world.register()
        world.claim()
        assert dead(world) == [("r1", 0, "F")]

    def test_a_task_that_killed_too_often_fails_for_good(self, world: World) -> None:
        world.running(0, 1)
        world.link.call("HSET", world.keys.tasks("r1"), "0", "R3,W.0,2,0,")
        world.now += 9
        assert executing(world, 0) == {0: "F", 1: "Q"}
        found = world.dump()
        assert found["run:r1:tasks"]["0"] == "F3,W.0,3,0,9"
        assert found["run:r1:errors"] == {"0": "lost"}
        assert found["events"][-1] == {"F": "r1 0"}

    def test_deaths_do_not_spend_retries(self, world: World) -> None:
        world.running(0)
        executing(world, 0)
        world.register()
        (claim,) = world.claim()
        assert (claim.attempt, claim.spent) == (2, Spent(1))
        world.complete(done(0, "F", attempt=2))
        assert world.scheduler.read_records("r1", [0])[0].spent.failures(2) == 1


class TestWhatIsTakenBack:
    def test_outcomes_that_were_recorded_stay(self, world: World) -> None:
        world.running(0, 1)
        world.complete(done(0, payload=b"result"))
        assert executing(world, 0, 1) == {1: "!"}
        assert world.records()["0"].startswith("S1")

    def test_a_claim_whose_record_went_elsewhere_is_only_dropped(self, world: World) -> None:
        world.running(0)
        world.link.call("HSET", world.keys.tasks("r1"), "0", "R2,X.0,0,0,")
        before = world.dump()
        assert executing(world, 0) == {}
        assert world.records() == before["run:r1:tasks"]
        assert f"ready:{LIST}:5" not in world.dump()

    def test_in_a_stopping_run_it_ends_as_cancelled(self, world: World) -> None:
        world.running(0, 1)
        world.client.cancel("r1")
        world.raw("end_tasks", "s1", 1, "r1", "C", "1", 0, 1)
        assert executing(world, 0) == {0: "C", 1: "C"}
        found = world.dump()
        assert found["run:r1:tasks"] == {"0": "C1,W.0,0,0,0", "1": "C1,W.0,0,0,0"}
        assert sorted(event["C"] for event in found["events"][-2:]) == ["r1 0", "r1 1"]
        assert "worker:W.0:stops" not in found

    def test_a_run_whose_data_is_gone_is_passed_over(self, world: World) -> None:
        world.running(0)
        world.link.call("DEL", world.keys.run("r1"), world.keys.tasks("r1"))
        assert executing(world, 0) == {}
        assert "worker:W.0:claims" not in world.dump()


class TestWhoMayReap:
    def test_a_second_time_there_is_nothing(self, world: World) -> None:
        world.running(0)
        executing(world, 0)
        before = world.dump()
        assert executing(world, 0) == {}
        assert world.raw("reap", "W.0", "", "", MOST, b"", "", "") == [b"UNKNOWN"]
        assert world.dump() == before

    def test_a_worker_that_renewed_its_lease_meanwhile_is_left_alone(self, world: World) -> None:
        world.running(0)
        before = world.dump()
        assert world.scheduler.reap("W.0", MOST, b"") == []
        assert world.raw("reap", "W.0", "s1", 1, MOST, b"", "?", "") == [b"ALIVE"]
        assert world.dump() == before

    def test_a_scheduler_that_does_not_lead_is_fenced(self, world: World) -> None:
        world.running(0)
        world.link.call("ZADD", world.keys.workers(), world.now, "W")
        before = world.dump()
        world.scheduler.term = 7
        with pytest.raises(LeaseLost, match=r"scheduler s1 no longer leads \(term 7\)"):
            world.scheduler.reap("W.0", MOST, b"")
        assert world.dump() == before

    def test_a_retired_worker_s_lane_can_still_be_reaped(self, world: World) -> None:
        world.running(0)
        world.link.call("ZREM", world.keys.workers(), "W")
        assert world.scheduler.reap("W.0", MOST, b"") == [("r1", 0, "?")]
