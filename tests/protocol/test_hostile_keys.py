"""Keys that all runs share, and single fields, hold what no release writes: the scripts continue.

A hint that cannot be written is found again by the scheduler, so the step that should have written
it must not fail: the outcome of a task would be lost with it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from environment import HOUR_MS, LIST, Environment, compiled, done
from helpers import literally

from flowkit.core.states import RunState, TaskState
from flowkit.exceptions import StoreError, UnfitRedis
from flowkit.protocol.decoding import CorruptData
from flowkit.protocol.once import lost_once
from flowkit.protocol.server_checks import check_schema, check_shard_position

HUGE = "9" * 5000
LARGE = "x" * 400  # behind a record: more than any record has


@pytest.fixture
def spoiled(env: Environment) -> Iterator[Environment]:
    """An environment of which nothing stays, whatever it was made to hold."""
    yield env
    _, keys = env.link.call("SCAN", 0, "MATCH", literally(env.keys.prefix) + "*", "COUNT", 9999)
    env.link.call("DEL", *keys, env.keys.prefix)


def no_list(env: Environment, *keys: str) -> None:
    for key in keys:
        env.link.call("SET", key, "another type of value")


def codes(env: Environment) -> str:
    return "".join(record[0] for _, record in sorted(env.records().items()))


# -- hints ----------------------------------------------------------------------------------------


def test_outcomes_are_recorded_where_no_hint_can_be_written(spoiled: Environment) -> None:
    spoiled.running(0, 1, 2)
    no_list(spoiled, spoiled.keys.delayed(), spoiled.keys.prefix + "dead")
    spoiled.complete(done(0, "W"), done(1, "F"), done(2))
    assert codes(spoiled) == "WFS"


def test_tasks_are_queued_where_no_worker_can_be_woken(spoiled: Environment) -> None:
    no_list(spoiled, spoiled.keys.wake(LIST))
    spoiled.ready(0, 1)
    assert codes(spoiled) == "QQ"
    assert len(spoiled.claim()) == 2


def test_a_cancel_succeeds_where_a_worker_cannot_be_notified(spoiled: Environment) -> None:
    spoiled.running(0, 1)
    no_list(spoiled, spoiled.keys.stops("W.0"))
    assert spoiled.raw("end_tasks", "s1", 1, "r1", "C", "1", 0, 1) == [b"OK", b"", b"0 1", b""]
    pulse = spoiled.worker.heartbeat("W", HOUR_MS, ["W.0"])
    assert (pulse.held, pulse.stops) == ({"W.0": 2}, {})


def test_a_lane_claims_a_suspect_despite_invalid_neighbour_claims(spoiled: Environment) -> None:
    spoiled.ready()
    spoiled.queue(0, level="!")
    no_list(spoiled, spoiled.keys.claims("W.0a"))
    assert [claim.task for claim in spoiled.claim()] == [0]


def test_upkeep_continues_beside_a_ready_list_of_another_type(spoiled: Environment) -> None:
    spoiled.ready(0)
    spoiled.queue(1, level="9")
    no_list(spoiled, spoiled.keys.ready(LIST, "9"))
    spoiled.finish()
    assert spoiled.scheduler.drop_stale_entries(0, 100) == (1, 0)


def test_upkeep_looks_at_a_bounded_number_of_entries(spoiled: Environment) -> None:
    spoiled.ready()
    for level, count in (("9", 1100), ("5", 7)):
        entries = [f"gone,{task},1" for task in range(count)]
        spoiled.link.call("RPUSH", spoiled.keys.ready(LIST, level), *entries)
    spoiled.link.call("HSET", spoiled.keys.levels(), LIST, "95")
    assert spoiled.scheduler.drop_stale_entries(0, 2000)[0] == 1100


def test_invalid_entries_leave_the_list_of_dead_tasks(spoiled: Environment) -> None:
    spoiled.ready()
    spoiled.link.call("ZADD", spoiled.keys.prefix + "dead", 1, b"\xff", 2, b"r1", 3, b"r|1,0")
    assert spoiled.scheduler.prune_dead_letters(0, 10) == (3, 0)


# -- errors of one run ----------------------------------------------------------------------------


def test_tasks_end_where_their_errors_cannot_be_written(spoiled: Environment) -> None:
    spoiled.ready(0)
    spoiled.queue(1, flags="=")
    assert len(spoiled.claim()) == 2
    no_list(spoiled, spoiled.keys.errors("r1"))
    spoiled.worker.release("W.0", ["r1,1"], lost_once("nobody knows"))
    spoiled.worker.reap_child("W.0", ["r1,0"], 1, b"lost")
    assert codes(spoiled) == "FF"


def test_a_run_is_resumed_despite_errors_of_another_type(spoiled: Environment) -> None:
    spoiled.running(0, 1)
    spoiled.complete(done(0, "F"), done(1))
    spoiled.finish("r1", "failed", 0)
    spoiled.client.resume("r1")
    no_list(spoiled, spoiled.keys.errors("r1"), spoiled.keys.prefix + "dead")
    spoiled.scheduler.reset("r1", [0])
    assert codes(spoiled) == "PS"


# -- records and claims ---------------------------------------------------------------------------


@pytest.mark.parametrize("record", [f"Q1,,0,,,{LARGE}", f"Q1,,{'!' * 400},,", "Q1,,\udcff,,"])
def test_an_invalid_record_is_not_claimed(spoiled: Environment, record: str) -> None:
    spoiled.ready(0, 1)
    spoiled.link.call(
        "HSET", spoiled.keys.tasks("r1"), 0, record.encode("utf-8", "surrogateescape")
    )
    assert [claim.task for claim in spoiled.claim()] == [1]


@pytest.mark.parametrize("record", [f"R1,W.0,0,5,,{LARGE}", "R1,W.0,0", "R1,W.0,a b,5,"])
def test_an_invalid_record_is_not_rewritten_as_an_end(spoiled: Environment, record: str) -> None:
    spoiled.running(0, 1)
    spoiled.link.call("HSET", spoiled.keys.tasks("r1"), 0, record)
    spoiled.complete(done(0), done(1))
    assert spoiled.records()["0"] == record
    assert codes(spoiled) == "RS"
    assert spoiled.worker.holdings("W.0") == []


def test_a_damaged_record_ends_when_its_run_is_cancelled(spoiled: Environment) -> None:
    spoiled.ready(0)
    spoiled.link.call("HSET", spoiled.keys.tasks("r1"), 0, b"\xff")
    ended = spoiled.scheduler.end_tasks("r1", TaskState.CANCELLED, [0, 1], notify=True)
    assert ended == ([0, 1], [], [])
    assert codes(spoiled) == "CC"


def test_an_invalid_claim_is_not_returned_again(spoiled: Environment) -> None:
    spoiled.running(0)
    spoiled.link.call("HSET", spoiled.keys.claims("W.0"), "r|1,0", f"1,{spoiled.calls},{LIST},5")
    again = spoiled.worker.complete("W.0", [], spoiled.calls, 1000, 1, [LIST])
    assert [claim.task for claim in again.claims] == [0]


# -- what a run is made of ------------------------------------------------------------------------


def test_commands_made_from_another_graph_are_not_applied(spoiled: Environment) -> None:
    spoiled.submit()
    spoiled.acquire_lease()
    spoiled.queue(1)
    commands = ["begin", "r1", "0" * 64, "queue", "r1", LIST, "5", "", 1, 0]
    commands += ["progress", "r1", "x=1", "finish", "r1", "failed", "", "x=1"]
    refused: list[str] = []
    changes = spoiled.changed_by(lambda: refused.extend(spoiled.scheduler.apply("", commands)))
    assert (refused, changes) == (["r1"], {})


def test_a_finished_run_does_not_begin(spoiled: Environment) -> None:
    """In the memory of a scheduler nothing would ever end it."""
    graph = spoiled.submit().digest
    spoiled.acquire_lease()
    assert spoiled.scheduler.apply("", ["begin", "r1", graph]) == []
    spoiled.finish()
    assert spoiled.scheduler.apply("", ["begin", "r1", graph]) == ["r1"]


def test_the_end_of_a_run_ignores_an_invalid_graph_reference(spoiled: Environment) -> None:
    spoiled.submit()
    spoiled.acquire_lease()
    spoiled.link.call("HSET", spoiled.keys.prefix + "graphs", "x", 5)
    spoiled.link.call("HSET", spoiled.keys.run("r1"), "graph", "x")
    spoiled.finish()
    assert spoiled.dump()["graphs"]["x"] == "5"


@pytest.mark.parametrize("users", ["x", HUGE])
def test_runs_begin_and_end_despite_an_invalid_user_count(spoiled: Environment, users: str) -> None:
    graph = spoiled.submit("r1").digest
    spoiled.acquire_lease()
    spoiled.link.call("HSET", spoiled.keys.prefix + "graphs", graph, users)
    spoiled.submit("r2")
    for run in ("r1", "r2"):
        spoiled.finish(run)
        assert spoiled.client.read_run(run).state is RunState.SUCCEEDED
    assert 0 < spoiled.link.call("PTTL", spoiled.keys.graph(graph)) <= HOUR_MS


@pytest.mark.parametrize("need", ["x", "nan", "1e30", HUGE])
def test_an_invalid_need_does_not_keep_a_graph(spoiled: Environment, need: str) -> None:
    graph = spoiled.submit().digest
    spoiled.acquire_lease()
    spoiled.link.call("HSET", spoiled.keys.prefix + "graphs", graph + "!", need)
    spoiled.finish()
    assert 0 < spoiled.link.call("PTTL", spoiled.keys.graph(graph)) <= HOUR_MS


# -- who leads ------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [f"s2,{HUGE},9999999999999", f"s2,0,{HUGE}", "s2,x,y", "\udcff"])
def test_an_invalid_standby_line_has_no_standby(spoiled: Environment, line: str) -> None:
    spoiled.acquire_lease()
    spoiled.link.call(
        "SET", spoiled.keys.prefix + "standby", line.encode("utf-8", "surrogateescape")
    )
    assert spoiled.scheduler.acquire_lease(HOUR_MS, 3).standby == -1
    assert spoiled.scheduler.hand_over_lease(spoiled.scheduler.term, HOUR_MS, 9) is None


def test_an_overlong_shard_position_is_ignored(spoiled: Environment) -> None:
    spoiled.link.call("SET", spoiled.keys.layout(), f"{HUGE}/1/1")
    assert spoiled.scheduler.acquire_lease(HOUR_MS).leads


# -- what the stores make of it -------------------------------------------------------------------


def test_entries_are_counted_beside_lists_of_another_type(spoiled: Environment) -> None:
    spoiled.ready(0, 1)
    spoiled.queue(2, level="9")
    no_list(spoiled, spoiled.keys.ready(LIST, "9"))
    assert spoiled.scheduler.listed([LIST]) == {"r1,0,1", "r1,1,1"}
    assert spoiled.scheduler.findable() == 2


def test_invalid_records_of_one_run_do_not_hide_others(spoiled: Environment) -> None:
    spoiled.ready(0)
    spoiled.submit("r2")
    no_list(spoiled, spoiled.keys.tasks("r2"))
    result = dict(spoiled.scheduler.read_records_of({"r1": [0], "r2": [0]}))
    assert [record.state for _, record in result["r1"]] == [TaskState.QUEUED]
    with pytest.raises(CorruptData, match="WRONGTYPE"):
        list(result["r2"])


def test_an_error_unrelated_to_a_key_is_not_reported_as_damage(spoiled: Environment) -> None:
    no_list(spoiled, spoiled.keys.run("r1"))
    reads = [("HGET", spoiled.keys.run("r1"), "state"), ("HGET", spoiled.keys.run("r2"))]
    with pytest.raises(StoreError, match="wrong number of arguments") as error:
        spoiled.link.batch_each(reads)
    assert not isinstance(error.value, CorruptData)


def test_more_records_than_a_run_has_tasks_are_not_read(spoiled: Environment) -> None:
    spoiled.ready(0, 1, 2)
    assert len(spoiled.scheduler.read_states("r1", compiled(3)).states) == 3
    with pytest.raises(CorruptData, match="records of more than its 2 tasks"):
        spoiled.scheduler.read_states("r1", compiled(2))


def test_impossible_active_runs_are_skipped(spoiled: Environment) -> None:
    spoiled.submit("r1")
    spoiled.link.call("SADD", spoiled.keys.active(), b"\xff", b"a|b", b"r" * 400, b"r1:tasks")
    assert spoiled.scheduler.active_runs() == ["r1"]


def test_an_invalid_format_is_refused_briefly(spoiled: Environment) -> None:
    spoiled.link.call("SET", spoiled.keys.schema(), HUGE)
    with pytest.raises(UnfitRedis) as error:
        check_schema(spoiled.client)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    "shard_position",
    ["x", "0/1/x", f"0/1/{HUGE}", f"{HUGE}/1/1", "\udcff", "1/0/0", "1/1/1", "1/2/3", "1/2/0"],
)
def test_an_invalid_shard_position_is_ignored(spoiled: Environment, shard_position: str) -> None:
    spoiled.link.call(
        "SET", spoiled.keys.layout(), shard_position.encode("utf-8", "surrogateescape")
    )
    assert check_shard_position(spoiled.link, spoiled.namespace, "0/1") == 1
    assert spoiled.scheduler.acquire_lease(HOUR_MS).leads
    assert spoiled.link.call("GET", spoiled.keys.layout()) == b"0/1/1"
