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

    def enter(self) -> None:
        """Take the place of a stream. Raises TooManyStreams if there is none.

        A stream begins after its request was answered. So its place is taken before: otherwise,
        requests that come together would all find the same one.
        """
        if self.streams >= MOST_STREAMS:
            raise TooManyStreams
        self.streams += 1

    def leave(self) -> None:
        """Give the place of a stream back."""
        self.streams -= 1

    async def events(
        self, key: Hashable, source: Callable[[], Source], cursor: str
    ) -> AsyncGenerator[Packed, None]:
        """Yield the events of a stream. ``source``: makes what is watched, for a new watch."""
        watch = self._watches.get(key)
        if watch is None:
            watch = self._watches[key] = Watch(source(), self._in_thread)
        try:
            async with aclosing(watch.events(cursor)) as events:
                async for event in events:
                    yield event
        finally:
            if watch.pages == 0 and self._watches.get(key) is watch:
                del self._watches[key]
