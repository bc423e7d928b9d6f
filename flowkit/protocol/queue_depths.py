"""Reads of the queues for clients: how much waits in each, since when, and for which functions.

The lists are hints, so the numbers may be a little too high: an entry of a cancelled run stays
until a claim meets it. Other programs can write to Redis, so all reads are bounded: ``MOST_LISTS``
lists, ``MOST_DELAYED`` delayed attempts, and the first entries of ``MOST_HEADS`` lists. Beyond
that, the result is ``cut_short``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..core.states import TaskState
from ..exceptions import NotPermitted
from .bounded_reads import Field, read_in_bounds, read_list, whole
from .decoding import CorruptData, is_list, number, run_id, task_number
from .keys import base_of, queue_of
from .limits import MAX_RUN_FIELD_BYTES, MAX_TIME_MS
from .queue_reads import list_lengths
from .records import parse_record
from .store import Store

MOST_DELAYED = 5_000
MOST_HEADS = 200  # in all; each costs the record of a run and of a task

Entry = tuple[str, int]  # run, task


@dataclass(slots=True)
class Depth:
    """What waits in one queue. ``functions``: (id, how many, one of them), of lists of functions.

    ``oldest_ms``: since when the first entries wait, by Redis' clock; None if that is unknown.
    """

    levels: Counter[str] = field(default_factory=Counter)
    oldest_ms: int | None = None
    functions: list[tuple[str, int, Entry]] = field(default_factory=list)


@dataclass(slots=True)
class Depths:
    """All queues of a shard. ``delayed``: attempts by queue, None without the right to read it."""

    queues: dict[str, Depth] = field(default_factory=dict)
    delayed: Counter[str] | None = None
    cut_short: bool = False


class QueueDepths(Store):
    """The reads behind ``Client.queues``."""

    def read_depths(self) -> Depths:
        """Return what waits in each queue that was ever used. About seven round trips."""
        lists, is_cut = list_lengths(self.link, self.keys)
        depths = Depths(cut_short=is_cut)
        filled = []
        for name, level, run, key, length in lists:
            depth = depths.queues.setdefault(queue_of(name), Depth())
            if length > 0:
                depth.levels[level] += length
                filled.append((name, run, key, length))
        self._read_heads(depths, filled)
        try:
            depths.delayed = self._read_delayed(depths)
        except NotPermitted:  # the access rules of an older release
            depths.delayed = None
        except CorruptData:
            depths.delayed = Counter()
        return depths

    def _read_heads(self, depths: Depths, filled: Sequence[tuple[str, str, str, int]]) -> None:
        """Read the first entry of lists: since when it waits, and for which function."""
        first = [("LRANGE", key, 0, 0) for *_, key, _ in filled[:MOST_HEADS]]
        entries: list[tuple[str, Entry]] = []
        waiting: Counter[str] = Counter()
        example: dict[str, Entry] = {}
        for (name, run, _, length), head in zip(filled, self.link.batch_each(first), strict=False):
            waiting[name] += length
            entry = _entry(head, run)
            if entry is not None:
                entries.append((name, entry))
                example.setdefault(name, entry)
        for name, entry in example.items():
            if base_of(name) != name:
                function = name.partition("@")[2]
                depth = depths.queues[queue_of(name)]
                depth.functions.append((function, waiting[name], entry))
        since = self._queued_at([entry for _, entry in entries])
        for (name, _), at in zip(entries, since, strict=True):
            depth = depths.queues[queue_of(name)]
            if at is not None and (depth.oldest_ms is None or at < depth.oldest_ms):
                depth.oldest_ms = at

    def _queued_at(self, entries: Sequence[Entry]) -> list[int | None]:
        """Return since when (ms) tasks are queued, None where that is unknown. Two round trips."""
        fields = [
            item
            for run, task in entries
            for item in (
                Field(self.keys.run(run), "submitted", MAX_RUN_FIELD_BYTES),
                Field(self.keys.tasks(run), task, MAX_RUN_FIELD_BYTES),
            )
        ]
        values = read_in_bounds(self.link, fields) if fields else []
        return [_queued_ms(*row) for row in zip(*[iter(values)] * 2, strict=True)]

    def _read_delayed(self, depths: Depths) -> Counter[str]:
        """Count delayed attempts by queue. Their entries name their list."""
        key, page = self.keys.delayed(), ("LIMIT", 0, MOST_DELAYED)
        entries = read_list(self.link, "ZRANGEBYSCORE", key, "-inf", "+inf", *page)
        depths.cut_short = depths.cut_short or len(entries) == MOST_DELAYED
        lists = [entry.split(b",")[3] for entry in entries if entry.count(b",") == 4]
        return Counter(queue_of(name.decode("ascii")) for name in lists if is_list(name))


def _entry(head: object, run: str) -> Entry | None:
    """Decode the first entry of a list: ``run,task,attempt``, or ``task,attempt`` of a backlog."""
    if not isinstance(head, list) or len(head) != 1 or not isinstance(head[0], bytes):
        return None
    parts = head[0].split(b",")
    try:
        if run:
            return (run, task_number(parts[0])) if len(parts) == 2 else None
        return (run_id(parts[0]), task_number(parts[1])) if len(parts) == 3 else None
    except CorruptData:
        return None


def _queued_ms(
    submitted: bytes | CorruptData | None, record: bytes | CorruptData | None
) -> int | None:
    try:
        began = number(whole(submitted), "the time of a submission")
        task = parse_record(whole(record))
    except CorruptData:
        return None
    if task.state is not TaskState.QUEUED or task.queued_ms is None or began > MAX_TIME_MS:
        return None
    return began + task.queued_ms
