"""Scripts of a run's own life: submit, cancel, resume, reset, stop_run, finish, forget."""

from __future__ import annotations

import pytest
from environment import HOUR_MS, LIST, START, Environment, done
from helpers import EXPIRING

from flowkit.codec.provenance import Provenance
from flowkit.core.states import RunState
from flowkit.exceptions import RunAlreadyOver, RunExists, RunNotFound, RunNotOver

RUN_KEYS = ["run:r1", "run:r1:errors", "run:r1:results", "run:r1:tasks"]


class TestSubmit:
    def test_a_run_is_its_graph_its_hash_and_one_event(self, env: Environment) -> None:
        submission = env.submission(params=b"\x81\xa1a\x01")
        assert env.client.submit(submission) is True
        assert env.dump() == {
            f"graph:{submission.digest}": submission.packed_graph.decode(
                "utf-8", "surrogateescape"
            ),
            "graphs": {submission.digest: "1"},
            "run:r1": env.run_hash(params=b"\x81\xa1a\x01".decode("utf-8", "surrogateescape")),
            "runs": {"r1": START},
            "active": {"r1"},
            "events": [{"submit": f"r1 {submission.digest}"}],
            EXPIRING: [],
        }

    def test_the_same_submit_again_changes_nothing(self, env: Environment) -> None:
        submission = env.submit()
        env.now += 5
        assert env.changed_by(lambda: env.client.submit(submission)) == {}
        assert env.client.submit(submission) is False
        assert env.raw("submit", *submission.args(with_graph=True)) == [b"EXISTS", b"running"]

    @pytest.mark.parametrize("change", [{"params": b"\x80"}, {"dag": "other"}])
    def test_an_id_that_is_taken_is_refused(
        self, env: Environment, change: dict[str, object]
    ) -> None:
        env.submit()
        before = env.dump()
        with pytest.raises(RunExists, match=r"run 'r1' already exists, of DAG 'etl'.*run_id"):
            env.client.submit(env.submission(**change))
        assert env.dump() == before

    def test_a_conflict_of_signed_runs_may_be_one_of_keys(self, env: Environment) -> None:
        first, other = (
            env.submission().signed(Provenance([key]), env.namespace)
            for key in (b"first-signing-key", b"other-signing-key")
        )
        env.client.submit(first)
        with pytest.raises(RunExists, match="or submitted with another signing key; choose"):
            env.client.submit(other)

    def test_a_graph_is_asked_for_only_if_it_is_not_there(self, env: Environment) -> None:
        submission = env.submission()
        assert env.raw("submit", *submission.args(with_graph=False)) == [b"GRAPH"]
        assert env.dump() == {EXPIRING: []}
        assert env.client.submit(submission, graph_known=True) is True
        second = env.submission("r2")
        assert env.raw("submit", *second.args(with_graph=False)) == [b"OK"]
        assert env.dump()["graphs"] == {submission.digest: "2"}

    def test_a_batch_equals_single_submits(self, env: Environment) -> None:
        env.client.submit_many([env.submission(f"r{at}") for at in range(1, 4)])
        keys = env.dump()
        assert keys["active"] == {"r1", "r2", "r3"}
        assert [next(iter(event.values()))[:2] for event in keys["events"]] == ["r1", "r2", "r3"]
        assert keys["graphs"] == {env.submission().digest: "3"}

    def test_a_conflict_among_many_names_its_run(self, env: Environment) -> None:
        env.submit("r2")
        many = [env.submission("r1"), env.submission("r2", params=b"\x01")]
        with pytest.raises(RunExists, match="run 'r2' already exists"):
            env.client.submit_many(many)
        assert env.dump()["active"] == {"r1", "r2"}


