"""The worker's calls: lease, claim, complete, release, and reporting its own dead children.

A worker incarnation has lanes (``WORKER.N`` for the sync lane of its N-th child, ``WORKER.Na``
for the async one). Each claims for itself under its own call numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..exceptions import LeaseLost
from .decoding import CorruptData, digest, run_id, stops_of, task_number, text_list, text_of
from .records import parse_record
from .store import Store

NOBODY = "-"  # who is to blame for the death of a child that its parent has ended


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt that a lane holds, as Redis described it. ``spent``: see ``records``."""

    run: str
    task: int
    attempt: int
    spent: str
    digest: str
    packed_params: bytes
    # The run, when it was submitted (an id can be used again one day) and how often it was resumed.
    life: tuple[str, str]

    @property
    def key(self) -> str:
        """How scripts name it."""
        return f"{self.run},{self.task}"

    @property
    def at_most_once(self) -> bool:
        """Whether it must never start twice."""
        return "=" in self.spent

    @property
    def board_key(self) -> str:
        """How the board names it: this attempt, and whether it is a suspect."""
        return f"{self.run},{self.task},{self.attempt}{'!' if '!' in self.spent else ''}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. ``token`` and ``payload`` are what ``complete.lua`` expects."""

    run: str
    token: str
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What ``complete`` answered: stale outcomes, claims Redis believes held, new claims."""

    stale: Sequence[str]
    held: int
    claims: Sequence[Claim]


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a heartbeat answered: live workers, and per lane what it holds and should stop."""

    workers: int
    held: dict[str, int] = field(default_factory=dict)
    stops: dict[str, list[str]] = field(default_factory=dict)


class WorkerStore(Store):
    """The calls of one worker: its parent's or one lane's."""

    def check_rights(self) -> None:
        """Ask whether this user may write what workers alone write; nothing is changed.

        Raises NotPermitted.
        """
        self._script("check_rights", "cache:")

    def heartbeat(
        self, worker: str, lease_ms: int, lanes: Sequence[str], about: bytes = b""
    ) -> Pulse:
        """Renew the lease; ``about`` registers the worker first. Raises LeaseLost if it is dead.

        ``about`` behind a ``=`` renews as well, and is the worker's description from then on.
        """
        reply = self._script("heartbeat", worker, lease_ms, about, *lanes)
        if reply[0] == b"DEAD":
            raise LeaseLost(
                f"worker {worker} was declared dead: its lease of {lease_ms} ms ran out unrenewed"
            )
        held: dict[str, int] = {}
        stops: dict[str, list[str]] = {}
        for at in range(2, len(reply), 3):
            lane = text_of(reply[at])
            held[lane] = reply[at + 1]
            if attempts := stops_of(reply[at + 2]):
                stops[lane] = attempts
        return Pulse(reply[1], held, stops)

    def complete(
        self,
        lane: str,
        outcomes: Sequence[Outcome],
        call: int,
        limit: int,
        share: int,
        lists: Sequence[str],
    ) -> Exchange:
        """Record outcomes and claim up to ``limit`` attempts from ``lists``.

        ``call`` numbers the claims: the same number again returns the same attempts. ``share``:
        how many claimers a short list is to be divided among. Raises LeaseLost.
        """
        if outcomes:
            args: list[object] = [lane, call, limit, share, len(lists), *lists]
            args += _grouped(outcomes)
            reply = self._script("complete", *args)
        else:
            reply = self._script("claim", lane, call, limit, share, *lists)
        if reply[0] == b"UNKNOWN":
            raise LeaseLost(f"lane {lane} is not registered any more: its worker was declared dead")
        at = 3 if outcomes else 2
        stale = text_list(reply[1]) if outcomes else []
        return Exchange(stale, reply[at - 1], _claims(reply, at))

    def release(self, lane: str, keys: Sequence[str | bytes], unsure: bytes = b"") -> int:
        """Give back unstarted attempts; return how many were still this lane's.

        ``unsure``: they may have started after all; the error of those that must not do so twice.
        """
        released: int = self._script("release", lane, unsure, *keys)[1]
        return released

    def reap_child(
        self,
        lane: str,
        executing: Sequence[str],
        most_deaths: int,
        error: bytes,
        *,
        known: bool = True,
        blame: str = "",
        once: bytes = b"",
    ) -> list[tuple[str, int, str]]:
        """Take back what a dead child's lane held; return (run, task, code) for each.

        ``executing``: all that the child was executing, in both of its lanes. ``blame``: the one
        of several that is to blame, ``NOBODY`` if none is. ``known`` is False if nobody knows what
        was executing. ``once``: the error of tasks that were and must not start twice.
        """
        flag = blame if known else "?"
        told = (most_deaths, error, flag, once)
        return reaped(self._script("reap", lane, "", "", *told, *executing))

    def retire(self, worker: str, lanes: Sequence[str]) -> bool:
        """Forget this worker; False if one of its lanes still holds claims."""
        return bool(self._script("retire", worker, *lanes)[0] == b"OK")

    def holdings(self, lane: str) -> list[bytes]:
        """Return the keys of the claims that this lane holds in Redis, as they stand there."""
        fields: list[bytes] = self.link.call("HKEYS", self.keys.claims(lane))
        return [name for name in fields if name != b"#"]

    def read_cached(self, digest: str) -> bytes | None:
        """Return a packed result that was kept for tasks of the same code and arguments, if any."""
        packed: bytes | None = self.link.call("GET", self.keys.cached(digest))
        return packed

    def read_failed(self, run: str) -> int | None:
        """Return the task because of which the run is stopping as failed, None if there is none."""
        failed = self.link.call("HGET", self.keys.run(run), "failed")
        return task_number(failed) if failed else None

    def read_end(self, run: str, task: int) -> tuple[int, bytes | None]:
        """Return the last attempt of a task that is over, and its packed error if there is one."""
        record, error = self.link.batch(
            [("HGET", self.keys.tasks(run), task), ("HGET", self.keys.errors(run), task)]
        )
        return parse_record(record).attempt, error

    def wait_for_work(self, lists: Sequence[str], seconds: float) -> bool:
        """Block until one of the lists has something to claim or the time is over."""
        keys = [self.keys.wake(name) for name in lists]
        return self.link.call("BLPOP", *keys, f"{seconds:.3f}") is not None


def _grouped(outcomes: Sequence[Outcome]) -> list[object]:
    """Lay outcomes out by run, in order of first appearance."""
    by_run: dict[str, list[object]] = {}
    for outcome in outcomes:
        group = by_run.get(outcome.run)
        if group is None:
            group = by_run[outcome.run] = []
        group += (outcome.token, outcome.payload)
    args: list[object] = []
    for run, group in by_run.items():
        args += (run, len(group) // 2)
        args += group
    return args


def _claims(reply: list[Any], at: int) -> list[Claim]:
    claims: list[Claim] = []
    for start in range(at, len(reply), 5):
        name, graph, since, params, entries = reply[start : start + 5]
        try:
            run, address = run_id(name), digest(graph)
        except CorruptData:
            continue  # this lane does not know the claim, so it gives it back
        life = (run, text_of(since))
        for entry in entries.decode("ascii", "replace").split(" "):
            task, attempt, spent = entry.split(",")
            claims.append(Claim(run, int(task), int(attempt), spent, address, params, life))
    return claims


def reaped(reply: list[Any]) -> list[tuple[str, int, str]]:
    """Read what ``reap`` did: (run, task, code); Q and ! were queued again, F and C are over."""
    return [
        (text_of(reply[at]), task_number(reply[at + 1]), text_of(reply[at + 2]))
        for at in range(1, len(reply), 3)
    ]
