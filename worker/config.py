"""The settings of a worker, checked once at its start."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from flowkit.configuration.shards import ALONE
from flowkit.core.policy_check import QUEUE
from flowkit.settings import Settings

BEAT_S = 1.0  # between heartbeats, if the lease allows it


class ExitReason(IntEnum):
    """Why a child ended itself, as opposed to a signal or user code ending it.

    The child also writes the reason to shared memory (``ExecutionSlots.record_exit_reason``). Only
    that record counts, because user code may end the process with any exit code.
    """

    DONE = 0
    APP_BROKEN = 70  # its app could not be loaded: another child would fail in the same way
    LEASE_LOST = 71  # its worker was declared dead
    RECYCLED = 72  # it has run max_tasks_per_child tasks
    BROKEN = 73  # one of its threads met an unexpected error


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """Settings of one worker. Times are in seconds, sizes in bytes.

    ``apps``: the files or modules of the tasks, at least one.
    ``concurrency``: async tasks at a time per child. ``max_tasks_per_child``: replace a child after
    this many tasks, 0 for never. ``shutdown_timeout``: how long running tasks may continue after
    the first TERM. ``capture_output``: turn what tasks print and log into lines of this log.
    ``shard_position``: which shard the worker serves, as ``position/count``. ``redis_patched``: do
    not warn about the version of Redis. ``signing_keys``: the keys that sign values, see
    ``protocol.provenance``. ``settings``: those that the code of tasks gets, with all shards.
    ``app_version``: the version of the app's code, "" for its digest. ``task_logs``: keep in Redis
    what tasks print and log, at most ``task_log_bytes`` of an attempt and ``run_log_bytes`` of a
    run. ``log_redact``: what matches in such a line becomes ``***``.
    """

    apps: tuple[str, ...]
    redis_url: str = field(repr=False)  # it may hold a password
    namespace: str = "flowkit"
    queues: tuple[str, ...] = ("default",)
    processes: int = 2
    concurrency: int = 100
    max_tasks_per_child: int = 0
    shutdown_timeout: float = 25.0
    lease: float = 10.0
    max_result_bytes: int = 64 * 1024 * 1024
    log_level: str = "INFO"
    log_json: bool = False
    capture_output: bool = True
    shard_position: str = ALONE
    redis_patched: bool = False
    signing_keys: tuple[bytes, ...] = field(default=(), repr=False)
    settings: Settings | None = field(default=None, repr=False)
    app_version: str = ""
    task_logs: bool = True
    task_log_bytes: int = 2**20
    run_log_bytes: int = 64 * 2**20
    log_redact: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _at_least("--processes", self.processes, 1)
        _at_least("--concurrency", self.concurrency, 1)
        _at_least("--max-tasks-per-child", self.max_tasks_per_child, 0)
        _at_most("--processes", self.processes, 1_000)
        _at_most("--concurrency", self.concurrency, 100_000)
        _at_least("--shutdown-timeout", self.shutdown_timeout, 0)
        _at_least("the lease", self.lease, 0.5)
        if not self.queues:
            raise ValueError("--queues is empty")
        for name in self.queues:
            if not QUEUE.fullmatch(name):
                raise ValueError(
                    f"--queues has {name!r}, which is not a valid queue name: use 1 to 64 letters, "
                    "digits, '_', '.' or '-', and separate names by commas"
                )

    @property
    def app(self) -> str:
        """The apps, as they are shown to users."""
        return ", ".join(self.apps)

    @property
    def lease_ms(self) -> int:
        """The lease in milliseconds."""
        return int(self.lease * 1000)

    @property
    def beat(self) -> float:
        """Seconds between heartbeats: at least three heartbeats per lease."""
        return min(BEAT_S, self.lease / 3)


def _at_least(name: str, value: float, least: float) -> None:
    if value < least:
        raise ValueError(f"{name} must be at least {least:g}, not {value:g}")


def _at_most(name: str, value: int, most: int) -> None:
    if value > most:
        raise ValueError(f"{name} must be at most {most:,}, not {value:,}")
