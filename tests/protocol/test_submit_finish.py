"""Scripts of a run's own life: submit, cancel, resume, reset, stop_run, finish, forget."""

from __future__ import annotations

import pytest
from helpers import EXPIRING
from world import HOUR_MS, LIST, START, World, done

from flowkit.codec.provenance import Provenance
from flowkit.core.states import RunState
from flowkit.exceptions import RunAlreadyOver, RunExists, RunNotFound, RunNotOver

RUN_KEYS = ["run:r1", "run:r1:errors", "run:r1:results", "run:r1:tasks"]


def run_hash(world: World, **more: str) -> dict[str, str]:
    """The hash of run r1 as submit writes it, and further fields."""
    fixed = {"dag": "etl", "state": "running", "submitted": str(START), "total": "4"}
    return {**fixed, "graph": world.submission().digest, "ttl": str(HOUR_MS), **more}


class TestSubmit:
    def test_a_run_is_its_graph_its_hash_and_one_event(self, world: World) -> None:
        one = world.submission(params=b"\x81\xa1a\x01")
        assert world.client.submit(one) is True
        assert world.dump() == {
            f"graph:{one.digest}": one.packed_graph.decode("utf-8", "surrogateescape"),
            "graphs": {one.digest: "1"},
            "run:r1": run_hash(world, params=b"\x81\xa1a\x01".decode("utf-8", "surrogateescape")),
            "runs": {"r1": START},
            "active": {"r1"},
            "events": [{"submit": f"r1 {one.digest}"}],
            EXPIRING: [],
        }

    def test_the_same_submit_again_changes_nothing(self, world: World) -> None:
        one = world.submit()
        world.now += 5
        assert world.changed_by(lambda: world.client.submit(one)) == {}
        assert world.client.submit(one) is False
        assert world.raw("submit", *one.args(with_graph=True)) == [b"EXISTS", b"running"]

    @pytest.mark.parametrize("change", [{"params": b"\x80"}, {"dag": "other"}])
    def test_an_id_that_is_taken_is_refused(self, world: World, change: dict[str, object]) -> None:
        world.submit()
        before = world.dump()
        with pytest.raises(RunExists, match=r"run 'r1' already exists, of DAG 'etl'.*run_id"):
            world.client.submit(world.submission(**change))
        assert world.dump() == before

    def test_a_conflict_of_signed_runs_may_be_one_of_keys(self, world: World) -> None:
        first, other = (
            world.submission().signed(Provenance([key]), world.namespace)
            for key in (b"first-signing-key", b"other-signing-key")
        )
        world.client.submit(first)
        with pytest.raises(RunExists, match="or submitted with another signing key; choose"):
            world.client.submit(other)

    def test_a_graph_is_asked_for_only_if_it_is_not_there(self, world: World) -> None:
        one = world.submission()
        assert world.raw("submit", *one.args(with_graph=False)) == [b"GRAPH"]
        assert world.dump() == {EXPIRING: []}
        assert world.client.submit(one, graph_known=True) is True
        second = world.submission("r2")
        assert world.raw("submit", *second.args(with_graph=False)) == [b"OK"]
        assert world.dump()["graphs"] == {one.digest: "2"}

    def test_many_at_once_are_as_many_single_ones(self, world: World) -> None:
        world.client.submit_many([world.submission(f"r{at}") for at in range(1, 4)])
        found = world.dump()
        assert found["active"] == {"r1", "r2", "r3"}
        assert [next(iter(event.values()))[:2] for event in found["events"]] == ["r1", "r2", "r3"]
        assert found["graphs"] == {world.submission().digest: "3"}

    def test_a_conflict_among_many_names_its_run(self, world: World) -> None:
        world.submit("r2")
        many = [world.submission("r1"), world.submission("r2", params=b"\x01")]
        with pytest.raises(RunExists, match="run 'r2' already exists"):
            world.client.submit_many(many)
        assert world.dump()["active"] == {"r1", "r2"}


