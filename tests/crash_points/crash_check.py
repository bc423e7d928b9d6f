"""The verdict on one played scenario: is everything as it is without the fault?

``play_once`` plays a scenario and returns every call and every broken promise. The others are
compared with a scenario that was played without a fault.
"""

from __future__ import annotations

import random
import traceback
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import redis
from crash_environment import START_MS, STEP_MS, Environment, quickly
from crash_scenarios import Scenario
from crash_scheduler import SWEEP_S
from crash_seam import Call, Fault, Kind
from helpers import literally
from schema import strays, violations

from flowkit import Client
from flowkit.codec.packing import unpack
from flowkit.core.states import RunState, TaskState
from flowkit.protocol.client_store import ClientStore
from flowkit.protocol.history_reads import ReplacedAttempt
from flowkit.protocol.spent import Flag
from flowkit.settings import Settings

# What a namespace keeps when all runs and workers are gone.
LASTING = ("cursor", "leader", "layout", "terms", "levels", "events", "wake:", "dead", "schema")
# These faults end nothing, so nothing may be made again because of them.
HARMLESS = (Kind.REQUEST_LOST, Kind.REPLY_LOST, Kind.SENT_TWICE)
LONG_MS = 2 * 3600 * 1000
LAST_CALLS = 30


@dataclass
class Played:
    """What came of a scenario. ``starts``: how often each task of each run has started."""

    calls: list[Call] = field(default_factory=list)
    states: dict[str, dict[str, TaskState]] = field(default_factory=dict)
    attempts: dict[str, dict[str, int]] = field(default_factory=dict)
    results: dict[str, dict[str, object]] = field(default_factory=dict)
    ends: dict[str, list[RunState]] = field(default_factory=dict)
    starts: Counter[tuple[str, str]] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0  # of the scenario's own time

    def points(self) -> Iterator[Fault]:
        """Yield every fault that can be made of these calls."""
        for call in self.calls:
            for kind in Kind:
                if call.can_have(kind):
                    yield Fault(call.number, kind)


def play_once(
    url: str, scenario: Scenario, fault: Fault | None = None, normal: Played | None = None
) -> Played:
    """Play a scenario on a fresh namespace and judge it, against ``normal`` if it is given."""
    with quickly(), redis.Redis.from_url(url, protocol=2) as server:
        env = Environment(url, f"crash-{uuid.uuid4().hex[:10]}", scenario, fault)
        played = Played()
        try:
            env.play()
            env.idle_away(STEP_MS, 2)
            _read(env, played)
            _judge_starts(env, played)
            _judge_lines(env, played)
            if normal is not None and fault is not None:
                _compare(scenario, fault, normal, played)
            elif {run: played.ends[run][-1] for run in scenario.ends} != scenario.ends:
                played.problems.append(f"it ended {played.ends}")
            _judge_leftovers(env, server, played)
        except AssertionError as error:
            played.problems.append(str(error))
        except Exception:  # of whichever process had the turn: none of them may raise
            played.problems.append(traceback.format_exc(limit=-6))
        finally:
            env.close()
            left = list(server.scan_iter(match=_mine(env.namespace), count=1000))
            if left:
                server.delete(*left)
    played.calls = played.calls or env.calls
    played.problems += env.problems + env.watch.problems
    played.seconds = (env.now_ms - START_MS) / 1000
    return played


def _read(env: Environment, played: Played) -> None:
    store = ClientStore(env.link, env.namespace)
    for run, watched in env.watch.runs.items():
        label, compiled = env.watch.name_of(run), watched.dag
        numbers = sorted({*range(len(compiled.graph)), *_with_records(store, run)})
        mapped = {compiled.task_name(number) for number in compiled.maps}
        names = [compiled.task_name(number) for number in numbers]
        records = store.read_records(run, numbers)
        packed = store.read_results(run, numbers)
        played.states[label] = {name: item.state for name, item in zip(names, records, strict=True)}
        played.attempts[label] = {
            name: item.attempt for name, item in zip(names, records, strict=True)
        }
        played.results[label] = {
            name: unpack(data) if data else None for name, data in zip(names, packed, strict=True)
        }
        played.ends[label] = watched.ends
        result = store.read_run(run)
        if [result.state] != watched.ends[-1:]:
            played.problems.append(f"{label} was {watched.ends} and is {result.state.value}")
        told = {(name, item.attempt) for name, item in zip(names, records, strict=True)}
        for entry in store.read_history(run, result.submitted_ms):
            if isinstance(entry, ReplacedAttempt):
                told.add((compiled.task_name(entry.task), entry.record.attempt))
        for of, name, attempt in env.starts[env.forgotten.get(run, 0) :]:
            if of == run and (name, attempt) not in told and not _may_be_untold(env):
                played.problems.append(f"{run}: {name} ran attempt {attempt}, which is not told")
        for name, item in zip(names, records, strict=True):
            ran = item.state is TaskState.SUCCEEDED and Flag.CACHED not in item.spent.flags
            may_not_start = (env.scenario.once, env.scenario.missing)
            ran = ran and Flag.CALLED not in item.spent.flags  # it only reads what was called
            ran = ran and name not in mapped  # a mapped task itself has no attempt
            ran = ran or (item.state is TaskState.FAILED and name not in may_not_start)
            if ran and (run, name, item.attempt) not in env.starts:
                text = f"{run}: {name} is {item.state.value} in attempt {item.attempt}, not started"
                played.problems.append(text)


def _with_records(store: ClientStore, run: str) -> list[int]:
    """Return the tasks and items that have a record."""
    return list(map(int, store.link.call("HKEYS", store.keys.tasks(run))))


