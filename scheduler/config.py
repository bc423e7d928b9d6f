"""The settings of a scheduler, checked once."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowkit.configuration.shards import ALONE


@dataclass(frozen=True, slots=True)
class SchedulerConfig:
    """Settings of one scheduler. Times are in seconds.

    ``lease``: how long it leads without renewing; a standby takes over within ``lease`` plus
    ``standby_poll``. ``window``: the most tasks of one run that are queued, running or waiting.
    ``function_timeout``: how long a task waits for a live worker that has its function, 0
    for no limit.
    ``sweep``: between two checks for lost queue entries and expired runs. ``shard_position``:
    ``position/count`` of its shard. ``redis_patched``: do not warn about the version of Redis.
    """

    redis_url: str = field(repr=False)  # may contain a password
    namespace: str = "flowkit"
    lease: float = 3.0
    standby_poll: float = 0.5
    window: int = 10_000
    sweep: float = 10.0
    function_timeout: float = 0.0
    log_level: str = "INFO"
    log_json: bool = False
    shard_position: str = ALONE
    redis_patched: bool = False

    def __post_init__(self) -> None:
        for name, least in (("lease", 0.2), ("standby_poll", 0.01), ("window", 1), ("sweep", 0.1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least:g}, not {getattr(self, name):g}")

    @property
    def lease_ms(self) -> int:
        """The lease as Redis takes it."""
        return int(self.lease * 1000)
