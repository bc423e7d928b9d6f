"""Runs that share a queue take turns: backlogs, the order of turns, and what a claim takes."""

from __future__ import annotations

from collections import Counter

import pytest
from world import LIST, World, done


def line(world: World, run: str, *tasks: int, list_: str = LIST, level: str = "5") -> None:
    """Queue tasks behind the turn of their run."""
    world.apply("line", run, list_, level, "", len(tasks), *tasks)


def runs(world: World, sizes: dict[str, int]) -> None:
    """Several runs with all of their tasks in their backlogs, a leader, and a worker."""
    world.acquire_lease()
    world.register()
    for run, total in sizes.items():
        world.submit(run, total)
        line(world, run, *range(total))


def taken(world: World, limit: int, **options: int) -> Counter[str]:
    return Counter(claim.run for claim in world.claim(limit=limit, **options))


def test_a_backlog_holds_the_attempts_and_gives_the_run_one_turn(world: World) -> None:
    runs(world, {"r1": 3})
    line(world, "r1", 0)  # it is queued already
    found = world.dump()
    assert found[f"ready:{LIST}:5:r1"] == ["0,1", "1,1", "2,1"]
    assert found[f"ready:{LIST}:5+"] == ["r1"]
    assert f"ready:{LIST}:5" not in found
    assert found["levels"] == {LIST: "5", f"{LIST}+": "1"}
    assert found[f"wake:{LIST}"] == ["1", "1", "1"]


def test_an_empty_backlog_leaves_no_turn(world: World) -> None:
    runs(world, {"r1": 3})
    assert [claim.task for claim in world.claim()] == [0, 1, 2]
    assert not [name for name in world.dump() if name.startswith(("ready:", "wake:"))]
    line(world, "r1", 3)
    assert world.dump()[f"ready:{LIST}:5+"] == ["r1"]


def test_a_single_claim_goes_to_one_run_after_another(world: World) -> None:
    runs(world, {"r1": 4, "r2": 2, "r3": 3})
    order = [claim.run for _ in range(9) for claim in world.claim(limit=1)]
    assert order == ["r1", "r2", "r3", "r1", "r2", "r3", "r1", "r3", "r1"]


def test_a_large_claim_is_shared_by_the_runs_that_wait(world: World) -> None:
    runs(world, {f"r{number}": 100 for number in range(1, 5)})
    assert taken(world, 100) == {"r1": 32, "r2": 32, "r3": 32, "r4": 4}
    # The turns went to the end, so the next claim begins with the first run again.
    assert taken(world, 64) == {"r1": 32, "r2": 32}


def test_a_run_that_waits_alone_gets_all(world: World) -> None:
    runs(world, {"r1": 300})
    assert taken(world, 256) == {"r1": 256}
    assert taken(world, 256) == {"r1": 44}


def test_many_runs_of_few_attempts_fill_a_claim(world: World) -> None:
    runs(world, {f"r{number:02}": 1 for number in range(40)})
    assert taken(world, 30) == {f"r{number:02}": 1 for number in range(30)}
    assert taken(world, 30) == {f"r{number:02}": 1 for number in range(30, 40)}


def test_claimers_share_the_turns_and_the_backlogs(world: World) -> None:
    runs(world, {"r1": 40, "r2": 40})
    assert taken(world, 100, share=4) == {"r1": 10}
    assert taken(world, 100, share=4) == {"r2": 10}


def test_small_runs_and_backlogs_alternate(world: World) -> None:
    """Neither a flood of small runs nor a large run keeps the other waiting."""
    runs(world, {"r1": 10})
    for number in range(10):
        world.submit(f"small{number}", 1)
        world.queue(0, run=f"small{number}")
    order = [
        "r1" if claim.run == "r1" else "small" for _ in range(6) for claim in world.claim(limit=1)
    ]
    assert order.count("r1") == order.count("small") == 3
    assert taken(world, 8)["r1"] == 4


def test_when_only_one_of_them_has_some_it_fills_the_claim(world: World) -> None:
    runs(world, {"r1": 10})
    world.submit("small", 1)
    world.queue(0, run="small")
    assert taken(world, 8) == {"small": 1, "r1": 7}
    world.submit("more", 6)
    world.queue(*range(6), run="more")
    assert taken(world, 9) == {"more": 6, "r1": 3}


def test_a_higher_priority_comes_first_whoever_s_turn_it_is(world: World) -> None:
    runs(world, {"r1": 2, "r2": 2})
    world.submit("urgent", 2)
    line(world, "urgent", 0, 1, level="9")
    world.submit("small", 1)
    world.queue(0, run="small", level="7")
    order = [claim.run for _ in range(7) for claim in world.claim(limit=1)]
    assert order[:3] == ["urgent", "urgent", "small"]


