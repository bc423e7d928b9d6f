"""The inspector duty: looks whether Redis is still one that runs can be trusted to.

At the start one that may evict keys is refused. Its policy can be changed under running daemons,
and a server that takes over may have another one. Then the leader says so, at once and again every
``SAY_AGAIN_S``, and goes on: as long as its memory is not full nothing is lost, and to stop would
help no run. Whoever starts meanwhile is refused as ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ..logging import FlowkitLogger, LogLevel
from ..protocol.fitness import eviction_policy, may_evict
from ..protocol.link import Link

LOOK_S = 2.0
SAY_AGAIN_S = 60.0


class Inspector:
    """Asks for the policy."""

    name = "inspector"

    def __init__(
        self,
        link: Link,
        logger: FlowkitLogger,
        *,
        allow_eviction: bool,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``allow_eviction``: the user knows, so nothing is said."""
        self._link = link
        self._log = logger
        self._blind = allow_eviction
        self._monotonic = monotonic
        self._policy = ""
        self._said = 0.0

    def due_early(self) -> bool:
        """Nothing makes it look before its time."""
        return False

    def run_once(self) -> float:
        """Look once; return the seconds until the next time. Raises RedisUnavailable."""
        policy = None if self._blind else eviction_policy(self._link)
        if policy is None:  # it does not tell, and will not tell next time
            self._blind = True
            return SAY_AGAIN_S
        now = self._monotonic()
        if policy and (policy != self._policy or now - self._said >= SAY_AGAIN_S):
            self._said = now
            message = f"{may_evict(self._link, policy)}: runs that go on are in danger"
            self._log.event(LogLevel.ERROR, "redis_unfit", message, policy=policy)
        elif self._policy and not policy:
            message = "Redis does not delete keys any more when its memory is full"
            self._log.event(LogLevel.SYSTEM, "redis_fit", message)
        self._policy = policy
        return LOOK_S
