"""The Lua scripts against the life-cycle table of ``flowkit.core.states``.

Each script is run on a task in each state, in a run that continues and in one that stops. Whatever
it makes of the task must be a transition of the table; and the scripts together make all of them.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from environment import LIST, START, Environment, done

from flowkit.core.states import TASK_TABLE, TaskMove, TaskState
from flowkit.protocol.records import STATE_OF

SEEDS = {
    "P": "P1,,0,,", "Q": "Q1,,0,,", "R": "R1,W.0,0,0,", "W": "W1,W.0,0,0,0",
    "S": "S1,W.0,0,0,1", "F": "F1,W.0,0,0,1", "K": "K1,W.0,0,0,1",
    "U": "U0,,0,,", "C": "C1,,0,,",
}  # fmt: skip

E = TaskMove
Act = tuple[Callable[[Environment], object], set[TaskMove]]
ALL_MADE: dict[tuple[str, bool], set[tuple[str, str, str]]] = {}  # made once for each server


def outcome(code: str) -> Callable[[Environment], object]:
    return lambda env: env.complete(done(0, code))


def reap(*executing: str, most: int = 3) -> Callable[[Environment], object]:
    return lambda env: env.worker.reap_child("W.0", executing, most, b"error")


def end_tasks(code: str) -> Callable[[Environment], object]:
    return lambda env: env.raw("end_tasks", "s1", 1, "r1", code, "1", 0)


def end_map(code: str, error: bytes = b"") -> Callable[[Environment], object]:
    return lambda env: env.raw("apply", "s1", 1, "", "mapped", "r1", 0, code, 2, error)


ACTS: dict[str, Act] = {
    "queue": (lambda env: env.queue(0), {E.QUEUE}),
    "claim": (lambda env: env.claim(), {E.CLAIM}),
    "complete S": (outcome("S"), {E.SUCCEED}),
    "complete F": (outcome("F"), {E.FAIL}),
    "complete H": (outcome("H"), {E.SUCCEED}),
    "complete K": (outcome("K"), {E.SKIP}),
    "complete W": (outcome("W"), {E.RETRY, E.FAIL}),
    "complete D": (outcome("D"), {E.RETRY, E.FAIL}),
    "release": (lambda env: env.worker.release("W.0", ["r1,0"]), {E.RELEASE, E.CANCEL}),
    "reap, idle": (reap(), {E.RELEASE, E.CANCEL}),
    "reap, executing": (reap("r1,0"), {E.RELEASE, E.CANCEL}),
    "reap, too often": (reap("r1,0", most=1), {E.FAIL, E.CANCEL}),
    "turn over C": (end_tasks("C"), {E.CANCEL}),
    "turn over U": (end_tasks("U"), {E.BLOCK}),
    "turn over K": (end_tasks("K"), {E.SKIP}),
    "end map S": (end_map("S"), {E.ITEMS_OVER}),
    "end map F": (end_map("F", b"error"), {E.ITEM_FAILED}),
    "promote": (lambda env: env.scheduler.promote(10), {E.DUE}),
    "requeue": (lambda env: env.scheduler.requeue("r1", [(0, LIST, "5")]), set()),
    "reset": (lambda env: env.scheduler.reset("r1", [0]), {E.RESUME}),
}


def transition(env: Environment, code: str, act: str) -> tuple[str, str]:
    """Put task 0 in a state with all hints pointing at it, act, and return both codes."""
    env.link.call("HSET", env.keys.tasks("r1"), "0", SEEDS[code])
    env.link.call("RPUSH", env.keys.ready(LIST, "5"), "r1,0,1")
    env.link.call("HSET", env.keys.levels(), LIST, "5")
    env.link.call("ZADD", env.keys.delayed(), START, f"r1,0,2,{LIST},5")
    env.link.call("HSET", env.keys.claims("W.0"), "#", "0", "r1,0", f"1,0,{LIST},5")
    ACTS[act][0](env)
    return code, env.records()["0"][0]


@pytest.fixture
def all_made(
    env: Environment, server_url: str, request: pytest.FixtureRequest
) -> set[tuple[str, str, str]]:
    """(act, code before, code after) of every act on every state; ``request.param`` stops."""
    key = server_url, request.param
    if key not in ALL_MADE:
        ALL_MADE[key] = make_all(env, stopping=request.param)
    return ALL_MADE[key]


def make_all(env: Environment, *, stopping: bool) -> set[tuple[str, str, str]]:
    env.submit()
    env.acquire_lease()
    env.register()
    env.link.call("HSET", env.keys.run("r1"), "resuming", "1")
    made = set()
    for act in ACTS:
        for code in SEEDS:
            if stopping:
                env.link.call("HSET", env.keys.run("r1"), "stop", "failed")
            env.link.call("HSET", env.keys.run("r1"), "resuming", "1")
            made.add((act, *transition(env, code, act)))
    return made


@pytest.mark.parametrize("all_made", [False, True], ids=["going on", "stopping"], indirect=True)
def test_no_script_makes_a_transition_that_the_table_lacks(
    all_made: set[tuple[str, str, str]],
) -> None:
    illegal = [
        f"{act}: {before} -> {after}"
        for act, before, after in all_made
        if before != after and (STATE_OF[before], STATE_OF[after]) not in allowed(ACTS[act][1])
    ]
    assert illegal == []


def allowed(moves: set[TaskMove]) -> set[tuple[TaskState, TaskState]]:
    return {(old, new) for (old, move), new in TASK_TABLE.items() if move in moves}


@pytest.mark.parametrize("all_made", [False], ids=["going on"], indirect=True)
def test_the_scripts_together_make_every_transition(
    all_made: set[tuple[str, str, str]],
) -> None:
    made = {(STATE_OF[before], STATE_OF[after]) for _, before, after in all_made}
    # A running task is cancelled only when it is returned in a run that is stopping.
    stopping_only = {(TaskState.RUNNING, TaskState.CANCELLED)}
    missing = {(old, new) for (old, _), new in TASK_TABLE.items()} - made - stopping_only
    assert missing == set()


@pytest.mark.parametrize("all_made", [True], ids=["stopping"], indirect=True)
def test_in_a_stopping_run_nothing_restarts(all_made: set[tuple[str, str, str]]) -> None:
    started = {(act, before, after) for act, before, after in all_made if before != after}
    assert {after for act, _, after in started if act not in ("queue", "reset")} <= set("SFKUC")
    assert ("release", "R", "C") in started
    assert ("complete W", "R", "F") in started
