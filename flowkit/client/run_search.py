"""Finding runs by what is known of them, page by page, in all shards.

What a run is stored with decides: state, DAG, time, who submitted it. Parameters are values of the
user, so each run has to be decoded: the newest ``MOST_DECODED`` runs that fit otherwise are
searched, those with more than ``LONGEST_PARAMS`` bytes of parameters are left out, and
``cut_short`` says so.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..arguments import check_mapping, check_since, check_until
from ..codec.packing import BrokenValue, unpack
from ..codec.plain import plain
from ..codec.provenance import Provenance
from ..core.run_record import RunRecord
from ..core.states import RunState
from ..exceptions import UntrustedValue
from ..protocol.client_store import ClientStore
from ..protocol.listings import Listing
from ..protocol.run_filter import Cursor, RunFilter
from ..protocol.run_reads import MOST_SEARCHED
from .filter_checks import check_dag_name
from .run_params import open_params
from .shard import ShardConnection
from .shards import count_runs, gather

DECODED_PART = 100
MOST_DECODED = 5_000
MOST_COUNTED = 10_000
LONGEST_PARAMS = 64 * 1024
LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which runs are wanted. See ``Client.runs``, and ``RunFilter`` for ``cancelling``."""

    states: Collection[RunState] = ()
    dag: str | None = None
    since: float | None = None
    until: float | None = None
    text: str = ""
    params: Mapping[str, object] = field(default_factory=dict)
    children: bool = True
    before: Cursor | None = None
    cancelling: bool = True

    @property
    def is_everything(self) -> bool:
        """Whether all runs are wanted."""
        return self == RunQuery(children=self.children)


@dataclass(frozen=True, slots=True)
class RunCounts:
    """How many runs are in each state. ``cut_short``: whether older runs were not counted."""

    states: dict[str, int]
    cut_short: bool


def query_of(
    states: Collection[RunState],
    dag: object,
    since: object,
    until: object,
    text: object,
    params: Mapping[str, object] | None = None,
    *,
    children: bool,
) -> RunQuery:
    """Return which runs are wanted, with the arguments of ``Client.runs``.

    Raises TypeError, ValueError for invalid ones.
    """
    check_mapping(params)
    return RunQuery(
        states,
        check_dag_name(dag),
        check_since(since),
        check_until(until),
        _checked_text(text),
        dict(params or {}),
        children,
    )


def _checked_text(text: object) -> str:
    """Return a text to search for, "" for None. Raises TypeError, ValueError."""
    if text is None:
        return ""
    if not isinstance(text, str):
        raise TypeError(f"text must be a text to search for, or None, not {text!r}.")
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"text must have at most {LONGEST_TEXT} characters, not {len(text):,}.")
    return text


def cursor_of(text: object) -> Cursor | None:
    """Return the place that ``next`` of a list names, None for None. Raises ValueError."""
    if text is None:
        return None
    time, comma, run = text.partition(",") if isinstance(text, str) else ("", "", "")
    if not (comma and time.isascii() and time.isdecimal() and len(time) <= 15 and len(run) <= 200):
        raise ValueError(f"before must be next of a list of runs, or None, not {text!r:.100}.")
    return Cursor(int(time), run.encode("utf-8", "surrogatepass"))


def search_runs(
    shards: Sequence[ShardConnection], limit: int, query: RunQuery, provenance: Provenance
) -> Listing[RunRecord]:
    """Return the newest runs that are wanted, newest first."""
    runs = gather(
        shards,
        lambda store: _read(store, limit + 1, query, provenance),
        lambda run: (run.submitted_ms, run.run.encode()),
        limit,
    )
    if not runs.more:
        runs.total = len(runs) if query.before is None else None
    elif query.is_everything:
        runs.total = count_runs(shards)
    if runs and (runs.more or runs.cut_short):
        runs.next = f"{runs[-1].submitted_ms},{runs[-1].run}"
    return runs


