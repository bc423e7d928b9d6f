"""The scheduler's lease: taking it, renewing it, passing it on, and the fence of all else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..exceptions import LeaseLost, WrongShards
from .decoding import text_of
from .link import Link
from .shards import ALONE, wrong_shards
from .store import Store


@dataclass(frozen=True, slots=True)
class LeaseReply:
    """What ``acquire_lease`` answered. ``cursor`` is set when leadership was taken just now.

    ``standby``: how many shards the process of the scheduler leads that stands by, -1 for none.
    """

    leads: bool
    term: int = 0
    cursor: str | None = None
    holder: str = ""
    left_ms: int = 0
    standby: int = -1


class LeaseStore(Store):
    """What one scheduler has to do with its lease. ``term`` is set by its leader duty."""

    def __init__(
        self,
        link: Link,
        namespace: str,
        scheduler: str,
        *,
        layout: str = ALONE,
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        """``scheduler``: the id of this process start. ``layout``: ``position/count`` of the shard
        that the namespace is in this scheduler's list.
        """
        super().__init__(link, namespace, now_ms=now_ms)
        self.scheduler = scheduler
        self.layout = layout
        self.term = 0

    def check_rights(self) -> None:
        """Ask whether this user may lead; nothing is changed. Raises NotPermitted.

        A standby only reads the lease, so a user without the right would stand by for ever.
        """
        self._script("check_rights", "leader", "cursor")

    def acquire_lease(self, lease_ms: int, shards: int | None = None) -> LeaseReply:
        """Take or renew the lease; 0 gives it up.

        ``shards``: how many this process leads by now, None for a scheduler of one.
        Raises WrongShards if this is another shard than this scheduler takes it for.
        """
        told = "" if shards is None else shards
        reply = self._script("acquire_lease", self.scheduler, lease_ms, self.layout, told)
        if reply[0] == b"OTHER":
            namespace, said = self.keys.namespace, text_of(reply[1])
            raise WrongShards(wrong_shards(self.link.url, namespace, self.layout, said))
        if reply[0] == b"HELD":
            return LeaseReply(False, holder=text_of(reply[1]), left_ms=reply[2])
        if reply[0] == b"TAKEN":
            return LeaseReply(True, reply[1], cursor=text_of(reply[2]))
        return LeaseReply(True, reply[1], standby=reply[2])

    def hand_over_lease(self, term: int, lease_ms: int, most: int) -> str | None:
        """Hand the lease of this term to who stands by, if its process leads at most so many
        shards. Return the id of who leads now, None if nobody stands by. Raises LeaseLost.
        """
        reply = self._script("hand_over_lease", self.scheduler, term, lease_ms, most)
        if reply[0] == b"FENCED":
            raise self.lost(term)
        return None if reply[0] == b"NOBODY" else text_of(reply[1])

    def lost(self, term: int) -> LeaseLost:
        """Return the error for a scheduler that has acted in a term that is over."""
        return LeaseLost(f"scheduler {self.scheduler} does not lead any more (term {term})")

    def _fenced(self, name: str, *args: object) -> list[Any]:
        reply = self._script(name, self.scheduler, self.term, *args)
        if reply[0] == b"FENCED":
            raise self.lost(self.term)
        return reply
