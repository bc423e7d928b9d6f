"""The rows of the comparison in one process, the libraries, and how one value is measured.

Rules: each value comes from a new process that imports one library and makes one small run before
the clock starts. The clock measures the time from an existing graph to its result, as in
``workloads``. No library logs a line per task.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from .daemons import ROOT, BrokenSystemError

PROGRAMS = Path(__file__).parent / "beside"
LONGEST_S = 900.0
# This release of Prefect permits FastAPI releases that its server does not start with.
PINS = ("dask==2026.8.0", "prefect==3.8.8", "fastapi==0.139.0")
LIBRARIES = {
    "flowkit": "import flowkit",
    "dask": "from dask import delayed, threaded",
    "prefect": "from prefect import flow, task",
}
TITLES = {"flowkit": "flowkit", "dask": "Dask", "prefect": "Prefect"}
LABELS = {
    "fan-out": "fan-out and fan-in, threads",
    "fan-out-processes": "fan-out and fan-in, processes",
    "map": "map over a list from a task, threads",
    "chain": "chain, threads",
    "build": "building the fan-out",
    "import": "import",
}
# The caller's settings must not change what is measured.
FOREIGN = ("PYTHON", "FLOWKIT", "DASK", "PREFECT")
QUIET_PREFECT = {
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. ``limit``: the largest allowed median, in the unit of the row."""

    workload: str
    library: str
    form: str = ""
    size: int = 0
    limit: float | None = None

    @property
    def unit(self) -> str:
        """The unit of the values."""
        return "ms" if self.workload == "import" else "µs a task"

    @property
    def name(self) -> str:
        """The name of the library in tables, with the form if two forms are measured."""
        title = TITLES[self.library]
        return f"{title}, {self.form}" if self.form in ("graph", "delayed") else title


ENTRIES = (
    Entry("fan-out", "flowkit", "threads", 10_000, 100),
    Entry("fan-out", "dask", "graph", 10_000),
    Entry("fan-out", "dask", "delayed", 10_000),
    Entry("fan-out", "prefect", "submit", 200),
    Entry("fan-out-processes", "flowkit", "processes", 2_000),
    Entry("fan-out-processes", "dask", "processes", 2_000),
    Entry("map", "flowkit", "threads", 10_000, 100),
    Entry("map", "dask", "graph", 10_000),
    Entry("map", "prefect", "submit", 200),
    Entry("chain", "flowkit", "threads", 1_000),
    Entry("chain", "dask", "graph", 1_000),
    Entry("chain", "dask", "delayed", 1_000),
    Entry("chain", "prefect", "submit", 200),
    Entry("build", "flowkit", "threads", 100_000, 20),
    Entry("build", "dask", "delayed", 100_000),
    Entry("import", "flowkit", limit=100),
    Entry("import", "dask"),
    Entry("import", "prefect"),
)


@dataclass(frozen=True, slots=True)
class Result:
    """The values of one row."""

    entry: Entry
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median of the values."""
        return median(self.values)

    @property
    def missed(self) -> bool:
        """Whether the median exceeds the limit."""
        return self.entry.limit is not None and self.median > self.entry.limit


def times_flowkit(result: Result, results: Sequence[Result]) -> float | None:
    """Return this median divided by flowkit's; None for flowkit's own, or without it."""
    for other in results:
        if other.entry.workload == result.entry.workload and other.entry.library == "flowkit":
            return None if other is result else result.median / other.median
    return None


def value_of(entry: Entry, pythons: Mapping[str, Path]) -> float:
    """Measure once, in the unit of the row. Raises BrokenSystemError if that fails."""
    if entry.workload == "import":
        bare, _ = _run(entry.library, pythons, ["-c", "pass"])
        full, _ = _run(entry.library, pythons, ["-c", LIBRARIES[entry.library]])
        return (full - bare) * 1000
    program = PROGRAMS / f"with_{entry.library}.py"
    workload = entry.workload.partition("-processes")[0]
    _, said = _run(entry.library, pythons, [str(program), entry.form, workload, str(entry.size)])
    seconds: float = json.loads(said.splitlines()[-1])["seconds"]
    return seconds / entry.size * 1_000_000


def _run(library: str, pythons: Mapping[str, Path], words: Sequence[str]) -> tuple[float, str]:
    """Return the seconds from start to end of a process, and what it printed."""
    command = [str(pythons.get(library, sys.executable)), *words]
    with tempfile.TemporaryDirectory(prefix="flowkit-benchmarks-") as folder:
        began = time.perf_counter()
        done = subprocess.run(
            command,
            cwd=folder,
            env=_environment(library, folder),
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
        )
        seconds = time.perf_counter() - began
    if done.returncode != 0:
        said = "\n".join(done.stderr.strip().splitlines()[-10:])
        raise BrokenSystemError(f"{library}: {' '.join(words)} failed. What was said:\n{said}")
    return seconds, done.stdout


def _environment(library: str, folder: str) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN)}
    if library == "flowkit":  # of this tree, whether or not it is installed
        return {**clean, "PYTHONPATH": str(ROOT)}
    return {**clean, **QUIET_PREFECT, "PREFECT_HOME": folder, "DASK_CONFIG": folder}
