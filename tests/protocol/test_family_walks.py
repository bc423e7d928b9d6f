"""Random walks over the scripts of called runs: a task waits while one is open, and wakes once.

``tests/scheduler/family_search.py`` tries every order of a few steps, with a scheduler and
grandchildren. Here the scripts themselves are led through long random orders of ends, resumes,
losses and sweeps.
"""

from __future__ import annotations

import random

import pytest
from environment import Environment
from situations import CHILDREN, begun

from flowkit.exceptions import FlowkitError
from flowkit.protocol.calls import OpenCalls
from flowkit.protocol.parent_store import WaitingTask

TASK = WaitingTask("r1", 0)
STEPS = 12


def finish(env: Environment, run: str, chance: random.Random) -> None:
    if state(env, run) == b"running":
        env.link.call("HDEL", env.keys.run(run), "resuming")  # what `reset` does before
        env.finish(run, *chance.choice([("succeeded",), ("failed", 0), ("cancelled",)]))


def resume(env: Environment, run: str, chance: random.Random) -> None:
    if state(env, run) in (b"failed", b"cancelled"):
        try:
            env.client.resume(run)
        except FlowkitError:
            assert not waits(env)  # its parent is running and does not wait for it


def lose(env: Environment, run: str, chance: random.Random) -> None:
    if chance.random() < 0.2:
        env.link.call("DEL", env.keys.run(run), env.keys.tasks(run))


def sweep(env: Environment, run: str, chance: random.Random) -> None:
    env.scheduler.recount_calls(TASK)


def stop(env: Environment, run: str, chance: random.Random) -> None:
    """Nothing is to stop, so nothing does."""
    env.scheduler.cancel_children("r1", CHILDREN)
    assert env.link.call("HGET", env.keys.run(run), "stop") is None


def state(env: Environment, run: str) -> object:
    return env.link.call("HGET", env.keys.run(run), "state")


def waits(env: Environment) -> bool:
    return env.records()["0"][0] == "W"


def running(env: Environment) -> int:
    return sum(state(env, run) == b"running" for run in CHILDREN)


@pytest.mark.parametrize("seed", range(12))
def test_a_task_waits_while_a_run_is_open_and_wakes_once(env: Environment, seed: int) -> None:
    chance, lost, done = random.Random(seed), False, list[str]()
    begun(env)
    for _ in range(STEPS):
        action = chance.choice([finish, finish, resume, resume, lose, sweep, stop])
        run = chance.choice(CHILDREN)
        done.append(f"{action.__name__} {run}")
        before = waits(env)
        action(env, run, chance)
        lost = lost or any(state(env, item) is None for item in CHILDREN)
        if waits(env):
            assert before, done
            assert env.link.call("SISMEMBER", env.keys.parents(), "r1,0"), done
            if not lost:  # else a sweep counts again
                calls = OpenCalls.decode(env.link.call("HGET", env.keys.children("r1"), "0"))
                assert calls.open == running(env) > 0, done
        elif before:
            assert running(env) == 0, done
    for run in CHILDREN:
        finish(env, run, chance)
    sweep(env, "", chance)
    assert env.records()["0"].startswith("Q2,,0*1&,"), done
    assert [claim.attempt for claim in env.claim()] == [2], done
