"""Recording outcomes: what each kind writes, whose count, and what the scheduler hears."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from environment import LIST, START, Environment, done
from helpers import EXPIRING

from flowkit.core.states import RunState
from flowkit.exceptions import LeaseLost, RunLost
from flowkit.protocol.spent import Spent


class TestOutcomes:
    def test_success_stores_the_result(self, env: Environment) -> None:
        env.running(0)
        env.now += 30
        changed = env.changed_by(lambda: env.complete(done(0, payload=b"\xc3")))
        assert changed == {
            "run:r1:tasks": {"0": "S1,W.0,0,0,30,0"},
            "run:r1:results": {"0": "\udcc3"},
            "run:r1": {**env.dump()["run:r1"], "kept": "1"},
            "worker:W.0:claims": {"#": "1"},
            "events": [{"submit": f"r1 {env.submission().digest}"}, {"S": "r1 0"}],
        }

    def test_none_is_a_result_that_is_not_stored(self, env: Environment) -> None:
        env.running(0)
        env.complete(done(0))
        assert "run:r1:results" not in env.dump()
        assert list(env.client.read_results("r1", [0])) == [None]

    def test_lost_results_are_not_read_as_none(self, env: Environment) -> None:
        """Deleted or evicted alone, they would be handed to the tasks behind them as None."""
        env.running(0, 1, 2)
        env.complete(done(0, payload=b"result"), done(1))
        assert list(env.worker.read_results("r1", [0, 1])) == [b"result", None]
        env.link.call("DEL", env.keys.results("r1"))
        env.complete(done(2, payload=b"a later one"))
        for store in (env.worker, env.client):
            assert list(store.read_results("r1", [2])) == [b"a later one"]
            with pytest.raises(RunLost, match="results of run 'r1' are missing"):
                list(store.read_results("r1", [0]))

    def test_results_dropped_by_a_resume_are_not_reported_as_lost(self, env: Environment) -> None:
        env.running(0)
        env.complete(done(0, payload=b"result"))
        env.finish()
        env.client.resume("r1", [0])
        env.scheduler.reset("r1", [0])
        assert list(env.worker.read_results("r1", [0])) == [None]

    def test_results_stored_between_the_reads_are_not_lost(
        self, env: Environment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A batch is not one step: between its commands others have their turn, at each place."""
        env.running(0, 1, 2, 3)
        later, link = iter((2, 1, 3)), env.client.link

        def one_by_one(commands: Sequence[Sequence[Any]]) -> list[Any]:
            replies = []
            for command in commands:
                replies.append(link.call(*command))
                env.complete(done(next(later), payload=b"result"))
            return replies

        env.complete(done(0))
        monkeypatch.setattr(link, "batch", one_by_one)
        assert list(env.client.read_results("r1", [0])) == [None]

    def test_a_resume_between_the_reads_is_not_a_loss(
        self, env: Environment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        env.running(0, 1)
        env.complete(done(0), done(1, payload=b"result"))
        env.finish()
        env.client.resume("r1", [1])
        link, reset = env.client.link, iter([env.scheduler.reset])
        batch = link.batch

        def with_a_reset(commands: Sequence[Sequence[Any]]) -> list[Any]:
            first = batch(commands[:1])
            for once in reset:
                once("r1", [1])
            return first + batch(commands[1:])

        monkeypatch.setattr(link, "batch", with_a_reset)
        assert list(env.client.read_results("r1", [0])) == [None]

    def test_after_a_rerun_of_lost_results_nothing_is_missing(self, env: Environment) -> None:
        env.running(0, 1)
        env.complete(done(0, payload=b"result"), done(1))
        env.link.call("DEL", env.keys.results("r1"))
        env.finish()
        env.client.resume("r1", [0])
        assert env.scheduler.lost_results("r1", [0, 1]) == [0, 1]
        env.scheduler.reset("r1", [0, 1], recount=True)
        assert env.scheduler.lost_results("r1", []) is None
        assert list(env.worker.read_results("r1", [0, 1])) == [None, None]

    @pytest.mark.parametrize("code", ["F", "K"])
    def test_failure_and_skip_end_the_task(self, env: Environment, code: str) -> None:
        env.running(0)
        env.complete(done(0, code, payload=b"why"))
        assert env.records() == {"0": f"{code}1,W.0,0,0,0,0"}
        assert env.dump()["run:r1:errors"] == {"0": "why"}
        assert env.events()[1:] == [{code: "r1 0"}]

    def test_retry_waits_in_delayed_not_in_the_worker(self, env: Environment) -> None:
        env.running(0)
        env.now += 10
        changed = env.changed_by(lambda: env.complete(done(0, "W", delay=250, payload=b"e")))
        assert changed == {
            "run:r1": env.run_hash(history="1"),
            "run:r1:tasks": {"0": "W1,W.0,0,0,260,0,retry,10"},
            "run:r1:history": [{"retry": "0 W1,W.0,0,0,260,0,retry,10", "error": "e"}],
            "run:r1:errors": {"0": "e"},
            "delayed": {f"r1,0,2,{LIST},5": START + 260},
            "worker:W.0:claims": {"#": "1"},
            "events": [{"submit": f"r1 {env.submission().digest}"}, {"W": "r1 0"}],
        }

    def test_putting_off_is_counted_and_spends_no_retry(self, env: Environment) -> None:
        env.running(0)
        for attempt in (1, 2, 3):
            env.complete(done(0, "D", attempt=attempt, delay=5, payload=b"not here"))
            env.now += 5
            assert env.scheduler.promote(10) == (1, -1)
            (claim,) = env.claim()
            assert (claim.attempt, claim.spent) == (attempt + 1, Spent(put_off=attempt))
        spent = claim.spent
        assert (spent.put_off, spent.failures(claim.attempt)) == (3, 1)

    @pytest.mark.parametrize(
        ("spent", "then"), [("2/3!", "2/3*1!"), ("0/1*4", "0/1*5"), ("1*9!", "1*10!")]
    )
    def test_putting_off_keeps_the_other_counts(
        self, env: Environment, spent: str, then: str
    ) -> None:
        env.running(0)
        env.link.call("HSET", env.keys.tasks("r1"), "0", f"R1,W.0,{spent},0,")
        env.complete(done(0, "D"))
        assert env.records()["0"].split(",")[2] == then

    def test_a_batch_over_runs_is_one_event_per_run(self, env: Environment) -> None:
        env.running(0, 1, 2)
        env.submit("r2")
        env.queue(0, run="r2")
        env.claim()
        env.complete(done(0), done(0, run="r2"), done(2), done(1, "F"))
        assert env.events()[-2:] == [{"S": "r1 0 2", "F": "r1 1"}, {"S": "r2 0"}]

    def test_outcomes_of_a_large_batch(self, env: Environment) -> None:
        env.running(*range(500), total=500)
        env.complete(*(done(task, payload=b"r") for task in range(500)))
        assert {record[0] for record in env.records().values()} == {"S"}
        assert len(env.dump()["run:r1:results"]) == 500


class TestFence:
    @pytest.mark.parametrize(
        "outcome", [done(0, attempt=2), done(0, "W", attempt=2), done(1), done(3, run="r9")]
    )
    def test_a_wrong_attempt_or_task_is_stale_and_writes_nothing(
        self, env: Environment, outcome: object
    ) -> None:
        env.running(0)
        result: list = []
        changed = env.changed_by(lambda: result.append(env.complete(outcome)))
        assert result[0].stale == [outcome.key]
        # The lane gives up what it says it is done with, though the record is not its own.
        assert set(changed) <= {"worker:W.0:claims"}

    def test_another_lane_s_attempt_is_stale(self, env: Environment) -> None:
        env.running(0, lanes=["W.0", "W.1"])
        before = env.dump()
        assert env.complete(done(0), lane="W.1").stale == ["r1,0"]
        assert env.dump() == before

    def test_an_attempt_that_went_to_another_worker_is_stale(self, env: Environment) -> None:
        env.running(0, lanes=["W.0", "W.1"])
        env.worker.reap_child("W.0", ["r1,0"], 3, b"")
        env.register(lanes=["W.0", "W.1"])
        assert [claim.attempt for claim in env.claim("W.1")] == [2]
        before = env.dump()
        assert env.complete(done(0, payload=b"late")).stale == ["r1,0"]
        assert env.dump() == before

    def test_a_dead_lane_records_nothing(self, env: Environment) -> None:
        env.running(0)
        env.worker.reap_child("W.0", [], 3, b"")
        before = env.dump()
        with pytest.raises(LeaseLost, match=r"lane W\.0 is no longer registered"):
            env.complete(done(0))
        assert env.dump() == before

    @pytest.mark.parametrize("code", ["S", "F", "K", "W", "D"])
    def test_an_already_recorded_outcome_changes_nothing(self, env: Environment, code: str) -> None:
        env.running(0)
        env.complete(done(0, code, payload=b"x"))
        before = env.dump()
        for _ in range(3):
            env.now += 1000
            assert env.complete(done(0, code, payload=b"x")).stale == []
            assert env.dump() == before

    def test_an_outcome_of_a_deleted_run(self, env: Environment) -> None:
        env.running(0)
        env.link.call("DEL", env.keys.run("r1"), env.keys.tasks("r1"))
        assert env.complete(done(0, payload=b"x")).stale == ["r1,0"]
        assert not [name for name in env.dump() if name.startswith("run:")]


class TestStoppingRun:
    """In a run that is stopping nothing is retried or returned any more."""

    @pytest.mark.parametrize("code", ["W", "D"])
    def test_a_retry_becomes_a_failure(self, env: Environment, code: str) -> None:
        env.running(0)
        env.scheduler.stop_run("r1", RunState.FAILED)
        env.complete(done(0, code, payload=b"error"))
        result = env.dump()
        assert result["run:r1:tasks"]["0"].startswith("F1,W.0,0")
        assert result["events"][-1] == {"F": "r1 0"}
        assert "delayed" not in result
        assert result["run:r1:errors"] == {"0": "error"}

    def test_success_still_counts_and_clears_the_stop(self, env: Environment) -> None:
        env.running(0, 1)
        env.client.cancel("r1")
        env.raw("end_tasks", "s1", 1, "r1", "C", "1", 0, 1)
        assert env.dump()["worker:W.0:stops"] == {"r1,0,1", "r1,1,1"}
        env.complete(done(0, payload=b"result"))
        result = env.dump()
        assert result["run:r1:tasks"]["0"].startswith("S1")
        assert result["worker:W.0:stops"] == {"r1,1,1"}

    def test_returned_attempts_become_cancelled(self, env: Environment) -> None:
        env.running(0, 1)
        env.client.cancel("r1")
        env.raw("end_tasks", "s1", 1, "r1", "C", "1", 0, 1)
        env.now += 7
        assert env.worker.release("W.0", ["r1,0"]) == 1
        result = env.dump()
        assert result["run:r1:tasks"]["0"] == "C1,W.0,0,0,7,0"
        assert result["events"][-1] == {"C": "r1 0"}
        assert result["worker:W.0:stops"] == {"r1,1,1"}
        assert result["worker:W.0:claims"].keys() == {"#", "r1,1"}
        assert f"ready:{LIST}:5" not in result


class TestRelease:
    def test_it_returns_to_the_front_with_its_number(self, env: Environment) -> None:
        env.ready(0, 1)
        env.claim(limit=1)
        changed = env.changed_by(lambda: env.worker.release("W.0", ["r1,0"]))
        assert changed == {
            "run:r1:tasks": {"0": "Q1,,0,,,0", "1": "Q1,,0,,,0"},
            f"ready:{LIST}:5": ["r1,0,1", "r1,1,1"],
            f"wake:{LIST}": ["1", "1", "1"],
            "worker:W.0:claims": {"#": "1"},
        }

    def test_it_returns_to_its_list_and_level(self, env: Environment) -> None:
        env.ready()
        env.queue(2, list_="mail", level="8")
        env.claim(lists=["mail"])
        env.worker.release("W.0", ["r1,2"])
        assert env.dump()["ready:mail:8"] == ["r1,2,1"]

    def test_attempts_of_other_lanes_stay(self, env: Environment) -> None:
        env.running(0, lanes=["W.0", "W.1"])
        env.complete(done(0))
        before = env.dump()
        assert env.worker.release("W.1", ["r1,0", "r1,1", "r9,0"]) == 0
        assert env.worker.release("W.0", ["r1,0"]) == 0
        assert env.dump() == before

    def test_a_run_with_neither_tasks_nor_outcomes(self, env: Environment) -> None:
        env.register()
        assert env.worker.release("W.0", []) == 0
        assert env.dump()[EXPIRING] == []