class TestCancel:
    def test_a_running_run_is_told_to_stop_once(self, world: World) -> None:
        world.submit()
        world.client.cancel("r1")
        assert world.dump()["run:r1"] == run_hash(world, stop="cancelled")
        assert world.events()[1:] == [{"cancel": "r1"}]
        assert world.changed_by(lambda: world.client.cancel("r1")) == {}

    def test_a_run_that_a_failure_has_stopped_is_cancelled_as_well(self, world: World) -> None:
        world.submit()
        world.acquire_lease()
        world.scheduler.stop_run("r1", RunState.FAILED, 2)
        world.client.cancel("r1")
        assert world.dump()["run:r1"] == run_hash(world, stop="cancelled", failed="2")
        assert world.events()[1:] == [{"cancel": "r1"}]

    def test_a_run_that_is_over_keeps_its_outcome(self, world: World) -> None:
        world.submit()
        world.acquire_lease()
        world.finish()
        before = world.dump()
        with pytest.raises(RunAlreadyOver, match=r"'r1' is already over \(succeeded\)"):
            world.client.cancel("r1")
        assert world.dump() == before

    def test_an_unknown_run_is_an_error_that_says_where_it_looked(self, world: World) -> None:
        with pytest.raises(RunNotFound, match=f"no run 'r9' in namespace '{world.namespace}'"):
            world.client.cancel("r9")
        assert world.dump() == {EXPIRING: []}


class TestStopRun:
    def test_it_notes_why_and_which_task_it_was(self, world: World) -> None:
        world.submit()
        world.acquire_lease()
        world.scheduler.stop_run("r1", RunState.FAILED, 3)
        assert world.dump()["run:r1"] == run_hash(world, stop="failed", failed="3")

    def test_a_cancel_overrules_a_failure_and_never_the_other_way_round(self, world: World) -> None:
        world.submit()
        world.acquire_lease()
        world.scheduler.stop_run("r1", RunState.FAILED)
        world.scheduler.stop_run("r1", RunState.CANCELLED)
        world.scheduler.stop_run("r1", RunState.FAILED)
        assert world.dump()["run:r1"] == run_hash(world, stop="cancelled")

    def test_a_run_that_is_over_or_unknown_is_left_alone(self, world: World) -> None:
        world.submit()
        world.acquire_lease()
        world.finish()
        assert world.changed_by(lambda: world.scheduler.stop_run("r1", RunState.FAILED)) == {}
        assert world.changed_by(lambda: world.scheduler.stop_run("r9", RunState.FAILED)) == {}


class TestFinish:
    def test_the_end_is_written_once_and_starts_the_ttl_of_all_keys(self, world: World) -> None:
        digest = self.over(world)
        found = world.dump()
        assert found["run:r1"] == run_hash(
            world, state="failed", failed="1", counts="succeeded=1", kept="1",
            finished=str(START + 70),
        )  # fmt: skip
        assert found[EXPIRING] == [f"graph:{digest}", *RUN_KEYS]
        assert "graphs" not in found
        assert "active" not in found
        assert world.changed_by(lambda: world.finish(outcome="succeeded")) == {}

    def over(self, world: World) -> str:
        world.running(0, 1)
        world.complete(done(0, payload=b"result"), done(1, "F", payload=b"error"))
        world.now += 70
        world.finish(outcome="failed", failed=1)
        return world.submission().digest

    def test_a_graph_of_two_runs_lives_until_the_longest_kept_one_goes(self, world: World) -> None:
        world.acquire_lease()
        digest = world.submit("r1", ttl_ms=10 * HOUR_MS).digest
        world.submit("r2")
        world.finish("r1")
        assert world.dump()["graphs"] == {digest: "1", f"{digest}!": str(START + 10 * HOUR_MS)}
        assert f"graph:{digest}" not in world.dump()[EXPIRING]
        world.finish("r2")
        self.lives_for(world, digest, 10 * HOUR_MS)
        assert "graphs" not in world.dump()

    def test_a_later_short_run_does_not_shorten_it(self, world: World) -> None:
        world.acquire_lease()
        digest = world.submit("r1", ttl_ms=10 * HOUR_MS).digest
        world.finish("r1")
        world.submit("r2")
        world.finish("r2")
        self.lives_for(world, digest, 10 * HOUR_MS)

    @staticmethod
    def lives_for(world: World, digest: str, ttl_ms: int) -> None:
        """The TTL is that long; Redis' own clock has moved on a little, by less than an hour."""
        left = world.link.call("PTTL", world.keys.graph(digest))
        assert ttl_ms - HOUR_MS < left <= ttl_ms

    def test_progress_is_kept_only_while_the_run_goes_on(self, world: World) -> None:
        world.submit()
        world.acquire_lease()
        world.apply("progress", "r1", "running=2")
        assert world.client.read_run("r1").counts == {"running": 2}
        world.finish()
        assert world.changed_by(lambda: world.apply("progress", "r1", "running=3")) == {}


