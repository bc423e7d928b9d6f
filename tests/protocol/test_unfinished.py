"""The runs that are not over are found without a search."""

from __future__ import annotations

from environment import Environment


def test_unfinished_runs_are_found_among_finished_ones(env: Environment) -> None:
    env.acquire_lease()
    for run in ("r1", "r2", "r3"):
        env.submit(run)
    env.finish("r2")
    runs, total = env.client.read_unfinished(10)
    assert ([run.run for run in runs], total) == (["r1", "r3"], 2)
    runs, total = env.client.read_unfinished(1)
    assert (len(runs), total) == (1, 2)


def test_damaged_entries_do_not_hide_the_others(env: Environment) -> None:
    env.submit("r1")
    env.link.call("SADD", env.keys.active(), "\x1b[2J", b"\xff", "gone", "x" * 1000)
    runs, total = env.client.read_unfinished(10)
    assert ([run.run for run in runs], total) == (["r1"], 5)
    env.link.call("SREM", env.keys.active(), "\x1b[2J", b"\xff", "gone", "x" * 1000)


def test_a_key_of_a_wrong_type_is_unknown(env: Environment) -> None:
    env.link.call("RPUSH", env.keys.active(), "x")
    assert env.client.read_unfinished(10) == ([], None)
    env.link.call("DEL", env.keys.active())