class TestCancel:
    def test_a_running_run_is_told_to_stop_once(self, env: Environment) -> None:
        env.submit()
        env.client.cancel("r1")
        assert env.dump()["run:r1"] == env.run_hash(stop="cancelled", history="1")
        assert env.events()[1:] == [{"cancel": "r1"}]
        assert env.changed_by(lambda: env.client.cancel("r1")) == {}

    def test_a_run_that_a_failure_has_stopped_is_cancelled_as_well(self, env: Environment) -> None:
        env.submit()
        env.acquire_lease()
        env.scheduler.stop_run("r1", RunState.FAILED, 2)
        env.client.cancel("r1")
        assert env.dump()["run:r1"] == env.run_hash(stop="cancelled", failed="2", history="1")
        assert env.events()[1:] == [{"cancel": "r1"}]

    def test_a_finished_run_keeps_its_outcome(self, env: Environment) -> None:
        env.submit()
        env.acquire_lease()
        env.finish()
        before = env.dump()
        with pytest.raises(RunAlreadyOver, match=r"'r1' is already over \(succeeded\)"):
            env.client.cancel("r1")
        assert env.dump() == before

    def test_an_unknown_run_is_an_error_that_says_where_it_looked(self, env: Environment) -> None:
        with pytest.raises(RunNotFound, match=f"no run 'r9' in namespace '{env.namespace}'"):
            env.client.cancel("r9")
        assert env.dump() == {EXPIRING: []}


class TestStopRun:
    def test_it_records_the_reason_and_the_task(self, env: Environment) -> None:
        env.submit()
        env.acquire_lease()
        env.scheduler.stop_run("r1", RunState.FAILED, 3)
        assert env.dump()["run:r1"] == env.run_hash(stop="failed", failed="3", history="1")

    def test_a_cancel_overrules_a_failure_and_never_the_other_way_round(
        self, env: Environment
    ) -> None:
        env.submit()
        env.acquire_lease()
        env.scheduler.stop_run("r1", RunState.FAILED)
        env.scheduler.stop_run("r1", RunState.CANCELLED)
        env.scheduler.stop_run("r1", RunState.FAILED)
        assert env.dump()["run:r1"] == env.run_hash(stop="cancelled", history="1")

    def test_a_finished_or_unknown_run_does_not_change(self, env: Environment) -> None:
        env.submit()
        env.acquire_lease()
        env.finish()
        assert env.changed_by(lambda: env.scheduler.stop_run("r1", RunState.FAILED)) == {}
        assert env.changed_by(lambda: env.scheduler.stop_run("r9", RunState.FAILED)) == {}


class TestFinish:
    def test_the_end_is_written_once_and_starts_the_ttl_of_all_keys(self, env: Environment) -> None:
        digest = self.over(env)
        keys = env.dump()
        assert keys["run:r1"] == env.run_hash(
            state="failed", failed="1", counts="succeeded=1", kept="1",
            finished=str(START + 70),
        )  # fmt: skip
        assert keys[EXPIRING] == [f"graph:{digest}", *RUN_KEYS]
        assert "graphs" not in keys
        assert "active" not in keys
        assert env.changed_by(lambda: env.finish(outcome="succeeded")) == {}

    def over(self, env: Environment) -> str:
        env.running(0, 1)
        env.complete(done(0, payload=b"result"), done(1, "F", payload=b"error"))
        env.now += 70
        env.finish(outcome="failed", failed=1)
        return env.submission().digest

    def test_a_graph_of_two_runs_lives_until_the_longest_kept_one_goes(
        self, env: Environment
    ) -> None:
        env.acquire_lease()
        digest = env.submit("r1", ttl_ms=10 * HOUR_MS).digest
        env.submit("r2")
        env.finish("r1")
        assert env.dump()["graphs"] == {digest: "1", f"{digest}!": str(START + 10 * HOUR_MS)}
        assert f"graph:{digest}" not in env.dump()[EXPIRING]
        env.finish("r2")
        self.lives_for(env, digest, 10 * HOUR_MS)
        assert "graphs" not in env.dump()

    def test_a_later_short_run_does_not_shorten_it(self, env: Environment) -> None:
        env.acquire_lease()
        digest = env.submit("r1", ttl_ms=10 * HOUR_MS).digest
        env.finish("r1")
        env.submit("r2")
        env.finish("r2")
        self.lives_for(env, digest, 10 * HOUR_MS)

    @staticmethod
    def lives_for(env: Environment, digest: str, ttl_ms: int) -> None:
        """The TTL is that long; Redis' own clock has moved on a little, by less than an hour."""
        left = env.link.call("PTTL", env.keys.graph(digest))
        assert ttl_ms - HOUR_MS < left <= ttl_ms

    def test_progress_is_kept_only_while_the_run_goes_on(self, env: Environment) -> None:
        env.submit()
        env.acquire_lease()
        env.apply("progress", "r1", "running=2")
        assert env.client.read_run("r1").counts == {"running": 2}
        env.finish()
        assert env.changed_by(lambda: env.apply("progress", "r1", "running=3")) == {}


