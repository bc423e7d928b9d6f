"""Reads of which task has called a run, and which runs the tasks of a run have called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from ..core.run_record import Parent
from ..exceptions import NotPermitted
from .calls import Calls, OpenCalls
from .decoding import CorruptData, Oversized, digest, pairs
from .limits import ATTEMPT_DIGITS, TASK_DIGITS
from .run_records import parse_parent
from .store import Store

_FIELD = re.compile(rb"([0-9]{1,%d})(?:,([0-9]{1,%d}))?" % (TASK_DIGITS, ATTEMPT_DIGITS))
_SCANNED = 10  # fields at a time, each of up to a megabyte
_MOST_SCANNED, _SMALL_BYTES = 1000, 64 * 1024  # fields at a time, if so many have been small


class CalledBy(NamedTuple):
    """The runs that one attempt of a task has called."""

    task: int
    attempt: int
    calls: Calls

    @property
    def runs_called(self) -> list[str]:
        """The ids of these runs."""
        return [called.run for called in self.calls.runs]


class FamilyReads(Store):
    """Reads parents and children of runs."""

    def read_parent(self, run: str) -> Parent | None:
        """Return the attempt that has called a run, None if none has."""
        return parse_parent(self.link.call("HGET", self.keys.run(run), "parent"))

    def read_graphs_of(self, runs: Sequence[str]) -> dict[str, str]:
        """Return the digests of the graphs of those of these runs that are there. A round trip."""
        replies = self.link.batch_each([("HGET", self.keys.run(run), "graph") for run in runs])
        found: dict[str, str] = {}
        for run, reply in zip(runs, replies, strict=True):
            with suppress(CorruptData):
                found[run] = digest(reply)
        return found

    def having_children(self, runs: Sequence[str]) -> list[str]:
        """Return those of these runs whose tasks have called runs. One round trip."""
        replies = self.link.batch_each([("HGET", self.keys.run(run), "children") for run in runs])
        return [run for run, reply in zip(runs, replies, strict=True) if isinstance(reply, bytes)]

    def read_open_calls(self, run: str, tasks: Sequence[int]) -> dict[int, tuple[str, int]]:
        """Return, for tasks that wait for runs, the first that is not over, and how many are not.

        Three round trips for each. Damaged ones are left out.
        """
        key, found = self.keys.children(run), dict[int, tuple[str, int]]()
        for task in tasks:
            with suppress(CorruptData):
                (data,) = self.link.batch_each([("HGET", key, task)])
                attempt = OpenCalls.decode(data).attempt
                (data,) = self.link.batch_each([("HGET", key, f"{task},{attempt}")])
                runs = [called.run for called in Calls.unpack(data).runs]
                states = self.link.batch_each(
                    [("HGET", self.keys.run(name), "state") for name in runs]
                )
                waits = [
                    name for name, state in zip(runs, states, strict=True) if state == b"running"
                ]
                found[task] = (waits[0] if waits else "", len(waits))
        return found

    def read_calls_of(self, run: str) -> Iterator[CalledBy]:
        """Yield what the attempts of a run have called, in no order. Damaged calls are left out.

        Some may be there twice. None without the right to read them, which access rules of older
        releases do not give.
        """
        with suppress(NotPermitted):
            for found in scan_children(self, run):
                if isinstance(found, CalledBy):
                    yield found


def scan_children(store: Store, run: str) -> Iterator[CalledBy | tuple[int, OpenCalls]]:
    """Yield what is stored of the calls of a run, read in parts. Damaged fields are left out.

    Raises Oversized for fields that no release writes.
    """
    key, cursor, count = store.keys.children(run), b"0", _SCANNED
    while True:
        try:
            (reply,) = store.link.batch_each([("HSCAN", key, cursor, "COUNT", count)])
        except Oversized:
            if count == _SCANNED:
                raise
            count = _SCANNED
            continue
        if not isinstance(reply, list):
            return
        cursor, flat = reply
        is_small = sum(map(len, flat)) < _SMALL_BYTES
        count = min(2 * count, _MOST_SCANNED) if is_small else _SCANNED
        for field, data in pairs(flat):
            match = _FIELD.fullmatch(field)
            if match is None:
                continue
            with suppress(CorruptData):
                task = int(match[1])
                if match[2] is None:
                    yield task, OpenCalls.decode(data)
                else:
                    yield CalledBy(task, int(match[2]), Calls.unpack(data))
        if cursor in (b"0", 0):
            return
