"""Runs that share a queue take turns: backlogs, the order of turns, and what a claim takes."""

from __future__ import annotations

from collections import Counter

import pytest
from environment import LIST, Environment, done


def line(env: Environment, run: str, *tasks: int, list_: str = LIST, level: str = "5") -> None:
    """Queue tasks behind the turn of their run."""
    env.apply("line", run, list_, level, "", len(tasks), *tasks)


def runs(env: Environment, sizes: dict[str, int]) -> None:
    """Several runs with all of their tasks in their backlogs, a leader, and a worker."""
    env.acquire_lease()
    env.register()
    for run, total in sizes.items():
        env.submit(run, total)
        line(env, run, *range(total))


def taken(env: Environment, limit: int, **options: int) -> Counter[str]:
    return Counter(claim.run for claim in env.claim(limit=limit, **options))


def test_a_backlog_holds_the_attempts_and_gives_the_run_one_turn(env: Environment) -> None:
    runs(env, {"r1": 3})
    line(env, "r1", 0)  # it is queued already
    result = env.dump()
    assert result[f"ready:{LIST}:5:r1"] == ["0,1", "1,1", "2,1"]
    assert result[f"ready:{LIST}:5+"] == ["r1"]
    assert f"ready:{LIST}:5" not in result
    assert result["levels"] == {LIST: "5", f"{LIST}+": "1"}
    assert result[f"wake:{LIST}"] == ["1", "1", "1"]


def test_what_joins_a_backlog_wakes_claimers_too(env: Environment) -> None:
    runs(env, {"r1": 3})
    env.submit("r2", 40)
    env.link.call("DEL", env.keys.wake(LIST))  # idle claimers have taken these tokens
    line(env, "r2", 0)
    tokens = len(env.dump()[f"wake:{LIST}"])
    line(env, "r2", 1, 2)
    assert len(env.dump()[f"wake:{LIST}"]) == tokens + 2


def test_an_entry_has_a_token_beside_those_of_the_other_place(env: Environment) -> None:
    """The tokens that are there belong to entries of the plain list, and wake their claimers."""
    env.ready(0, 1)
    assert env.dump()[f"wake:{LIST}"] == ["1"] * 2
    line(env, "r1", 2)
    assert env.dump()[f"wake:{LIST}"] == ["1"] * 3


def test_an_empty_backlog_leaves_no_turn(env: Environment) -> None:
    runs(env, {"r1": 3})
    assert [claim.task for claim in env.claim()] == [0, 1, 2]
    assert not [name for name in env.dump() if name.startswith(("ready:", "wake:"))]
    line(env, "r1", 3)
    assert env.dump()[f"ready:{LIST}:5+"] == ["r1"]


def test_a_single_claim_goes_to_one_run_after_another(env: Environment) -> None:
    runs(env, {"r1": 4, "r2": 2, "r3": 3})
    order = [claim.run for _ in range(9) for claim in env.claim(limit=1)]
    assert order == ["r1", "r2", "r3", "r1", "r2", "r3", "r1", "r3", "r1"]


def test_a_large_claim_is_shared_by_the_runs_that_wait(env: Environment) -> None:
    runs(env, {f"r{number}": 100 for number in range(1, 5)})
    assert taken(env, 128) == {"r1": 32, "r2": 32, "r3": 32, "r4": 32}
    # The turns went to the end, so the next claim begins with the first run again.
    assert taken(env, 64) == {"r1": 32, "r2": 32}


def test_the_turns_of_one_claim_are_equal(env: Environment) -> None:
    """With the rest for the last one, some runs would fall behind by a turn again and again."""
    runs(env, {f"r{number}": 1000 for number in range(1, 6)})
    assert taken(env, 100) == {"r1": 25, "r2": 25, "r3": 25, "r4": 25}
    assert taken(env, 33) == {"r5": 17, "r1": 16}
    assert taken(env, 20) == {"r2": 20}