class TestResume:
    def failed(self, env: Environment) -> None:
        """Task 0 succeeded, 1 failed, 2 and 3 never started; the run is over as failed."""
        env.running(0, 1)
        env.complete(done(0, payload=b"result"), done(1, "F", payload=b"error"))
        env.scheduler.stop_run("r1", RunState.FAILED)
        env.raw("end_tasks", "s1", 1, "r1", "U", "0", 2)
        env.raw("end_tasks", "s1", 1, "r1", "C", "0", 3)
        env.finish(outcome="failed", failed=1)

    def test_its_keys_live_again_and_it_is_marked(self, env: Environment) -> None:
        self.failed(env)
        before = env.dump()["run:r1:tasks"]
        env.client.resume("r1")
        keys = env.dump()
        assert len(keys["run:r1"].pop("resumed_by")) == 16
        assert keys["run:r1"] == env.run_hash(resuming="1", resumes="1", kept="1", history="1")
        assert keys[EXPIRING] == []
        assert (keys["active"], keys["events"][-1]) == ({"r1"}, {"resume": "r1"})
        assert keys["graphs"][env.submission().digest] == "1"
        assert (keys["run:r1:tasks"], keys["run:r1:results"]) == (before, {"0": "result"})

    def test_reset_keeps_what_succeeded_and_all_attempt_numbers(self, env: Environment) -> None:
        self.failed(env)
        env.client.resume("r1")
        env.scheduler.reset("r1", [1, 2, 3])
        keys = env.dump()
        assert {task: record[:2] for task, record in keys["run:r1:tasks"].items()} == {
            "0": "S1", "1": "P1", "2": "P0", "3": "P0",
        }  # fmt: skip
        assert "resuming" not in keys["run:r1"]
        assert "run:r1:errors" not in keys
        assert keys["run:r1:results"] == {"0": "result"}
        env.queue(0, 1, 2)
        records = env.records()
        assert (records["1"], records["2"]) == ("Q2,,0/1,,,0", "Q1,,0/0,,,0")
        assert records["0"].startswith("S1,")
        assert env.scheduler.read_records("r1", [1])[0].spent.failures(2) == 1

    def test_reset_does_nothing_in_a_run_that_is_not_resuming(self, env: Environment) -> None:
        self.failed(env)
        assert env.changed_by(lambda: env.scheduler.reset("r1", [1, 2, 3])) == {}

    def test_resuming_lasts_until_the_last_part(self, env: Environment) -> None:
        self.failed(env)
        env.client.resume("r1")
        env.raw("reset", "s1", 1, "r1", "0", "", 1)
        assert env.dump()["run:r1"]["resuming"] == "1"
        env.raw("reset", "s1", 1, "r1", "1", "", 2)
        assert "resuming" not in env.dump()["run:r1"]

    def test_a_running_run_is_not_resumed(self, env: Environment) -> None:
        env.submit()
        assert env.changed_by(lambda: env.client.resume("r1")) == {}
        assert env.raw("resume", "r1", "id", "", "me") == [b"RUNNING"]

    @pytest.mark.parametrize("counts", ["succeeded=4", "failed=0 upstream_failed=1 succeeded=3"])
    def test_a_run_that_succeeded_has_nothing_to_resume(
        self, env: Environment, counts: str
    ) -> None:
        env.submit()
        env.acquire_lease()
        env.finish(counts=counts)
        before = env.dump()
        with pytest.raises(RunAlreadyOver, match=r"run 'r1' succeeded.*name a task to resume it"):
            env.client.resume("r1")
        assert env.dump() == before

    def test_a_run_that_succeeded_with_failed_items(self, env: Environment) -> None:
        env.submit()
        env.acquire_lease()
        env.finish(counts="succeeded=3 failed=1")
        env.client.resume("r1")
        assert env.dump()["run:r1"]["resuming"] == "1"

    def test_a_run_without_its_graph_cannot_be_resumed(self, env: Environment) -> None:
        self.failed(env)
        env.link.call("DEL", env.keys.graph(env.submission().digest))
        with pytest.raises(RunNotFound):
            env.client.resume("r1")
        assert env.client.read_run("r1").state is RunState.FAILED


