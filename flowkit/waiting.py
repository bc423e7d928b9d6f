"""Waiting for many runs at once: one waits for the first that goes on, and looks at the next ones
together each time it is over. Runs that were submitted together end in about that order, so most of
them cost a fraction of a round trip.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .checks import check_timeout
from .core.states import RUN_OVER, RunState

if TYPE_CHECKING:
    from .run_handle import RunHandle
    from .shard_connection import ShardConnection

AT_ONCE = 500  # runs that are looked at together


def wait_all(runs: Sequence[RunHandle], timeout: float | None) -> list[RunState]:
    """Wait until all of these runs are over; return how each ended, in their order.

    ``timeout`` in seconds for all of them, None for ever. Raises what ``RunHandle.wait`` raises, of
    the first run that it is true of.
    """
    timeout = check_timeout(timeout)
    deadline = None if timeout is None else time.monotonic() + timeout
    found: dict[int, RunState] = {}
    left = list(range(len(runs)))
    while left:
        first, *others = left
        remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
        found[first] = runs[first].wait(remaining)
        found.update(_over_already(runs, others[:AT_ONCE]))
        left = [at for at in others if at not in found]
    return [found[at] for at in range(len(runs))]


def _over_already(runs: Sequence[RunHandle], some: Sequence[int]) -> dict[int, RunState]:
    """Return which of some runs are over, by their places; one round trip for each shard."""
    by_shard: dict[ShardConnection, list[int]] = {}
    for at in some:
        by_shard.setdefault(runs[at].shard, []).append(at)
    over: dict[int, RunState] = {}
    for shard, places in by_shard.items():
        with shard.store() as store:
            states = store.read_states_of([runs[at].run_id for at in places])
        over |= {at: state for at, state in zip(places, states, strict=True) if state in RUN_OVER}
    return over