def count_by_state(
    shards: Sequence[ShardConnection], query: RunQuery, most: int | None = None
) -> RunCounts:
    """Return how many runs that are wanted are in each state. Parameters are ignored.

    ``most``: how many runs of each shard are searched, ``MOST_COUNTED`` by default.
    """
    most = MOST_COUNTED if most is None else most
    states: dict[str, int] = {}
    cut_short = False
    for shard in shards:
        with shard.store() as store:
            counts, is_cut = store.count_states(filter_of(store, query), most)
        cut_short = cut_short or is_cut
        for state, number in counts.items():
            states[state.value] = states.get(state.value, 0) + number
    return RunCounts(states, cut_short)


def count_matching(
    shards: Sequence[ShardConnection], query: RunQuery, found: Listing[RunRecord]
) -> int | None:
    """Return how many runs are wanted in all, None if that is not known.

    ``found``: the runs of a search with a limit. Only if there are more, they are counted, in six
    round trips per thousand runs.
    """
    if not found.more:
        return None if found.cut_short else len(found)
    if query.params:
        return None
    counts = count_by_state(shards, query, MOST_SEARCHED)
    return None if counts.cut_short else max(len(found), sum(counts.states.values()))


def filter_of(store: ClientStore, query: RunQuery) -> RunFilter:
    """Return what the store searches for, by its clock. Parameters are not among it."""
    before = query.before
    if query.until is not None:
        latest = Cursor((store.ms_before(query.until) or 0) + 1)
        before = latest if before is None else min(before, latest)
    since_ms = store.ms_before(query.since)
    return RunFilter(
        query.states, query.dag, query.text, since_ms, before, query.children, query.cancelling
    )


def _read(
    store: ClientStore, limit: int, query: RunQuery, provenance: Provenance
) -> Listing[RunRecord]:
    wanted = filter_of(store, query)
    if not query.params:
        return store.read_fitting(limit, wanted)
    listing: Listing[RunRecord] = Listing()
    for _ in range(0, MOST_DECODED, DECODED_PART):
        part = store.read_fitting(DECODED_PART, wanted)
        listing.damaged += part.damaged
        listing.cut_short = listing.cut_short or part.cut_short
        listing.take(having_params(store, part, query.params, provenance))
        listing.cut(limit)
        if len(listing) == limit or len(part) < DECODED_PART:
            return listing
        wanted = replace(wanted, before=Cursor(part[-1].submitted_ms, part[-1].run.encode()))
    listing.cut_short = True
    return listing


def having_params(
    store: ClientStore,
    runs: Sequence[RunRecord],
    wanted: Mapping[str, object],
    provenance: Provenance,
) -> Listing[RunRecord]:
    """Return those of these runs that have parameters, in their order.

    Runs with too many bytes of parameters are left out, and ``cut_short`` says so.
    """
    listing: Listing[RunRecord] = Listing()
    packed = store.read_packed_params([run.run for run in runs], LONGEST_PARAMS)
    for run, stored in zip(runs, packed, strict=True):
        if stored is None:
            listing.cut_short = True
        elif _has_params(store, run, stored, wanted, provenance):
            listing.append(run)
    return listing


def _has_params(
    store: ClientStore,
    run: RunRecord,
    stored: bytes,
    wanted: Mapping[str, object],
    provenance: Provenance,
) -> bool:
    try:
        packed = open_params(store, run, stored, provenance)
        params = unpack(packed, max_bytes=LONGEST_PARAMS, lenient=True) if packed else {}
    except (BrokenValue, UntrustedValue):
        return False
    if not isinstance(params, dict):
        return False
    return all(name in params and _is(params[name], value) for name, value in wanted.items())


def _is(stored: object, wanted: object) -> bool:
    """Return whether a parameter has a value. A text means all values that are written so."""
    known = plain(stored)
    if not isinstance(wanted, str):
        return known == plain(wanted) and isinstance(known, bool) == isinstance(wanted, bool)
    return wanted in (known, json.dumps(known), str(known))
