"""Waiting for many runs: wait for the first run, then read the states of the next ones together.

Runs that were submitted together end in about the same order, so most of them cost a fraction of a
round trip.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ..arguments import check_timeout
from ..core.states import RUN_OVER, RunState
from ..exceptions import RedisUnavailable, WaitTimeout

if TYPE_CHECKING:
    from .run_handle import RunHandle
    from .shard import ShardConnection

FIRST_LOOK, LONGEST_LOOK = 8, 500  # how many runs to read together


def wait_all(runs: Sequence[RunHandle], timeout: float | None) -> list[RunState]:
    """Wait until all of these runs have ended; return their final states in the same order.

    ``timeout``: seconds for all runs together, None for no limit. Raises what ``RunHandle.wait``
    raises, for the first run to which it applies.
    """
    timeout = check_timeout(timeout)
    deadline = None if timeout is None else time.monotonic() + timeout
    states: dict[int, RunState] = {}
    left, look = deque(range(len(runs))), FIRST_LOOK
    while left:
        first = left.popleft()
        remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
        try:
            states[first] = runs[first].wait(remaining)
        except WaitTimeout:
            raise _too_late(runs[first], len(left) + 1, len(runs), timeout or 0.0) from None
        others = [left.popleft() for _ in range(min(look, len(left)))]
        over = _over_already(runs, others)
        states.update(over)
        left.extendleft(at for at in reversed(others) if at not in over)
        look = _next_look(look, len(over))
    return [states[at] for at in range(len(runs))]


def _next_look(look: int, over: int) -> int:
    """Return how many runs to read next. Reading runs that have not ended is wasted time."""
    if over == look:
        return min(look * 2, LONGEST_LOOK)
    return max(1, look // 2) if over * 2 < look else look


def _too_late(run: RunHandle, waiting: int, of: int, timeout: float) -> WaitTimeout:
    text = f"{waiting} of {of} runs had not ended after {timeout:g} s; they continue. The first of "
    why = ""
    with suppress(RedisUnavailable), run.shard.until(time.monotonic()):
        why, _ = run._leading_cause()
    return WaitTimeout(run.run_id, f"{text}them is {run.run_id!r}" + (f". {why}" if why else ""))


def _over_already(runs: Sequence[RunHandle], some: Sequence[int]) -> dict[int, RunState]:
    """Return the final states of the runs that have ended, by position; a round trip per shard."""
    by_shard: dict[ShardConnection, list[int]] = {}
    for at in some:
        by_shard.setdefault(runs[at].shard, []).append(at)
    over: dict[int, RunState] = {}
    for shard, places in by_shard.items():
        try:
            with shard.store() as store:
                states = store.read_states_of([runs[at].run_id for at in places])
        except RedisUnavailable:  # `wait` retries each of them
            continue
        over |= {at: state for at, state in zip(places, states, strict=True) if state in RUN_OVER}
    return over
