"""Reading the history of a run: what its records do not say, because it is over or was replaced.

The scripts write an entry in the step that makes the change (``lua/_lib/history.lua``), as a verb
and a text. The verbs of an attempt have its task and its record: ``retry``, ``put_off``, ``died``,
``again``, ``called``, ``suspect``, ``lost``, ``released`` and ``rerun``. The others are
``cancel``, ``resume``, ``finish``, ``hasten`` and ``stop``. An entry of another form is of a newer
release, or damaged: it is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from ..core.states import RunState
from ..exceptions import NotPermitted
from .bounded_reads import LAST_ENTRY, WRONG_KEY
from .decoding import CorruptData, number, state, task_number
from .limits import MAX_CALLER, MAX_ERROR_BYTES
from .records import TaskRecord, parse_record
from .reply_errors import WrongType
from .run_records import parse_caller
from .store import Store

ATTEMPT_VERBS = frozenset(
    {"retry", "put_off", "again", "called", "died", "suspect", "lost", "released", "rerun"}
)
HISTORY_BOUND = 5000  # entries that are kept at least
HISTORY_PART = 100  # entries per read; each may have an error of 128 KiB
MOST_PARTS = 200
MOST_ERROR_BYTES = 32 * 1024 * 1024  # of all errors of a history; later ones are left out
MOST_AFTER = 20  # entries after a cancel that are read to find it
_ENTRY_ID = re.compile(rb"([0-9]{1,15})-[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class ReplacedAttempt:
    """An attempt that another one replaced. ``error``: its packed error, b"" for none."""

    at_ms: int
    verb: str
    task: int
    record: TaskRecord
    error: bytes = b""


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A change of the run: ``cancel``, ``resume``, ``finish``, ``hasten`` or ``stop``.

    ``by``: who made it. ``tasks``: those that a resume names or that were hastened, or the one
    whose failure stops or ended the run. ``state``: of a finish. Times are ms of Redis' clock.
    """

    at_ms: int
    verb: str
    by: str = ""
    tasks: tuple[int, ...] = ()
    state: RunState | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """A scheduler took the lease of the namespace."""

    at_ms: int
    scheduler: str


