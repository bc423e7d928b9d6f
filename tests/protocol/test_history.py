"""The history of a run: each script that replaces a record or changes a run tells of it, once."""

from __future__ import annotations

from dataclasses import replace

import msgpack
import pytest
from environment import HOUR_MS, START, Environment, done
from helpers import EXPIRING

from flowkit.core.states import RunState, TaskState
from flowkit.protocol import history_reads
from flowkit.protocol.history_reads import HISTORY_BOUND, ReplacedAttempt, RunEntry
from flowkit.protocol.records import ErrorInfo


def told(env: Environment) -> list[ReplacedAttempt | RunEntry]:
    return list(env.client.read_history("r1", START))


def attempts(env: Environment) -> list[tuple[str, int, int, str]]:
    return [
        (entry.verb, entry.task, entry.record.attempt, entry.record.lane)
        for entry in told(env)
        if isinstance(entry, ReplacedAttempt)
    ]


class TestAttempts:
    def test_a_retried_attempt_keeps_its_times_and_its_error(self, env: Environment) -> None:
        env.submit()
        env.acquire_lease()
        env.register()
        env.now += 300
        env.queue(0)
        env.now += 20
        env.claim()
        env.now += 7
        error = ErrorInfo("ValueError", "bad row", "Traceback …").pack()
        env.complete(done(0, "W", delay=250, payload=error))
        (entry,) = told(env)
        assert isinstance(entry, ReplacedAttempt)
        assert (entry.verb, entry.task, entry.error) == ("retry", 0, error)
        record = entry.record
        assert (record.queued_ms, record.started_ms, record.since_ms) == (300, 320, 327)
        assert record.started_ms - record.queued_ms == 20
        assert (record.ended_ms, record.reason) == (577, "retry")

    def test_a_first_attempt_that_succeeds_leaves_nothing(self, env: Environment) -> None:
        env.running(0)
        env.complete(done(0))
        env.finish()
        keys = env.dump()
        assert "run:r1:history" not in keys
        assert "history" not in keys["run:r1"]

    def test_a_queued_record_with_an_absurd_time(self, env: Environment) -> None:
        env.ready(0)
        env.link.call("HSET", env.keys.tasks("r1"), 0, "Q1,,0,,," + "f" * 300)
        assert env.claim() == []
        assert env.records()["0"].startswith("Q1,")

    def test_a_postponed_attempt(self, env: Environment) -> None:
        env.running(0)
        env.complete(done(0, "D", payload=b"not here"))
        assert attempts(env) == [("put_off", 0, 1, "W.0")]
        assert env.records()["0"].split(",")[6] == "worker"

    def test_deaths(self, env: Environment) -> None:
        env.running(0, 1, 2)
        env.worker.reap_child("W.0", ["r1,1"], 3, b"lost")
        assert attempts(env) == [("died", 1, 1, "W.0")]

    def test_suspects_and_lost_attempts(self, env: Environment) -> None:
        env.running(0, 1, lanes=("W.0", "V.0"))
        env.queue(2)
        env.claim("V.0")
        env.worker.reap_child("W.0", ["r1,0", "r1,1"], 3, b"lost")
        env.link.call("ZADD", env.keys.workers(), env.now, "V")
        env.scheduler.reap("V.0", 3, b"lost")
        assert sorted(attempts(env)) == [
            ("lost", 2, 1, "V.0"),
            ("suspect", 0, 1, "W.0"),
            ("suspect", 1, 1, "W.0"),
        ]

    def test_an_attempt_that_has_not_started_is_given_back_silently(self, env: Environment) -> None:
        env.running(0)
        env.worker.release("W.0", ["r1,0"])
        assert told(env) == []

    def test_one_that_may_have_started_is_not(self, env: Environment) -> None:
        env.running(0)
        env.raw("release", "W.0", b"in doubt", "r1,0")
        assert attempts(env) == [("released", 0, 1, "W.0")]

    def test_a_long_error_keeps_the_beginning_of_its_message_and_the_end_of_its_traceback(
        self, env: Environment
    ) -> None:
        env.running(0)
        parts = ["ValueError", "m" * 3000, "t" * 9000 + "the last line"]
        env.complete(done(0, "W", payload=msgpack.packb(parts)))
        (entry,) = told(env)
        assert isinstance(entry, ReplacedAttempt)
        error = ErrorInfo.unpack(entry.error)
        assert error.type == "ValueError"
        assert error.message == "m" * 1000
        assert error.traceback == "t" * 2487 + "the last line"

    @pytest.mark.parametrize("payload", [b"\x93" + b"x" * 5000, b"\x93\xdb\xff\xff\xff\xff" * 900])
    def test_an_error_that_is_none_is_left_out(self, env: Environment, payload: bytes) -> None:
        env.running(0)
        env.complete(done(0, "W", payload=payload))
        assert attempts(env) == [("retry", 0, 1, "W.0")]
        (entry,) = told(env)
        assert isinstance(entry, ReplacedAttempt)
        assert entry.error == b""

    def test_the_oldest_are_dropped_first(self, env: Environment) -> None:
        env.running(0)
        add = [("XADD", env.keys.history("r1"), "*", "cancel", "me")] * (HISTORY_BOUND + 200)
        env.link.batch(add)
        env.complete(done(0, "W"))
        entries = told(env)
        assert HISTORY_BOUND <= len(entries) <= HISTORY_BOUND + 100
        assert isinstance(entries[-1], ReplacedAttempt)
        assert env.client.is_history_cut("r1")


