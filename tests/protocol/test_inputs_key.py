"""What tasks get beside results, ``run:<id>:inputs``: it lives as long as its run."""

from __future__ import annotations

from environment import HOUR_MS, Environment, done
from helpers import EXPIRING

KEY = "run:r1:inputs"


def over(env: Environment) -> None:
    """A run that has ended, of which something was stored beside its results."""
    env.running(0)
    env.link.call("HSET", env.keys.inputs("r1"), "0^", "memory")
    env.link.call("HSET", env.keys.run("r1"), "inputs", "1")
    env.complete(done(0, "F"))
    env.finish(outcome="failed", failed=0)


def test_inputs_expire_with_the_run_and_live_again_with_it(env: Environment) -> None:
    over(env)
    assert 0 < env.link.call("PTTL", env.keys.inputs("r1")) <= HOUR_MS
    assert KEY in env.dump()[EXPIRING]
    env.client.resume("r1")
    assert KEY not in env.dump()[EXPIRING]


def test_inputs_are_deleted_with_the_run(env: Environment) -> None:
    over(env)
    assert KEY in env.dump()
    assert env.client.delete("r1")
    assert KEY not in env.dump()


def test_inputs_that_an_older_scheduler_left_go_with_the_run_from_the_list(
    env: Environment,
) -> None:
    over(env)
    env.link.batch([("PERSIST", env.keys.inputs("r1")), ("DEL", env.keys.run("r1"))])
    env.scheduler.forget([b"r1"])
    assert KEY not in env.dump()
    env.link.call("DEL", env.keys.tasks("r1"), env.keys.results("r1"), env.keys.errors("r1"))


def test_the_memory_of_a_run_counts_its_inputs(env: Environment) -> None:
    over(env)
    before = env.client.memory_of([env.client.read_run("r1")])
    env.link.call("HSET", env.keys.inputs("r1"), "0^", "x" * 100_000)
    after = env.client.memory_of([env.client.read_run("r1")])
    assert (before is None) == (after is None)
    if before and after:
        assert after[0] - before[0] >= 100_000
