"""Recording outcomes: what each kind writes, whose count, and what the scheduler hears."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from helpers import EXPIRING
from world import LIST, START, World, done

from flowkit.core.states import RunState
from flowkit.exceptions import LeaseLost, RunLost
from flowkit.protocol.spent import Spent


class TestOutcomes:
    def test_success_stores_the_result(self, world: World) -> None:
        world.running(0)
        world.now += 30
        changed = world.changed_by(lambda: world.complete(done(0, payload=b"\xc3")))
        assert changed == {
            "run:r1:tasks": {"0": "S1,W.0,0,0,30"},
            "run:r1:results": {"0": "\udcc3"},
            "run:r1": {**world.dump()["run:r1"], "kept": "1"},
            "worker:W.0:claims": {"#": "1"},
            "events": [{"submit": f"r1 {world.submission().digest}"}, {"S": "r1 0"}],
        }

    def test_none_is_a_result_that_is_not_stored(self, world: World) -> None:
        world.running(0)
        world.complete(done(0))
        assert "run:r1:results" not in world.dump()
        assert list(world.client.read_results("r1", [0])) == [None]

    def test_results_that_are_gone_are_not_taken_for_none(self, world: World) -> None:
        """Deleted or evicted alone, they would be handed to the tasks behind them as None."""
        world.running(0, 1, 2)
        world.complete(done(0, payload=b"result"), done(1))
        assert list(world.worker.read_results("r1", [0, 1])) == [b"result", None]
        world.link.call("DEL", world.keys.results("r1"))
        world.complete(done(2, payload=b"a later one"))
        for store in (world.worker, world.client):
            assert list(store.read_results("r1", [2])) == [b"a later one"]
            with pytest.raises(RunLost, match="results of run 'r1' are missing"):
                list(store.read_results("r1", [0]))

    def test_results_that_a_resume_has_dropped_are_not_missed(self, world: World) -> None:
        world.running(0)
        world.complete(done(0, payload=b"result"))
        world.finish()
        world.client.resume("r1", [0])
        world.scheduler.reset("r1", [0])
        assert list(world.worker.read_results("r1", [0])) == [None]

    def test_what_is_stored_between_the_questions_is_not_taken_for_lost(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A batch is not one step: between its commands others have their turn, at each place."""
        world.running(0, 1, 2, 3)
        later, link = iter((2, 1, 3)), world.client.link

        def one_by_one(commands: Sequence[Sequence[Any]]) -> list[Any]:
            replies = []
            for command in commands:
                replies.append(link.call(*command))
                world.complete(done(next(later), payload=b"result"))
            return replies

        world.complete(done(0))
        monkeypatch.setattr(link, "batch", one_by_one)
        assert list(world.client.read_results("r1", [0])) == [None]

    def test_a_resume_between_the_questions_is_not_taken_for_a_loss(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.running(0, 1)
        world.complete(done(0), done(1, payload=b"result"))
        world.finish()
        world.client.resume("r1", [1])
        link, reset = world.client.link, iter([world.scheduler.reset])
        batch = link.batch

        def with_a_reset(commands: Sequence[Sequence[Any]]) -> list[Any]:
            first = batch(commands[:1])
            for once in reset:
                once("r1", [1])
            return first + batch(commands[1:])

        monkeypatch.setattr(link, "batch", with_a_reset)
        assert list(world.client.read_results("r1", [0])) == [None]

    def test_once_what_was_lost_is_made_again_nothing_is_missed(self, world: World) -> None:
        world.running(0, 1)
        world.complete(done(0, payload=b"result"), done(1))
        world.link.call("DEL", world.keys.results("r1"))
        world.finish()
        world.client.resume("r1", [0])
        assert world.scheduler.lost_results("r1", [0, 1]) == [0, 1]
        world.scheduler.reset("r1", [0, 1], recount=True)
        assert world.scheduler.lost_results("r1", []) is None
        assert list(world.worker.read_results("r1", [0, 1])) == [None, None]

    @pytest.mark.parametrize("code", ["F", "K"])
    def test_failure_and_skip_end_the_task(self, world: World, code: str) -> None:
        world.running(0)
        world.complete(done(0, code, payload=b"why"))
        assert world.records() == {"0": f"{code}1,W.0,0,0,0"}
        assert world.dump()["run:r1:errors"] == {"0": "why"}
        assert world.events()[1:] == [{code: "r1 0"}]

    def test_retry_waits_in_delayed_not_in_the_worker(self, world: World) -> None:
        world.running(0)
        world.now += 10
        changed = world.changed_by(lambda: world.complete(done(0, "W", delay=250, payload=b"e")))
        assert changed == {
            "run:r1:tasks": {"0": "W1,W.0,0,0,260"},
            "run:r1:errors": {"0": "e"},
            "delayed": {f"r1,0,2,{LIST},5": START + 260},
            "worker:W.0:claims": {"#": "1"},
            "events": [{"submit": f"r1 {world.submission().digest}"}, {"W": "r1 0"}],
        }

    def test_putting_off_is_counted_and_spends_no_retry(self, world: World) -> None:
        world.running(0)
        for attempt in (1, 2, 3):
            world.complete(done(0, "D", attempt=attempt, delay=5, payload=b"not here"))
            world.now += 5
            assert world.scheduler.promote(10) == (1, -1)
            (claim,) = world.claim()
            assert (claim.attempt, claim.spent) == (attempt + 1, Spent(put_off=attempt))
        spent = claim.spent
        assert (spent.put_off, spent.failures(claim.attempt)) == (3, 1)

    @pytest.mark.parametrize(
        ("spent", "then"), [("2/3!", "2/3*1!"), ("0/1*4", "0/1*5"), ("1*9!", "1*10!")]
    )
    def test_putting_off_keeps_the_other_counts(self, world: World, spent: str, then: str) -> None:
        world.running(0)
        world.link.call("HSET", world.keys.tasks("r1"), "0", f"R1,W.0,{spent},0,")
        world.complete(done(0, "D"))
        assert world.records()["0"].split(",")[2] == then

    def test_a_batch_over_runs_is_one_event_per_run(self, world: World) -> None:
        world.running(0, 1, 2)
        world.submit("r2")
        world.queue(0, run="r2")
        world.claim()
        world.complete(done(0), done(0, run="r2"), done(2), done(1, "F"))
        assert world.events()[-2:] == [{"S": "r1 0 2", "F": "r1 1"}, {"S": "r2 0"}]

    def test_outcomes_of_a_large_batch(self, world: World) -> None:
        world.running(*range(500), total=500)
        world.complete(*(done(task, payload=b"r") for task in range(500)))
        assert {record[0] for record in world.records().values()} == {"S"}
        assert len(world.dump()["run:r1:results"]) == 500


class TestFence:
    @pytest.mark.parametrize(
        "outcome", [done(0, attempt=2), done(0, "W", attempt=2), done(1), done(3, run="r9")]
    )
    def test_a_wrong_attempt_or_task_is_stale_and_writes_nothing(
        self, world: World, outcome: object
    ) -> None:
        world.running(0)
        found: list = []
        changed = world.changed_by(lambda: found.append(world.complete(outcome)))
        assert found[0].stale == [outcome.key]
        # The lane gives up what it says it is done with, though the record is not its own.
        assert set(changed) <= {"worker:W.0:claims"}

    def test_another_lane_s_attempt_is_stale(self, world: World) -> None:
        world.running(0, lanes=["W.0", "W.1"])
        before = world.dump()
        assert world.complete(done(0), lane="W.1").stale == ["r1,0"]
        assert world.dump() == before

    def test_an_attempt_that_went_to_another_worker_is_stale(self, world: World) -> None:
        world.running(0, lanes=["W.0", "W.1"])
        world.worker.reap_child("W.0", ["r1,0"], 3, b"")
        world.register(lanes=["W.0", "W.1"])
        assert [claim.attempt for claim in world.claim("W.1")] == [2]
        before = world.dump()
        assert world.complete(done(0, payload=b"late")).stale == ["r1,0"]
        assert world.dump() == before

    def test_a_dead_lane_records_nothing(self, world: World) -> None:
        world.running(0)
        world.worker.reap_child("W.0", [], 3, b"")
        before = world.dump()
        with pytest.raises(LeaseLost, match=r"lane W\.0 is no longer registered"):
            world.complete(done(0))
        assert world.dump() == before

    @pytest.mark.parametrize("code", ["S", "F", "K", "W", "D"])
    def test_an_outcome_that_is_recorded_already_is_no_news(self, world: World, code: str) -> None:
        world.running(0)
        world.complete(done(0, code, payload=b"x"))
        before = world.dump()
        for _ in range(3):
            world.now += 1000
            assert world.complete(done(0, code, payload=b"x")).stale == []
            assert world.dump() == before

    def test_an_outcome_of_a_run_whose_data_is_gone(self, world: World) -> None:
        world.running(0)
        world.link.call("DEL", world.keys.run("r1"), world.keys.tasks("r1"))
        assert world.complete(done(0, payload=b"x")).stale == ["r1,0"]
        assert not [name for name in world.dump() if name.startswith("run:")]


class TestStoppingRun:
    """In a run that is stopping nothing is retried or given back any more."""

    @pytest.mark.parametrize("code", ["W", "D"])
    def test_a_retry_becomes_a_failure(self, world: World, code: str) -> None:
        world.running(0)
        world.scheduler.stop_run("r1", RunState.FAILED)
        world.complete(done(0, code, payload=b"error"))
        found = world.dump()
        assert found["run:r1:tasks"]["0"].startswith("F1,W.0,0")
        assert found["events"][-1] == {"F": "r1 0"}
        assert "delayed" not in found
        assert found["run:r1:errors"] == {"0": "error"}

    def test_success_still_counts_and_clears_the_stop(self, world: World) -> None:
        world.running(0, 1)
        world.client.cancel("r1")
        world.raw("end_tasks", "s1", 1, "r1", "C", "1", 0, 1)
        assert world.dump()["worker:W.0:stops"] == {"r1,0,1", "r1,1,1"}
        world.complete(done(0, payload=b"result"))
        found = world.dump()
        assert found["run:r1:tasks"]["0"].startswith("S1")
        assert found["worker:W.0:stops"] == {"r1,1,1"}

    def test_what_is_released_becomes_cancelled(self, world: World) -> None:
        world.running(0, 1)
        world.client.cancel("r1")
        world.raw("end_tasks", "s1", 1, "r1", "C", "1", 0, 1)
        world.now += 7
        assert world.worker.release("W.0", ["r1,0"]) == 1
        found = world.dump()
        assert found["run:r1:tasks"]["0"] == "C1,W.0,0,0,7"
        assert found["events"][-1] == {"C": "r1 0"}
        assert found["worker:W.0:stops"] == {"r1,1,1"}
        assert found["worker:W.0:claims"].keys() == {"#", "r1,1"}
        assert f"ready:{LIST}:5" not in found


class TestRelease:
    def test_it_goes_back_first_in_line_with_its_number(self, world: World) -> None:
        world.ready(0, 1)
        world.claim(limit=1)
        changed = world.changed_by(lambda: world.worker.release("W.0", ["r1,0"]))
        assert changed == {
            "run:r1:tasks": {"0": "Q1,,0,,", "1": "Q1,,0,,"},
            f"ready:{LIST}:5": ["r1,0,1", "r1,1,1"],
            f"wake:{LIST}": ["1", "1", "1"],
            "worker:W.0:claims": {"#": "1"},
        }

    def test_to_the_list_and_level_that_it_came_from(self, world: World) -> None:
        world.ready()
        world.queue(2, list_="mail", level="8")
        world.claim(lists=["mail"])
        world.worker.release("W.0", ["r1,2"])
        assert world.dump()["ready:mail:8"] == ["r1,2,1"]

    def test_what_is_not_the_lane_s_stays(self, world: World) -> None:
        world.running(0, lanes=["W.0", "W.1"])
        world.complete(done(0))
        before = world.dump()
        assert world.worker.release("W.1", ["r1,0", "r1,1", "r9,0"]) == 0
        assert world.worker.release("W.0", ["r1,0"]) == 0
        assert world.dump() == before

    def test_a_run_with_neither_tasks_nor_outcomes(self, world: World) -> None:
        world.register()
        assert world.worker.release("W.0", []) == 0
        assert world.dump()[EXPIRING] == []