class TestRuns:
    def test_a_cancel_and_who_requested_it(self, env: Environment) -> None:
        env.submit()
        for _ in range(2):
            env.client.cancel("r1", "ann@host via cli")
        (entry,) = told(env)
        assert isinstance(entry, RunEntry)
        assert (entry.verb, entry.by) == ("cancel", "ann@host via cli")

    def test_a_failure_stops_the_run_once(self, env: Environment) -> None:
        env.submit()
        env.acquire_lease()
        for _ in range(2):
            env.scheduler.stop_run("r1", RunState.FAILED, 2)
        env.scheduler.stop_run("r1", RunState.CANCELLED, None)
        (entry,) = told(env)
        assert isinstance(entry, RunEntry)
        assert (entry.verb, entry.tasks) == ("stop", (2,))

    def test_a_resume_tells_of_the_end_before_it(self, env: Environment) -> None:
        env.running(0, 1)
        env.now += 70
        env.complete(done(0, "F", payload=b"\x93\xa1E\xa1m\xa0"), done(1))
        env.finish(outcome="failed", failed=0)
        env.now += 500
        env.client.resume("r1", [0, 1], "ann@host via api")
        end, resumed = told(env)
        assert isinstance(end, RunEntry)
        assert isinstance(resumed, RunEntry)
        assert (end.verb, end.at_ms, end.state, end.tasks) == (
            "finish",
            START + 70,
            RunState.FAILED,
            (0,),
        )
        assert (resumed.verb, resumed.by, resumed.tasks) == ("resume", "ann@host via api", (0, 1))
        env.scheduler.reset("r1", [0, 1])
        assert attempts(env) == [("rerun", 0, 1, "W.0"), ("rerun", 1, 1, "W.0")]
        (failed,) = [item for item in told(env) if isinstance(item, ReplacedAttempt)][:1]
        assert failed.record.state is TaskState.FAILED
        assert ErrorInfo.unpack(failed.error).message == "m"

    def test_it_expires_with_the_run_and_lives_again_with_it(self, env: Environment) -> None:
        env.running(0)
        env.complete(done(0, "W"))
        env.finish(outcome="failed")
        assert "run:r1:history" in env.dump()[EXPIRING]
        env.client.resume("r1")
        assert "run:r1:history" not in env.dump()[EXPIRING]

    def test_it_is_deleted_with_the_run(self, env: Environment) -> None:
        env.running(0)
        env.complete(done(0, "W"))
        env.finish(outcome="failed")
        assert env.client.delete("r1")
        assert "run:r1:history" not in env.dump()

    def test_what_an_older_scheduler_left_goes_with_the_run_from_the_list(
        self, env: Environment
    ) -> None:
        env.running(0)
        env.complete(done(0, "W"))
        env.link.call("DEL", env.keys.run("r1"))
        env.scheduler.forget([b"r1"])
        assert "run:r1:history" not in env.dump()
        env.link.call("DEL", env.keys.tasks("r1"), env.keys.errors("r1"))

    def test_who_submits_a_run(self, env: Environment) -> None:
        submission = replace(env.submission(), by="ann@host via cli")
        env.raw("submit", *submission.args(with_graph=True))
        assert env.client.read_run("r1").by == "ann@host via cli"

    @pytest.mark.parametrize("by", [b"\x1b[2J", b"x" * 401, b"\xff", b"caf\xc3\xa9"])
    def test_a_caller_that_cannot_be_shown_is_unknown(self, env: Environment, by: bytes) -> None:
        env.submit()
        env.link.call("HSET", env.keys.run("r1"), "by", by)
        assert env.client.read_run("r1").by == ""


