"""Each script may be sent again when its reply was lost: once or eleven times is the same."""

from __future__ import annotations

from typing import Any

import pytest
from environment import HOUR_MS, LIST, Environment
from repeated_call import Case
from situations import (
    APP,
    CHILDREN,
    ENTRY,
    FUNCTION,
    HASTEN,
    OF_V1,
    V1,
    awaited,
    begun,
    called,
    calls_args,
    cast_off,
    complete_args,
    due,
    failed,
    forgotten,
    gone,
    half_failed,
    kept,
    led,
    left,
    once,
    partly_claimed,
    printed,
    ran_elsewhere,
    reporting,
    resumed,
    stopped_short,
    stopping,
    succeeded,
    succeeded_and_running,
    waits,
    waits_for_a_function,
    waits_for_a_turn,
    waits_for_both,
)

from flowkit.protocol.scripts import names

QUEUE_ALL = ("queue", "r1", LIST, "5", "", 2, 0, 1)

CASES = {
    "schema": Case(lambda env: None, "schema", lambda env: (1, "0"), b"OK", b"OK"),
    "schema, raising": Case(
        lambda env: env.client.note_schema(1, upgrade=True),
        "schema",
        lambda env: (2, "1"),
        b"OK",
        b"OK",
    ),
    "check_rights": Case(
        led, "check_rights", lambda env: ("leader", "cursor", "cache:"), b"OK", b"OK"
    ),
    "check_writes": Case(led, "check_writes", lambda env: (), b"OK", b"OK"),
    "submit": Case(
        lambda env: None,
        "submit",
        lambda env: env.submission(takes=b"takes").args(with_graph=True),
        b"OK",
        b"EXISTS",
    ),
    "cancel": Case(led, "cancel", lambda env: ("r1", "me"), b"OK", b"OK"),
    "hasten": Case(waits, "hasten", lambda env: HASTEN, b"OK", b"OK"),
    "hasten, over": Case(failed, "hasten", lambda env: HASTEN, b"OVER", b"OVER"),
    "hasten, unknown": Case(lambda env: None, "hasten", lambda env: HASTEN, b"UNKNOWN", b"UNKNOWN"),
    "delete": Case(failed, "delete", lambda env: ("r1",), b"OK", b"UNKNOWN"),
    "delete, running": Case(led, "delete", lambda env: ("r1",), b"RUNNING", b"RUNNING"),
    "resume": Case(failed, "resume", lambda env: ("r1", "id", "", "me"), b"OK", b"OK"),
    "resume, running": Case(
        led, "resume", lambda env: ("r1", "id", "", "me"), b"RUNNING", b"RUNNING"
    ),
    "resume, from a task": Case(
        succeeded, "resume", lambda env: ("r1", "id", "0 3", "me"), b"OK", b"OK"
    ),
    "reset": Case(resumed, "reset", lambda env: ("s1", 1, "r1", "1", "once", 0, 1), b"OK", b"OK"),
    "stop_run": Case(led, "stop_run", lambda env: ("s1", 1, "r1", "failed", 2), b"OK", b"OK"),
    "end_tasks": Case(
        stopping, "end_tasks", lambda env: ("s1", 1, "r1", "C", "1", 0, 1, 2), b"OK", b"OK"
    ),
    "prune_dead_letters": Case(
        failed, "prune_dead_letters", lambda env: ("s1", 1, 0, 9), b"OK", b"OK"
    ),
    "forget": Case(gone, "forget", lambda env: ("s1", 1, "r1"), b"OK", b"OK"),
    "drop_stale_entries": Case(
        cast_off, "drop_stale_entries", lambda env: ("s1", 1, 0, 10), b"OK", b"OK"
    ),
    "acquire_lease": Case(
        lambda env: None,
        "acquire_lease",
        lambda env: ("s1", HOUR_MS, "0/1", ""),
        b"TAKEN",
        b"OK",
    ),
    "acquire_lease, giving up": Case(
        led, "acquire_lease", lambda env: ("s1", 0, "0/1", ""), b"OK", b"OK"
    ),
    "hand_over_lease": Case(
        awaited, "hand_over_lease", lambda env: ("s1", 1, HOUR_MS, 0), b"OK", b"FENCED"
    ),
    "apply, queue": Case(led, "apply", lambda env: ("s1", 1, "", *QUEUE_ALL), b"OK", b"OK"),
    "apply, line": Case(
        led, "apply", lambda env: ("s1", 1, "", "line", *QUEUE_ALL[1:]), b"OK", b"OK"
    ),
    "fail_queued": Case(
        lambda env: env.ready(0, 1),
        "fail_queued",
        lambda env: ("s1", 1, "r1", "error", 0),
        b"OK",
        b"OK",
    ),
    "apply, line, and a task is claimed": Case(
        partly_claimed,
        "apply",
        lambda env: ("s1", 1, "", "line", *QUEUE_ALL[1:5], 3, 0, 1, 2),
        b"OK",
        b"OK",
    ),
    "fail_queued, one is claimed": Case(
        half_failed, "fail_queued", lambda env: ("s1", 1, "r1", "error", 0, 1), b"OK", b"OK"
    ),
    "fail_queued, in a backlog": Case(
        waits_for_a_turn, "fail_queued", lambda env: ("s1", 1, "r1", "error", 0), b"OK", b"OK"
    ),
    "apply, cursor": Case(led, "apply", lambda env: ("s1", 1, "9-9"), b"OK", b"OK"),
    "apply, finish": Case(
        led,
        "apply",
        lambda env: ("s1", 1, "", "finish", "r1", "failed", "2", "x=1"),
        b"OK",
        b"OK",
    ),
    "apply, mapped": Case(
        led,
        "apply",
        lambda env: ("s1", 1, "", "mapped", "r1", 1, "S", 3, "", *QUEUE_ALL),
        b"OK",
        b"OK",
    ),
    "apply, mapped, with an error": Case(
        led, "apply", lambda env: ("s1", 1, "", "mapped", "r1", 1, "F", 0, "error"), b"OK", b"OK"
    ),
    "apply, drop": Case(
        succeeded_and_running,
        "apply",
        lambda env: ("s1", 1, "", "drop", "r1", 2, 0, 1),
        b"OK",
        b"OK",
    ),
    "apply, progress": Case(
        led, "apply", lambda env: ("s1", 1, "", "progress", "r1", "x=1"), b"OK", b"OK"
    ),
    "quarantine_event": Case(
        led, "quarantine_event", lambda env: ("s1", 1, "1-1 nonsense"), b"OK", b"OK"
    ),
    "apply, begin": Case(
        led, "apply", lambda env: ("s1", 1, "", "begin", "r1", "0" * 64), b"OK", b"OK"
    ),
    "name_event": Case(led, "name_event", lambda env: ("",), b"OK", b"OK"),
    "promote": Case(due, "promote", lambda env: ("s1", 1, 10, ""), b"OK", b"OK"),
    "heartbeat, registering": Case(
        lambda env: None, "heartbeat", lambda env: ("W", 500, "about", "", "W.0"), b"OK", b"OK"
    ),
    "heartbeat, renewing": Case(
        lambda env: env.running(0), "heartbeat", lambda env: ("W", 5, "", "", "W.0"), b"OK", b"OK"
    ),
    "heartbeat, of an app": Case(
        lambda env: env.worker.register_app(APP, [FUNCTION], lease_ms=HOUR_MS),
        "heartbeat",
        lambda env: ("W", 500, "about", APP, "W.0"),
        b"OK",
        b"OK",
    ),
    "register_app": Case(
        lambda env: None, "register_app", lambda env: (APP, "", 500, FUNCTION), b"OK", b"OK"
    ),
    "register_app, with a version": Case(
        lambda env: None, "register_app", lambda env: (V1, "v1", 500, FUNCTION, OF_V1), b"OK", b"OK"
    ),
    "claim": Case(
        lambda env: env.ready(0, 1), "claim", lambda env: ("W.0", 1, 1, 1, "", LIST), b"OK", b"OK"
    ),
    **{
        f"complete, {code}": Case(
            lambda env: env.running(0), "complete", complete_args(code), b"OK", b"OK"
        )
        for code in "SHFKWDA"
    },
    "claim, from a backlog": Case(
        waits_for_a_turn, "claim", lambda env: ("W.0", 1, 1, 1, "", LIST), b"OK", b"OK"
    ),
    "claim, of a function": Case(
        waits_for_a_function, "claim", lambda env: ("W.0", 1, 1, 1, APP, LIST), b"OK", b"OK"
    ),
    "claim, of a function and from a backlog": Case(
        waits_for_both, "claim", lambda env: ("W.0", 1, 2, 1, APP, LIST), b"OK", b"OK"
    ),
    "claim, of a second version": Case(
        ran_elsewhere, "claim", lambda env: ("W.0", 1, 1, 1, V1, LIST), b"OK", b"OK"
    ),
    "complete, and claim of a second version": Case(
        ran_elsewhere, "complete", lambda env: ("W.0", 1, 1, 1, V1, 1, LIST), b"OK", b"OK"
    ),
    "complete, and claim from a backlog": Case(
        partly_claimed,
        "complete",
        lambda env: ("W.0", 2, 1, 1, "", 1, LIST, "r1", 1, "0,1,S", "payload"),
        b"OK",
        b"OK",
    ),
    "complete, calls": Case(
        lambda env: env.running(0),
        "complete",
        lambda env: ("W.0", 2, 5, 1, "", 1, LIST, "r1", 1, *calls_args()),
        b"OK",
        b"OK",
    ),
    "prepare_calls": Case(
        lambda env: env.running(0), "prepare_calls", lambda env: ("r1", 500, "d", "g"), b"OK", b"OK"
    ),
    "continue_calls": Case(
        stopped_short,
        "continue_calls",
        lambda env: ("s1", 1, "r1", 0, 1, "id", LIST, "5", *CHILDREN),
        b"OK",
        b"OK",
    ),
    "cancel_children": Case(
        lambda env: (called(env), env.client.cancel("r1")),
        "cancel_children",
        lambda env: ("s1", 1, "r1", "its parent r1", *CHILDREN),
        b"OK",
        b"OK",
    ),
    "resume, of a called run": Case(
        lambda env: (begun(env), env.finish("c1", "failed", 0)),
        "resume",
        lambda env: ("c1", "id", "", "me"),
        b"OK",
        b"OK",
    ),
    "prune_parents": Case(
        forgotten, "prune_parents", lambda env: ("s1", 1, "r1,0", "r9,0", "nonsense"), b"OK", b"OK"
    ),
    "expire_children": Case(left, "expire_children", lambda env: ("s1", 1, "c1"), b"OK", b"OK"),
    "recount_calls": Case(
        begun, "recount_calls", lambda env: ("s1", 1, "r1", 0, 1, LIST, "5", "c1"), b"OK", b"OK"
    ),
    "recount_calls, gone": Case(
        begun, "recount_calls", lambda env: ("s1", 1, "r1", 0, 1, LIST, "5", "c9"), b"OK", b"OK"
    ),
    "apply, finish the last child": Case(
        lambda env: (begun(env), env.finish("c1")),
        "apply",
        lambda env: ("s1", 1, "", "finish", "c2", "failed", "2", "x=1"),
        b"OK",
        b"OK",
    ),
    "end_tasks, one waits for runs": Case(
        called, "end_tasks", lambda env: ("s1", 1, "r1", "C", "1", 0, 1), b"OK", b"OK"
    ),
    "complete, cached": Case(
        lambda env: env.running(0),
        "complete",
        lambda env: ("W.0", 2, 5, 1, "", 1, LIST, "r1", 1, "0,1,S,c0ffee,60000", "payload"),
        b"OK",
        b"OK",
    ),
    "complete, and claim": Case(
        lambda env: (env.running(0), env.queue(1)),
        "complete",
        complete_args("S"),
        b"OK",
        b"OK",
    ),
    "append_logs": Case(
        lambda env: env.running(0),
        "append_logs",
        lambda env: ("r1", "W.0", 1, 1000, 0, 0, 1, "1,1", "a line"),
        b"OK",
        b"OK",
    ),
    "append_logs, dropping old lines": Case(
        printed,
        "append_logs",
        lambda env: ("r1", "W.0", 2, 10, 1, "1-1,6", 0, 1, "2,1", "a line", 1, 1, "1,1", "a line"),
        b"OK",
        b"OK",
    ),
    "append_logs, of another lane": Case(
        printed,
        "append_logs",
        lambda env: ("r1", "W.1", 1, 1000, 0, 0, 1, "1,1", "a line"),
        b"OK",
        b"OK",
    ),
    "append_logs, when the run is over": Case(
        failed,
        "append_logs",
        lambda env: ("r1", "W.0", 1, 1000, 0, 0, 1, "1,1", "a line"),
        b"OK",
        b"OK",
    ),
    "append_logs, when the run is gone": Case(
        lambda env: None,
        "append_logs",
        lambda env: ("r1", "W.0", 1, 1000, 0, 0, 1, "1,1", "a line"),
        b"UNKNOWN",
        b"UNKNOWN",
    ),
    "release": Case(
        lambda env: env.running(0, 1),
        "release",
        lambda env: ("W.0", "", "r1,0"),
        b"OK",
        b"OK",
    ),
    "release, handing on": Case(
        lambda env: env.running(0, 1),
        "release",
        lambda env: ("W.0", "", f"r1,0@{FUNCTION}"),
        b"OK",
        b"OK",
    ),
    "release, handing on all": Case(
        lambda env: env.running(0, 1),
        "release",
        lambda env: ("W.0", "", f"r1,0@{FUNCTION}", f"r1,1@{FUNCTION}"),
        b"OK",
        b"OK",
    ),
    "release, handing on a turn": Case(
        partly_claimed,
        "release",
        lambda env: ("W.0", "", f"r1,0@{FUNCTION}"),
        b"OK",
        b"OK",
    ),
    "release, handing on in a run that stops": Case(
        stopping, "release", lambda env: ("W.0", "", f"r1,0@{FUNCTION}"), b"OK", b"OK"
    ),
    "release, handing on unsure": Case(
        once, "release", lambda env: ("W.0", "once", f"r1,0@{FUNCTION}"), b"OK", b"OK"
    ),
    "release, stopping": Case(stopping, "release", lambda env: ("W.0", "", "r1,0"), b"OK", b"OK"),
    "release, unsure": Case(once, "release", lambda env: ("W.0", "once", "r1,0"), b"OK", b"OK"),
    "reap": Case(
        lambda env: env.running(0, 1),
        "reap",
        lambda env: ("W.0", "", "", 3, "error", "", "once", "r1,0"),
        b"OK",
        b"UNKNOWN",
    ),
    "reap, at most once": Case(
        once,
        "reap",
        lambda env: ("W.0", "", "", 3, "error", "", "once", "r1,0"),
        b"OK",
        b"UNKNOWN",
    ),
    "set_state": Case(lambda env: None, "set_state", lambda env: (*ENTRY, HOUR_MS), b"OK", b"OK"),
    "set_state, expired": Case(kept, "set_state", lambda env: (*ENTRY, 0), b"OK", b"OK"),
    "delete_state": Case(kept, "delete_state", lambda env: ("state", "e"), b"OK", b"OK"),
    "expire_state": Case(kept, "expire_state", lambda env: ("state", 10), b"OK", b"OK"),
    "report_progress": Case(
        reporting,
        "report_progress",
        lambda env: ("W", 1, "r1,0,1", "r1,1,1", "W.0,7,9,rows", "r1,2,1", "W.0,1,,"),
        b"OK",
        b"OK",
    ),
    "report_progress, of a worker that is gone": Case(
        lambda env: None,
        "report_progress",
        lambda env: ("W", 0, "r1,1,1", "W.0,7,9,rows"),
        b"UNKNOWN",
        b"UNKNOWN",
    ),
    "store_items": Case(
        once, "store_items", lambda env: ("W.0", "r1", 0, 1, 3, b"a", b"b"), b"OK", b"OK"
    ),
    "store_items, too late": Case(
        succeeded,
        "store_items",
        lambda env: ("W.0", "r1", 0, 1, 0, b"a"),
        b"STALE",
        b"STALE",
    ),
    "complete, of a task that is mapped over": Case(
        once, "complete", complete_args("S", ",#7/3,=day 7"), b"OK", b"OK"
    ),
    "retire": Case(lambda env: env.register(), "retire", lambda env: ("W", "W.0"), b"OK", b"OK"),
}
# It writes hints without looking: repeated ones are dropped by the claim that pops them.
NOT_SAME_STATE = {"requeue"}
# A call is sent again for as long as Redis is away. A script that does not change after the second
# time is unlikely to change later, so the default run sends fewer.
FEW, MANY = 4, 11


