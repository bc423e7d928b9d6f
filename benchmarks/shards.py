"""The workload ``shards``: the same work on 1, 2 and 4 redis-servers.

The number of worker processes is the same for all, so only the place of the work differs. With a
core for each process, the total grows with the number of shards; on a small machine it cannot. For
sizing, use the processor time per task of each role. It hardly depends on how many processes share
the work, so it shows how many tasks one core of Redis, scheduler or worker can process.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from flowkit.core.states import RunState
from flowkit.protocol.rendezvous import owner

from . import app
from .daemons import BrokenSystemError
from .system import Setup, System

COUNTS = (1, 2, 4)
WORKERS = 4  # processes that run tasks, in total
FAN_OUTS = 8
WAIT_S = 300.0
_numbers = itertools.count()


def measure(setup: Setup, tasks: int) -> dict[str, float]:
    """Run ``tasks`` runs of one task, then about as many tasks in fan-outs; return the figures."""
    figures: dict[str, float] = {}
    for count in COUNTS:
        with System(replace(setup, processes=WORKERS // count, shards=count)) as system:
            _warm_up(system, count)
            for key, work in (("shards-runs", _runs), ("shards-fan-out", _fan_outs)):
                for name, value in _costs(system, partial(work, system, count, tasks)):
                    figures[f"{key}{name}/{count}"] = value
    return figures


def _costs(system: System, work: Callable[[], int]) -> list[tuple[str, float]]:
    """Return tasks per second, and the ms of processor time per 1,000 tasks of each role."""
    before, began = system.cpu_by_role(), time.perf_counter()
    tasks = work()
    seconds = time.perf_counter() - began
    after = system.cpu_by_role()
    costs = [(f"-{role}", (after[role] - before[role]) / tasks * 1e6) for role in before]
    return [("", tasks / seconds), *costs]


def _warm_up(system: System, count: int) -> None:
    """Make each process of each shard work, so that none is still starting."""
    _runs(system, count, 100 * count)


def _runs(system: System, count: int, tasks: int) -> int:
    handles = system.client.submit_many(app.single(), [None] * tasks)
    _expect(set(system.client.wait_all(handles, WAIT_S)) == {RunState.SUCCEEDED})
    return tasks


def _fan_outs(system: System, count: int, tasks: int) -> int:
    """Run the same number of fan-outs in each shard."""
    width = max(1, tasks // FAN_OUTS)
    handles = [
        system.client.submit(
            app.fan_out(width, name=f"shards_{next(_numbers)}"), run_id=_id_on(at % count, count)
        )
        for at in range(FAN_OUTS)
    ]
    _expect(set(system.client.wait_all(handles, WAIT_S)) == {RunState.SUCCEEDED})
    _expect({handle.result("count") for handle in handles} == {width})
    return FAN_OUTS * (width + 2)


def _id_on(shard: int, count: int) -> str:
    ids = (f"fan-{number}" for number in _numbers)
    return next(run for run in ids if owner(run, count) == shard)


def _expect(right: bool) -> None:
    if not right:
        raise BrokenSystemError("workload 'shards' ended with a wrong answer")
