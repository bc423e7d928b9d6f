"""All watches of a dashboard, by what they watch."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import aclosing

from .packed import Packed
from .source import Source
from .watch import InThread, Watch

MOST_STREAMS = 64


class TooManyStreams(Exception):
    """There are as many streams as there may be."""


class Hub:
    """Gives each stream the watch that it shares with the others of its key."""

    def __init__(self, in_thread: InThread) -> None:
        self._in_thread = in_thread
        self._watches: dict[Hashable, Watch] = {}
        self.streams = 0

    def check(self) -> None:
        """Raise TooManyStreams if there is no place for another stream."""
        if self.streams >= MOST_STREAMS:
            raise TooManyStreams

    async def events(
        self, key: Hashable, source: Callable[[], Source], cursor: str
    ) -> AsyncGenerator[Packed, None]:
        """Yield the events of a stream. ``source``: makes what is watched, for a new watch."""
        self.streams += 1
        watch = self._watches.get(key)
        if watch is None:
            watch = self._watches[key] = Watch(source(), self._in_thread)
        try:
            async with aclosing(watch.events(cursor)) as events:
                async for event in events:
                    yield event
        finally:
            self.streams -= 1
            if watch.pages == 0 and self._watches.get(key) is watch:
                del self._watches[key]