def test_a_run_that_waits_alone_gets_all(env: Environment) -> None:
    runs(env, {"r1": 300})
    assert taken(env, 256) == {"r1": 256}
    assert taken(env, 256) == {"r1": 44}


def test_many_runs_of_few_attempts_fill_a_claim(env: Environment) -> None:
    runs(env, {f"r{number:02}": 1 for number in range(40)})
    assert taken(env, 30) == {f"r{number:02}": 1 for number in range(30)}
    assert taken(env, 30) == {f"r{number:02}": 1 for number in range(30, 40)}


def test_claimers_share_the_turns_and_the_backlogs(env: Environment) -> None:
    runs(env, {"r1": 40, "r2": 40})
    assert taken(env, 100, share=4) == {"r1": 10}
    assert taken(env, 100, share=4) == {"r2": 10}


def test_small_runs_and_backlogs_alternate(env: Environment) -> None:
    """Neither a flood of small runs nor a large run keeps the other waiting."""
    runs(env, {"r1": 10})
    for number in range(10):
        env.submit(f"small{number}", 1)
        env.queue(0, run=f"small{number}")
    order = [
        "r1" if claim.run == "r1" else "small" for _ in range(6) for claim in env.claim(limit=1)
    ]
    assert order.count("r1") == order.count("small") == 3
    assert taken(env, 8)["r1"] == 4


def test_when_only_one_of_them_has_some_it_fills_the_claim(env: Environment) -> None:
    runs(env, {"r1": 10})
    env.submit("small", 1)
    env.queue(0, run="small")
    assert taken(env, 8) == {"small": 1, "r1": 7}
    env.submit("more", 6)
    env.queue(*range(6), run="more")
    assert taken(env, 9) == {"more": 6, "r1": 3}


def test_a_higher_priority_comes_first_whoever_s_turn_it_is(env: Environment) -> None:
    runs(env, {"r1": 2, "r2": 2})
    env.submit("urgent", 2)
    line(env, "urgent", 0, 1, level="9")
    env.submit("small", 1)
    env.queue(0, run="small", level="7")
    order = [claim.run for _ in range(7) for claim in env.claim(limit=1)]
    assert order[:3] == ["urgent", "urgent", "small"]


@pytest.mark.parametrize("share", [1, 3])
def test_a_run_that_is_over_loses_its_backlog_and_its_turn(env: Environment, share: int) -> None:
    runs(env, {"r1": 50, "r2": 2})
    env.finish("r1", "cancelled")
    assert set(taken(env, 4, share=share)) | set(taken(env, 4, share=share)) == {"r2"}
    env.claim(limit=4)
    assert not [name for name in env.dump() if name.startswith("ready:")]


def test_the_janitor_drops_what_runs_that_are_over_left(env: Environment) -> None:
    runs(env, {"r1": 5, "r2": 2})
    env.finish("r1")
    assert env.scheduler.drop_stale_entries(0, 100) == (5, 0)
    result = env.dump()
    assert result[f"ready:{LIST}:5+"] == ["r2"]
    assert f"ready:{LIST}:5:r1" not in result


def test_entries_that_the_records_have_left_behind_are_dropped(env: Environment) -> None:
    runs(env, {"r1": 3})
    key = env.keys.backlog(LIST, "5", "r1")
    env.link.call("LPUSH", key, "nonsense", "0,7", "0,1", "x,1", "1", "99999999,1")
    assert sorted(claim.task for claim in env.claim()) == [0, 1, 2]
    assert not [name for name in env.dump() if name.startswith("ready:")]


def test_a_turn_without_a_backlog_is_dropped(env: Environment) -> None:
    runs(env, {"r1": 1})
    env.link.call("LPUSH", env.keys.turns(LIST, "5"), "ghost", "r1", "a b", "r1:tasks")
    assert [claim.task for claim in env.claim(limit=1)] == [0]
    env.claim(limit=1)
    assert not [name for name in env.dump() if name.startswith("ready:")]


