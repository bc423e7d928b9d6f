"""The inspector duty: checks that Redis still keeps the data of runs.

At the start, daemons refuse a Redis that may evict keys. Its policy can be changed later, and a
server that takes over may have another one. Then the leader logs that, at once and again every
``REPEAT_S``, and continues: nothing is lost while the memory is not full, and stopping would help
no run. Daemons that start meanwhile refuse that Redis as usual.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from flowkit.events.event import Listener
from flowkit.events.redis import RedisFit, RedisUnfit
from flowkit.protocol.link import Link
from flowkit.protocol.server_checks import eviction_policy, may_evict

from .loop import Duty

LOOK_S = 2.0
REPEAT_S = 60.0


class Inspector(Duty):
    """Checks the eviction policy."""

    name = "inspector"

    def __init__(
        self,
        link: Link,
        listener: Listener,
        *,
        allow_eviction: bool,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``allow_eviction``: the user accepts eviction, so nothing is logged."""
        self._link = link
        self._listener = listener
        self._is_disabled = allow_eviction
        self._monotonic = monotonic
        self._policy = ""
        self._logged_at = 0.0

    def run_once(self) -> float:
        """Check once; return the seconds until the next time. Raises RedisUnavailable."""
        policy = None if self._is_disabled else eviction_policy(self._link)
        if policy is None:  # it does not report its policy, and never will
            self._is_disabled = True
            return REPEAT_S
        now = self._monotonic()
        if policy and (policy != self._policy or now - self._logged_at >= REPEAT_S):
            self._logged_at = now
            reason = may_evict(self._link, policy)
            self._listener.hear(RedisUnfit(policy=policy, reason=reason))
        elif self._policy and not policy:
            self._listener.hear(RedisFit())
        self._policy = policy
        return LOOK_S
