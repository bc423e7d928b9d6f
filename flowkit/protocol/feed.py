"""Listening to one run: what the scheduler publishes of its progress and its end.

Messages are hints to look at the record; they are never taken for the truth. A feed whose
connection breaks becomes a mere pause, and the caller's regular look goes on.
"""

from __future__ import annotations

import time
from types import TracebackType

import redis
import redis.exceptions as rx

from .keys import Keys


class Feed:
    """A subscription to one run's channel, as a context manager."""

    def __init__(self, url: str, namespace: str, run: str) -> None:
        """Nothing is sent before the ``with`` block begins."""
        self._channel = Keys(namespace).feed(run)
        self._pool = redis.ConnectionPool.from_url(url, protocol=2, client_name="flowkit-feed")
        self._subscription = redis.Redis(connection_pool=self._pool).pubsub(
            ignore_subscribe_messages=True
        )

    def __enter__(self) -> Feed:
        try:
            self._subscription.subscribe(self._channel)
        except (rx.RedisError, OSError):
            pass
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._subscription.close()
        self._pool.disconnect()

    def next(self, seconds: float) -> None:
        """Return when something was published, after ``seconds`` at the latest."""
        began = time.monotonic()
        try:
            while time.monotonic() - began < seconds:
                left = seconds - (time.monotonic() - began)
                if self._subscription.get_message(timeout=left) is not None:
                    return
        except (rx.RedisError, OSError):
            time.sleep(max(0.0, seconds - (time.monotonic() - began)))