def test_keys_of_another_type_hide_no_other_run(env: Environment) -> None:
    runs(env, {"r1": 2, "r2": 2})
    env.link.call("DEL", env.keys.backlog(LIST, "5", "r1"))
    env.link.call("SET", env.keys.backlog(LIST, "5", "r1"), "no list")
    assert taken(env, 10) == {"r2": 2}
    env.link.call("SET", env.keys.turns(LIST, "9"), "no list")
    env.submit("r3", 1)
    line(env, "r3", 0)
    assert taken(env, 10) == {"r3": 1}
    env.link.call("DEL", env.keys.backlog(LIST, "5", "r1"))
    env.link.call("DEL", env.keys.turns(LIST, "9"))


def test_a_backlog_without_its_turn_is_found_missing_and_gets_one(env: Environment) -> None:
    runs(env, {"r1": 3})
    env.link.call("DEL", env.keys.turns(LIST, "5"))
    assert env.scheduler.findable() == 0
    assert env.scheduler.listed([LIST]) == set()
    env.scheduler.requeue("r1", [(task, LIST, "5") for task in range(3)], "line")
    assert sorted(claim.task for claim in env.claim()) == [0, 1, 2]


def test_a_backlog_that_was_mended_has_one_turn(env: Environment) -> None:
    """With a turn for each entry, the run would be served before all others for long."""
    runs(env, {"r1": 100, "r2": 100})
    env.link.call("LPOP", env.keys.backlog(LIST, "5", "r1"), 50)
    env.scheduler.requeue("r1", [(task, LIST, "5") for task in range(50)], "line")
    assert env.dump()[f"ready:{LIST}:5+"] == ["r1", "r2"]
    assert taken(env, 128) == {"r1": 64, "r2": 64}


def test_a_repair_keeps_lists_and_levels_apart(env: Environment) -> None:
    env.acquire_lease()
    env.submit("r1", 6)
    for task in range(6):
        line(env, "r1", task, list_=("a", "b")[task % 2], level=str(task % 3))
    before = env.dump()
    for name in before:
        if name.startswith(("ready:", "wake:")):
            env.link.call("DEL", env.keys.prefix + name)
    entries = [(task, ("a", "b")[task % 2], str(task % 3)) for task in range(6)]
    env.scheduler.requeue("r1", entries, "line")
    assert env.dump() == before


def test_what_waits_is_counted_and_listed(env: Environment) -> None:
    runs(env, {"r1": 3, "r2": 2})
    env.submit("small", 1)
    env.queue(0, run="small")
    assert env.scheduler.findable() == 6
    assert env.client.ready_lists() == {LIST: 6}
    assert env.scheduler.listed([LIST]) == {
        *("r1,0,1", "r1,1,1", "r1,2,1", "r2,0,1", "r2,1,1", "small,0,1")
    }
    # Workers of an older release do not find what waits for a turn.
    assert env.scheduler.listed([LIST], [LIST]) == {"small,0,1"}


def test_a_retry_waits_for_the_turn_of_its_run(env: Environment) -> None:
    runs(env, {"r1": 1, "r2": 2})
    assert [claim.run for claim in env.claim(limit=1)] == ["r1"]

    env.complete(done(0, "W", delay=100))
    env.now += 100
    assert env.scheduler.promote(10) == (1, -1)
    assert env.dump()[f"ready:{LIST}:5:r1"] == ["0,2"]
    assert [claim.run for _ in range(3) for claim in env.claim(limit=1)] == ["r2", "r1", "r2"]


def test_a_retry_is_found_by_workers_of_an_older_release(env: Environment) -> None:
    env.running(0)

    env.complete(done(0, "W", delay=100))
    env.now += 100
    assert env.scheduler.promote(10, [LIST]) == (1, -1)
    assert env.dump()[f"ready:{LIST}:5"] == ["r1,0,2"]
