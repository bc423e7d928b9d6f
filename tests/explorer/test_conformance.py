"""The explorer's model does what the scripts do: same sequences, same keys, same replies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from .conformance import Duties, Mirror, walk, whole_turn
from .schedulers import findable
from .setups import setup

BUDGET = {"failures": 4, "faults": 8, "delay": 500}
SETUPS = {
    "diamond": setup("diamond", retries=1, cancels=1, resumes=3, **BUDGET),
    "cleanup": setup("cleanup", retries=1, cancels=1, resumes=3, batch=2, small=0, **BUDGET),
    "wide": setup("wide", retries=2, cancels=1, resumes=2, batch=3, **BUDGET),
    "once": setup("once", retries=1, cancels=1, resumes=3, **BUDGET),
    "dropped": setup("dropped", retries=1, cancels=1, resumes=3, **BUDGET),
    "named": setup("two", retries=1, resumes=4, named="0", **BUDGET),
    "hastened": setup("wide", retries=2, cancels=1, resumes=2, hastens=6, batch=2, **BUDGET),
    "again": setup("wide", retries=1, cancels=1, resumes=3, hastens=3, agains=9, batch=2, **BUDGET),
    "turns": setup("wide", retries=2, cancels=1, resumes=3, batch=3, small=0, **BUDGET),
    "apps": setup("wide", retries=2, resumes=3, batch=3, others="bd", apps=(2, 1), **BUDGET),
    "both": setup(
        "wide", retries=2, resumes=3, batch=2, small=0, others="bd", apps=(1, 2), **BUDGET
    ),
    "mapped": setup("mapped", retries=1, cancels=1, resumes=2, batch=2, **BUDGET),
    "versions": setup(
        "wide", retries=1, cancels=1, resumes=2, batch=2, apps=(1, 1), versions=("1", "2"), **BUDGET
    ),
}
# Setup and seed. Together they come across all of ANSWERS.
WALKS = [
    ("diamond", 9), ("cleanup", 4), ("wide", 13), ("wide", 15), ("wide", 19), ("wide", 20),
    ("once", 16), ("named", 2), ("turns", 6), ("turns", 7), ("apps", 6), ("apps", 7), ("both", 2),
    ("both", 3), ("versions", 1), ("versions", 2), ("dropped", 6), ("hastened", 13),
    ("again", 1), ("again", 2), ("mapped", 1), ("mapped", 2),
]  # fmt: skip
LENGTH = 250
# The others are slow.
SAMPLE = [("cleanup", 4), ("both", 2), ("again", 1), ("mapped", 1)]


@pytest.fixture(
    params=[
        pytest.param(
            walk, id=f"{walk[0]}-{walk[1]}", marks=[] if walk in SAMPLE else pytest.mark.slow
        )
        for walk in WALKS
    ]
)
def walked(
    request: pytest.FixtureRequest, server_url: str, namespace: str
) -> Iterator[tuple[Mirror, int]]:
    """A server to be led through a walk, and the seed of it."""
    name, seed = request.param
    mirror = Mirror(server_url, namespace, SETUPS[name])
    yield mirror, seed
    mirror.link.close()


def test_every_call_of_a_walk_does_the_same_on_a_server(walked: tuple[Mirror, int]) -> None:
    mirror, seed = walked
    trace = []
    for _, move in walk(mirror.setup, seed, LENGTH):
        trace.append(move.label)
        for now, call, reply in move.calls:
            assert mirror.play(now, call) == reply, trace
        if move.calls:
            mirror.compare(move.state.keys)


def test_a_real_scheduler_does_the_same_in_a_turn_as_the_model(walked: tuple[Mirror, int]) -> None:
    """From its first read to its last call, with nobody in between."""
    mirror, seed = walked
    setup = replace(mirror.setup, most_deaths=3, kinds=frozenset({"death", "child", "lapse"}))
    duties: dict[tuple[str, int], Duties] = {}
    steps, trace = walk(setup, seed, LENGTH), []
    result = next(steps, None)
    while result is not None:
        state, move = result
        trace.append(move.label)
        for now, call, reply in move.calls:
            mirror.now = now
            assert mirror.play(now, call) == reply, trace
        behind = move.state
        for at, item in enumerate(behind.schedulers):
            looks = move.what == "looks at the workers"
            if (item.todo or looks) and item != state.schedulers[at]:
                behind = whole_turn(setup, behind, at)
                mirror.now = behind.keys.now
                if (item.id, item.term) not in duties:
                    duties[item.id, item.term] = Duties(mirror, item.id, item.term)
                duties[item.id, item.term].take_turn(move)
                assert duties[item.id, item.term].store.findable() == findable(behind.keys), trace
        mirror.compare(behind.keys, errors=False)
        try:
            result = steps.send(behind)
        except StopIteration:
            result = None
    for real in duties.values():
        real.close()


# What the walks come across; without it they would compare next to nothing.
ANSWERS = {
    "submit OK", "submit EXISTS", "hasten OK", "cancel OK", "cancel OVER", "resume OK",
    "heartbeat OK", "heartbeat DEAD", "claim OK", "claim UNKNOWN", "complete OK",
    "release OK", "reap OK", "reap FENCED", "reap UNKNOWN", "reap ALIVE",
    "register_app OK", "retire OK", "acquire_lease OK", "acquire_lease TAKEN",
    "acquire_lease HELD",
    "hand_over_lease OK", "stop_run OK", "stop_run FENCED", "end_tasks OK",
    "apply OK", "apply FENCED", "promote OK", "promote FENCED", "reset OK", "requeue OK",
}  # fmt: skip


def test_the_walks_meet_every_script_and_most_replies() -> None:
    seen = {
        f"{call.name} {reply[0]}"
        for name, seed in WALKS
        for _, move in walk(SETUPS[name], seed, LENGTH)
        for _, call, reply in move.calls
    }
    assert seen >= ANSWERS


def test_the_walks_meet_turns_lists_of_functions_and_versions() -> None:
    met = set[str]()
    for name, seed in WALKS:
        for _, move in walk(SETUPS[name], seed, LENGTH):
            keys = move.state.keys
            places = {place for lists in (keys.ready, keys.backlogs) for place, _ in lists}
            met |= {"turns"} if keys.turns else set()
            met |= {"parked"} if any("@" in ready_list for ready_list, _ in places) else set()
            met |= {"mixed"} if keys.field("mixed") else set()
            for _, call, reply in move.calls:
                if call.name == "release" and call.args[3:] not in ((), ("",)):
                    met.add("handed on")
                if call.name == "requeue" and reply[1:] not in ((), (0,)):
                    met.add("restored")
    assert met == {"turns", "parked", "mixed", "handed on", "restored"}


def test_a_walk_meets_results_that_are_dropped() -> None:
    dropped = [
        command
        for _, move in walk(SETUPS["dropped"], 6, LENGTH)
        for _, call, reply in move.calls
        for command in (call.args[3] if call.name == "apply" and reply[0] == "OK" else ())
        if command[0] == "drop"
    ]
    assert len(dropped) > 2
