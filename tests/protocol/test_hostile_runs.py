"""A run of somebody who can write to Redis spoils nothing but itself, in any script.

A key of one run that held another type made every script fail that touched it: the scheduler began
again forever, and workers ended, though all other runs were sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from environment import LIST, Environment, done

from flowkit.core.states import RunState

HUGE = b"9" * 5000
# What a field of a run's hash may say instead of what flowkit writes.
FIELDS = {
    "state": [b"banana", HUGE],
    "submitted": [b"", b"x", b"-1", b"inf", b"nan", b"007", HUGE],
    "ttl": [b"", b"x", b"-1", b"1e9", b"007", b"0" * 15, HUGE],
    "graph": [b"", b"x", b"a,b", b"\xff" * 64, b"g" * 64],
    "stop": [b"x", b"\xff", HUGE],
    "resumes": [b"x", HUGE],
    "kept": [b"x", HUGE],
    "counts": [b"\xff"],
    "failed": [b"x", HUGE],
}
RECORDS = [
    b"",
    b"Q",
    b"R" + HUGE + b",W.0,0,5,",
    b"R1,W.0," + HUGE + b",5,",
    b"R1,W.0,," + HUGE + b",",
    b"W" + HUGE + b",,0,,",
    b"W1,,0,," + HUGE,
    b"W1,,0,,-",
    b"P" + HUGE + b",,0,,",
    b"F" + b"9" * 10 + b",,0,,",
    b"\xff\xfe",
    b"R1,a b,0,5,",
    b"Z1,,0,,",
    b"Q00001,,0,,",
    b"R00001,W.0,0,5,",
]


def bad_hash(key: Callable[[Environment], str]) -> Callable[[Environment], None]:
    def spoil(env: Environment) -> None:
        env.link.call("DEL", key(env))
        env.link.call("SET", key(env), "no hash")

    return spoil


SPOILS: dict[str, Callable[[Environment], None]] = {
    "the run": bad_hash(lambda env: env.keys.run("bad")),
    "its tasks": bad_hash(lambda env: env.keys.tasks("bad")),
    "its results": bad_hash(lambda env: env.keys.results("bad")),
    "its errors": bad_hash(lambda env: env.keys.errors("bad")),
}
for field, values in FIELDS.items():
    for number, value in enumerate(values):
        SPOILS[f"{field} {number}"] = lambda env, field=field, value=value: env.link.call(
            "HSET", env.keys.run("bad"), field, value
        )
for field in ("state", "submitted", "graph", "ttl"):
    SPOILS[f"no {field}"] = lambda env, field=field: env.link.call(
        "HDEL", env.keys.run("bad"), field
    )
for number, value in enumerate(RECORDS):
    SPOILS[f"record {number}"] = lambda env, value=value: env.link.call(
        "HSET", env.keys.tasks("bad"), 0, value, 1, value, 2, value, 3, value
    )


@pytest.fixture
def two(env: Environment) -> Iterator[Environment]:
    """A bad and a good run of four tasks each, with a leader and a worker of two lanes."""
    env.submit("bad")
    env.submit("good")
    env.acquire_lease()
    env.register(lanes=["W.0", "W.1"])
    yield env
    for key in ("run:bad", "run:bad:tasks", "run:bad:results", "run:bad:errors", "run:bad:history"):
        env.link.call("DEL", env.keys.prefix + key)


def finish_both(env: Environment) -> None:
    """End both runs as a scheduler would, with all upkeep in between."""
    env.apply("progress", "bad", "x=1", "progress", "good", "x=1")
    env.scheduler.drop_stale_entries(0, 100)
    env.scheduler.prune_dead_letters(0, 100)
    env.apply("finish", "bad", "failed", "", "", "finish", "good", "succeeded", "", "succeeded=4")
    env.scheduler.forget([b"bad", b"good"])


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS.keys())
def test_data_damaged_before_queueing_stops_no_other_run(
    two: Environment, spoil: Callable[[Environment], None]
) -> None:
    two.queue(2, 3, run="bad")
    spoil(two)
    both = ["queue", "bad", LIST, "5", "", 2, 0, 1, "queue", "good", LIST, "5", "", 2, 0, 1]
    two.apply("begin", "bad", two.submission("bad").digest, *both)
    claims = two.claim()
    assert {claim.task for claim in claims if claim.run == "good"} == {0, 1}
    assert {claim.key.encode() for claim in claims} == set(two.worker.holdings("W.0"))
    assert all(len(claim.life[1]) < 32 for claim in claims)
    two.complete(*(done(claim.task, run=claim.run, payload=b"\x01") for claim in claims))
    assert {number: record[0] for number, record in two.records("good").items()} == {
        "0": "S",
        "1": "S",
    }
    finish_both(two)
    assert two.dump()["run:good"]["state"] == "succeeded"


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS.keys())
def test_data_damaged_while_running_stops_no_other_run(
    two: Environment, spoil: Callable[[Environment], None]
) -> None:
    for run in ("bad", "good"):
        two.queue(0, 1, 2, 3, run=run)
    claims = two.claim()
    assert len(claims) == 8
    spoil(two)
    two.worker.complete("W.0", [], two.calls, 1000, 1, [LIST])  # the reply was lost: once more
    outcomes = [done(0, run="bad", payload=b"\x01"), done(0, run="good", payload=b"\x01")]
    outcomes += [done(1, "W", run=run, payload=b"error") for run in ("bad", "good")]
    two.complete(*outcomes)
    two.worker.release("W.0", ["bad,2", "good,2"])
    two.worker.reap_child("W.0", ["bad,3", "good,3"], 3, b"lost", blame="good,3")
    hints = [(number, LIST, "5") for number in range(4)]
    two.scheduler.requeue("bad", hints)
    two.now += 10_000
    two.scheduler.promote(100)
    two.scheduler.stop_run("bad", RunState.FAILED, 0)
    two.scheduler.requeue("bad", hints)
    assert {number: record[0] for number, record in two.records("good").items()} == {
        "0": "S",
        "1": "Q",
        "2": "Q",
        "3": "Q",
    }
    again = {claim.task for claim in two.claim("W.1") if claim.run == "good"}
    assert again == {1, 2, 3}
    finish_both(two)


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS.keys())
def test_damaged_runs_can_be_cancelled_and_resumed_without_script_errors(
    two: Environment, spoil: Callable[[Environment], None]
) -> None:
    two.queue(0, 1, run="bad")
    spoil(two)
    two.raw("cancel", "bad", "me")
    two.raw("end_tasks", "s1", 1, "bad", "C", "1", 0, 1, 2, 3)
    two.raw("apply", "s1", 1, "", "finish", "bad", "cancelled", "", "")
    two.raw("resume", "bad", "request", "", "me")
    two.raw("reset", "s1", 1, "bad", "1", b"once", 0, 1, 2, 3)
    two.raw("submit", "bad", "0" * 64, b"graph", "dag", b"", 4, 1000, b"", "me", b"", 1000)


def test_a_run_with_an_invalid_hash_is_no_longer_active(two: Environment) -> None:
    SPOILS["the run"](two)
    two.apply("finish", "bad", "failed", "", "")
    assert two.dump()["active"] == {"good"}


ENTRIES = [
    b"",
    b"bad",
    b"bad,0",
    b"bad,0," + HUGE,
    b"bad," + HUGE + b",1",
    b"\xff,0,1",
    b"a|b,0,1",
    b"a\rb,0,1",
    b"r" * 400 + b",0,1",
    b"bad,0,1,default,5,more",
    b"bad,0,00001",
    b"bad,00,1",
]


def test_invalid_entries_are_dropped_by_the_claim_that_pops_them(two: Environment) -> None:
    for entry in ENTRIES:
        two.link.call("RPUSH", two.keys.ready(LIST, "5"), entry)
    two.queue(0, run="good")
    assert [(claim.run, claim.task) for claim in two.claim()] == [("good", 0)]
    assert f"ready:{LIST}:5" not in two.dump()


def test_invalid_delayed_entries_are_dropped_when_due(two: Environment) -> None:
    for number, entry in enumerate(ENTRIES):
        two.link.call("ZADD", two.keys.delayed(), number, entry)
    two.link.call("ZADD", two.keys.delayed(), "inf", "bad,0,1,default,5")
    promoted, next_ms = two.scheduler.promote(100)
    assert promoted == 0
    assert 0 < next_ms <= 86_400_000


def test_only_valid_levels_of_a_list_are_read(two: Environment) -> None:
    two.queue(0, run="good")
    two.link.call("HSET", two.keys.levels(), LIST, b"x\xff5" + b"z" * 10_000)
    assert [claim.run for claim in two.claim()] == ["good"]
    two.link.call("HDEL", two.keys.levels(), LIST)


def test_a_ready_list_of_another_type_hides_no_other_list(two: Environment) -> None:
    two.link.call("SET", two.keys.ready(LIST, "9"), "no list")
    two.queue(1, run="good", level="9")  # its hint is lost; the record says that it is queued
    two.queue(0, run="good", level="5")
    assert [claim.task for claim in two.claim()] == [0]
    two.link.call("DEL", two.keys.ready(LIST, "9"))
    assert two.scheduler.requeue("good", [(1, LIST, "9")]) == 1
    assert [claim.task for claim in two.claim()] == [1]


def test_a_claim_without_a_place_is_given_back_to_the_scheduler(two: Environment) -> None:
    two.queue(0, run="good")
    two.claim()
    two.link.call("HSET", two.keys.claims("W.0"), "good,0", "1")
    two.worker.release("W.0", ["good,0"])
    assert two.records("good")["0"].startswith("Q1,")
    assert two.scheduler.requeue("good", [(0, LIST, "5")]) == 1
    assert [claim.task for claim in two.claim()] == [0]


@pytest.mark.parametrize("name", [b"\xff\xfe", b"a b", b"w" * 300, b"", b"a|b"])
def test_a_worker_with_an_impossible_name_is_forgotten(two: Environment, name: bytes) -> None:
    """A hundred of them in front of the others kept lost workers from being noticed at all."""
    two.link.call("ZADD", two.keys.workers(), 1, name)
    two.link.call("HSET", two.keys.prefix.encode() + b"worker:" + name, "lanes", b"W.0 W.1 x" * 9)
    (expired,) = two.scheduler.expired_workers()
    assert expired == (name, [])
    assert two.scheduler.retire(expired.name, expired.lanes)
    assert two.scheduler.expired_workers() == []
    two.queue(0, run="good")
    assert len(two.claim("W.0")) == 1, "the lanes of others are theirs"


def test_invalid_stops_are_not_sent_to_a_worker(two: Environment) -> None:
    stops = [b"good,0,1", b"x\rdrain", b"\xff", b"good,0," + HUGE, b"a,b,c", b"good,0,1 drain"]
    two.link.call("SADD", two.keys.stops("W.0"), *stops)
    pulse = two.worker.heartbeat("W", 1000, ["W.0", "W.1"])
    assert set(pulse.stops["W.0"]) == {"good,0,1"}
    two.link.call("DEL", two.keys.stops("W.0"))


def test_a_heartbeat_returns_a_bounded_number_of_stops(two: Environment) -> None:
    names = [f"good,{number},1" for number in range(3000)]
    two.link.call("SADD", two.keys.stops("W.0"), *names)
    pulse = two.worker.heartbeat("W", 1000, ["W.0", "W.1"])
    assert 500 < len(pulse.stops["W.0"]) <= 1000
    two.link.call("DEL", two.keys.stops("W.0"))


@pytest.mark.parametrize(
    "lease", [b"", b"x", b"s9,1", b"s9," + HUGE + b",1", b"s9,1," + HUGE, b"\xff,\xff,\xff"]
)
def test_an_unreadable_lease_has_no_holder(env: Environment, lease: bytes) -> None:
    env.link.call("SET", env.keys.leader(), lease)
    assert env.scheduler.acquire_lease(1000).leads


@pytest.mark.parametrize("cursor", [b"", b"x", b"\xff", b"9" * 5000, b"99999999999999999999-1"])
def test_an_impossible_cursor_counts_as_the_beginning(env: Environment, cursor: bytes) -> None:
    """One from the future kept every event from being read."""
    env.submit()
    env.link.call("SET", env.keys.cursor(), cursor)
    assert env.scheduler.read_cursor() == "0"
    assert len(env.scheduler.read_announcements("0", 10, 10)) == 1
    env.link.call("DEL", env.keys.cursor())


def test_an_overlong_lease_counts_as_expired(env: Environment) -> None:
    """Written once, it kept every scheduler from leading until the year 5138."""
    env.link.call("SET", env.keys.leader(), "somebody,1,99999999999999")
    assert env.scheduler.acquire_lease(3000).leads


def test_a_lease_of_an_ordinary_length_is_held(env: Environment) -> None:
    env.link.call("SET", env.keys.leader(), f"somebody,1,{env.now + 3000}")
    assert not env.scheduler.acquire_lease(3000).leads


@pytest.mark.parametrize("run", ["bad:tasks", "bad:results", "bad:tasks:results"])
def test_a_run_with_an_impossible_id_is_not_claimed(two: Environment, run: str) -> None:
    """A lane claimed it, could not read it, gave it back, and claimed it again without end."""
    digest = two.submission("bad").digest
    fields = ("state", "running", "submitted", "1000000", "graph", digest)
    two.link.call("DEL", two.keys.tasks("bad"))
    two.link.call("HSET", two.keys.run(run), *fields)
    two.link.call("HSET", two.keys.tasks(run), 0, "Q1,,0,,")
    two.link.call("RPUSH", two.keys.ready(LIST, "5"), f"{run},0,1")
    two.queue(0, run="good")
    assert [claim.run for claim in two.claim()] == ["good"]
    assert two.worker.holdings("W.0") == [b"good,0"]
    two.link.call("DEL", two.keys.run(run), two.keys.tasks(run))


def test_a_stranger_among_the_workers_with_keys_of_another_type_is_forgotten(
    two: Environment,
) -> None:
    two.link.call("ZADD", two.keys.workers(), 1, "S")
    two.link.call("HSET", two.keys.worker("S"), "lanes", "S.0 S.1")
    two.link.call("SET", two.keys.claims("S.0"), "no hash")
    two.link.call("SET", two.keys.stops("S.1"), "no set")
    (expired,) = two.scheduler.expired_workers()
    assert [two.scheduler.reap(lane, 3, b"", b"") for lane in expired.lanes] == [[], []]
    assert two.scheduler.retire(expired.name, expired.lanes)
    assert not [name for name in two.dump() if name.startswith("worker:S")]
    two.link.call("ZADD", two.keys.workers(), 1, "T")
    two.link.call("SET", two.keys.worker("T"), "no hash")
    (expired,) = two.scheduler.expired_workers()
    assert expired == (b"T", [])
    assert two.scheduler.retire(expired.name, expired.lanes)
