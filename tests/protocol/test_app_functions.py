"""Workers claim only what their app has: lists of functions, who claims from them, hand-over."""

from __future__ import annotations

from collections.abc import Sequence

from world import HOUR_MS, LIST, World, done

from flowkit.core.states import RunState
from flowkit.protocol.app_functions import app_id, function_id, is_id
from flowkit.protocol.keys import base_of, of_function, queue_of

OLD, NEW = function_id("app:old"), function_id("app:new")
ONE, BOTH = app_id([OLD]), app_id([OLD, NEW])
NEW_LIST = of_function(LIST, NEW)


def worker(world: World, name: str, app: str, functions: Sequence[str]) -> str:
    lane = f"{name}.0"
    world.worker.heartbeat(name, HOUR_MS, [lane], b"about", app)
    world.worker.register_app(app, functions)
    return lane


def two_apps(world: World, total: int = 4) -> tuple[str, str]:
    """A run, a leader, and two workers, one of which lacks a function; return their lanes."""
    world.submit(total=total)
    world.acquire_lease()
    return worker(world, "A", ONE, [OLD]), worker(world, "B", BOTH, [OLD, NEW])


def claimed(world: World, lane: str, app: str, limit: int = 10) -> list[int]:
    reply = world.worker.complete(lane, [], world.next_call(), limit, 1, [LIST], app)
    return [claim.task for claim in reply.claims]


def test_ids_are_short_digests_and_lists_have_a_base() -> None:
    assert is_id(OLD)
    assert is_id(BOTH)
    assert not is_id("x" * 16)
    assert app_id([NEW, OLD]) == BOTH != ONE
    assert base_of(NEW_LIST) == LIST
    assert base_of(LIST) == LIST
    assert queue_of(of_function("mail~async", NEW)) == queue_of("mail~async") == "mail"


def test_only_workers_with_the_function_claim_from_its_list(world: World) -> None:
    old, new = two_apps(world)
    world.queue(0, 1, list_=NEW_LIST)
    assert claimed(world, old, ONE) == []
    assert world.claim(old) == []  # a worker that does not say what it has claims none of these
    assert claimed(world, new, BOTH) == [0, 1]


def test_backlogs_of_a_function_wait_for_turns_too(world: World) -> None:
    old, new = two_apps(world)
    world.apply("line", "r1", NEW_LIST, "5", "", 2, 0, 1)
    assert claimed(world, old, ONE) == []
    assert claimed(world, new, BOTH, 1) == [0]
    assert claimed(world, new, BOTH, 1) == [1]


def test_the_list_and_the_lists_of_functions_alternate(world: World) -> None:
    _, new = two_apps(world, 8)
    world.queue(0, 1, 2, 3)
    world.queue(4, 5, 6, 7, list_=NEW_LIST)
    order = [task for _ in range(8) for task in claimed(world, new, BOTH, 1)]
    assert sorted(order) == list(range(8))
    assert {order[0] // 4, order[1] // 4} == {0, 1}


def test_a_priority_counts_across_these_lists(world: World) -> None:
    _, new = two_apps(world)
    world.queue(0, level="3")
    world.queue(1, list_=NEW_LIST, level="5")
    world.queue(2, level="7")
    assert [task for _ in range(3) for task in claimed(world, new, BOTH, 1)] == [2, 1, 0]


def test_an_attempt_is_handed_on_with_its_number(world: World) -> None:
    old, new = two_apps(world)
    world.queue(0, 1)
    assert claimed(world, old, ONE) == [0, 1]
    assert world.worker.release(old, [f"r1,1@{NEW}"]) == 1
    assert world.records()["1"] == "Q1,,0,,"
    assert world.dump()[f"worker:{old}:claims"].keys() == {"#", "r1,0"}
    assert claimed(world, old, ONE) == []
    assert claimed(world, new, BOTH) == [1]
    assert world.worker.release(old, [f"r1,1@{NEW}"]) == 0  # it is not the lane's any more


def test_it_may_be_handed_on_again(world: World) -> None:
    """A third app has the function, but not the other one that the list is named after."""
    old, new = two_apps(world)
    world.queue(0, list_=of_function(LIST, OLD))
    assert claimed(world, old, ONE) == [0]
    world.worker.release(old, [f"r1,0@{NEW}"])
    assert world.dump()[f"ready:{NEW_LIST}:5"] == ["r1,0,1"]
    assert claimed(world, new, BOTH) == [0]


def test_handing_on_in_a_run_that_is_stopping_cancels(world: World) -> None:
    old, _ = two_apps(world)
    world.queue(0)
    assert claimed(world, old, ONE) == [0]
    world.client.cancel("r1")
    world.scheduler.stop_run("r1", RunState.CANCELLED)
    world.worker.release(old, [f"r1,0@{NEW}"])
    assert world.records()["0"].startswith("C1,")


def test_workers_with_the_function_are_woken_and_no_others(world: World) -> None:
    two_apps(world)
    world.queue(0, list_=NEW_LIST)
    found = world.dump()
    assert found[f"wake:{LIST}@{BOTH}"] == ["1"]
    assert f"wake:{LIST}@{ONE}" not in found
    assert f"wake:{LIST}" not in found
    assert world.worker.wait_for_work([LIST], 0.01, ONE) is False
    assert world.worker.wait_for_work([LIST], 5, BOTH) is True


def test_apps_without_a_live_worker_are_not_woken(world: World) -> None:
    two_apps(world)
    world.now += 2 * HOUR_MS
    world.acquire_lease()
    world.queue(0, list_=NEW_LIST)
    assert f"wake:{LIST}@{BOTH}" not in world.dump()
    worker(world, "C", ONE, [OLD])
    assert set(world.dump()["worker:@"]) == {ONE}


def test_a_list_of_a_function_that_is_empty_is_forgotten(world: World) -> None:
    _, new = two_apps(world)
    world.queue(0, list_=NEW_LIST)
    assert world.dump()[f"ready:{LIST}@"] == {NEW}
    assert claimed(world, new, BOTH) == [0]
    found = world.dump()
    assert f"ready:{LIST}@" not in found
    assert NEW_LIST not in found.get("levels", {})


def test_a_heartbeat_says_when_the_functions_are_not_recorded(world: World) -> None:
    assert world.worker.heartbeat("A", HOUR_MS, ["A.0"], b"about", ONE).app_known is False
    world.worker.register_app(ONE, [OLD])
    assert world.worker.heartbeat("A", HOUR_MS, ["A.0"], b"", ONE).app_known is True
    assert world.scheduler.functions_of(ONE) == {OLD}


def test_a_retry_that_was_claimed_from_a_list_of_a_function_goes_to_the_list_it_names(
    world: World,
) -> None:
    _, new = two_apps(world)
    world.queue(0, list_=NEW_LIST)
    assert claimed(world, new, BOTH) == [0]
    world.complete(done(0, "W", delay=100), lane=new)
    world.now += 100
    assert world.scheduler.promote(10) == (1, -1)
    assert world.dump()[f"ready:{LIST}:5:r1"] == ["0,2"]
