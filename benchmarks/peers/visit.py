"""One visit to a peer: its processes are started, and each workload is measured once.

If a workload fails, its error is the reason for the missing figure, and the peer is restarted for
the next one. Redis is emptied before each start, so that no peer finds the data of another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped, unused-ignore]
import redis

from ..daemons import BrokenSystemError
from ..workloads import cpu_seconds, settled_memory
from .figures import BURN_S, PROCESSES, WORKLOADS
from .session import Session

SETTLE_S = 1.5
SAMPLE_S = 0.1
MB = 1_000_000
Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Place:
    """The redis-server that all peers share."""

    url: str
    server_pid: int

    def empty(self) -> None:
        """Delete every key and script."""
        with redis.Redis.from_url(self.url, protocol=2) as server:
            server.flushall()
            server.script_flush()


class Visit:
    """Measure workloads one by one; ``close`` ends what is running."""

    def __init__(self, peer: str, python: Path, place: Place) -> None:
        self._peer, self._python, self._place = peer, python, place
        self._session: Session | None = None
        self._mode: str | None = None
        self._started = 0.0

    def measure(self, workload: str, size: int) -> Figures:
        """Return the figures of a workload by key. Raises BrokenSystemError."""
        try:
            session = self._running(WORKLOADS[workload].mode)
            return _MEASURES[workload](self, session, size)
        except BrokenSystemError:
            self.close()
            raise

    def close(self) -> None:
        """End the processes of the peer."""
        session, self._session, self._mode = self._session, None, None
        if session is not None:
            session.stop()

    def _running(self, mode: str) -> Session:
        if self._session is not None and self._mode != mode:
            self.close()
        if self._session is None:
            self._place.empty()
            self._session, self._mode = Session(self._peer, self._python, self._place.url), mode
            self._session.start()
            self._started = self._session.ask("start", mode=mode)["seconds"]
        return self._session

    # -- workloads ------------------------------------------------------------------------------

    def start_up(self, session: Session, size: int) -> Figures:
        """The time of the last start."""
        return {"start-up": self._started}

    def round_trip(self, session: Session, size: int) -> Figures:
        """One task after the other."""
        said = session.ask("round_trip", size=size)
        return {f"round-trip-{cut}": said[cut] * 1000 for cut in ("p50", "p99")}

    def chain(self, session: Session, size: int) -> Figures:
        """Milliseconds from one task of a chain to the next."""
        return {"chain": session.ask("time", what="chain", size=size)["seconds"] / size * 1000}

    def drain(self, session: Session, size: int) -> Figures:
        """Submitting while the workers are stopped, then running all tasks."""
        said = session.ask("submit", job="noop", size=size)
        return {key: size / said[key] for key in ("enqueue", "drain")}

    def cpu(self, session: Session, size: int) -> Figures:
        """The ideal time of two processes as a percentage of the measured time."""
        ideal = size * BURN_S / PROCESSES
        return {"cpu": ideal / session.ask("submit", job="burn", size=size)["drain"] * 100}

    def sleeps(self, session: Session, size: int) -> Figures:
        """Many sleeping tasks at a time."""
        return {"sleeps": size / session.ask("submit", job="nap", size=size)["drain"]}

    def large(self, session: Session, size: int) -> Figures:
        """Megabytes of results per second."""
        return {"large": size / session.ask("time", what="large", size=size)["seconds"]}

    def memory(self, session: Session, size: int) -> Figures:
        """The memory that Redis needs for a finished fan-out, per task."""
        before = settled_memory(self._place.url)
        session.ask("time", what="fan_out", size=size)
        after = settled_memory(self._place.url)
        warm = max(4, size // 100)
        return {"memory": (after - before) / (size + warm + 2)}

    def idle(self, session: Session, seconds: int) -> Figures:
        """Processor time and resident memory of all processes during ``seconds`` without work."""
        time.sleep(SETTLE_S)
        workers = session.workers()
        everyone = [*workers, psutil.Process(self._place.server_pid)]
        before, began = sum(map(cpu_seconds, everyone)), time.perf_counter()
        time.sleep(seconds)
        used = sum(map(cpu_seconds, everyone)) - before
        resident = sum(worker.memory_info().rss for worker in workers)
        share = used / (time.perf_counter() - began) * 100
        return {"idle-cpu": share, "idle-memory": resident / MB}

    def million(self, session: Session, size: int) -> Figures:
        """One run, and the peak memory of its processes."""
        peaks = _Peaks(session, self._place)
        with peaks:
            seconds = session.ask("time", what="fan_out", size=size)["seconds"]
        return {"million": (size + 1) / seconds, **peaks.found}


class _Peaks:
    """Samples memory in a thread during a ``with`` block."""

    def __init__(self, session: Session, place: Place) -> None:
        self.found: Figures = {}
        self._place, self._over = place, threading.Event()
        self._workers = session.workers()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> _Peaks:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        scheduler = [
            worker for worker in self._workers if "flowkit.scheduler" in " ".join(worker.cmdline())
        ]
        others = [worker for worker in self._workers if worker not in scheduler]
        with redis.Redis.from_url(self._place.url, protocol=2) as server:
            while not self._over.wait(SAMPLE_S):
                self._keep("million-scheduler", max(map(_rss, scheduler)))
                self._keep("million-worker", max(map(_rss, others)))
                self._keep("million-redis", server.info("memory")["used_memory"])

    def _keep(self, key: str, value: float) -> None:
        self.found[key] = max(self.found.get(key, 0.0), value / MB)


def _rss(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0.0


def _tasks_per_second(key: str, what: str, extra: int) -> Callable[[Visit, Session, int], Figures]:
    """Return a function that measures a DAG. ``extra``: tasks in addition to the size."""

    def measure(visit: Visit, session: Session, size: int) -> Figures:
        return {key: (size + extra) / session.ask("time", what=what, size=size)["seconds"]}

    return measure


_MEASURES: Mapping[str, Callable[[Visit, Session, int], Figures]] = {
    "start-up": Visit.start_up,
    "round-trip": Visit.round_trip,
    "chain": Visit.chain,
    "drain": Visit.drain,
    "fan-out": _tasks_per_second("fan-out", "fan_out", 1),
    "fan-out-large": _tasks_per_second("fan-out-large", "fan_out", 1),
    "layered": _tasks_per_second("layered", "layered", 0),
    "cpu": Visit.cpu,
    "large": Visit.large,
    "memory": Visit.memory,
    "idle": Visit.idle,
    "sleeps": Visit.sleeps,
    "million": Visit.million,
}
