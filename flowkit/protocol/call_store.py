"""A worker's calls about runs that its tasks call: preparing them, and reading how they ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..core.states import RunState
from ..exceptions import RunLost
from .calls import Calls, OpenCalls, StoredCall
from .decoding import CorruptData, Oversized, digest, number, state, task_number, text_of
from .store import RESULTS_GONE, Store

UNUSED_GRAPH_MS = 3_600_000  # until a run that uses it must be submitted
CHILDREN_PART = 100  # whose ends are read at once
RESULTS_PART = 16  # results that are read at once


@dataclass(frozen=True, slots=True)
class ChildEnd:
    """How a child run stands. ``failed``: the task whose failure it is, None if there is none.

    ``submitted``: when, as text.
    """

    called: StoredCall
    state: RunState
    digest: str
    submitted: str
    failed: int | None


class CallStore(Store):
    """The calls of a lane about runs that tasks have called."""

    def prepare_calls(self, run: str, graphs: Mapping[str, bytes]) -> int:
        """Make sure that these graphs (by digest) are stored; return how many runs are above a run.

        One round trip, two if some were not stored.
        """
        reply = self._script("prepare_calls", run, UNUSED_GRAPH_MS, *_flat(dict.fromkeys(graphs)))
        missing = text_of(reply[2]).split() if reply[2] else []
        for name in missing:  # one at a time: each may be large
            self._script("prepare_calls", run, UNUSED_GRAPH_MS, name, graphs[name])
        return int(reply[1])

    def read_calls(self, run: str, task: int) -> bytes:
        """Return the stored form of what a task has called last. Two round trips.

        Raises CorruptData.
        """
        key = self.keys.children(run)
        (data,) = self.link.batch_each([("HGET", key, task)])
        attempt = OpenCalls.decode(data).attempt
        (data,) = self.link.batch_each([("HGET", key, f"{task},{attempt}")])
        if not isinstance(data, bytes):
            raise CorruptData("what a task has called is missing in Redis")
        return data

    def read_ends(self, calls: Calls) -> list[ChildEnd | None]:
        """Return how the called runs stand, None for one that is gone. A round trip per hundred.

        Raises CorruptData.
        """
        ends: list[ChildEnd | None] = []
        for part in _in_hundreds(calls.runs):
            fields = ("state", "graph", "submitted", "failed")
            replies = self.link.batch(
                [("HMGET", self.keys.run(called.run), *fields) for called in part]
            )
            ends += [_end(called, row) for called, row in zip(part, replies, strict=True)]
        return ends

    def read_child_results(self, ends: Sequence[ChildEnd]) -> Iterator[bytes | None]:
        """Yield the packed results of the wanted tasks, None for a task without one.

        A round trip for sixteen, or for each if they are large. Raises RunLost for a missing one
        if results of its run were lost.
        """
        for at in range(0, len(ends), RESULTS_PART):
            part = ends[at : at + RESULTS_PART]
            try:
                yield from self._child_results(part)
            except Oversized:
                for end in part:
                    yield from self._child_results([end])

    def _child_results(self, ends: Sequence[ChildEnd]) -> list[bytes | None]:
        reads: list[Sequence[object]] = []
        for end in ends:
            key = self.keys.results(end.called.run)
            reads += (
                ("HGET", key, end.called.task),
                ("HGET", self.keys.run(end.called.run), "kept"),
                ("HLEN", key),
            )
        replies = iter(self.link.batch(reads))
        return [
            _result_of(end, *row)
            for end, row in zip(ends, zip(*[replies] * 3, strict=True), strict=True)
        ]


def _result_of(
    end: ChildEnd, packed: bytes | None, kept: bytes | None, stored: int
) -> bytes | None:
    run = end.called.run
    if packed is None and stored < number(kept or b"0", f"the number of results of run {run}"):
        raise RunLost(run, RESULTS_GONE.format(run=run))
    return packed


def _flat(graphs: Mapping[str, object]) -> list[object]:
    return [item for name, graph in graphs.items() for item in (name, graph or b"")]


def _in_hundreds(runs: Sequence[StoredCall]) -> list[Sequence[StoredCall]]:
    return [runs[at : at + CHILDREN_PART] for at in range(0, len(runs), CHILDREN_PART)]


def _end(called: StoredCall, row: Sequence[bytes | None]) -> ChildEnd | None:
    run_state, graph, submitted, failed = row
    if not any(row):
        return None
    try:
        return ChildEnd(
            called,
            state(run_state, RunState),
            digest(graph),
            str(number(submitted, "the time of its submission")),
            task_number(failed) if failed else None,
        )
    except CorruptData as error:
        raise CorruptData(f"run {called.run}, which it has called: {error}") from None
