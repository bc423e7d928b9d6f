"""The outcome A: a task comes again later, with what it has kept, and has all its retries again."""

from __future__ import annotations

import pytest
from environment import LIST, START, Environment, done
from helpers import EXPIRING

from flowkit.core.states import RunState, TaskState
from flowkit.protocol.decoding import CorruptData
from flowkit.protocol.history_reads import ReplacedAttempt
from flowkit.protocol.memories import decode_memory, encode_memory
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.spent import Flag
from flowkit.protocol.worker_store import Claim

MEMORY = encode_memory(1, b"cursor")


def again(attempt: int = 1, payload: bytes = MEMORY, task: int = 0) -> Outcome:
    return done(task, "A", attempt, delay=500, payload=payload)


def wait(env: Environment) -> None:
    """Task 0 waits, since it asked to come again in 500 ms."""
    env.running(0)
    env.now += 7
    env.complete(again())


def next_claim(env: Environment) -> Claim:
    env.now += 500
    assert env.scheduler.promote(10)[0] == 1
    (claim,) = env.claim()
    return claim


def test_one_step_writes_all_that_the_next_attempt_needs(env: Environment) -> None:
    env.running(0)
    env.now += 7
    changed = env.changed_by(lambda: env.complete(again()))
    record = "W1,W.0,0/1^,0,507,0,again,7"
    assert changed == {
        "run:r1": {**env.run_hash(history="1", inputs="1")},
        "run:r1:tasks": {"0": record},
        "run:r1:inputs": {"0^": MEMORY.decode()},
        "run:r1:history": [{"again": f"0 {record}"}],
        "delayed": {f"r1,0,2,{LIST},5": START + 507},
        "worker:W.0:claims": {"#": "1"},
        "events": [*changed["events"][:-1], {"W": "r1 0"}],
    }
    assert EXPIRING not in changed


def test_the_next_attempt_is_claimed_with_the_flag_and_reads_the_memory(env: Environment) -> None:
    wait(env)
    claim = next_claim(env)
    assert (claim.attempt, claim.spent.base, claim.spent.flags) == (2, 1, {Flag.AGAIN})
    assert claim.spent.failures(claim.attempt) == 1
    assert env.worker.read_memory("r1", 0) == (1, b"cursor")


def test_failures_before_it_do_not_count_and_those_after_it_keep_the_memory(
    env: Environment,
) -> None:
    env.running(0)
    env.complete(done(0, "W", delay=500))
    assert next_claim(env).spent.failures(2) == 2
    env.complete(again(2))
    assert next_claim(env).spent.failures(3) == 1
    env.complete(done(0, "W", 3, delay=500))
    claim = next_claim(env)
    assert (claim.attempt, claim.spent.failures(4)) == (4, 2)
    assert Flag.AGAIN in claim.spent.flags
    assert env.worker.read_memory("r1", 0) == (1, b"cursor")


def test_the_second_time_replaces_the_memory_and_adds_no_second_flag(env: Environment) -> None:
    wait(env)
    next_claim(env)
    env.complete(again(2, encode_memory(2, b"")))
    assert env.records()["0"].split(",")[2] == "0/2^"
    assert env.worker.read_memory("r1", 0) == (2, b"")


def test_other_flags_are_kept(env: Environment) -> None:
    env.ready()
    env.queue(0, flags="+")
    env.claim()
    env.complete(again())
    assert env.records()["0"].split(",")[2] == "0/1+^"


@pytest.mark.parametrize("stop", [RunState.CANCELLED, RunState.FAILED])
def test_in_a_run_that_stops_it_ends_as_cancelled_and_keeps_nothing(
    env: Environment, stop: RunState
) -> None:
    env.running(0)
    env.scheduler.stop_run("r1", stop)
    changed = env.changed_by(lambda: env.complete(again()))
    assert set(changed) == {"run:r1:tasks", "worker:W.0:claims", "events"}
    assert env.records()["0"].startswith("C1,")