class HistoryReads(Store):
    """Reads what happened to a run."""

    def read_history(self, run: str, submitted_ms: int) -> Iterator[ReplacedAttempt | RunEntry]:
        """Yield the entries of a run, oldest first; a round trip per ``HISTORY_PART``.

        Errors are read up to ``MOST_ERROR_BYTES``. Raises CorruptData if the key holds a wrong
        type.
        """
        room = MOST_ERROR_BYTES
        for entry_id, fields in self._entries(self.keys.history(run), "-"):
            try:
                entry = _parse(_time_of(entry_id), fields, submitted_ms)
            except (CorruptData, ValueError):
                continue
            if isinstance(entry, ReplacedAttempt):
                room -= len(entry.error)
                entry = entry if room >= 0 else replace(entry, error=b"")
            yield entry

    def read_history_part(
        self, run: str, submitted_ms: int, after: str, limit: int
    ) -> tuple[list[ReplacedAttempt | RunEntry], str]:
        """Return entries of a run after the one with this id, and the id of the last one read.

        ``after``: "" for the first entries. ``limit``: how many are read at most, those included
        that cannot be read and are left out. The id is ``after`` if there are no further entries.
        Errors are left out. A round trip per ``HISTORY_PART``. Raises CorruptData if the key holds
        a wrong type.
        """
        entries: list[ReplacedAttempt | RunEntry] = []
        while limit > 0:
            count = min(limit, HISTORY_PART)
            part = self._part(self.keys.history(run), f"({after}" if after else "-", count)
            for entry_id, fields in part:
                with suppress(CorruptData, ValueError):
                    entry = _parse(_time_of(entry_id), fields, submitted_ms)
                    if isinstance(entry, ReplacedAttempt):
                        entry = replace(entry, error=b"")
                    entries.append(entry)
            after = part[-1][0].decode() if part else after
            limit -= count
            if len(part) < count or after == LAST_ENTRY:
                break
        return entries, after

    def is_history_cut(self, run: str) -> bool:
        """Return whether old entries of a run may have been dropped."""
        (size,) = self.link.batch_each([("XLEN", self.keys.history(run))])
        return isinstance(size, int) and size >= HISTORY_BOUND

    def read_canceller(self, run: str) -> str:
        """Return who cancelled a run last, "" if that is unknown. One round trip.

        Only the last entries are read: what a cancel ends comes after it.
        """
        key = self.keys.history(run)
        try:
            (part,) = self.link.batch_each([("XREVRANGE", key, "+", "-", "COUNT", MOST_AFTER)])
        except NotPermitted:  # the access rules of an older release
            return ""
        for _, fields in part if isinstance(part, list) else ():
            if len(fields) > 1 and fields[0] == b"cancel":
                return parse_caller(fields[1])
        return ""

    def read_terms(self, since_ms: int) -> Iterator[Term]:
        """Yield which schedulers took the lease since a time, oldest first."""
        for entry_id, fields in self._entries(self.keys.terms(), str(since_ms)):
            try:
                yield Term(_time_of(entry_id), parse_caller(fields[1]))
            except (CorruptData, IndexError):
                continue

    def _entries(self, key: str, first: str) -> Iterator[tuple[bytes, Sequence[bytes]]]:
        """Yield the entries of a stream, oldest first; the scripts keep far fewer than these."""
        for _ in range(MOST_PARTS):
            part = self._part(key, first, HISTORY_PART)
            yield from part
            if len(part) < HISTORY_PART or part[-1][0].decode() == LAST_ENTRY:
                return
            first = "(" + part[-1][0].decode()

    def _part(self, key: str, first: str, count: int) -> Sequence[tuple[bytes, Sequence[bytes]]]:
        """Return entries of a stream, in one round trip."""
        (part,) = self.link.batch_each([("XRANGE", key, first, "+", "COUNT", count)])
        if isinstance(part, WrongType):
            raise CorruptData(f"the stream {key!r} in Redis is damaged: {WRONG_KEY}")
        entries: Sequence[tuple[bytes, Sequence[bytes]]] = part
        return entries


def _time_of(entry_id: bytes) -> int:
    match = _ENTRY_ID.fullmatch(entry_id)
    if match is None:
        raise CorruptData("not the id of an entry")
    return int(match[1])


def _parse(at_ms: int, fields: Sequence[bytes], submitted_ms: int) -> ReplacedAttempt | RunEntry:
    """Decode an entry. Raises CorruptData or ValueError for one of another form."""
    verb, text = fields[0].decode("ascii"), fields[1]
    more = dict(zip(fields[2::2], fields[3::2], strict=False))
    if verb in ATTEMPT_VERBS:
        task, _, record = text.partition(b" ")
        error = more.get(b"error", b"")
        error = error if len(error) <= MAX_ERROR_BYTES else b""
        return ReplacedAttempt(at_ms, verb, task_number(task), parse_record(record), error)
    if verb == "cancel":
        return RunEntry(at_ms, verb, parse_caller(text))
    if verb == "stop":
        return RunEntry(at_ms, verb, tasks=_tasks(text))
    if verb in ("resume", "hasten") and len(text) <= 2000 + MAX_CALLER:
        named, _, by = text.partition(b" ")
        return RunEntry(at_ms, verb, parse_caller(by), _tasks(named))
    if verb == "finish":
        over, ended, failed = text.split(b" ")
        ended_ms = submitted_ms + number(ended, "when a run ended")
        return RunEntry(ended_ms, verb, tasks=_tasks(failed), state=state(over, RunState))
    raise ValueError(f"{verb!r} is not known")


def _tasks(text: bytes) -> tuple[int, ...]:
    """Decode task numbers; the last one may be cut off, if there are many."""
    return tuple(task_number(part) for part in text.split(b",")[:200] if part)