class TestResumeFromTasks:
    def succeeded(self, env: Environment) -> None:
        """Tasks 0 and 1 succeeded, 2 was skipped, and 3 failed once before it succeeded."""
        env.running(0, 1, 2, 3)
        env.complete(done(0, payload=b"kept"), done(1, payload=b"old"), done(2, "K"), done(3, "W"))
        env.now += 500
        env.scheduler.promote(10)
        env.claim()
        env.complete(done(3, attempt=2, payload=b"old"))
        env.finish()

    def test_a_succeeded_run_can_be_rerun_from_named_tasks(self, env: Environment) -> None:
        self.succeeded(env)
        env.client.resume("r1", [3, 1])
        keys = env.dump()
        assert (keys["run:r1"]["state"], keys["run:r1"]["resuming"]) == ("running", "from 3 1")
        assert keys[EXPIRING] == []
        assert (keys["active"], keys["events"][-1]) == ({"r1"}, {"resume": "r1"})

    def test_reset_tasks_lose_their_result_and_error(self, env: Environment) -> None:
        self.succeeded(env)
        env.client.resume("r1", [1])
        env.scheduler.reset("r1", [1, 2, 3])
        keys = env.dump()
        assert keys["run:r1:tasks"]["0"].startswith("S1,")
        assert keys["run:r1:tasks"] | {"0": ""} == {
            "0": "", "1": "P1,,0,,", "2": "P1,,0,,", "3": "P2,,0,,",
        }  # fmt: skip
        assert keys["run:r1:results"] == {"0": "kept"}
        assert "run:r1:errors" not in keys
        env.queue(1, 2, 3)
        assert [env.records()[task] for task in "123"] == [
            "Q2,,0/1,,,1f4", "Q2,,0/1,,,1f4", "Q3,,0/2,,,1f4",
        ]  # fmt: skip

    def test_a_resume_starts_a_new_life_of_a_run(self, env: Environment) -> None:
        """A worker keeps results near, by the run's life; one that is run again is not served."""
        self.succeeded(env)
        env.client.resume("r1", [1])
        env.scheduler.reset("r1", [1])
        env.queue(1)
        claims = env.claim()
        assert [claim.life for claim in claims] == [("r1", f"{START}/1")]
        again = env.worker.complete("W.0", [], env.calls, 1000, 1, [LIST])
        assert list(again.claims) == claims, "the answer that a lost reply is replaced by"

    def test_a_running_run_is_reported_and_not_changed(self, env: Environment) -> None:
        env.submit()
        before = env.dump()
        with pytest.raises(RunNotOver, match=r"run 'r1' is not over yet.*flowkit cancel r1 --wait"):
            env.client.resume("r1", [0])
        assert env.dump() == before

    def test_a_request_is_carried_out_once(self, env: Environment) -> None:
        """Its reply was lost, the run ended again, and only then the request came once more."""
        self.succeeded(env)
        assert env.raw("resume", "r1", "id", "1", "me") == [b"OK"]
        env.scheduler.reset("r1", [])
        env.finish()
        before = env.dump()
        assert env.raw("resume", "r1", "id", "1", "me") == [b"OK"]
        assert env.dump() == before


class TestForget:
    def test_only_runs_without_a_hash_are_dropped(self, env: Environment) -> None:
        env.submit("r1")
        env.submit("r2")
        env.acquire_lease()
        env.link.call("DEL", env.keys.run("r2"))
        changed = env.changed_by(lambda: env.scheduler.forget(["r1", "r2", "r3"]))
        assert changed == {"runs": {"r1": START}, "active": {"r1"}}
        assert env.scheduler.forget(["r1", "r2", "r3"]) == 0
