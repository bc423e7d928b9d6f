"""R26: runs that tasks call, and runs that those call, under kills; each counts once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import redis
from helpers import wait_until

from flowkit import RunHandle
from flowkit.codec.packing import unpack
from flowkit.protocol.keys import Keys

from . import dags
from .history import Execution, digest
from .killing import Kills
from .stage import PATIENCE_S, Stage, meanwhile

RUN_S = 900.0
LEAF = "leafy"


@dataclass(frozen=True, slots=True)
class Member:
    """What Redis has of one run of the family. ``parent``: (run, task, attempt), None for the top.

    ``result``: of its only task, None for the top, which has many.
    """

    run: str
    state: str
    parent: tuple[str, int, int] | None
    seed: int
    result: object


def calls_under_fire(
    stage: Stage, *, parents: int, width: int, ms: float, lease: float = 2.0
) -> None:
    """A worker process is killed every 0.5 s, a scheduler every 2 s, while tasks call runs."""

    def start_worker() -> object:
        return stage.worker("--processes", "2", lease=lease)

    for start in (stage.scheduler, stage.scheduler, start_worker, start_worker):
        start()
    kills = Kills(stage, start_worker, stage.scheduler)
    began = time.monotonic()
    run = stage.client.submit(dags.calling(parents, width, ms=ms))
    wait_until("a run was called", lambda: len(stage.executions()) > 1, PATIENCE_S)
    with meanwhile(0.5, kills.hit):
        state = stage.end(run, RUN_S)
    stage.demand(state == "succeeded", f"the run ended as {state}")
    stage.demand(kills.total > 0, "it was over before anything was killed: too few runs")
    with stage.redis.client() as server:
        keys = Keys(stage.system.namespace)
        members = list(_members(server, keys))
        stage.violations += _broken(run, members, stage.executions(), parents, width)
        wait_until("nothing waits or is held", lambda: not _left(server, keys), PATIENCE_S)
    stage.figure("runs called", len(members) - 1)
    stage.figure("processes killed", kills.total)
    stage.figure("executions repeated", _repeated(stage.executions()))
    stage.figure("run, s", time.monotonic() - began)


def _members(server: redis.Redis, keys: Keys) -> Iterator[Member]:
    """Yield all runs of the namespace."""
    for name in map(bytes.decode, server.zrange(keys.runs(), 0, -1)):
        head = server.hgetall(keys.run(name))
        above, packed = head.get(b"parent", b"").decode(), head.get(b"params", b"")
        run, _, place = above.partition(",")
        task, attempt = map(int, place.split(",")[:2]) if above else (0, 0)
        params = unpack(packed) if packed else {}
        stored = server.hget(keys.results(name), "0") if above else None
        yield Member(
            name,
            head[b"state"].decode(),
            (run, task, attempt) if above else None,
            params["seed"] if isinstance(params, dict) and params else 0,
            unpack(stored) if stored else None,
        )


def _broken(
    top: RunHandle,
    members: list[Member],
    executions: list[Execution],
    parents: int,
    width: int,
) -> Iterator[str]:
    """Yield a sentence for each rule that the family has broken."""
    wanted = 1 + parents * width + parents * width * width
    if len(members) != wanted:
        yield f"there are {len(members)} runs, and {wanted} were called"
    if bad := [item.run for item in members if item.state != "succeeded"]:
        yield f"these runs have not succeeded: {bad[:5]}"
    yield from _of_other_attempts(members, width)
    ended = {item.token: item for item in executions if item.ended is not None}
    by_seed = {item.seed: item.result for item in members if isinstance(item.result, str)}
    for item in members:
        if isinstance(item.result, str):  # else it is a list of those of other runs
            value, _, token = item.result.partition("|")
            if token not in ended or ended[token].run != item.run:
                yield f"run {item.run} has a result that no execution of it gave"
            if value != digest((LEAF, item.seed)):
                yield f"run {item.run} was given other parameters than its own"
    results = top.results()
    for at in range(parents):
        branches = [at * 10 + place for place in range(width)]
        leaves = [[seed * 10 + place for place in range(width)] for seed in branches]
        if results[f"p{at}"] != [[by_seed.get(seed) for seed in row] for row in leaves]:
            yield f"p{at} has other results than the runs that it called"


def _of_other_attempts(members: list[Member], width: int) -> Iterator[str]:
    """Yield where two attempts of a task have called runs, or one has called too few."""
    called: dict[tuple[str, int], list[int]] = {}
    for item in members:
        if item.parent is not None:
            called.setdefault(item.parent[:2], []).append(item.parent[2])
    for (run, task), attempts in called.items():
        if len(set(attempts)) > 1:
            yield f"attempts {sorted(set(attempts))} of task {task} of {run} have called runs"
        if len(attempts) != width:
            yield f"task {task} of {run} has called {len(attempts)} runs instead of {width}"


def _repeated(executions: list[Execution]) -> int:
    return len(executions) - len({(item.run, item.task) for item in executions})


def _left(server: redis.Redis, keys: Keys) -> list[str]:
    """Return what should be gone some seconds after the end of the top."""
    left = [key for key in (keys.parents(), keys.active()) if server.exists(key)]
    for name in map(bytes.decode, server.zrange(keys.runs(), 0, -1)):
        if server.hexists(keys.run(name), "held") or server.ttl(keys.run(name)) < 0:
            left.append(name)
    return left