class TestResume:
    def failed(self, world: World) -> None:
        """Task 0 succeeded, 1 failed, 2 and 3 never started; the run is over as failed."""
        world.running(0, 1)
        world.complete(done(0, payload=b"result"), done(1, "F", payload=b"error"))
        world.scheduler.stop_run("r1", RunState.FAILED)
        world.raw("end_tasks", "s1", 1, "r1", "U", "0", 2)
        world.raw("end_tasks", "s1", 1, "r1", "C", "0", 3)
        world.finish(outcome="failed", failed=1)

    def test_its_keys_live_again_and_it_is_marked(self, world: World) -> None:
        self.failed(world)
        before = world.dump()["run:r1:tasks"]
        world.client.resume("r1")
        found = world.dump()
        assert len(found["run:r1"].pop("resumed_by")) == 16
        assert found["run:r1"] == run_hash(world, resuming="1", resumes="1", kept="1")
        assert found[EXPIRING] == []
        assert (found["active"], found["events"][-1]) == ({"r1"}, {"resume": "r1"})
        assert found["graphs"][world.submission().digest] == "1"
        assert (found["run:r1:tasks"], found["run:r1:results"]) == (before, {"0": "result"})

    def test_reset_keeps_what_succeeded_and_all_attempt_numbers(self, world: World) -> None:
        self.failed(world)
        world.client.resume("r1")
        world.scheduler.reset("r1", [1, 2, 3])
        found = world.dump()
        assert {task: record[:2] for task, record in found["run:r1:tasks"].items()} == {
            "0": "S1", "1": "P1", "2": "P0", "3": "P0",
        }  # fmt: skip
        assert "resuming" not in found["run:r1"]
        assert "run:r1:errors" not in found
        assert found["run:r1:results"] == {"0": "result"}
        world.queue(0, 1, 2)
        records = world.records()
        assert (records["1"], records["2"]) == ("Q2,,0/1,,", "Q1,,0/0,,")
        assert records["0"].startswith("S1,")
        assert world.scheduler.read_records("r1", [1])[0].spent.failures(2) == 1

    def test_reset_does_nothing_in_a_run_that_is_not_resuming(self, world: World) -> None:
        self.failed(world)
        assert world.changed_by(lambda: world.scheduler.reset("r1", [1, 2, 3])) == {}

    def test_resuming_lasts_until_the_last_part(self, world: World) -> None:
        self.failed(world)
        world.client.resume("r1")
        world.raw("reset", "s1", 1, "r1", "0", "", 1)
        assert world.dump()["run:r1"]["resuming"] == "1"
        world.raw("reset", "s1", 1, "r1", "1", "", 2)
        assert "resuming" not in world.dump()["run:r1"]

    def test_a_running_run_goes_on(self, world: World) -> None:
        world.submit()
        assert world.changed_by(lambda: world.client.resume("r1")) == {}
        assert world.raw("resume", "r1", "id", "") == [b"RUNNING"]

    def test_a_run_that_succeeded_has_nothing_to_resume(self, world: World) -> None:
        world.submit()
        world.acquire_lease()
        world.finish()
        before = world.dump()
        with pytest.raises(RunAlreadyOver, match=r"run 'r1' succeeded.*name a task to resume it"):
            world.client.resume("r1")
        assert world.dump() == before

    def test_a_run_without_its_graph_cannot_be_resumed(self, world: World) -> None:
        self.failed(world)
        world.link.call("DEL", world.keys.graph(world.submission().digest))
        with pytest.raises(RunNotFound):
            world.client.resume("r1")
        assert world.client.read_run("r1").state is RunState.FAILED


