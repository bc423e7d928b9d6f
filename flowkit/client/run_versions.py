"""Which versions of the app the attempts of a run ran."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..basics.shorten import shorten
from ..core.compiled import CompiledDAG
from ..core.lanes import child_of, worker_of
from ..core.worker_info import WorkerInfo
from ..protocol.records import TaskRecord

MOST_VERSIONS = 1000  # characters of live versions that a message names


@dataclass(frozen=True, slots=True)
class RunVersions:
    """The versions of a run; "" where one is unknown.

    ``submitted``: of the program that submitted it. ``of_lane``: of the lanes in its records.
    ``ran``: all that are known, sorted. ``mixed``: whether it ran more than one version of a module
    with tasks. Different apps that divide the tasks of a run among them do not count as such.
    """

    submitted: str
    of_lane: Mapping[str, str]
    ran: Sequence[str]
    mixed: bool


def fields_of(records: Iterable[TaskRecord]) -> list[str]:
    """Return the fields of the run that ``versions_of`` needs, see ``lua/_lib/versions.lua``."""
    notes = (note for record in records if record.lane for note in _notes(record.lane))
    return ["code", "ran", "mixed", *dict.fromkeys(notes)]


def _notes(lane: str) -> tuple[str, str]:
    """Return the fields that may have the version of a lane, the first that exists counts."""
    return f"@{child_of(lane)}", f"@{worker_of(lane)}"


def versions_of(
    known: Mapping[str, str], dag: CompiledDAG, records: Mapping[int, TaskRecord]
) -> RunVersions:
    """Return the versions of a run. ``known``: those of ``fields_of`` that exist.

    ``records``: by number.
    """
    of_lane = versions_of_lanes(known, records.values())
    by_module: dict[str, set[str]] = {}
    for task, record in records.items():
        version = of_lane.get(record.lane, "")
        if version:
            by_module.setdefault(dag.ref(task).partition(":")[0], set()).add(version)
    ran = set().union(*by_module.values())
    mixed = any(len(versions) > 1 for versions in by_module.values())
    if "mixed" in known and len(ran) < 2:  # by earlier attempts, which have no record any more
        mixed, ran = True, ran | {known[name] for name in ("ran", "mixed") if name in known}
    return RunVersions(known.get("code", ""), of_lane, sorted(ran), mixed)


def versions_of_lanes(known: Mapping[str, str], records: Iterable[TaskRecord]) -> dict[str, str]:
    """Return the version that each lane ran, "" if it is unknown. ``known``: as above."""
    of_lane: dict[str, str] = {}
    for lane in {record.lane for record in records if record.lane}:
        child, worker = _notes(lane)
        of_lane[lane] = known.get(child) or known.get(worker, "")
    return of_lane


def live_versions(workers: Iterable[WorkerInfo]) -> str:
    """Return the versions of live workers, with their apps, for a message."""
    apps: dict[str, set[str]] = {}
    for info in workers:
        for version in info.versions or ("unknown",):
            apps.setdefault(version, set()).add(info.app)
    text = ", ".join(f"{item} ({', '.join(sorted(some))})" for item, some in sorted(apps.items()))
    return shorten(text, MOST_VERSIONS)
