"""How people name a run: by its id, by the beginning of its id, or as ``last``.

A run whose id is exactly the name is always meant, also one that is called ``last``. Programs use
ids: what a beginning means changes with each new run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..exceptions import RunNotFound
from .shard import ShardConnection

if TYPE_CHECKING:
    from .client import Client
    from .run_handle import RunHandle

LAST = "last"
MOST_NAMED = 5  # runs that an error names


def find_run(client: Client, name: str) -> RunHandle:
    """Return the run with this id, the only one whose id begins so, or for ``last`` the newest.

    The newest 100,000 runs of each shard are searched for a beginning. Raises ValueError for what
    can be no id, RunNotFound (also if several ids begin so), RunDamaged, RedisUnavailable.
    """
    try:
        return client.run(name)
    except RunNotFound:
        newest = client.runs(1) if name == LAST else ()
        result = [run.run for run in newest] or _beginning_with(client.shards, name)
        if not result and name == LAST:
            raise RunNotFound(name, "the namespace has no run, so 'last' means none") from None
        if not result:
            raise
    if len(result) > 1:
        named = ", ".join(sorted(result)[:MOST_NAMED])
        raise RunNotFound(
            name,
            f"there is no run {name!r}, and several ids begin so: {named}"
            f"{', …' if len(result) > MOST_NAMED else ''}. Give more of the id",
        )
    return client.run(result[0])


def _beginning_with(shards: Sequence[ShardConnection], prefix: str) -> list[str]:
    result: list[str] = []
    for shard in shards:
        with shard.store() as store:
            result += store.run_ids_beginning_with(prefix, MOST_NAMED + 1)
    return result
