"""The worker's calls: lease, claim, complete, release, and reporting its dead children.

A worker incarnation has lanes (``WORKER.N`` for the sync lane of its N-th child, ``WORKER.Na``
for the async lane). Each lane claims attempts with its own call numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.app_version import is_app_version
from ..exceptions import LeaseLost
from .call_store import CallStore
from .decoding import (
    CorruptData,
    digest,
    in_parts,
    run_id,
    stops_of,
    task_number,
    text_list,
    text_of,
)
from .item_store import ItemStore
from .keys import of_function
from .memories import decode_memory, memory_field
from .outcomes import Outcome
from .progress_store import ProgressStore
from .records import parse_record
from .scripts import script
from .spent import Flag, Spent

NOBODY = "-"  # no task is to blame: the parent has ended the child


@dataclass(frozen=True, slots=True)
class Claim:
    """An attempt that a lane holds."""

    run: str
    task: int
    attempt: int
    spent: Spent
    digest: str
    packed_params: bytes
    # The run, when it was submitted (an id may be reused) and how often it was resumed.
    life: tuple[str, str]

    @property
    def key(self) -> str:
        """The name of the claim in scripts."""
        return f"{self.run},{self.task}"

    @property
    def slot_name(self) -> str:
        """The name of the attempt in an execution slot, with ``!`` for a suspect."""
        mark = "!" if Flag.SUSPECT in self.spent.flags else ""
        return f"{self.run},{self.task},{self.attempt}{mark}"


@dataclass(frozen=True, slots=True)
class Exchange:
    """The reply of ``complete``: stale outcomes, number of claims held in Redis, new claims."""

    stale: Sequence[str]
    held: int
    claims: Sequence[Claim]


@dataclass(frozen=True, slots=True)
class Pulse:
    """The reply of a heartbeat: number of live workers; claims and attempts to stop per lane.

    ``app_known``: whether the functions of its apps are recorded.
    """

    workers: int
    held: dict[str, int] = field(default_factory=dict)
    stops: dict[str, list[str]] = field(default_factory=dict)
    app_known: bool = True


class WorkerStore(ItemStore, CallStore, ProgressStore):
    """The calls of one worker, by its parent or one of its lanes."""

    def check_rights(self) -> None:
        """Check that this user may write the keys of workers, without changing anything.

        Raises NotPermitted.
        """
        self._script("check_rights", "cache:")

    def heartbeat(
        self, worker: str, lease_ms: int, lanes: Sequence[str], about: bytes = b"", apps: str = ""
    ) -> Pulse:
        """Renew the lease. Raises LeaseLost if the worker was declared dead.

        ``about``: a description registers the worker; ``=`` and a description renews the lease and
        updates the description. ``apps``: the ids of the apps of its children, separated by
        blanks, "" while unknown: one, unless their files were changed meanwhile.
        """
        reply = self._script("heartbeat", worker, lease_ms, about, apps, *lanes)
        if reply[0] == b"DEAD":
            raise LeaseLost(
                f"worker {worker} was declared dead: its lease of {lease_ms} ms ran out unrenewed"
            )
        held: dict[str, int] = {}
        stops: dict[str, list[str]] = {}
        for at in range(3, len(reply), 3):
            lane = text_of(reply[at])
            held[lane] = reply[at + 1]
            if attempts := stops_of(reply[at + 2]):
                stops[lane] = attempts
        return Pulse(reply[1], held, stops, reply[2] == 1)

    def complete(
        self,
        lane: str,
        outcomes: Sequence[Outcome],
        call: int,
        limit: int,
        claimers: int,
        lists: Sequence[str],
        app: str = "",
    ) -> Exchange:
        """Record outcomes and claim up to ``limit`` attempts from ``lists``.

        ``call`` numbers the claims: the same number again returns the same attempts. ``claimers``:
        how many of them divide a short list among them. ``app``: the id of the app of the lane.
        Raises LeaseLost.
        """
        if outcomes:
            args: list[object] = [lane, call, limit, claimers, app, len(lists), *lists]
            args += _grouped(outcomes)
            reply = self._script("complete", *args)
        else:
            reply = self._script("claim", lane, call, limit, claimers, app, *lists)
        if reply[0] == b"UNKNOWN":
            raise LeaseLost(f"lane {lane} is no longer registered: its worker was declared dead")
        at = 3 if outcomes else 2
        stale = text_list(reply[1]) if outcomes else []
        return Exchange(stale, reply[at - 1], _claims(reply, at))

    def release(self, lane: str, keys: Sequence[str | bytes], unsure: bytes = b"") -> int:
        """Give back unstarted attempts; return how many this lane still held.

        ``keys``: ``run,task``, or ``run,task@id`` for an attempt whose function (an id) the app of
        this lane does not have.
        ``unsure``: the error of at-most-once tasks, if the attempts may have started.
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
        """Take back the attempts of a dead child's lane; return (run, task, state code) for each.

        ``executing``: the attempts that both lanes of the child were executing. ``blame``: the one
        of several that is to blame, ``NOBODY`` if none is. ``known``: False if it is unknown what
        was executing. ``once``: the error of at-most-once tasks that were executing.
        """
        flag = blame if known else "?"
        death = (most_deaths, error, flag, once)
        return reaped(self._script("reap", lane, "", "", *death, *executing))

    def register_app(
        self, app: str, functions: Iterable[str], version: str = "", *, lease_ms: int
    ) -> None:
        """Record which functions (ids) an app has, and its version. A round trip per thousand.

        ``lease_ms``: how long its workers are woken without a heartbeat that names the app.
        """
        for part in in_parts(sorted(functions)):
            self._script("register_app", app, version, lease_ms, *part)

    def retire(self, worker: str, lanes: Sequence[str]) -> bool:
        """Delete this worker; return False if one of its lanes still holds claims."""
        return bool(self._script("retire", worker, *lanes)[0] == b"OK")

    def holdings(self, lane: str) -> list[bytes]:
        """Return the keys of the claims that this lane holds in Redis, as raw bytes."""
        fields: list[bytes] = self.link.call("HKEYS", self.keys.claims(lane))
        return [name for name in fields if name != b"#"]

    def read_cached(self, digest: str) -> bytes | None:
        """Return the cached packed result of a task's code and arguments, None if there is none."""
        packed: bytes | None = self.link.call("GET", self.keys.cached(digest))
        return packed

    def read_memory(self, run: str, task: int) -> tuple[int, bytes]:
        """Return how often a task has come again, and the packed memory that it kept.

        Raises CorruptData if it is damaged or missing.
        """
        return decode_memory(self.link.call("HGET", self.keys.inputs(run), memory_field(task)))

    def read_submitted_version(self, run: str) -> str:
        """Return the version of the app that submitted the run, "" if it is unknown."""
        version = text_of(self.link.call("HGET", self.keys.run(run), "code") or b"")
        return version if is_app_version(version) else ""

    def read_failed(self, run: str) -> int | None:
        """Return the task whose failure stops the run, None if there is none."""
        failed = self.link.call("HGET", self.keys.run(run), "failed")
        return task_number(failed) if failed else None

    def read_end(self, run: str, task: int) -> tuple[int, bytes | None]:
        """Return the last attempt of a finished task, and its packed error, None without one."""
        record, error = self.link.batch(
            [("HGET", self.keys.tasks(run), task), ("HGET", self.keys.errors(run), task)]
        )
        return parse_record(record).attempt, error

    @staticmethod
    def read_scripts() -> None:
        """Read the scripts of lanes, so that processes that are forked later have them."""
        for name in ("claim", "complete", "release"):
            script(name)

    def wait_for_work(self, lists: Sequence[str], seconds: float, app: str = "") -> bool:
        """Block until one of the lists has an attempt to claim, for at most ``seconds``.

        ``app``: also wait for attempts that only this and other apps can run.
        """
        keys = [self.keys.wake(name) for name in lists]
        if app:
            keys += [self.keys.wake(of_function(name, app)) for name in lists]
        return self.link.call("BLPOP", *keys, f"{seconds:.3f}") is not None


def _grouped(outcomes: Sequence[Outcome]) -> list[object]:
    """Group outcomes by run, in order of first appearance."""
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
            continue  # this lane cannot use the claim, so it gives it back
        life = (run, text_of(since))
        for entry in entries.decode("ascii", "replace").split(" "):
            task, attempt, spent = entry.split(",")
            decoded = Spent.of_claim(spent)
            claims.append(Claim(run, int(task), int(attempt), decoded, address, params, life))
    return claims


def reaped(reply: list[Any]) -> list[tuple[str, int, str]]:
    """Decode the reply of ``reap``: (run, task, code). F and C are over, the rest queued again."""
    return [
        (text_of(reply[at]), task_number(reply[at + 1]), text_of(reply[at + 2]))
        for at in range(1, len(reply), 3)
    ]
