"""The client's calls: submit, and reading the state of one run.

``ChangeStore`` changes a run that exists. ``RunReads``, ``ListReads`` and ``QueueDepths`` read
lists, ``HistoryReads`` what happened to a run. Invalid data of a run raises ``CorruptData``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..codec.provenance import Provenance, is_signed, params_purpose, takes_purpose
from ..core.run_record import RunProgress, RunRecord
from ..core.states import RunState
from ..exceptions import FlowkitError, RunExists
from .bounded_reads import Field, read_in_bounds, whole
from .cause_reads import CauseReads
from .change_store import ChangeStore
from .decoding import CorruptData, number, state, text_of
from .family_reads import FamilyReads
from .history_reads import HistoryReads
from .limits import MAX_RUN_FIELD_BYTES
from .list_reads import ListReads
from .progress_reads import ProgressReads
from .queue_depths import QueueDepths
from .run_reads import RunReads
from .run_records import FIELDS, PROGRESS_FIELDS, parse_progress, parse_run
from .running_reads import RunningReads
from .takes import KEEP_TAKES_MS, TakesReads
from .vitals import Vitals


@dataclass(frozen=True, slots=True)
class Submission:
    """The definition of a run. ``ttl_ms``: how long its keys are kept after its end.

    ``version``: the version of the app that submits it, "" if it is unknown. ``pinned``: the one
    that the graph keeps the run to, "" for any. ``by``: who submits it, see ``client.caller``.
    ``packed_takes``: the run parameters of the DAG, b"" if they are unknown.
    """

    run: str
    dag_name: str
    digest: str
    packed_graph: bytes
    packed_params: bytes
    total: int
    ttl_ms: int
    version: str = ""
    pinned: str = ""
    by: str = ""
    packed_takes: bytes = b""

    def args(self, *, with_graph: bool) -> tuple[object, ...]:
        """Return the arguments of the script, with or without the graph itself."""
        graph, takes = (self.packed_graph, self.packed_takes) if with_graph else (b"", b"")
        head = (self.run, self.digest, graph, self.dag_name)
        run = (self.packed_params, self.total, self.ttl_ms, self.version, self.by)
        return (*head, *run, takes, self.ttl_ms + KEEP_TAKES_MS)

    def signed(self, provenance: Provenance, namespace: str) -> Submission:
        """Return the submission with signed parameters, if this process has a key.

        Empty parameters are signed too, so that workers know that the run comes from a key holder.
        """
        if not provenance:
            return self
        purpose = params_purpose(namespace, self.run, self.digest)
        packed = provenance.sign(self.packed_params, purpose)
        if not self.packed_takes:
            return replace(self, packed_params=packed)
        takes = provenance.sign(self.packed_takes, takes_purpose(namespace, self.digest))
        return replace(self, packed_params=packed, packed_takes=takes)


IsSame = Callable[["ClientStore", Submission], bool]


class ClientStore(
    RunReads,
    ListReads,
    ProgressReads,
    QueueDepths,
    RunningReads,
    HistoryReads,
    Vitals,
    ChangeStore,
    CauseReads,
    FamilyReads,
    TakesReads,
):
    """The calls of a client, which submits runs and reads their state."""

    def submit(
        self, submission: Submission, *, graph_known: bool = False, is_same: IsSame | None = None
    ) -> bool:
        """Submit a run; return False if the same run already exists.

        ``graph_known`` leaves the graph out of the first call; it is sent if Redis lacks it.
        ``is_same`` compares the values of the submission with those of the existing run, whose
        bytes differ. Raises RunExists if the id is used with another DAG or other parameters.
        """
        reply = self._script("submit", *submission.args(with_graph=not graph_known))
        return self._accepted(submission, reply, is_same)

    def submit_many(
        self, submissions: Sequence[Submission], *, is_same: IsSame | None = None
    ) -> list[bool]:
        """Submit several runs in two or three round trips. Return and raise what ``submit`` does
        for each of them.
        """
        if not submissions:
            return []
        accepted = [self.submit(submissions[0], is_same=is_same)]
        others = submissions[1:]
        replies = self._scripts("submit", [other.args(with_graph=False) for other in others])
        for submission, reply in zip(others, replies, strict=True):
            accepted.append(self._accepted(submission, reply, is_same))
        return accepted

    def _accepted(self, submission: Submission, reply: list[bytes], is_same: IsSame | None) -> bool:
        if reply[0] == b"GRAPH":
            reply = self._script("submit", *submission.args(with_graph=True))
        if reply[0] == b"CONFLICT" and not (is_same and is_same(self, submission)):
            cause = "another graph or other parameters"
            if submission.pinned:
                cause += f", or not pinned to version {submission.pinned} of the code"
            if is_signed(submission.packed_params):
                cause += ", or submitted with another signing key"
            raise RunExists(
                submission.run,
                f"run {submission.run!r} already exists, of DAG {text_of(reply[1])!r} with "
                f"{cause}; choose another run_id, or omit it",
            )
        return reply[0] == b"OK"

    # -- reads --------------------------------------------------------------------------------

    def read_run(self, run: str) -> RunRecord:
        """Return the record of a run. Raises RunNotFound, CorruptData."""
        return parse_run(run, self._fields_of(run, FIELDS))

    def read_progress(self, run: str) -> RunProgress:
        """Return the changing fields of a run. Raises RunNotFound, CorruptData."""
        return parse_progress(self._fields_of(run, PROGRESS_FIELDS))

    def read_progress_of(self, runs: Sequence[str]) -> list[RunProgress | FlowkitError]:
        """Return the changing fields of runs, RunNotFound or CorruptData for some.

        Two round trips. The data of one run cannot disturb the others, or take much memory.
        """
        fields = [
            Field(self.keys.run(run), name, MAX_RUN_FIELD_BYTES)
            for run in runs
            for name in PROGRESS_FIELDS
        ]
        rows = zip(*[iter(read_in_bounds(self.link, fields))] * len(PROGRESS_FIELDS), strict=True)
        return [self._progress_or_error(run, row) for run, row in zip(runs, rows, strict=True)]

    def _progress_or_error(
        self, run: str, row: Sequence[bytes | CorruptData | None]
    ) -> RunProgress | FlowkitError:
        try:
            return (
                parse_progress([whole(value) for value in row])
                if any(row)
                else self._not_found(run)
            )
        except CorruptData as error:
            return error

    def read_params(self, run: str) -> bytes:
        """Return the packed parameters of a run, b"" for none."""
        packed: bytes | None = self.link.call("HGET", self.keys.run(run), "params")
        return packed or b""

    def _fields_of(self, run: str, fields: Sequence[str]) -> list[bytes | None]:
        values: list[bytes | None] = self.link.call("HMGET", self.keys.run(run), *fields)
        if not any(values):
            raise self._not_found(run)
        return values

    def read_states_of(self, runs: Sequence[str]) -> list[RunState | None]:
        """Return the states of runs, None for a missing or damaged run. One round trip."""
        states = self.link.batch_each([("HGET", self.keys.run(run), "state") for run in runs])
        return [_state_or_none(data) for data in states]

    def result_sizes(self, run: str, tasks: Sequence[int]) -> list[int]:
        """Return the sizes of packed results in bytes, 0 for a missing one. One round trip."""
        sizes: list[int] = self.link.batch(
            [("HSTRLEN", self.keys.results(run), task) for task in tasks]
        )
        return sizes

    def has_leader(self) -> bool:
        """Return whether a scheduler leads now. Two round trips."""
        left_ms = self.lease_left_ms()
        return left_ms is not None and left_ms > 0

    def lease_left_ms(self) -> int | None:
        """Return the remaining ms of the scheduler's lease, 0 or less if it has expired.

        None without a valid lease. Two round trips.
        """
        (held,) = self.link.batch_each([("GET", self.keys.leader())])
        if not isinstance(held, bytes):  # there is no lease, or the key holds another type
            return None
        try:
            deadline = number(held.rpartition(b",")[2], "the end of a lease")
        except CorruptData:
            return None
        return deadline - self.redis_now_ms()


def _state_or_none(data: Any) -> RunState | None:
    try:
        return state(data, RunState)
    except CorruptData:
        return None