def _may_be_untold(env: Environment) -> bool:
    """Whether an attempt that ran may be missing in the history.

    Its process died with the outcome, so it was queued again as the same attempt; and before that
    started, the run was cancelled.
    """
    deadly = env.fault is not None and env.fault.kind not in HARMLESS
    return deadly and env.scenario.name == "resumed"


def _judge_starts(env: Environment, played: Played) -> None:
    played.starts = Counter((env.watch.name_of(run), name) for run, name, _ in env.starts)
    for run, name in played.starts:
        state = played.states[run][name]
        if state in (TaskState.SKIPPED, TaskState.UPSTREAM_FAILED):
            played.problems.append(f"{run}: {name} is {state.value}, and has started")


def _judge_lines(env: Environment, played: Played) -> None:
    """Each attempt has printed the number of its start: the logs have it once, under its name."""
    kept: Counter[str] = Counter()
    with Client(Settings(env.url, env.namespace)) as client:
        for run in env.watch.runs:
            for item in client.run(run).logs():
                kept[f"{run} {item.task} {item.attempt}: {item.text}"] += 1
    may_miss = env.fault is not None and _may_lose_lines(env.scenario, env.fault, env.calls)
    for number, (run, name, attempt) in enumerate(env.starts):
        line = f"{run} {name} {attempt}: start {number}"
        times = kept.pop(line, 0)
        is_due = number >= env.forgotten.get(run, 0) and not may_miss
        if times > 1 or (is_due and not times):
            played.problems.append(f"{line!r} is {times} times in the logs")
    played.problems += [f"{line!r} is in the logs, and no task printed it" for line in kept]


def _may_lose_lines(scenario: Scenario, fault: Fault, calls: Sequence[Call]) -> bool:
    """Whether lines may be missing: what a collector has read and not sent dies with it.

    A lane that comes back after its run was deleted executes an attempt of that run. Another run
    has the id by then, and its logs refuse the lines.
    """
    role = calls[fault.point - 1].role if fault.point <= len(calls) else ""
    died = role == "collector" and fault.kind in (Kind.DIE_BEFORE, Kind.DIE_AFTER)
    return died or (scenario.name == "deleted" and fault.kind is Kind.TOO_LATE)


def _compare(scenario: Scenario, fault: Fault, normal: Played, played: Played) -> None:
    wrong = played.problems
    role = normal.calls[fault.point - 1].role
    # A death that is part of the scenario takes with it what has not been sent by then, and a fault
    # changes what that is.
    nothing_again = fault.kind in HARMLESS and not scenario.deaths
    may_give_up = fault.kind not in HARMLESS and role in ("lane", "parent")
    given_up = may_give_up and _has_failed(scenario, played)
    if normal.ends.keys() != played.ends.keys() and role != "client":
        wrong.append(f"other runs than without the fault: {[*played.ends]}")
    for run, ends in normal.ends.items():
        if given_up or run not in played.ends:
            continue
        exact = ("attempts",) if nothing_again else ()
        for what in ("states", "results", *exact):
            due, result = getattr(normal, what)[run], getattr(played, what)[run]
            differ = {name: result[name] for name in due if result[name] != due[name]}
            if differ:
                wrong.append(f"{run}: other {what} than without the fault: {differ}")
        # A client that does not know that it has resumed a run resumes it once more.
        again = role == "client" and played.ends[run][:-1] == ends
        if played.ends[run] != ends and not again:
            wrong.append(f"{run}: it ended {[end.value for end in played.ends[run]]}")
    for key, times in played.starts.items():
        most = max(normal.starts[key], 1 + scenario.deaths) + 1
        if nothing_again or key[1] == scenario.once:
            most = normal.starts[key]
        if times > most:
            wrong.append(f"{key[0]}: {key[1]} has started {times} times, {most} are allowed")


def _has_failed(scenario: Scenario, played: Played) -> bool:
    """Whether the task that must not start twice has failed instead, and nothing else has."""
    if not scenario.once:
        return False
    ((run, states),) = played.states.items()
    odd = {name for name, state in states.items() if state is not TaskState.SUCCEEDED}
    return (
        states[scenario.once] is TaskState.FAILED
        and all(states[name] is TaskState.UPSTREAM_FAILED for name in odd - {scenario.once})
        and played.ends[run] == [RunState.FAILED]
    )


def _judge_leftovers(env: Environment, server: redis.Redis, played: Played) -> None:
    """Let everybody go home and everything expire, and look at what is left after each."""
    played.problems += violations(server, env.namespace) + strays(server)
    env.stop_in_order(env.workers)
    played.calls = list(env.calls)
    env.workers, env.clients = [], []
    env.idle_away(LONG_MS, 1)
    for _ in range(6):
        env.idle_away(STEP_MS, 1)
    for name in ("workers", "delayed", "active"):
        if server.exists(f"{{{env.namespace}}}:{name}"):
            played.problems.append(f"{name} is not empty when all is over")
    for key in server.scan_iter(match=_mine(env.namespace), count=1000):
        if server.pttl(key) >= 0:
            server.delete(key)
    env.idle_away(int(SWEEP_S * 1000), 1)
    prefix = len(env.namespace) + 3
    for key in server.scan_iter(match=_mine(env.namespace), count=1000):
        name = key.decode()[prefix:]
        # The apps of the last workers stay until the next heartbeat, of whichever worker.
        if not name.startswith(LASTING) and name != "worker:@":
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
    lines = [f"scenario {name!r} on {server}, {fault.kind.value} at {at}:"]
    lines += [f"  - {problem}" for problem in played.problems]
    lines.append(f"  it took {played.seconds:g} s of its own time; the calls around it:")
    lines += [f"    {call}" for call in played.calls[first : first + LAST_CALLS]]
    lines.append(f"  again: python -m tests.crash_points --only {name}@{fault} --store {server}")
    return "\n".join(lines)