def test_no_script_is_left_out() -> None:
    assert {case.name for case in CASES.values()} | NOT_SAME_STATE == set(names())


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest) -> Case:
    result: Case = request.param
    return result


@pytest.fixture(params=[FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def times(request: pytest.FixtureRequest) -> int:
    """How often each call is sent."""
    result: int = request.param
    return result


def test_a_repeated_call_changes_nothing_and_gets_the_same_reply(
    env: Environment, case: Case, times: int
) -> None:
    case.prepare(env)
    reply = case.send(env)
    after = env.dump()
    assert reply[0] == case.first
    for _ in range(times - 1):
        again = case.send(env)
        assert again[0] == case.later
        assert env.dump() == after


def test_a_call_repeated_later_changes_only_deadlines(
    env: Environment, case: Case, times: int
) -> None:
    """A call that waits for Redis is sent again when time has passed: none of it may show."""
    case.prepare(env)
    case.send(env)
    after = env.dump()
    for _ in range(times - 1):
        env.now += 1
        assert case.send(env)[0] == case.later
        assert without_deadlines(env.dump()) == without_deadlines(after)


def without_deadlines(dump: dict[str, Any]) -> dict[str, Any]:
    """Leave out what says until when something lives: renewing it is what it is sent for."""
    result = {name: value for name, value in dump.items() if name not in ("leader", "workers")}
    result.pop("worker:@", None)  # apps
    result.pop("state:state", None)  # when its entries expire
    result.pop("state:state:e", None)
    return result


# What the claims of these cases return.
CLAIMED = {
    "claim": [b"0,1,0"],
    "complete, and claim": [b"1,1,0"],
    "claim, from a backlog": [b"0,1,0"],
    "claim, of a function": [b"0,1,0"],
    "claim, of a function and from a backlog": [b"0,1,0", b"1,1,0"],
    "claim, of a second version": [b"1,1,0"],
    "complete, and claim from a backlog": [b"1,1,0"],
    "complete, and claim of a second version": [b"1,1,0"],
}


def test_a_repeated_claim_returns_the_same_attempts(env: Environment, times: int) -> None:
    for name, attempts in CLAIMED.items():
        env.link.call("DEL", *[env.keys.prefix + key for key in env.dump()])
        env.calls = 0
        case = CASES[name]
        case.prepare(env)
        replies = [case.send(env) for _ in range(times)]
        groups = 6 if case.name == "claim" else 7  # where the attempts of the first run stand
        claimed = [b" ".join(reply[groups::5]).split() for reply in replies]
        assert [sorted(some) for some in claimed] == [attempts] * times, name
        assert replies[1:] == replies[1:2] * (times - 1)


def test_ending_tasks_again_gets_the_same_reply(env: Environment, times: int) -> None:
    """A scheduler whose reply was lost, or that died, must still learn what is over."""
    stopping(env)
    case = CASES["end_tasks"]
    assert [case.send(env) for _ in range(times)] == [[b"OK", b"1 2", b"0", b""]] * times


def test_a_repeated_requeue_still_hands_out_each_attempt_once(env: Environment, times: int) -> None:
    env.ready(0, 1)
    for _ in range(times):
        env.scheduler.requeue("r1", [(0, LIST, "5"), (1, LIST, "5")])
    assert env.records() == {"0": "Q1,,0,,,0", "1": "Q1,,0,,,0"}
    assert sorted(claim.task for claim in env.claim() + env.claim()) == [0, 1]