@pytest.mark.parametrize("share", [1, 3])
def test_a_run_that_is_over_loses_its_backlog_and_its_turn(world: World, share: int) -> None:
    runs(world, {"r1": 50, "r2": 2})
    world.finish("r1", "cancelled")
    assert set(taken(world, 4, share=share)) | set(taken(world, 4, share=share)) == {"r2"}
    world.claim(limit=4)
    assert not [name for name in world.dump() if name.startswith("ready:")]


def test_the_janitor_drops_what_runs_that_are_over_left(world: World) -> None:
    runs(world, {"r1": 5, "r2": 2})
    world.finish("r1")
    assert world.scheduler.drop_stale_entries(0, 100) == (5, 0)
    found = world.dump()
    assert found[f"ready:{LIST}:5+"] == ["r2"]
    assert f"ready:{LIST}:5:r1" not in found


def test_entries_that_the_records_have_left_behind_are_dropped(world: World) -> None:
    runs(world, {"r1": 3})
    key = world.keys.backlog(LIST, "5", "r1")
    world.link.call("LPUSH", key, "nonsense", "0,7", "0,1", "x,1", "1", "99999999,1")
    assert sorted(claim.task for claim in world.claim()) == [0, 1, 2]
    assert not [name for name in world.dump() if name.startswith("ready:")]


def test_a_turn_without_a_backlog_is_dropped(world: World) -> None:
    runs(world, {"r1": 1})
    world.link.call("LPUSH", world.keys.turns(LIST, "5"), "ghost", "r1", "a b", "r1:tasks")
    assert [claim.task for claim in world.claim(limit=1)] == [0]
    world.claim(limit=1)
    assert not [name for name in world.dump() if name.startswith("ready:")]


def test_keys_of_another_type_hide_no_other_run(world: World) -> None:
    runs(world, {"r1": 2, "r2": 2})
    world.link.call("DEL", world.keys.backlog(LIST, "5", "r1"))
    world.link.call("SET", world.keys.backlog(LIST, "5", "r1"), "no list")
    assert taken(world, 10) == {"r2": 2}
    world.link.call("SET", world.keys.turns(LIST, "9"), "no list")
    world.submit("r3", 1)
    line(world, "r3", 0)
    assert taken(world, 10) == {"r3": 1}
    world.link.call("DEL", world.keys.backlog(LIST, "5", "r1"))
    world.link.call("DEL", world.keys.turns(LIST, "9"))


def test_a_backlog_without_its_turn_is_found_missing_and_gets_one(world: World) -> None:
    runs(world, {"r1": 3})
    world.link.call("DEL", world.keys.turns(LIST, "5"))
    assert world.scheduler.findable() == 0
    assert world.scheduler.listed([LIST]) == set()
    world.scheduler.requeue("r1", [(task, LIST, "5") for task in range(3)], "line")
    assert sorted(claim.task for claim in world.claim()) == [0, 1, 2]


def test_what_waits_is_counted_and_listed(world: World) -> None:
    runs(world, {"r1": 3, "r2": 2})
    world.submit("small", 1)
    world.queue(0, run="small")
    assert world.scheduler.findable() == 6
    assert world.client.ready_lists() == {LIST: 6}
    assert world.scheduler.listed([LIST]) == {
        *("r1,0,1", "r1,1,1", "r1,2,1", "r2,0,1", "r2,1,1", "small,0,1")
    }
    # Workers of an older release do not find what waits for a turn.
    assert world.scheduler.listed([LIST], [LIST]) == {"small,0,1"}


def test_a_retry_waits_for_the_turn_of_its_run(world: World) -> None:
    runs(world, {"r1": 1, "r2": 2})
    assert [claim.run for claim in world.claim(limit=1)] == ["r1"]

    world.complete(done(0, "W", delay=100))
    world.now += 100
    assert world.scheduler.promote(10) == (1, -1)
    assert world.dump()[f"ready:{LIST}:5:r1"] == ["0,2"]
    assert [claim.run for _ in range(3) for claim in world.claim(limit=1)] == ["r2", "r1", "r2"]


def test_a_retry_is_found_by_workers_of_an_older_release(world: World) -> None:
    world.running(0)

    world.complete(done(0, "W", delay=100))
    world.now += 100
    assert world.scheduler.promote(10, [LIST]) == (1, -1)
    assert world.dump()[f"ready:{LIST}:5"] == ["r1,0,2"]
