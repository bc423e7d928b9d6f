"""Each script may be sent again when its reply was lost: once or eleven times is the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from world import HOUR_MS, LIST, World, done

from flowkit.protocol.scripts import names


@dataclass(frozen=True)
class Case:
    """A situation, one call, and the words that its first and its later replies begin with."""

    prepare: Callable[[World], object]
    name: str
    args: Callable[[World], tuple[object, ...]]
    first: bytes
    later: bytes

    def send(self, world: World) -> list[Any]:
        return world.raw(self.name, *self.args(world))


def failed(world: World) -> None:
    world.running(0)
    world.complete(done(0, "F"))
    world.finish(outcome="failed", failed=0)


def succeeded(world: World) -> None:
    world.running(0)
    world.complete(done(0))
    world.finish()


def resumed(world: World) -> None:
    failed(world)
    world.client.resume("r1")


def once(world: World) -> None:
    """A task that must not start twice is running."""
    world.ready()
    world.queue(0, flags="=")
    world.claim()


def due(world: World) -> None:
    world.running(0)
    world.complete(done(0, "W", delay=5))
    world.now += 5


def stopping(world: World) -> None:
    world.running(0)
    world.queue(1)
    world.client.cancel("r1")


def gone(world: World) -> None:
    world.submit()
    world.acquire_lease()
    world.link.call("DEL", world.keys.run("r1"))


def cast_off(world: World) -> None:
    """A run that is over, of which one task is still queued and one waits for a retry."""
    world.running(0)
    world.complete(done(0, "W"))
    world.queue(1)
    world.finish(outcome="cancelled")


def led(world: World) -> None:
    world.submit()
    world.acquire_lease()


def awaited(world: World) -> None:
    """Somebody stands by for the lease, with no shard of its own."""
    world.acquire_lease()
    world.raw("acquire_lease", "s2", HOUR_MS, "0/1", 0)


def complete_args(code: str) -> Callable[[World], tuple[object, ...]]:
    token = done(0, code).token
    return lambda world: ("W.0", 2, 5, 1, 1, LIST, "r1", 1, token, "payload")


ENTRY = ("state", "e", "value", "")


def kept(world: World) -> None:
    world.raw("set_state", *ENTRY, HOUR_MS)
    world.now += HOUR_MS


QUEUE_ALL = ("queue", "r1", LIST, "5", "", 2, 0, 1)

CASES = {
    "schema": Case(lambda world: None, "schema", lambda world: (1, "0"), b"OK", b"OK"),
    "schema, raising": Case(
        lambda world: world.client.note_schema(1, upgrade=True),
        "schema",
        lambda world: (2, "1"),
        b"OK",
        b"OK",
    ),
    "check_rights": Case(
        led, "check_rights", lambda world: ("leader", "cursor", "cache:"), b"OK", b"OK"
    ),
    "submit": Case(
        lambda world: None,
        "submit",
        lambda world: world.submission().args(with_graph=True),
        b"OK",
        b"EXISTS",
    ),
    "cancel": Case(led, "cancel", lambda world: ("r1",), b"OK", b"OK"),
    "resume": Case(failed, "resume", lambda world: ("r1", "id", ""), b"OK", b"OK"),
    "resume, running": Case(led, "resume", lambda world: ("r1", "id", ""), b"RUNNING", b"RUNNING"),
    "resume, from a task": Case(
        succeeded, "resume", lambda world: ("r1", "id", "0 3"), b"OK", b"OK"
    ),
    "reset": Case(resumed, "reset", lambda world: ("s1", 1, "r1", "1", "once", 0, 1), b"OK", b"OK"),
    "stop_run": Case(led, "stop_run", lambda world: ("s1", 1, "r1", "failed", 2), b"OK", b"OK"),
    "end_tasks": Case(
        stopping, "end_tasks", lambda world: ("s1", 1, "r1", "C", "1", 0, 1, 2), b"OK", b"OK"
    ),
    "prune_dead_letters": Case(
        failed, "prune_dead_letters", lambda world: ("s1", 1, 0, 9), b"OK", b"OK"
    ),
    "forget": Case(gone, "forget", lambda world: ("s1", 1, "r1"), b"OK", b"OK"),
    "drop_stale_entries": Case(
        cast_off, "drop_stale_entries", lambda world: ("s1", 1, 0, 10), b"OK", b"OK"
    ),
    "acquire_lease": Case(
        lambda world: None,
        "acquire_lease",
        lambda world: ("s1", HOUR_MS, "0/1", ""),
        b"TAKEN",
        b"OK",
    ),
    "acquire_lease, giving up": Case(
        led, "acquire_lease", lambda world: ("s1", 0, "0/1", ""), b"OK", b"OK"
    ),
    "hand_over_lease": Case(
        awaited, "hand_over_lease", lambda world: ("s1", 1, HOUR_MS, 0), b"OK", b"FENCED"
    ),
    "apply, queue": Case(led, "apply", lambda world: ("s1", 1, "", *QUEUE_ALL), b"OK", b"OK"),
    "apply, cursor": Case(led, "apply", lambda world: ("s1", 1, "9-9"), b"OK", b"OK"),
    "apply, finish": Case(
        led,
        "apply",
        lambda world: ("s1", 1, "", "finish", "r1", "failed", "2", "x=1"),
        b"OK",
        b"OK",
    ),
    "apply, progress": Case(
        led, "apply", lambda world: ("s1", 1, "", "progress", "r1", "x=1"), b"OK", b"OK"
    ),
    "quarantine_event": Case(
        led, "quarantine_event", lambda world: ("s1", 1, "1-1 nonsense"), b"OK", b"OK"
    ),
    "apply, begin": Case(
        led, "apply", lambda world: ("s1", 1, "", "begin", "r1", "0" * 64), b"OK", b"OK"
    ),
    "name_event": Case(led, "name_event", lambda world: ("",), b"OK", b"OK"),
    "promote": Case(due, "promote", lambda world: ("s1", 1, 10, ""), b"OK", b"OK"),
    "heartbeat, registering": Case(
        lambda world: None, "heartbeat", lambda world: ("W", 500, "about", "W.0"), b"OK", b"OK"
    ),
    "heartbeat, renewing": Case(
        lambda world: world.running(0), "heartbeat", lambda world: ("W", 5, "", "W.0"), b"OK", b"OK"
    ),
    "claim": Case(
        lambda world: world.ready(0, 1), "claim", lambda world: ("W.0", 1, 1, 1, LIST), b"OK", b"OK"
    ),
    **{
        f"complete, {code}": Case(
            lambda world: world.running(0), "complete", complete_args(code), b"OK", b"OK"
        )
        for code in "SHFKWD"
    },
    "complete, cached": Case(
        lambda world: world.running(0),
        "complete",
        lambda world: ("W.0", 2, 5, 1, 1, LIST, "r1", 1, "0,1,S,c0ffee,60000", "payload"),
        b"OK",
        b"OK",
    ),
    "complete, and claim": Case(
        lambda world: (world.running(0), world.queue(1)),
        "complete",
        complete_args("S"),
        b"OK",
        b"OK",
    ),
    "release": Case(
        lambda world: world.running(0, 1),
        "release",
        lambda world: ("W.0", "", "r1,0"),
        b"OK",
        b"OK",
    ),
    "release, stopping": Case(stopping, "release", lambda world: ("W.0", "", "r1,0"), b"OK", b"OK"),
    "release, unsure": Case(once, "release", lambda world: ("W.0", "once", "r1,0"), b"OK", b"OK"),
    "reap": Case(
        lambda world: world.running(0, 1),
        "reap",
        lambda world: ("W.0", "", "", 3, "error", "", "once", "r1,0"),
        b"OK",
        b"UNKNOWN",
    ),
    "reap, at most once": Case(
        once,
        "reap",
        lambda world: ("W.0", "", "", 3, "error", "", "once", "r1,0"),
        b"OK",
        b"UNKNOWN",
    ),
    "set_state": Case(
        lambda world: None, "set_state", lambda world: (*ENTRY, HOUR_MS), b"OK", b"OK"
    ),
    "set_state, expired": Case(kept, "set_state", lambda world: (*ENTRY, 0), b"OK", b"OK"),
    "delete_state": Case(kept, "delete_state", lambda world: ("state", "e"), b"OK", b"OK"),
    "expire_state": Case(kept, "expire_state", lambda world: ("state", 10), b"OK", b"OK"),
    "retire": Case(
        lambda world: world.register(), "retire", lambda world: ("W", "W.0"), b"OK", b"OK"
    ),
}
# It writes hints without looking: repeated ones are dropped by the claim that pops them.
NOT_SAME_STATE = {"requeue"}
# A call is sent again for as long as Redis is away. Nothing after the second time is any different.
TIMES = 4


def test_no_script_is_left_out() -> None:
    assert {case.name for case in CASES.values()} | NOT_SAME_STATE == set(names())


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    return request.param


def test_sent_again_it_changes_nothing_and_answers_alike(world: World, case: Case) -> None:
    case.prepare(world)
    reply = case.send(world)
    after = world.dump()
    assert reply[0] == case.first
    for _ in range(TIMES - 1):
        again = case.send(world)
        assert again[0] == case.later
        assert world.dump() == after


def test_sent_again_later_it_changes_nothing_but_deadlines(world: World, case: Case) -> None:
    """A call that waits for Redis is sent again when time has passed: none of it may show."""
    case.prepare(world)
    case.send(world)
    after = world.dump()
    for _ in range(TIMES - 1):
        world.now += 1
        assert case.send(world)[0] == case.later
        assert without_deadlines(world.dump()) == without_deadlines(after)


def without_deadlines(dump: dict[str, Any]) -> dict[str, Any]:
    """Leave out what says until when something lives: renewing it is what it is sent for."""
    found = {name: value for name, value in dump.items() if name not in ("leader", "workers")}
    found.pop("state:state", None)  # when its entries expire
    found.pop("state:state:e", None)
    return found


def test_a_claim_sent_again_answers_with_the_same_attempts(world: World) -> None:
    for name in ("claim", "complete, and claim"):
        world.link.call("DEL", *[world.keys.prefix + key for key in world.dump()])
        world.calls = 0
        CASES[name].prepare(world)
        first = CASES[name].send(world)
        assert first[-1] in (b"0,1,0", b"1,1,0")
        assert [CASES[name].send(world) for _ in range(TIMES - 1)] == [first] * (TIMES - 1)


def test_who_turns_tasks_over_again_hears_the_same(world: World) -> None:
    """A scheduler whose reply was lost, or that died, must still learn what is over."""
    stopping(world)
    case = CASES["end_tasks"]
    assert [case.send(world) for _ in range(TIMES)] == [[b"OK", b"1 2", b"0"]] * TIMES


def test_requeue_sent_again_still_gives_each_attempt_once(world: World) -> None:
    world.ready(0, 1)
    for _ in range(TIMES):
        world.scheduler.requeue("r1", [(0, LIST, "5"), (1, LIST, "5")])
    assert world.records() == {"0": "Q1,,0,,", "1": "Q1,,0,,"}
    assert sorted(claim.task for claim in world.claim() + world.claim()) == [0, 1]
