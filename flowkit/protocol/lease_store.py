"""The scheduler's lease: acquiring, renewing and handing it over, and the fence of all writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..configuration.shards import ALONE
from ..exceptions import LeaseLost, WrongShards
from .decoding import text_of
from .link import Link
from .shard_positions import wrong_shards
from .store import Store


@dataclass(frozen=True, slots=True)
class LeaseReply:
    """The reply of ``acquire_lease``. ``cursor`` is set if leadership was acquired just now.

    ``standby``: how many shards the process of the standby leads, -1 without a standby.
    """

    leads: bool
    term: int = 0
    cursor: str | None = None
    holder: str = ""
    left_ms: int = 0
    standby: int = -1


class LeaseStore(Store):
    """The calls of one scheduler about its lease. Its leader duty sets ``term``."""

    def __init__(
        self,
        link: Link,
        namespace: str,
        scheduler: str,
        *,
        shard_position: str = ALONE,
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        """``scheduler``: the id of this process start.

        ``shard_position``: ``position/count`` of the namespace in this scheduler's list of shards.
        """
        super().__init__(link, namespace, now_ms=now_ms)
        self.scheduler = scheduler
        self.shard_position = shard_position
        self.term = 0

    def check_rights(self) -> None:
        """Check that this user may lead, without changing anything. Raises NotPermitted.

        A standby only reads the lease, so a user without the right would stand by forever.
        """
        self._script("check_rights", "leader", "cursor")

    def acquire_lease(self, lease_ms: int, shards: int | None = None) -> LeaseReply:
        """Acquire or renew the lease; ``lease_ms`` of 0 gives it up.

        ``shards``: how many shards this process leads now, None if it has only one.
        Raises WrongShards if the shard has another position than this scheduler expects.
        """
        led = "" if shards is None else shards
        reply = self._script("acquire_lease", self.scheduler, lease_ms, self.shard_position, led)
        if reply[0] == b"OTHER":
            namespace, said = self.keys.namespace, text_of(reply[1])
            raise WrongShards(wrong_shards(self.link.url, namespace, self.shard_position, said))
        if reply[0] == b"HELD":
            return LeaseReply(False, holder=text_of(reply[1]), left_ms=reply[2])
        if reply[0] == b"TAKEN":
            return LeaseReply(True, reply[1], cursor=text_of(reply[2]))
        return LeaseReply(True, reply[1], standby=reply[2])

    def hand_over_lease(self, term: int, lease_ms: int, most: int) -> str | None:
        """Hand the lease of this term to the standby, if its process leads at most ``most`` shards.

        Return the id of the new leader, None without a suitable standby. Raises LeaseLost.
        """
        reply = self._script("hand_over_lease", self.scheduler, term, lease_ms, most)
        if reply[0] == b"FENCED":
            raise self.lost(term)
        return None if reply[0] == b"NOBODY" else text_of(reply[1])

    def lost(self, term: int) -> LeaseLost:
        """Return the error for a scheduler that has acted in a past term."""
        return LeaseLost(f"scheduler {self.scheduler} no longer leads (term {term})")

    def _fenced(self, name: str, *args: object) -> list[Any]:
        reply = self._script(name, self.scheduler, self.term, *args)
        if reply[0] == b"FENCED":
            raise self.lost(self.term)
        return reply
