"""Runs that a task has called: what the attempt tells ``complete``, and what is stored of it.

``run:<id>:children`` has two fields for a task that has called runs. ``N`` is ``attempt,open,list,
level``: the attempt that called, how many of its runs are not over, and where the task is queued
when all are. ``N,ATTEMPT`` has what that attempt called, for those who read it: ``Calls``. Only
Python reads that, and only scripts change the former.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgpack

from ..codec.provenance import without_signatures
from ..core.called_run import MOST_CALLS
from ..core.names import MAX_NAME, is_name
from .decoding import CorruptData, is_run_id, shown
from .limits import ATTEMPT_DIGITS, MAX_CALLS_BYTES, MAX_QUEUE

_PLACE = re.compile(
    rb"([0-9]{1,%d}),([0-9]{1,4}),([A-Za-z0-9_.\-]{1,%d}(?:~async)?(?:@[0-9a-f]{16})?),([!0-9])"
    % (ATTEMPT_DIGITS, MAX_QUEUE)
)


@dataclass(frozen=True, slots=True)
class StoredCall:
    """What is stored of one call: its child run.

    ``task``: the number of the task whose result is wanted, -1 for all results.
    """

    run: str
    dag_name: str
    task: int = -1


@dataclass(frozen=True, slots=True)
class Calls:
    """The runs that one attempt has called. ``is_list``: whether it returned a list of them."""

    runs: tuple[StoredCall, ...]
    is_list: bool

    def pack(self) -> bytes:
        """Return the stored form."""
        runs = [(called.run, called.dag_name, called.task) for called in self.runs]
        packed: bytes = msgpack.packb([self.is_list, runs], unicode_errors="surrogatepass")
        return packed

    @classmethod
    def unpack(cls, data: object) -> Calls:
        """Decode the stored form; a signature is not verified. Raises CorruptData."""
        try:
            if not isinstance(data, bytes) or len(data) > MAX_CALLS_BYTES:
                raise ValueError
            packed = without_signatures(data)
            is_list, runs = msgpack.unpackb(packed, unicode_errors="surrogatepass")
            called = tuple(StoredCall(*run) for run in runs)
            if type(is_list) is not bool or not 0 < len(called) <= MOST_CALLS:
                raise ValueError
            if not all(map(_is_valid, called)):
                raise ValueError
        except Exception:
            raise CorruptData(f"the calls of a task in Redis are damaged: {shown(data)}") from None
        return cls(called, is_list)


@dataclass(frozen=True, slots=True)
class OpenCalls:
    """The state of the calls of a task. ``attempt``: that which called; ``open``: runs not over."""

    attempt: int
    open: int
    ready_list: str
    level: str

    @classmethod
    def decode(cls, data: object) -> OpenCalls:
        """Decode the text. Raises CorruptData."""
        match = _PLACE.fullmatch(data) if isinstance(data, bytes) and len(data) < 200 else None
        if match is None:
            raise CorruptData(f"the state of a task's calls in Redis is damaged: {shown(data)}")
        attempt, count, ready_list, level = match.groups()
        return cls(int(attempt), int(count), ready_list.decode(), level.decode())


@dataclass(frozen=True, slots=True)
class CalledGraph:
    """A graph of child runs. ``version``: of the app that calls them, "" if it is unknown."""

    digest: str
    dag_name: str
    total: int
    version: str = ""


@dataclass(frozen=True, slots=True)
class ChildRun:
    """A child run to submit. ``graph``: the place of its graph among those of the outcome."""

    run: str
    graph: int
    packed_params: bytes


def calls_payload(
    calls: bytes, graphs: Sequence[CalledGraph], children: Iterable[ChildRun]
) -> bytes:
    """Return the payload of the outcome: fields with their lengths, which a script can split.

    ``calls``: the stored form of ``Calls``, signed if there is a key.
    """
    fields: list[bytes] = [calls, str(len(graphs)).encode()]
    for graph in graphs:
        name = graph.dag_name.encode("utf-8", "surrogatepass")
        fields += [graph.digest.encode(), name, str(graph.total).encode(), graph.version.encode()]
    for child in children:
        fields += [child.run.encode(), str(child.graph + 1).encode(), child.packed_params]
    return b"".join(part for field in fields for part in (b"%d:" % len(field), field))


def _is_valid(called: StoredCall) -> bool:
    return (
        isinstance(called.run, str)
        and is_run_id(called.run)
        and isinstance(called.dag_name, str)
        and len(called.dag_name) <= MAX_NAME
        and is_name(called.dag_name)
        and type(called.task) is int
        and -1 <= called.task < 10_000_000
    )
