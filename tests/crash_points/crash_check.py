"""The verdict on one played story: is everything as it is without the fault?

``play_once`` plays a story and returns what came of it: every call, and every violation of what is
promised. A story that was played without a fault is what the others are compared with.
"""

from __future__ import annotations

import random
import traceback
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import redis
from crash_scheduler import SWEEP_S
from crash_seam import Call, Fault, Kind
from crash_stories import Story
from crash_world import START_MS, STEP_MS, World, quickly
from helpers import literally
from schema import strays, violations

from flowkit.codec.packing import unpack
from flowkit.core.states import RunState, TaskState
from flowkit.protocol.client_store import ClientStore
from flowkit.protocol.spent import Flag

# What a namespace keeps when all runs and workers are gone.
LASTING = ("cursor", "leader", "layout", "levels", "events", "wake:", "dead", "schema")
# These faults end nothing, so nothing may be made again because of them.
HARMLESS = (Kind.REQUEST_LOST, Kind.REPLY_LOST, Kind.SENT_TWICE)
LONG_MS = 2 * 3600 * 1000
LAST_CALLS = 30


@dataclass
class Played:
    """What came of a story. ``starts``: how often each task of each run has started."""

    calls: list[Call] = field(default_factory=list)
    states: dict[str, dict[str, TaskState]] = field(default_factory=dict)
    attempts: dict[str, dict[str, int]] = field(default_factory=dict)
    results: dict[str, dict[str, object]] = field(default_factory=dict)
    ends: dict[str, list[RunState]] = field(default_factory=dict)
    starts: Counter[tuple[str, str]] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0  # of the story's own time

    def points(self) -> Iterator[Fault]:
        """Yield every fault that can be made of these calls."""
        for call in self.calls:
            for kind in Kind:
                if call.can_have(kind):
                    yield Fault(call.number, kind)


def play_once(
    url: str, story: Story, fault: Fault | None = None, normal: Played | None = None
) -> Played:
    """Play a story on a fresh namespace and judge it, against ``normal`` if it is given."""
    with quickly(), redis.Redis.from_url(url, protocol=2) as server:
        world = World(url, f"crash-{uuid.uuid4().hex[:10]}", story, fault)
        played = Played()
        try:
            world.play()
            _read(world, played)
            _judge_starts(world, played)
            if normal is not None and fault is not None:
                _compare(story, fault, normal, played)
            elif {run: ends[-1] for run, ends in played.ends.items()} != story.ends:
                played.problems.append(f"it ended {played.ends}")
            _judge_leftovers(world, server, played)
        except AssertionError as error:
            played.problems.append(str(error))
        except Exception:  # of whichever process had the turn: none of them may raise
            played.problems.append(traceback.format_exc(limit=-6))
        finally:
            world.close()
            left = list(server.scan_iter(match=_mine(world.namespace), count=1000))
            if left:
                server.delete(*left)
    played.calls = played.calls or world.calls
    played.problems += world.problems + world.watch.problems
    played.seconds = (world.now_ms - START_MS) / 1000
    return played


def _read(world: World, played: Played) -> None:
    store = ClientStore(world.link, world.namespace)
    for run, dag in world.story.runs:
        names = dag.compile().graph.names
        records = store.read_records(run, range(len(names)))
        packed = store.read_results(run, range(len(names)))
        played.states[run] = {name: one.state for name, one in zip(names, records, strict=True)}
        played.attempts[run] = {name: one.attempt for name, one in zip(names, records, strict=True)}
        played.results[run] = {
            name: unpack(data) if data else None for name, data in zip(names, packed, strict=True)
        }
        played.ends[run] = world.watch.runs[run].ends
        found = store.read_run(run)
        if found.state is not played.ends[run][-1]:
            played.problems.append(f"{run} was {played.ends[run]} and is {found.state.value}")
        for name, one in zip(names, records, strict=True):
            ran = one.state is TaskState.SUCCEEDED and Flag.CACHED not in one.spent.flags
            ran = ran or (one.state is TaskState.FAILED and name != world.story.once)
            if ran and (run, name, one.attempt) not in world.starts:
                text = f"{run}: {name} is {one.state.value} in attempt {one.attempt}, not started"
                played.problems.append(text)


def _judge_starts(world: World, played: Played) -> None:
    played.starts = Counter((run, name) for run, name, _ in world.starts)
    for run, name in played.starts:
        state = played.states[run][name]
        if state in (TaskState.SKIPPED, TaskState.UPSTREAM_FAILED):
            played.problems.append(f"{run}: {name} is {state.value}, and has started")


