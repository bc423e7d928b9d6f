"""Workers claim only what their app has: lists of functions, who claims from them, hand-over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from environment import HOUR_MS, LIST, Environment, done
from helpers import EXPIRING
from situations import CHILDREN, calls_args

from flowkit.core.states import RunState
from flowkit.protocol.app_functions import app_id, function_id, is_id, pinned_id
from flowkit.protocol.keys import base_of, of_function, queue_of
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.worker_store import Claim

OLD, NEW = function_id("app:old"), function_id("app:new")
ONE, BOTH = app_id([OLD]), app_id([OLD, NEW])
NEW_LIST = of_function(LIST, NEW)


def worker(env: Environment, name: str, app: str, functions: Sequence[str]) -> str:
    lane = f"{name}.0"
    env.worker.heartbeat(name, HOUR_MS, [lane], b"about", app)
    env.worker.register_app(app, functions, lease_ms=HOUR_MS)
    return lane


def two_apps(env: Environment, total: int = 4) -> tuple[str, str]:
    """A run, a leader, and two workers, one of which lacks a function; return their lanes."""
    env.submit(total=total)
    env.acquire_lease()
    return worker(env, "A", ONE, [OLD]), worker(env, "B", BOTH, [OLD, NEW])


def claimed(env: Environment, lane: str, app: str, limit: int = 10) -> list[int]:
    return [claim.task for claim in of_app(env, lane, app, limit)]


def of_app(env: Environment, lane: str, app: str, limit: int) -> Sequence[Claim]:
    return env.worker.complete(lane, [], env.next_call(), limit, 1, [LIST], app).claims


def test_ids_are_short_digests_and_lists_have_a_base() -> None:
    assert is_id(OLD)
    assert is_id(BOTH)
    assert not is_id("x" * 16)
    assert app_id([NEW, OLD]) == BOTH != ONE
    assert base_of(NEW_LIST) == LIST
    assert base_of(LIST) == LIST
    assert queue_of(of_function("mail~async", NEW)) == queue_of("mail~async") == "mail"


def test_only_workers_with_the_function_claim_from_its_list(env: Environment) -> None:
    old, new = two_apps(env)
    env.queue(0, 1, list_=NEW_LIST)
    assert claimed(env, old, ONE) == []
    assert env.claim(old) == []  # a worker that does not say what it has claims none of these
    assert claimed(env, new, BOTH) == [0, 1]


def test_backlogs_of_a_function_wait_for_turns_too(env: Environment) -> None:
    old, new = two_apps(env)
    env.apply("line", "r1", NEW_LIST, "5", "", 2, 0, 1)
    assert claimed(env, old, ONE) == []
    assert claimed(env, new, BOTH, 1) == [0]
    assert claimed(env, new, BOTH, 1) == [1]


def test_the_list_and_the_lists_of_functions_alternate(env: Environment) -> None:
    _, new = two_apps(env, 8)
    env.queue(0, 1, 2, 3)
    env.queue(4, 5, 6, 7, list_=NEW_LIST)
    order = [task for _ in range(8) for task in claimed(env, new, BOTH, 1)]
    assert sorted(order) == list(range(8))
    assert {order[0] // 4, order[1] // 4} == {0, 1}


def test_a_priority_counts_across_these_lists(env: Environment) -> None:
    _, new = two_apps(env)
    env.queue(0, level="3")
    env.queue(1, list_=NEW_LIST, level="5")
    env.queue(2, level="7")
    assert [task for _ in range(3) for task in claimed(env, new, BOTH, 1)] == [2, 1, 0]


def test_an_attempt_is_handed_on_with_its_number(env: Environment) -> None:
    old, new = two_apps(env)
    env.queue(0, 1)
    assert claimed(env, old, ONE) == [0, 1]
    assert env.worker.release(old, [f"r1,1@{NEW}"]) == 1
    assert env.records()["1"] == "Q1,,0,,,0"
    assert env.dump()[f"worker:{old}:claims"].keys() == {"#", "r1,0"}
    assert claimed(env, old, ONE) == []
    assert claimed(env, new, BOTH) == [1]
    assert env.worker.release(old, [f"r1,1@{NEW}"]) == 0  # it is not the lane's any more


def test_it_may_be_handed_on_again(env: Environment) -> None:
    """A third app has the function, but not the other one that the list is named after."""
    old, new = two_apps(env)
    env.queue(0, list_=of_function(LIST, OLD))
    assert claimed(env, old, ONE) == [0]
    env.worker.release(old, [f"r1,0@{NEW}"])
    assert env.dump()[f"ready:{NEW_LIST}:5:r1"] == ["0,1"]
    assert claimed(env, new, BOTH) == [0]


def test_a_large_run_that_is_handed_on_lets_small_runs_pass(env: Environment) -> None:
    old, new = two_apps(env, 40)
    env.apply("line", "r1", LIST, "5", "", 40, *range(40))
    assert len(claimed(env, old, ONE, 40)) == 40
    env.worker.release(old, [f"r1,{task}@{NEW}" for task in range(40)])
    env.submit("small", 1)
    env.queue(0, run="small", list_=NEW_LIST)
    order = [claim.run for _ in range(2) for claim in of_app(env, new, BOTH, 1)]
    assert sorted(order) == ["r1", "small"]


def test_many_attempts_that_are_given_back_let_small_runs_pass(env: Environment) -> None:
    """As when the tasks of a run are slower than those before, and a lane has claimed too many."""
    lane, other = two_apps(env, 40)
    env.apply("line", "r1", LIST, "5", "", 40, *range(40))
    assert len(claimed(env, lane, ONE, 40)) == 40
    env.worker.release(lane, [f"r1,{task}" for task in range(40)])
    env.submit("small", 1)
    env.queue(0, run="small")
    order = [claim.run for _ in range(2) for claim in of_app(env, other, BOTH, 1)]
    assert sorted(order) == ["r1", "small"]


def test_a_suspect_that_is_handed_on_stays_a_suspect(env: Environment) -> None:
    old, new = two_apps(env)
    env.queue(0, 1)
    assert claimed(env, old, ONE) == [0, 1]
    env.worker.reap_child(old, ["r1,0", "r1,1"], 3, b"error")  # one of the two is to blame
    old = worker(env, "A2", ONE, [OLD])
    (suspect,) = claimed(env, old, ONE)
    env.worker.release(old, [f"r1,{suspect}@{NEW}"])
    assert env.dump()[f"ready:{NEW_LIST}:!"] == [f"r1,{suspect},2"]
    assert len(claimed(env, new, BOTH)) == 1


def test_no_place_starves_when_attempts_are_claimed_one_by_one(env: Environment) -> None:
    """Six places: the ready list and the backlogs of a list and of two lists of functions."""
    _, new = two_apps(env, 120)
    lists = [LIST, of_function(LIST, OLD), NEW_LIST]
    for place, name in enumerate(lists):
        env.submit(f"plain{place}", 40)
        env.queue(*range(40), run=f"plain{place}", list_=name)
        env.submit(f"line{place}", 40)
        env.apply("line", f"line{place}", name, "5", "", 40, *range(40))
    order = [claim.run for _ in range(48) for claim in of_app(env, new, BOTH, 1)]
    counts = [order.count(kind + str(place)) for kind in ("plain", "line") for place in range(3)]
    assert sum(counts) == 48
    assert counts[0] == counts[3] == 12, "the list itself has every other claim"
    assert counts[1:3] == counts[4:6] == [6, 6]


def test_more_functions_than_a_claim_looks_at_leave_the_tokens(env: Environment) -> None:
    """Else workers would sleep beside what this claim has not seen."""
    functions = [function_id(f"app:f{number}") for number in range(120)]
    app = app_id(functions)
    env.submit(total=200)
    env.acquire_lease()
    lane = worker(env, "A", app, functions)
    for number, function in enumerate(functions):
        env.queue(number, list_=of_function(LIST, function))
    assert len(claimed(env, lane, app, 150)) == 100
    assert env.dump()[f"wake:{LIST}@{app}"]
    assert len(claimed(env, lane, app, 150)) == 20
    assert f"wake:{LIST}@{app}" not in env.dump()


def test_a_list_that_no_claim_looks_into_is_found_missing(env: Environment) -> None:
    two_apps(env)
    env.queue(0, list_=NEW_LIST)
    assert env.scheduler.findable() == 1
    env.link.call("DEL", env.keys.parked(LIST))
    assert env.scheduler.findable() == 0
    assert env.scheduler.listed([LIST]) == set()
    env.scheduler.requeue("r1", [(0, NEW_LIST, "5")])
    assert env.scheduler.findable() == 2  # the entry of before is found again
    assert env.scheduler.listed([LIST]) == {"r1,0,1"}


@pytest.mark.parametrize("field", [f"{LIST}+", f"{LIST}@", f"{NEW_LIST}+"])
def test_places_that_levels_do_not_name_are_found_missing(env: Environment, field: str) -> None:
    """No claim looks there, so the tasks would wait forever if they counted as queued."""
    _, new = two_apps(env, 2)
    env.apply("line", "r1", LIST, "5", "", 1, 0)
    env.apply("line", "r1", NEW_LIST, "5", "", 1, 1)
    assert env.scheduler.findable() == 2
    env.link.call("HDEL", env.keys.levels(), field)
    (lost,) = {0, 1} - {int(entry.split(",")[1]) for entry in env.scheduler.listed([LIST])}
    assert env.scheduler.findable() == 1
    env.scheduler.requeue("r1", [(lost, NEW_LIST if lost else LIST, "5")], "line")
    assert sorted(claimed(env, new, BOTH)) == [0, 1]


@pytest.mark.parametrize("spoil", [("SET", "x"), ("RPUSH", "x"), ("HSET", "a", "b")])
def test_hints_of_functions_are_written_over_keys_of_another_type(
    env: Environment, spoil: tuple[str, ...]
) -> None:
    """Otherwise workers would not find what waits for them until the key is deleted."""
    two_apps(env)
    for key in (env.keys.parked(LIST), env.keys.apps(), env.keys.app(BOTH)):
        env.link.call("DEL", key)
        env.link.call(spoil[0], key, *spoil[1:])
    assert env.scheduler.functions_of([BOTH]) == {BOTH: frozenset()}
    assert env.worker.heartbeat("B", HOUR_MS, ["B.0"], b"", BOTH).app_known is False
    env.worker.register_app(BOTH, [OLD, NEW], lease_ms=HOUR_MS)
    env.queue(0, list_=NEW_LIST)
    assert env.worker.wait_for_work([LIST], 5, BOTH) is True
    assert claimed(env, "B.0", BOTH) == [0]


def test_an_app_with_more_functions_than_any_has_counts_as_unknown(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowkit.protocol.upkeep_store.MAX_FUNCTIONS", 1)
    two_apps(env)
    assert env.scheduler.functions_of([ONE, BOTH]) == {ONE: {OLD}, BOTH: frozenset()}


def test_workers_of_an_older_release_do_not_find_lists_of_functions(env: Environment) -> None:
    two_apps(env)
    env.queue(0)
    env.queue(1, list_=NEW_LIST)
    assert env.scheduler.listed([LIST], [LIST]) == {"r1,0,1"}
    assert env.scheduler.any_parked([LIST]) is True
    assert env.scheduler.any_parked(["other"]) is False


def test_the_janitor_forgets_functions_of_which_nothing_waits(env: Environment) -> None:
    """The workers that had them may never come back."""
    two_apps(env)
    env.queue(0, list_=NEW_LIST)
    env.apply("line", "r1", of_function(LIST, OLD), "5", "", 1, 1)
    env.scheduler.drop_stale_entries(0, 100)
    assert env.dump()[f"ready:{LIST}@"] == {OLD, NEW}
    env.finish("r1", "cancelled")
    env.scheduler.drop_stale_entries(0, 100)
    result = env.dump()
    assert not [name for name in result if name.startswith("ready:")]
    assert result["levels"] == {f"{LIST}@": "1"}
    assert f"wake:{LIST}@{BOTH}" in result[EXPIRING]


def test_handing_on_in_a_run_that_is_stopping_cancels(env: Environment) -> None:
    old, _ = two_apps(env)
    env.queue(0)
    assert claimed(env, old, ONE) == [0]
    env.client.cancel("r1")
    env.scheduler.stop_run("r1", RunState.CANCELLED)
    env.worker.release(old, [f"r1,0@{NEW}"])
    assert env.records()["0"].startswith("C1,")


def test_workers_with_the_function_are_woken_and_no_others(env: Environment) -> None:
    two_apps(env)
    env.queue(0, list_=NEW_LIST)
    result = env.dump()
    assert result[f"wake:{LIST}@{BOTH}"] == ["1"]
    assert f"wake:{LIST}@{ONE}" not in result
    assert f"wake:{LIST}" not in result
    assert env.worker.wait_for_work([LIST], 0.01, ONE) is False
    assert env.worker.wait_for_work([LIST], 5, BOTH) is True


def test_a_new_app_is_woken_before_its_first_heartbeat(env: Environment) -> None:
    """Its lanes claim as soon as it is registered, and a missed token costs a poll interval."""
    env.submit()
    env.acquire_lease()
    env.worker.heartbeat("A", HOUR_MS, ["A.0"], b"about")
    env.worker.register_app(ONE, [OLD], lease_ms=HOUR_MS)
    env.queue(0, list_=of_function(LIST, OLD))
    assert env.worker.wait_for_work([LIST], 5, ONE) is True
    assert claimed(env, "A.0", ONE) == [0]


def test_a_short_lease_of_an_app_does_not_end_a_longer_one(env: Environment) -> None:
    two_apps(env)
    env.worker.heartbeat("C", 10, ["C.0"], b"about", ONE)
    env.worker.register_app(ONE, [OLD], lease_ms=10)
    env.now += 1000
    env.queue(0, list_=of_function(LIST, OLD))
    assert env.worker.wait_for_work([LIST], 5, ONE) is True


def test_a_heartbeat_renews_all_apps_of_the_children(env: Environment) -> None:
    """They differ if files were changed while some of the children lived."""
    two_apps(env)
    env.now += HOUR_MS // 2
    assert env.worker.heartbeat("B", HOUR_MS, ["B.0"], b"", f"{BOTH} {ONE}").app_known is True
    env.link.call("DEL", env.keys.app(ONE))
    assert env.worker.heartbeat("B", HOUR_MS, ["B.0"], b"", f"{BOTH} {ONE}").app_known is False
    env.now += HOUR_MS * 3 // 4
    env.worker.heartbeat("A", HOUR_MS, ["A.0"], b"about")
    assert {ONE, BOTH} <= set(env.dump()["worker:@"])


def test_with_more_apps_than_a_wake_looks_at_any_worker_is_woken(env: Environment) -> None:
    two_apps(env)
    sooner = [part for at in range(100) for part in (env.now + 1, f"{at:016x}")]
    env.link.call("ZADD", env.keys.apps(), *sooner)
    env.queue(0, list_=NEW_LIST)
    assert env.worker.wait_for_work([LIST], 5, BOTH) is True


def test_apps_without_a_live_worker_are_not_woken(env: Environment) -> None:
    two_apps(env)
    env.now += 2 * HOUR_MS
    env.acquire_lease()
    env.queue(0, list_=NEW_LIST)
    assert f"wake:{LIST}@{BOTH}" not in env.dump()
    worker(env, "C", ONE, [OLD])
    assert set(env.dump()["worker:@"]) == {ONE}


def test_a_list_of_a_function_that_is_empty_is_forgotten(env: Environment) -> None:
    _, new = two_apps(env)
    env.queue(0, list_=NEW_LIST)
    assert env.dump()[f"ready:{LIST}@"] == {NEW}
    assert claimed(env, new, BOTH) == [0]
    result = env.dump()
    assert f"ready:{LIST}@" not in result
    assert NEW_LIST not in result.get("levels", {})


def test_a_heartbeat_says_when_the_functions_are_not_recorded(env: Environment) -> None:
    assert env.worker.heartbeat("A", HOUR_MS, ["A.0"], b"about", ONE).app_known is False
    env.worker.register_app(ONE, [OLD], lease_ms=HOUR_MS)
    assert env.worker.heartbeat("A", HOUR_MS, ["A.0"], b"", ONE).app_known is True
    assert env.scheduler.functions_of([ONE, BOTH]) == {ONE: {OLD}, BOTH: frozenset()}


@pytest.mark.parametrize("code", "WDA")
def test_the_next_attempt_waits_for_the_workers_that_have_the_function(
    env: Environment, code: str
) -> None:
    """It was queued for all workers. One that lacks the function handed it on, up to seconds later,
    and the run then counted as one that mixes versions."""
    old, new = two_apps(env)
    env.queue(0, list_=NEW_LIST)
    assert claimed(env, new, BOTH) == [0]
    env.complete(done(0, code, delay=100), lane=new)
    assert list(env.dump()["delayed"]) == [f"r1,0,2,{NEW_LIST},5"]
    env.now += 100
    assert env.scheduler.promote(10) == (1, -1)
    assert claimed(env, old, ONE) == []
    assert claimed(env, new, BOTH) == [0]


def test_what_its_lane_loses_or_gives_back_stays_with_these_workers(env: Environment) -> None:
    old, new = two_apps(env)
    env.queue(0, 1, list_=NEW_LIST)
    assert claimed(env, new, BOTH) == [0, 1]
    env.worker.release(new, ["r1,1"])
    env.worker.reap_child(new, ["r1,0"], 3, b"error")
    assert claimed(env, old, ONE) == []
    assert sorted(claimed(env, worker(env, "B2", BOTH, [OLD, NEW]), BOTH)) == [0, 1]


def test_an_attempt_that_all_workers_could_claim_is_followed_by_such_a_one(
    env: Environment,
) -> None:
    _, new = two_apps(env)
    env.queue(0)
    assert claimed(env, new, BOTH) == [0]
    env.complete(done(0, "W", delay=100), lane=new)
    assert list(env.dump()["delayed"]) == [f"r1,0,2,{LIST},5"]


def test_a_list_of_one_version_that_an_outcome_names_stays(env: Environment) -> None:
    """The run is pinned, wherever its attempt was claimed from."""
    _, new = two_apps(env)
    pinned = of_function(LIST, pinned_id("app:new", "v1"))
    env.queue(0)
    env.queue(1, list_=NEW_LIST)
    assert sorted(claimed(env, new, BOTH)) == [0, 1]
    for task in (0, 1):
        outcome = done(task, "W", delay=100)
        assert outcome.retry is not None
        retry = replace(outcome.retry, ready_list=pinned)
        env.complete(replace(outcome, retry=retry), lane=new)
    assert list(env.dump()["delayed"]) == [f"r1,{task},2,{pinned},5" for task in (0, 1)]


def test_the_task_that_has_called_runs_is_woken_for_these_workers(env: Environment) -> None:
    old, new = two_apps(env)
    env.queue(0, list_=NEW_LIST)
    assert claimed(env, new, BOTH) == [0]
    env.complete(Outcome.decode("r1", *calls_args()), lane=new)
    for run in CHILDREN:
        env.finish(run)
    assert env.records()["0"].startswith("Q2,")
    assert claimed(env, old, ONE) == []
    assert claimed(env, new, BOTH) == [0]
