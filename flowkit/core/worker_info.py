"""What a live worker reports about itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueueRate:
    """The attempts of one queue that a worker has ended in the last minute.

    ``ended``: how many, whatever their outcome. ``window_s``: the seconds that this covers, fewer
    than 60 only for a worker that has just started. ``took_s``: the seconds that they have occupied
    a lane, all together.
    """

    queue: str
    ended: int
    window_s: float
    took_s: float

    @property
    def per_minute(self) -> float:
        """Attempts that end in a minute, at this rate."""
        return 60.0 * self.ended / self.window_s

    @property
    def mean_s(self) -> float:
        """The mean time of an attempt in seconds."""
        return self.took_s / self.ended


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A live worker. ``processes``: its children; ``concurrency``: async tasks in each of them.

    ``ready``: children that have loaded the app, None if unknown. ``waiting``: children whose task
    waits for the end of another run, 0 if unknown.

    ``turns``: whether it claims the attempts that wait for the turn of their run.
    ``functions``: the id of what its app can run; "" while it is unknown.

    ``app_version``: the version of the app's code, "" while it is unknown.
    ``other_functions``, ``other_versions``: those of children that have loaded the app before or
    after its files were changed.

    ``busy``: processes that execute a plain function now, of ``processes``. ``busy_async``:
    ``async`` tasks that are executing now, of ``processes`` times ``concurrency``. ``rates``: of
    each queue in which attempts have ended in the last minute. All are a few seconds old, and None
    for a worker of a release that does not report them.

    ``damaged``: what is wrong with the description, "" if it is valid. Details that a worker of
    another release does not report are empty or 0.
    """

    worker: str
    host: str = ""
    pid: int = 0
    app: str = ""
    queues: tuple[str, ...] = ()
    processes: int = 0
    concurrency: int = 0
    version: str = ""
    ready: int | None = None
    waiting: int = 0
    turns: bool = False
    functions: str = ""
    app_version: str = ""
    other_functions: tuple[str, ...] = ()
    other_versions: tuple[str, ...] = ()
    damaged: str = ""
    busy: int | None = None
    busy_async: int | None = None
    rates: tuple[QueueRate, ...] | None = None

    @property
    def apps(self) -> tuple[str, ...]:
        """The ids of all that its children can run; "" among them while it is unknown."""
        return (self.functions, *self.other_functions)

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions of the app's code that its children have loaded, () while unknown."""
        return tuple(version for version in (self.app_version, *self.other_versions) if version)

    @property
    def is_ready(self) -> bool:
        """Whether a child has loaded the app; True if the worker does not report it.

        A worker without a valid description is not ready: it may have left while it was read.
        """
        return not self.damaged and (self.ready is None or self.ready > 0)

    @property
    def all_wait(self) -> bool:
        """Whether each child executes a task that waits for another run."""
        return 0 < self.processes <= self.waiting
