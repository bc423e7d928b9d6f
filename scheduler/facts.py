"""Parse facts strictly: their text may come from another release, or from anyone.

A fact is a kind and a text, ``RUN`` and whatever else the kind needs. A fact that cannot be read is
refused here, before it has any effect, so it harms no run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from flowkit.core.states import TaskState
from flowkit.protocol.decoding import CorruptData, digest, run_id
from flowkit.protocol.limits import MAX_FACT_BYTES, TASK_DIGITS
from flowkit.protocol.records import STATE_OF

from .active import Active

OVER_KINDS = {code: STATE_OF[code] for code in "SFKC"}
_OVER = frozenset(code.encode() for code in OVER_KINDS)
_VERSION = rb"[0-9a-f]{16}=([A-Za-z0-9][A-Za-z0-9._+\-]{0,63})"
_VERSIONS = re.compile(rb"(%b) (%b)" % (_VERSION, _VERSION))
_BARE = frozenset({b"cancel", b"resume", b"ended"})
_TASK = f"[0-9]{{1,{TASK_DIGITS}}}".encode()
_TASKS = re.compile(rb"%b(?: %b)*" % (_TASK, _TASK))
_COUNTED = rb"%b(?:=(?:%b|!))?" % (_TASK, _TASK)
_COUNTED_TASKS = re.compile(rb"%b(?: %b)*" % (_COUNTED, _COUNTED))


class Fact(NamedTuple):
    """Something that happened to a run. ``tasks``: those that are over; ``digest``: its graph.

    ``lengths``: how many elements the results of some of them have, -1 for a result that cannot be
    mapped.
    ``versions``: two versions of the app that its attempts have run, by the ids of their apps.
    """

    kind: str
    run: str
    tasks: Sequence[int] = ()
    digest: str = ""
    lengths: Mapping[int, int] = MappingProxyType({})
    versions: Mapping[str, str] = MappingProxyType({})


@dataclass(slots=True)
class TasksOver:
    """The tasks of one run that ended, in order, and how many elements some of them returned."""

    facts: list[tuple[int, TaskState]] = field(default_factory=list)
    lengths: dict[int, int] = field(default_factory=dict)

    def add(self, fact: Fact) -> None:
        """Add a fact of a kind in ``OVER_KINDS``."""
        state = OVER_KINDS[fact.kind]
        self.facts.extend((task, state) for task in fact.tasks)
        self.lengths.update(fact.lengths)


def read_fact(kind: bytes, text: bytes, active: Mapping[str, Active]) -> Fact:
    """Parse a fact. Raises CorruptData for one that no release writes.

    For a run in ``active``, its task numbers are checked too.
    """
    if len(kind) + len(text) > MAX_FACT_BYTES:
        raise CorruptData(f"it is larger than the limit of {MAX_FACT_BYTES} bytes for a fact")
    name, _, rest = text.partition(b" ")
    if kind in _OVER:
        return _over(kind.decode(), name, rest, active)
    if kind == b"submit":
        return Fact("submit", run_id(name), digest=digest(rest))
    if kind == b"W":
        return Fact("W", run_id(name))
    if kind == b"versions":
        return _versions(name, rest)
    if kind in _BARE:
        if rest:
            raise CorruptData("it has text that its kind does not allow")
        return Fact(kind.decode(), run_id(name))
    raise CorruptData("the kind of fact is unknown")


def _over(kind: str, name: bytes, rest: bytes, active: Mapping[str, Active]) -> Fact:
    lengths: dict[int, int] = {}
    if b"=" in rest and kind == "S":
        tasks, lengths = _counted(rest)
    elif _TASKS.fullmatch(rest):
        tasks = [int(task) for task in rest.split(b" ")]
    else:
        raise CorruptData("its list of task numbers is not valid")
    run = name.decode("utf-8", "replace")
    known = active.get(run)
    if known is None:
        run_id(name)
    elif max(tasks) >= len(known.dag.graph):
        _check_items(known, tasks)
    return Fact(kind, run, tasks, lengths=lengths)


def _counted(rest: bytes) -> tuple[list[int], dict[int, int]]:
    """Return tasks, and the numbers of elements that some of them returned."""
    if not _COUNTED_TASKS.fullmatch(rest):
        raise CorruptData("its list of task numbers, or of numbers of elements, is not valid")
    tasks: list[int] = []
    lengths: dict[int, int] = {}
    for text in rest.split(b" "):
        task, sign, length = text.partition(b"=")
        tasks.append(int(task))
        if sign:
            lengths[int(task)] = -1 if length == b"!" else int(length)
    return tasks, lengths


def _check_items(active: Active, tasks: Sequence[int]) -> None:
    count = len(active.dag.graph)
    for task in tasks:
        if not active.state.exists(task):
            what = f"{count} tasks, numbered from 0"
            more = f", and no item with the number {task}" if active.dag.maps else ""
            raise CorruptData(f"run {active.run} has {what}{more}")


def _versions(name: bytes, rest: bytes) -> Fact:
    match = _VERSIONS.fullmatch(rest)
    if match is None:
        raise CorruptData("its versions are not valid")
    first, _, second, _ = (text.decode() for text in match.groups())
    pairs = (text.split("=", 1) for text in (first, second))
    return Fact("versions", run_id(name), versions=dict(pairs))