class TestResumeFromTasks:
    def succeeded(self, world: World) -> None:
        """Tasks 0 and 1 succeeded, 2 was skipped, and 3 failed once before it succeeded."""
        world.running(0, 1, 2, 3)
        world.complete(
            done(0, payload=b"kept"), done(1, payload=b"old"), done(2, "K"), done(3, "W")
        )
        world.now += 500
        world.scheduler.promote(10)
        world.claim()
        world.complete(done(3, attempt=2, payload=b"old"))
        world.finish()

    def test_a_run_that_succeeded_goes_on_and_names_the_tasks(self, world: World) -> None:
        self.succeeded(world)
        world.client.resume("r1", [3, 1])
        found = world.dump()
        assert (found["run:r1"]["state"], found["run:r1"]["resuming"]) == ("running", "from 3 1")
        assert found[EXPIRING] == []
        assert (found["active"], found["events"][-1]) == ({"r1"}, {"resume": "r1"})

    def test_what_is_reset_has_neither_result_nor_error_any_more(self, world: World) -> None:
        self.succeeded(world)
        world.client.resume("r1", [1])
        world.scheduler.reset("r1", [1, 2, 3])
        found = world.dump()
        assert found["run:r1:tasks"]["0"].startswith("S1,")
        assert found["run:r1:tasks"] | {"0": ""} == {
            "0": "", "1": "P1,,0,,", "2": "P1,,0,,", "3": "P2,,0,,",
        }  # fmt: skip
        assert found["run:r1:results"] == {"0": "kept"}
        assert "run:r1:errors" not in found
        world.queue(1, 2, 3)
        assert [world.records()[task] for task in "123"] == [
            "Q2,,0/1,,", "Q2,,0/1,,", "Q3,,0/2,,",
        ]  # fmt: skip

    def test_the_life_of_a_run_is_another_one_after_a_resume(self, world: World) -> None:
        """A worker keeps results near, by the run's life; one that is made again is not served."""
        self.succeeded(world)
        world.client.resume("r1", [1])
        world.scheduler.reset("r1", [1])
        world.queue(1)
        claims = world.claim()
        assert [claim.life for claim in claims] == [("r1", f"{START}/1")]
        again = world.worker.complete("W.0", [], world.calls, 1000, 1, [LIST])
        assert list(again.claims) == claims, "the answer that a lost reply is replaced by"

    def test_a_run_that_goes_on_is_told_so_and_left_alone(self, world: World) -> None:
        world.submit()
        before = world.dump()
        with pytest.raises(RunNotOver, match=r"run 'r1' is not over yet.*flowkit cancel r1 --wait"):
            world.client.resume("r1", [0])
        assert world.dump() == before

    def test_a_request_is_carried_out_once(self, world: World) -> None:
        """Its reply was lost, the run ended anew, and only then the request came once more."""
        self.succeeded(world)
        assert world.raw("resume", "r1", "id", "1") == [b"OK"]
        world.scheduler.reset("r1", [])
        world.finish()
        before = world.dump()
        assert world.raw("resume", "r1", "id", "1") == [b"OK"]
        assert world.dump() == before


class TestForget:
    def test_only_runs_without_a_hash_are_dropped(self, world: World) -> None:
        world.submit("r1")
        world.submit("r2")
        world.acquire_lease()
        world.link.call("DEL", world.keys.run("r2"))
        changed = world.changed_by(lambda: world.scheduler.forget(["r1", "r2", "r3"]))
        assert changed == {"runs": {"r1": START}, "active": {"r1"}}
        assert world.scheduler.forget(["r1", "r2", "r3"]) == 0
