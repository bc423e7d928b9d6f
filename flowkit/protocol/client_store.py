"""The client's calls: submit, cancel, resume, and reading what became of one run.

``ListReads`` has the reading of lists. What cannot be read of one run is ``CorruptData``.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..core.states import RunState
from ..exceptions import RunAlreadyOver, RunExists, RunNotFound, RunNotOver
from .decoding import CorruptData, number, state, text_of
from .list_reads import ListReads
from .provenance import is_signed
from .run_records import FIELDS, PROGRESS_FIELDS, RunProgress, RunRecord, parse_progress, parse_run


@dataclass(frozen=True, slots=True)
class Submission:
    """All that a run is made of. ``ttl_ms``: how long its keys are kept once it is over."""

    run: str
    dag_name: str
    digest: str
    packed_graph: bytes
    packed_params: bytes
    total: int
    ttl_ms: int

    def args(self, *, with_graph: bool) -> tuple[object, ...]:
        """Return the script's arguments, with or without the graph itself."""
        graph = self.packed_graph if with_graph else b""
        head = (self.run, self.digest, graph, self.dag_name)
        return (*head, self.packed_params, self.total, self.ttl_ms)


class ClientStore(ListReads):
    """The calls of somebody who wants runs done."""

    def submit(self, submission: Submission, *, graph_known: bool = False) -> bool:
        """Accept a run; return False if the same run was there already.

        ``graph_known`` leaves the graph out of the first try; it is sent if Redis lacks it.
        Raises RunExists if the id is taken by another DAG or other parameters.
        """
        reply = self._script("submit", *submission.args(with_graph=not graph_known))
        if reply[0] == b"GRAPH":
            reply = self._script("submit", *submission.args(with_graph=True))
        return self._accepted(submission, reply)

    def submit_many(self, submissions: Sequence[Submission]) -> None:
        """Accept several runs in two round trips or three. Raises RunExists."""
        if not submissions:
            return
        self.submit(submissions[0])
        replies = self._scripts("submit", [one.args(with_graph=False) for one in submissions[1:]])
        for submission, reply in zip(submissions[1:], replies, strict=True):
            if reply[0] == b"GRAPH":
                reply = self._script("submit", *submission.args(with_graph=True))
            self._accepted(submission, reply)

    def _accepted(self, submission: Submission, reply: list[bytes]) -> bool:
        if reply[0] == b"CONFLICT":
            cause = "another graph or other parameters"
            if is_signed(submission.packed_params):
                cause += ", or submitted with another signing key"
            raise RunExists(
                submission.run,
                f"run {submission.run!r} exists already, of DAG {text_of(reply[1])!r} with "
                f"{cause}; choose another run_id, or leave it out",
            )
        return reply[0] == b"OK"

    def cancel(self, run: str) -> None:
        """Ask for a run to be stopped. Raises RunNotFound, RunAlreadyOver."""
        reply = self._script("cancel", run)
        if reply[0] == b"UNKNOWN":
            raise self._not_found(run)
        if reply[0] == b"OVER":
            raise RunAlreadyOver(
                run,
                f"run {run!r} is over already ({text_of(reply[1])}); there is nothing to cancel",
            )

    def resume(self, run: str, tasks: Sequence[int] = ()) -> None:
        """Take a run that is over up again; one that is running already goes on.

        ``tasks``: those to be made again, with all that needs them, even if they succeeded.
        Raises RunNotFound, and without ``tasks`` RunAlreadyOver for a run that succeeded, with
        ``tasks`` RunNotOver for one that is running.
        """
        numbers = " ".join(map(str, tasks))
        reply = self._script("resume", run, secrets.token_hex(8), numbers)
        if reply[0] == b"UNKNOWN":
            raise self._not_found(run)
        if reply[0] == b"BUSY":
            raise RunNotOver(
                run,
                f"run {run!r} is not over yet, so no task of it can be made again. Wait for its "
                f"end, or stop it with 'flowkit cancel {run} --wait'",
            )
        if reply[0] == b"OVER":
            raise RunAlreadyOver(
                run,
                f"run {run!r} succeeded; nothing is left to resume. Submit it anew to run it "
                "again, or name a task to resume it from",
            )

    def _not_found(self, run: str) -> RunNotFound:
        return RunNotFound(
            run,
            f"there is no run {run!r} in namespace {self.keys.namespace!r}: check the id with "
            "'flowkit ls', and the namespace; a run's data is deleted when its TTL is over",
        )

    # -- reads --------------------------------------------------------------------------------

    def read_run(self, run: str) -> RunRecord:
        """Return how a run stands. Raises RunNotFound, CorruptData."""
        return parse_run(run, self._fields_of(run, FIELDS))

    def read_progress(self, run: str) -> RunProgress:
        """Return what changes of a run while it is not over. Raises RunNotFound, CorruptData."""
        return parse_progress(self._fields_of(run, PROGRESS_FIELDS))

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
        """Return the states of runs, None for one that is gone or damaged. One round trip."""
        found = self.link.batch_each([("HGET", self.keys.run(run), "state") for run in runs])
        return [_state_or_none(data) for data in found]

    def result_sizes(self, run: str, tasks: Sequence[int]) -> list[int]:
        """Return the sizes of packed results in bytes, 0 where there is none. One round trip."""
        sizes: list[int] = self.link.batch(
            [("HSTRLEN", self.keys.results(run), task) for task in tasks]
        )
        return sizes

    def has_leader(self) -> bool:
        """Return whether a scheduler leads now. Two round trips."""
        left_ms = self.lease_left_ms()
        return left_ms is not None and left_ms > 0

    def lease_left_ms(self) -> int | None:
        """Return how long the scheduler's lease lasts, 0 or less since it has ended; None if there
        is none that can be read. Two round trips.
        """
        (held,) = self.link.batch_each([("GET", self.keys.leader())])
        if not isinstance(held, bytes):  # there is none, or the key holds another type
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
