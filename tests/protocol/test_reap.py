"""Taking back what a dead lane held, and whom its death is blamed on."""

from __future__ import annotations

import pytest
from environment import LIST, Environment, done

from flowkit.exceptions import LeaseLost
from flowkit.protocol.spent import Spent
from flowkit.protocol.worker_store import NOBODY

MOST = 3


def dead(env: Environment, lane: str = "W.0") -> list[tuple[str, int, str]]:
    """The leader reaps a lane of a worker whose lease is over."""
    env.link.call("ZADD", env.keys.workers(), env.now, lane.partition(".")[0])
    return env.scheduler.reap(lane, MOST, b"lost")


def executing(env: Environment, *tasks: int, known: bool = True) -> dict[int, str]:
    """The parent of lane W.0 reports its death while these tasks were executing."""
    keys = [f"r1,{task}" for task in tasks]
    reaped = env.worker.reap_child("W.0", keys, MOST, b"lost", known=known)
    assert {run for run, _, _ in reaped} <= {"r1"}
    return {task: code for _, task, code in reaped}


class TestBlame:
    def test_only_the_executing_attempt_is_blamed(self, env: Environment) -> None:
        env.running(0, 1, 2)
        changed = env.changed_by(lambda: executing(env, 1))
        assert changed == {
            "run:r1": env.run_hash(history="1"),
            "run:r1:tasks": {"0": "Q1,,0,,,0", "1": "Q2,,1,,,0", "2": "Q1,,0,,,0"},
            "run:r1:history": [{"died": "1 R1,W.0,0,0,0,0"}],
            "worker:W.0:claims": None,
            f"ready:{LIST}:5": changed[f"ready:{LIST}:5"],
            f"wake:{LIST}": ["1", "1", "1"],
        }
        assert sorted(changed[f"ready:{LIST}:5"]) == ["r1,0,1", "r1,1,2", "r1,2,1"]

    def test_several_executing_attempts_all_become_suspects(self, env: Environment) -> None:
        env.running(0, 1, 2)
        assert executing(env, 0, 2) == {0: "!", 1: "Q", 2: "!"}
        assert env.records() == {"0": "Q2,,0/1!,,,0", "1": "Q1,,0,,,0", "2": "Q2,,0/1!,,,0"}
        assert sorted(env.dump()[f"ready:{LIST}:!"]) == ["r1,0,2", "r1,2,2"]
        assert env.dump()[f"ready:{LIST}:5"] == ["r1,1,1"]

    def test_no_attempt_was_executing(self, env: Environment) -> None:
        """What kills a process that executes nothing may be a task all the same: its attempt was
        claimed again and again. The first time it is bad luck; the second time it is a suspect."""
        env.running(0, 1)
        for flags, level in (("?", "5"), ("?!", "!")):
            assert executing(env) == {0: "Q", 1: "Q"}
            assert env.records() == {"0": f"Q1,,0{flags},,,0", "1": f"Q1,,0{flags},,,0"}
            assert sorted(env.dump()[f"ready:{LIST}:{level}"]) == ["r1,0,1", "r1,1,1"]
            env.register()
            claims = env.claim()
        assert len(claims) == 1, "a suspect is claimed alone"

    @pytest.mark.parametrize("flags", ["", "="])
    def test_an_attempt_that_kills_unseen_fails_in_the_end(
        self, env: Environment, flags: str
    ) -> None:
        env.running(0)
        env.link.call("HSET", env.keys.tasks("r1"), "0", f"R1,W.0,0{flags},0,")
        codes = []
        while codes[-1:] != ["F"]:
            codes.append(executing(env)[0])
            assert len(codes) < 9, "it is claimed without end"
            env.register()
            env.claim()
        assert codes == ["Q", "Q", "D", "D", "F"]
        assert env.dump()["run:r1:errors"] == {"0": "lost"}

    def test_an_orderly_end_makes_no_suspects(self, env: Environment) -> None:
        env.running(0)
        env.worker.reap_child("W.0", [], MOST, b"lost", blame=NOBODY)
        assert env.records() == {"0": "Q1,,0,,,0"}

    def test_if_unknown_all_become_suspects_the_second_time(self, env: Environment) -> None:
        """A hundred tasks of an hour each, lost with their machine, would run one by one."""
        env.running(0, 1)
        assert sorted(dead(env)) == [("r1", 0, "?"), ("r1", 1, "?")]
        assert env.records() == {"0": "Q2,,0/1?,,,0", "1": "Q2,,0/1?,,,0"}
        assert sorted(env.dump()[f"ready:{LIST}:5"]) == ["r1,0,2", "r1,1,2"]
        env.register()
        env.claim()
        assert sorted(dead(env)) == [("r1", 0, "!"), ("r1", 1, "!")]
        assert env.records() == {"0": "Q3,,0/2?!,,,0", "1": "Q3,,0/2?!,,,0"}
        assert f"ready:{LIST}:5" not in env.dump()

    def test_an_attempt_lost_without_fault_spends_no_retry(self, env: Environment) -> None:
        env.running(0)
        dead(env)
        env.register()
        (claim,) = env.claim()
        assert (claim.attempt, claim.spent.failures(claim.attempt)) == (2, 1)

    def test_a_parent_that_does_not_know_says_so(self, env: Environment) -> None:
        env.running(0)
        assert executing(env, known=False) == {0: "?"}

    def test_a_lone_suspect_is_blamed_even_if_unseen(self, env: Environment) -> None:
        env.running(0)
        dead(env)
        env.register()
        env.claim()
        dead(env)
        for deaths in (1, 2):
            env.register()
            (claim,) = env.claim()
            assert claim.spent == Spent.decode(f"{deaths - 1}/2?!")
            assert dead(env) == [("r1", 0, "D")]
            assert env.records() == {"0": f"Q{deaths + 3},,{deaths}/2?!,,,0"}
        env.register()
        env.claim()
        assert dead(env) == [("r1", 0, "F")]

    def test_a_task_that_killed_too_often_fails_for_good(self, env: Environment) -> None:
        env.running(0, 1)
        env.link.call("HSET", env.keys.tasks("r1"), "0", "R3,W.0,2,0,")
        env.now += 9
        assert executing(env, 0) == {0: "F", 1: "Q"}
        result = env.dump()
        assert result["run:r1:tasks"]["0"] == "F3,W.0,3,0,9"
        assert result["run:r1:errors"] == {"0": "lost"}
        assert result["events"][-1] == {"F": "r1 0"}

    def test_deaths_do_not_spend_retries(self, env: Environment) -> None:
        env.running(0)
        executing(env, 0)
        env.register()
        (claim,) = env.claim()
        assert (claim.attempt, claim.spent) == (2, Spent(1))
        env.complete(done(0, "F", attempt=2))
        assert env.scheduler.read_records("r1", [0])[0].spent.failures(2) == 1