def test_what_continues_after_a_failure_comes_again(env: Environment) -> None:
    env.ready()
    env.queue(0, flags="+")
    env.claim()
    env.scheduler.stop_run("r1", RunState.FAILED)
    env.complete(again())
    assert env.records()["0"].startswith("W1,")


def test_an_at_most_once_task_never_comes_again(env: Environment) -> None:
    """Its lane refuses it; if another program says otherwise, the task fails."""
    env.ready()
    env.queue(0, flags="=")
    env.claim()
    env.complete(again())
    assert env.records()["0"].startswith("F1,")
    assert "run:r1:inputs" not in env.dump()
    assert "run:r1:errors" not in env.dump(), "a memory is no error"


def test_an_attempt_that_was_taken_back_keeps_nothing(env: Environment) -> None:
    env.running(0)
    env.worker.reap_child("W.0", ["r1,0"], 3, b"lost")
    env.register()
    changed = env.changed_by(lambda: env.complete(again()))
    assert "run:r1:inputs" not in changed
    assert "run:r1:tasks" not in changed


def test_a_waiting_task_is_cancelled_with_its_run(env: Environment) -> None:
    wait(env)
    env.scheduler.stop_run("r1", RunState.CANCELLED)
    env.scheduler.end_tasks("r1", TaskState.CANCELLED, [0], notify=False)
    assert env.records()["0"].startswith("C1,")
    env.now += 500
    assert env.scheduler.promote(10)[0] == 0


def test_a_resume_begins_anew(env: Environment) -> None:
    wait(env)
    next_claim(env)
    env.complete(done(0, "F", 2))
    env.finish(outcome="failed", failed=0)
    env.client.resume("r1")
    env.scheduler.reset("r1", [0])
    assert env.records()["0"].startswith("P2,,0,")
    assert "run:r1:inputs" not in env.dump()
    env.queue(0)
    (claim,) = env.claim()
    assert (claim.attempt, claim.spent.flags) == (3, frozenset())


def test_a_resume_keeps_the_memories_of_tasks_that_stay_over(env: Environment) -> None:
    env.running(0, 1)
    env.complete(again(), again(task=1, payload=encode_memory(1, b"other")))
    env.link.call("HSET", env.keys.tasks("r1"), 0, "S2,W.0,0/1^,0,9")
    env.link.call("HSET", env.keys.tasks("r1"), 1, "F2,W.0,0/1^,0,9")
    env.finish(outcome="failed", failed=1)
    env.client.resume("r1")
    env.scheduler.reset("r1", [1])
    assert env.dump()["run:r1:inputs"] == {"0^": MEMORY.decode()}


def test_the_history_tells_of_it(env: Environment) -> None:
    wait(env)
    (entry,) = env.client.read_history("r1", START)
    assert isinstance(entry, ReplacedAttempt)
    assert (entry.verb, entry.task, entry.record.reason, entry.error) == ("again", 0, "again", b"")


def test_an_unusable_key_loses_the_memory_and_nothing_else(env: Environment) -> None:
    env.running(0, 1)
    env.link.call("SET", env.keys.inputs("r1"), "x")
    env.complete(again(), done(1))
    assert [env.records()[task][0] for task in "01"] == ["W", "S"]
    env.link.call("DEL", env.keys.inputs("r1"))
    with pytest.raises(CorruptData, match=r"what this task kept .* is missing in Redis"):
        env.worker.read_memory("r1", 0)


@pytest.mark.parametrize("times", [1, 12, 10**9 - 1])
@pytest.mark.parametrize("value", [b"", b",", b"\xc1\x00"])
def test_a_memory_is_read_as_it_was_written(times: int, value: bytes) -> None:
    assert decode_memory(encode_memory(times, value)) == (times, value)


@pytest.mark.parametrize(
    "data", [b"", b"1", b",x", b"0,x", b"01,x", b"-1,x", b"1x,", b"9" * 10 + b","]
)
def test_a_memory_of_another_form_is_damage(data: bytes) -> None:
    with pytest.raises(CorruptData, match=r"is damaged in Redis\. Resume the run"):
        decode_memory(data)
