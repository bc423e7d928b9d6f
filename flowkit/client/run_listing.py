"""``client.runs`` and ``client.count_runs``: the list of runs, and how many are in each state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..arguments import check_limit
from ..codec.provenance import Provenance
from ..core.run_record import RunRecord
from ..protocol.listings import Listing
from .filter_checks import check_run_state
from .run_search import RunCounts, count_by_state, cursor_of, query_of, search_runs
from .shard import ShardConnection


class RunListing:
    """The part of ``Client`` that lists runs of all ``shards``."""

    shards: tuple[ShardConnection, ...]
    provenance: Provenance

    def runs(
        self,
        limit: int = 20,
        state: str | None = None,
        *,
        dag: str | None = None,
        since: float | None = None,
        until: float | None = None,
        text: str | None = None,
        params: Mapping[str, object] | None = None,
        children: bool = True,
        before: str | None = None,
    ) -> Listing[RunRecord]:
        """Return the newest runs, newest first.

        ``state``: only runs in this state. ``dag``: only runs of DAGs with this name. ``since``:
        only runs submitted in the last ``since`` seconds; ``until``: only runs submitted at least
        ``until`` seconds ago. ``text``: only runs whose id begins so, or with this text in the name
        of their DAG or of who submitted them. ``params``: only runs with these parameters; a text
        stands for all values that are written so. ``children``: false to leave out runs that tasks
        have called. ``before``: ``next`` of a list, for the runs behind it.

        With ``state``, ``dag`` or ``text``, the newest 100,000 runs of each shard are searched at
        most, and with ``params`` the newest 5,000 of those that fit otherwise; ``cut_short`` of the
        list says whether there are more. ``damaged`` has runs that cannot be read, in any state.
        Raises TypeError, ValueError for invalid arguments.
        """
        wanted = check_run_state(state)
        states = () if wanted is None else (wanted,)
        query = query_of(states, dag, since, until, text, params, children=children)
        query = replace(query, before=cursor_of(before))
        return search_runs(self.shards, check_limit(limit), query, self.provenance)

    def count_runs(
        self,
        dag: str | None = None,
        *,
        since: float | None = None,
        until: float | None = None,
        text: str | None = None,
        children: bool = True,
    ) -> RunCounts:
        """Return how many of the newest 10,000 runs of each shard are in each state.

        The arguments are those of ``runs``. ``cut_short`` says whether older runs were not counted.
        Raises TypeError, ValueError for invalid arguments.
        """
        query = query_of((), dag, since, until, text, children=children)
        return count_by_state(self.shards, query)