class TestWhatIsTakenBack:
    def test_recorded_outcomes_stay(self, env: Environment) -> None:
        env.running(0, 1)
        env.complete(done(0, payload=b"result"))
        assert executing(env, 0, 1) == {1: "!"}
        assert env.records()["0"].startswith("S1")

    def test_a_claim_whose_record_moved_on_is_only_dropped(self, env: Environment) -> None:
        env.running(0)
        env.link.call("HSET", env.keys.tasks("r1"), "0", "R2,X.0,0,0,")
        before = env.dump()
        assert executing(env, 0) == {}
        assert env.records() == before["run:r1:tasks"]
        assert f"ready:{LIST}:5" not in env.dump()

    def test_in_a_stopping_run_it_ends_as_cancelled(self, env: Environment) -> None:
        env.running(0, 1)
        env.client.cancel("r1")
        env.raw("end_tasks", "s1", 1, "r1", "C", "1", 0, 1)
        assert executing(env, 0) == {0: "C", 1: "C"}
        result = env.dump()
        assert result["run:r1:tasks"] == {"0": "C1,W.0,0,0,0,0", "1": "C1,W.0,0,0,0,0"}
        assert sorted(event["C"] for event in result["events"][-2:]) == ["r1 0", "r1 1"]
        assert "worker:W.0:stops" not in result

    def test_a_deleted_run_is_skipped(self, env: Environment) -> None:
        env.running(0)
        env.link.call("DEL", env.keys.run("r1"), env.keys.tasks("r1"))
        assert executing(env, 0) == {}
        assert "worker:W.0:claims" not in env.dump()


class TestWhoMayReap:
    def test_a_second_reap_finds_nothing(self, env: Environment) -> None:
        env.running(0)
        executing(env, 0)
        before = env.dump()
        assert executing(env, 0) == {}
        assert env.raw("reap", "W.0", "", "", MOST, b"", "", "") == [b"UNKNOWN"]
        assert env.dump() == before

    def test_a_worker_that_renewed_its_lease_is_not_reaped(self, env: Environment) -> None:
        env.running(0)
        before = env.dump()
        assert env.scheduler.reap("W.0", MOST, b"") == []
        assert env.raw("reap", "W.0", "s1", 1, MOST, b"", "?", "") == [b"ALIVE"]
        assert env.dump() == before

    def test_a_scheduler_that_does_not_lead_is_fenced(self, env: Environment) -> None:
        env.running(0)
        env.link.call("ZADD", env.keys.workers(), env.now, "W")
        before = env.dump()
        env.scheduler.term = 7
        with pytest.raises(LeaseLost, match=r"scheduler s1 no longer leads \(term 7\)"):
            env.scheduler.reap("W.0", MOST, b"")
        assert env.dump() == before

    def test_a_retired_worker_s_lane_can_still_be_reaped(self, env: Environment) -> None:
        env.running(0)
        env.link.call("ZREM", env.keys.workers(), "W")
        assert env.scheduler.reap("W.0", MOST, b"") == [("r1", 0, "?")]
