"""Reads of the list of runs, and of how much memory they take.

Each run is decoded separately: one that cannot be read becomes a ``DamagedItem`` beside the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..core.run_record import RunRecord
from ..core.states import RunState
from ..exceptions import NotPermitted, RedisUnavailable, StoreError
from .bounded_reads import Field, read_in_bounds, read_list, whole
from .decoding import CorruptData, number, run_id
from .decoding import pairs as in_pairs
from .limits import MAX_RUN_FIELD_BYTES
from .listings import DamagedItem, Listing
from .run_filter import RunFilter
from .run_records import FIELDS, parse_run
from .store import Store

RUNS_PART = 100  # runs per read
SEARCH_PART = 1000  # runs per read, if only their states and DAGs are read
MOST_SEARCHED = 100_000  # runs of which a search reads states and DAGs
# Of the items of a hash, to estimate its size: exact for small ones, bounded for large ones.
MEMORY_SAMPLES = 100


class RunReads(Store):
    """Reads the list of runs."""

    def read_runs(
        self,
        limit: int,
        state: RunState | None = None,
        *,
        dag: str | None = None,
        since_ms: int | None = None,
        children: bool = True,
    ) -> Listing[RunRecord]:
        """Return the newest runs that fit, see ``read_fitting``."""
        states = () if state is None else (state,)
        wanted = RunFilter(states, dag, since_ms=since_ms, children=children)
        return self.read_fitting(limit, wanted)

    def read_fitting(self, limit: int, wanted: RunFilter) -> Listing[RunRecord]:
        """Return the newest runs that fit, newest first.

        Three round trips per hundred runs returned. A state, a DAG or a text takes three more per
        thousand runs searched, up to ``MOST_SEARCHED``; ``cut_short`` of the list says whether
        there are more. To leave out runs that tasks have called, a hundred at a time are searched.

        At most ``limit`` damaged runs are listed in addition. Raises CorruptData if the key of the
        list holds a wrong type.
        """
        listing: Listing[RunRecord] = Listing()
        is_plain = wanted.children and not wanted.is_search
        part = SEARCH_PART if wanted.is_search else min(limit, RUNS_PART) if is_plain else RUNS_PART
        for names in self._newest_names(part, max(limit, MOST_SEARCHED), wanted, listing):
            matching = names if is_plain else self._matching(names, wanted)
            for first in range(0, len(matching), RUNS_PART):
                listing.take(self.read_named_runs(matching[first : first + RUNS_PART]))
                listing.cut(limit)  # cut now, since there may be millions of damaged items
                if len(listing) == limit:
                    return listing
        return listing

    def count_states(self, wanted: RunFilter, most: int) -> tuple[dict[RunState, int], bool]:
        """Return how many of the newest ``most`` runs that fit are in each state.

        Also whether there are older ones. Six round trips per thousand runs.
        """
        counts: dict[RunState, int] = {}
        listing: Listing[RunRecord] = Listing()
        for names in self._newest_names(SEARCH_PART, most, wanted, listing):
            matching = self._matching(names, wanted) if wanted.fields else names
            keys = [key for key in map(self._key_or_none, matching) if key is not None]
            fields = [Field(key, "state", MAX_RUN_FIELD_BYTES) for key in keys]
            for value in read_in_bounds(self.link, fields):
                if isinstance(value, bytes) and value.decode("latin-1") in set(RunState):
                    found = RunState(value.decode())
                    counts[found] = counts.get(found, 0) + 1
        return counts, listing.cut_short

    def read_packed_params(self, runs: Sequence[str], longest: int) -> list[bytes | None]:
        """Return the packed parameters of runs, None for those that are longer. Two round trips."""
        fields = [Field(self.keys.run(run), "params", longest) for run in runs]
        values = read_in_bounds(self.link, fields)
        return [None if isinstance(value, CorruptData) else value or b"" for value in values]

    def read_unfinished(self, most: int) -> tuple[Listing[RunRecord], int | None]:
        """Return up to ``most`` unfinished runs, and how many there are. Three round trips.

        If there are more, Redis chooses them. None without the right to read them, which access
        rules of older releases do not give, or if the key is damaged.
        """
        key = self.keys.active()
        try:
            total, names = self.link.batch_each([("SCARD", key), ("SRANDMEMBER", key, most)])
        except NotPermitted:
            return Listing(), None
        if not isinstance(total, int) or not isinstance(names, list):
            return Listing(), None
        return self.read_named_runs(sorted(filter(self._key_or_none, names))), total

    def count_runs(self) -> int:
        """Return how many runs are listed. Those that have expired count for up to a minute.

        Raises NotPermitted without the right, which access rules of older releases do not give.
        """
        return int(self.link.call("ZCARD", self.keys.runs()))

    def read_over(self, wanted: RunFilter, by_ms: int) -> Iterator[Listing[RunRecord]]:
        """Yield the runs that fit and had ended by a time, the oldest first, in parts.

        ``wanted``: with the states in which a run is over. The oldest ``MOST_SEARCHED`` runs that
        were submitted in its window of time are searched, in three round trips for each part;
        ``more`` of a part says whether there may be others behind it. Damaged runs are left out.
        """
        latest = by_ms if wanted.before is None else min(by_ms, wanted.before.submitted_ms)
        window = ("-inf" if wanted.since_ms is None else wanted.since_ms, latest)
        for at in range(0, MOST_SEARCHED, RUNS_PART):
            page = ("LIMIT", at, RUNS_PART)
            names = read_list(self.link, "ZRANGEBYSCORE", self.keys.runs(), *window, *page)
            part = Listing(
                record
                for record in self.read_named_runs(names)
                if wanted.fits_record(record)
                and (record.finished_ms or record.submitted_ms) <= by_ms
            )
            part.more = len(names) == RUNS_PART
            yield part
            if not part.more:
                return

    def run_ids_beginning_with(self, prefix: str, most: int) -> list[str]:
        """Return at most ``most`` ids of runs that begin so, of the newest ``MOST_SEARCHED`` runs.

        It costs a round trip per thousand runs searched.
        """
        result: list[str] = []
        for names in self._newest_names(
            SEARCH_PART, MOST_SEARCHED, RunFilter(), Listing[RunRecord]()
        ):
            for name in names:
                if name.startswith(prefix.encode()) and self._key_or_none(name) is not None:
                    result.append(name.decode())
                    if len(result) == most:
                        return result
        return result

    def _newest_names(
        self, part: int, most: int, wanted: RunFilter, listing: Listing[RunRecord]
    ) -> Iterator[list[bytes]]:
        """Yield parts of the names in the list of runs. Note in ``listing`` if there are more."""
        seen: set[bytes] = set()  # runs that are submitted meanwhile move the others
        key, before = self.keys.runs(), wanted.before
        for at in range(0, most, part):
            if before is None:
                flat = read_list(self.link, "ZREVRANGE", key, at, at + part - 1, "WITHSCORES")
            else:
                words = (before.submitted_ms, "-inf", "WITHSCORES", "LIMIT", at, part)
                flat = read_list(self.link, "ZREVRANGEBYSCORE", key, *words)
            pairs = [(name, _time_of(score)) for name, score in in_pairs(flat)]
            result = [name for name, when in pairs if wanted.has_time(name, when)]
            yield [name for name in result if name not in seen]
            seen.update(result)
            if len(pairs) < part or pairs[-1][1] < (wanted.since_ms or 0):
                return
        listing.cut_short = True

    def _matching(self, names: Sequence[bytes], wanted: RunFilter) -> list[bytes]:
        """Return the runs that fit, and those that cannot be read."""
        asked = wanted.fields
        keys = [self._key_or_none(name) for name in names]
        fields = [
            Field(key, field, MAX_RUN_FIELD_BYTES)
            for key in keys
            if key is not None
            for field in asked
        ]
        rows = iter(zip(*[iter(read_in_bounds(self.link, fields))] * len(asked), strict=True))
        return [
            name
            for name, key in zip(names, keys, strict=True)
            if key is None or wanted.fits(name, next(rows))
        ]

    def _key_or_none(self, name: bytes) -> str | None:
        try:
            return self.keys.run(run_id(name))
        except CorruptData:
            return None

    def read_named_runs(self, names: Sequence[bytes]) -> Listing[RunRecord]:
        """Return the runs of these names that have not expired. Two round trips."""
        listing: Listing[RunRecord] = Listing()
        runs: list[tuple[bytes, str]] = []
        for name in names:
            try:
                runs.append((name, run_id(name)))
            except CorruptData as error:
                listing.damaged.append(DamagedItem.of(name, error))
        fields = [
            Field(self.keys.run(run), field, MAX_RUN_FIELD_BYTES)
            for _, run in runs
            for field in FIELDS
        ]
        values = read_in_bounds(self.link, fields)
        for at, (name, run) in enumerate(runs):
            row = values[at * len(FIELDS) : (at + 1) * len(FIELDS)]
            try:
                if any(value is not None for value in row):  # else it has expired
                    listing.append(parse_run(run, [whole(value) for value in row]))
            except CorruptData as error:
                listing.damaged.append(DamagedItem.of(name, error))
        return listing

    # -- memory -----------------------------------------------------------------------------------

    def memory_of(self, runs: Sequence[RunRecord]) -> list[int] | None:
        """Return the bytes of memory that each run takes, without its graph; one round trip.

        Sizes of large hashes are estimated from ``MEMORY_SAMPLES`` of their items. None if this
        Redis does not tell: the user lacks the right, or it is the embedded store.
        """
        keys = self.keys
        kinds = [keys.run, keys.tasks, keys.results, keys.errors]
        kinds += [keys.history, keys.logs, keys.inputs, keys.children]
        sizes = self._memory([kind(record.run) for record in runs for kind in kinds])
        if sizes is None:
            return None
        return [sum(sizes[at : at + len(kinds)]) for at in range(0, len(sizes), len(kinds))]

    def memory_of_graphs(self, digests: Sequence[str]) -> list[int] | None:
        """Return the bytes of memory that graphs take; see ``memory_of``."""
        return self._memory([self.keys.graph(digest) for digest in digests])

    def _memory(self, keys: Sequence[str]) -> list[int] | None:
        try:
            sizes = self.link.batch(
                [("MEMORY", "USAGE", key, "SAMPLES", MEMORY_SAMPLES) for key in keys]
            )
        except RedisUnavailable:
            raise
        except StoreError:
            return None
        return [size if isinstance(size, int) else 0 for size in sizes]


def _time_of(score: bytes) -> int:
    """Return the time in a score, 0 for one that is no time."""
    try:
        return number(score, "the time of a submission")
    except CorruptData:
        return 0