class TestDamage:
    @pytest.mark.parametrize(
        "fields",
        [
            (b"retry", b"0"),
            (b"retry", b"x R1,W.0,0,0,0,"),
            (b"retry", b"0 Z1,W.0,0,0,0"),
            (b"finish", b"done 0 1"),
            (b"finish", b"failed"),
            (b"stop", b"x"),
            (b"a newer verb", b"text"),
            (b"\xff", b""),
        ],
    )
    def test_an_entry_of_another_form_is_skipped(
        self, env: Environment, fields: tuple[bytes, ...]
    ) -> None:
        env.submit()
        env.link.call("XADD", env.keys.history("r1"), "*", *fields)
        env.client.cancel("r1", "me")
        assert [entry.verb for entry in told(env)] == ["cancel"]

    def test_a_key_of_another_type_stops_no_script(self, env: Environment) -> None:
        env.running(0)
        env.link.call("SET", env.keys.history("r1"), "x")
        env.complete(done(0, "W"))
        env.client.cancel("r1", "me")
        assert env.records()["0"].startswith("W1,")
        env.link.call("DEL", env.keys.history("r1"))


class TestTerms:
    def test_the_terms_of_schedulers_are_kept(self, env: Environment) -> None:
        env.acquire_lease(HOUR_MS)
        env.acquire_lease(HOUR_MS)
        assert [term.scheduler for term in env.client.read_terms(0)] == ["s1"]
        assert list(env.client.read_terms(2**46)) == []


def test_neither_a_million_entries_nor_the_last_possible_one_hold_a_reader_up(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_reads, "HISTORY_PART", 10)
    monkeypatch.setattr(history_reads, "MOST_PARTS", 20)
    env.submit()
    key = env.keys.history("r1")
    env.link.batch([("XADD", key, "*", "cancel", "me")] * 9)
    env.link.call("XADD", key, f"{2**64 - 1}-{2**64 - 1}", "cancel", "me")
    assert len(told(env)) == 9, "the last one has no time"
    env.link.call("DEL", key)
    env.link.batch([("XADD", key, "*", "cancel", "me")] * 300)
    assert len(told(env)) == 10 * history_reads.MOST_PARTS
    entries, cursor = env.client.read_history_part("r1", 0, "", 25)
    rest, _ = env.client.read_history_part("r1", 0, cursor, 1_000)
    assert (len(entries), len(rest)) == (25, 275)


def test_errors_are_read_up_to_a_size(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may have 128 KiB, and there may be thousands."""
    monkeypatch.setattr(history_reads, "MOST_ERROR_BYTES", 250)
    env.submit()
    entry = ("retry", "0 R1,W.0,0,0,0,", "error", b"x" * 100)
    env.link.batch([("XADD", env.keys.history("r1"), "*", *entry)] * 3)
    found = [entry.error for entry in env.client.read_history("r1", 0) if hasattr(entry, "error")]
    assert [len(error) for error in found] == [100, 100, 0]
    entries, _ = env.client.read_history_part("r1", 0, "", 10)
    assert {entry.error for entry in entries if hasattr(entry, "error")} == {b""}
