"""The lease keeper: the registration and the heartbeats of one incarnation of a worker.

A worker id names one incarnation, from its registration until it retires or is declared dead. The
id is never reused, so Redis refuses whatever a dead incarnation still sends.
"""

from __future__ import annotations

import random
import socket
import string
import time
from collections.abc import Callable, Sequence
from os import getpid

import msgpack

from flowkit.basics.version import VERSION
from flowkit.daemon.outage import OutageLog
from flowkit.exceptions import (
    BadRedisURL,
    LeaseLost,
    NotPermitted,
    StoreError,
    UnfitRedis,
    WrongShards,
)
from flowkit.protocol.server_checks import check_schema, check_server, check_shard_position
from flowkit.protocol.worker_store import Pulse, WorkerStore

from .config import WorkerConfig
from .self_report import ChildCounts
from .throughput import WorkerLoad

_ALPHABET = string.ascii_letters + string.digits
_RETRY_S = 0.3
_REFUSED = (UnfitRedis, WrongShards, BadRedisURL, NotPermitted)  # errors that waiting does not fix


def new_worker_id() -> str:
    """Return an id for one incarnation. It has 47 random bits."""
    return "".join(random.SystemRandom().choices(_ALPHABET, k=8))


class LeaseKeeper:
    """Renews the lease of the incarnation ``worker``."""

    def __init__(
        self, config: WorkerConfig, store: WorkerStore, outages: OutageLog, *, allow_eviction: bool
    ) -> None:
        self._config = config
        self._store = store
        self._outages = outages
        self._allow_eviction = allow_eviction
        self._is_checked = False
        self._was_enlisted = False
        self._sent_counts = ChildCounts()
        self._sent_load = WorkerLoad()
        self.counts = ChildCounts()  # to send with the next heartbeat, as is the load
        self.load = WorkerLoad()
        self.worker = new_worker_id()

    def enlist(self, told_to_stop: Callable[[], bool]) -> bool:
        """Register as a new incarnation, waiting for Redis if necessary.

        Returns False if the worker was told to stop first. Raises WrongShards, UnfitRedis and
        NotPermitted the first time. Later it waits for these to pass too: the settings of Redis
        were right once, so an operator has changed them and may repair them.
        """
        self.counts = self._sent_counts = ChildCounts()
        self.load = self._sent_load = WorkerLoad()
        self.worker = new_worker_id()
        while not told_to_stop():
            try:
                if not self._is_checked:
                    check_server(self._store.link, allow_eviction=self._allow_eviction)
                    check_schema(self._store, daemon=True)
                    self._store.check_rights()
                self._is_checked = True
                check_shard_position(
                    self._store.link, self._config.namespace, self._config.shard_position
                )
                self._store.heartbeat(self.worker, self._config.lease_ms, [], self._about())
            except StoreError as error:
                if isinstance(error, _REFUSED) and not self._was_enlisted:
                    raise
                self._outages.away(error)
                time.sleep(_RETRY_S * (0.5 + random.random()))  # noqa: S311
            else:
                self._outages.back()
                self._was_enlisted = True
                return True
        return False

    def beat(self, lanes: Sequence[str]) -> Pulse | None:
        """Renew the lease and register these lanes. Raises LeaseLost.

        Returns None if Redis cannot be reached or a key is damaged.
        """
        try:
            counts, load = self.counts, self.load
            is_known = counts == self._sent_counts and load == self._sent_load
            about = b"" if is_known else b"=" + self._about()
            pulse = self._store.heartbeat(
                self.worker, self._config.lease_ms, lanes, about, " ".join(counts.apps)
            )
            self._sent_counts, self._sent_load = counts, load
        except StoreError as error:
            self._outages.away(error)
            return None
        self._outages.back()
        return pulse

    def retire(self) -> None:
        """Unregister this incarnation. If Redis cannot be reached, the lease expires instead."""
        try:
            self._store.retire(self.worker, [])
        except (StoreError, LeaseLost) as error:
            self._outages.away(error)

    def _about(self) -> bytes:
        config = self._config
        about = {
            "host": socket.gethostname(),
            "pid": getpid(),
            "app": config.app,
            "queues": list(config.queues),
            "processes": config.processes,
            "concurrency": config.concurrency,
            "ready": self.counts.ready,
            "waiting": self.counts.waiting,
            "version": VERSION,
            "turns": True,
            "functions": next(iter(self.counts.apps), ""),
            "app_version": next(iter(self.counts.versions), ""),
            "other_functions": list(self.counts.apps[1:]),
            "other_versions": list(self.counts.versions[1:]),
            "busy": [self.load.busy, self.load.busy_async],
            "window_ms": self.load.window_ms,
            "rates": {queue: [ended, ms] for queue, ended, ms in self.load.rates},
        }
        packed: bytes = msgpack.packb(about)
        return packed