def _compare(story: Story, fault: Fault, normal: Played, played: Played) -> None:
    wrong = played.problems
    role = normal.calls[fault.point - 1].role
    # A death that is part of the story takes with it what has not been sent by then, and a fault
    # changes what that is.
    nothing_again = fault.kind in HARMLESS and not story.deaths
    may_give_up = fault.kind not in HARMLESS and role in ("lane", "parent")
    given_up = may_give_up and _has_failed(story, played)
    for run, ends in normal.ends.items():
        if given_up:
            continue
        exact = ("attempts",) if nothing_again else ()
        for what in ("states", "results", *exact):
            due, found = getattr(normal, what)[run], getattr(played, what)[run]
            differ = {name: found[name] for name in due if found[name] != due[name]}
            if differ:
                wrong.append(f"{run}: other {what} than without the fault: {differ}")
        # A client that does not know that it has resumed a run resumes it once more.
        again = role == "client" and played.ends[run][:-1] == ends
        if played.ends[run] != ends and not again:
            wrong.append(f"{run}: it ended {[one.value for one in played.ends[run]]}")
    for key, times in played.starts.items():
        most = max(normal.starts[key], 1 + story.deaths) + 1
        if nothing_again or key[1] == story.once:
            most = normal.starts[key]
        if times > most:
            wrong.append(f"{key[0]}: {key[1]} has started {times} times, {most} are allowed")


def _has_failed(story: Story, played: Played) -> bool:
    """Whether the task that must not start twice has failed instead, and nothing else has."""
    if not story.once:
        return False
    ((run, states),) = played.states.items()
    odd = {name for name, state in states.items() if state is not TaskState.SUCCEEDED}
    return (
        states[story.once] is TaskState.FAILED
        and all(states[name] is TaskState.UPSTREAM_FAILED for name in odd - {story.once})
        and played.ends[run] == [RunState.FAILED]
    )


def _judge_leftovers(world: World, server: redis.Redis, played: Played) -> None:
    """Let everybody go home and everything expire, and look at what is left after each."""
    world.idle_away(STEP_MS, 2)
    played.problems += violations(server, world.namespace) + strays(server)
    world.stop_in_order(world.workers)
    played.calls = list(world.calls)
    world.workers, world.clients = [], []
    world.idle_away(LONG_MS, 1)
    for _ in range(6):
        world.idle_away(STEP_MS, 1)
    for name in ("workers", "delayed", "active"):
        if server.exists(f"{{{world.namespace}}}:{name}"):
            played.problems.append(f"{name} is not empty when all is over")
    for key in server.scan_iter(match=_mine(world.namespace), count=1000):
        if server.pttl(key) >= 0:
            server.delete(key)
    world.idle_away(int(SWEEP_S * 1000), 1)
    prefix = len(world.namespace) + 3
    for key in server.scan_iter(match=_mine(world.namespace), count=1000):
        name = key.decode()[prefix:]
        if not name.startswith(LASTING):
            played.problems.append(f"{name} is left when all has expired")


def _mine(namespace: str) -> str:
    return literally("{" + namespace + "}:") + "*"


def sample(normal: Played, most: int, seed: str) -> list[Fault]:
    """Return some of all faults: one of each kind for each sort of call first, chosen by chance."""
    chance = random.Random(seed)
    everything = list(normal.points())
    chance.shuffle(everything)
    sorts: set[tuple[str, str, Kind]] = set()
    first: list[Fault] = []
    rest: list[Fault] = []
    for fault in everything:
        call = normal.calls[fault.point - 1]
        sort = call.role, call.label, fault.kind
        (rest if sort in sorts else first).append(fault)
        sorts.add(sort)
    return [*first, *rest][:most]


def told(name: str, server: str, fault: Fault, played: Played, normal: Played) -> str:
    """Return what went wrong, what happened around it, and how to see it again."""
    at = normal.calls[fault.point - 1]
    first = max(0, fault.point - 8)
    lines = [f"story {name!r} on {server}, {fault.kind.value} at {at}:"]
    lines += [f"  - {problem}" for problem in played.problems]
    lines.append(f"  it took {played.seconds:g} s of its own time; the calls around it:")
    lines += [f"    {call}" for call in played.calls[first : first + LAST_CALLS]]
    lines.append(f"  again: python -m tests.crash_points --only {name}@{fault} --store {server}")
    return "\n".join(lines)
