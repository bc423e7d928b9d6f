"""One thing that is watched, for all pages that watch it.

A watch reads its source while there are pages, and numbers each change. A page asks for what came
after the number that it has. The watch keeps the last ``KEPT`` changes; for an older number, and
for a page that is too slow, it tells everything. So nothing is stored for a page but its number.
Each event is made and compressed once, in the thread of the readings.

A watch takes at most a part of a core, and of Redis: see ``rest`` of its source.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from ...exceptions import FlowkitError, RedisUnavailable, RunNotFound, TaskNotFoundError
from .packed import Packed, event, packed
from .source import Source, Told

_log = logging.getLogger("flowkit.dashboard")
BUG = "This is a bug of flowkit. The log of the dashboard has its details."
GONE = (RunNotFound, TaskNotFoundError)
KEPT = 256
MOST_KEPT = 4_000_000  # bytes of kept changes
LONGEST_REST_S = 30.0  # a single slow reading must not stop a page for minutes
PING_S = 15.0  # so that a proxy does not end a quiet stream, and a page that is gone is noticed
PING = packed(": still here\n\n")

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]


class Changes:
    """The last changes of a watch, with their numbers, within bounds."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, Packed]] = deque(maxlen=KEPT)
        self._size = 0

    def add(self, number: int, change: Packed) -> None:
        """Keep a change, and drop old ones."""
        if len(self._kept) == self._kept.maxlen:
            self._drop()
        self._kept.append((number, change))
        self._size += _size(change)
        while self._size > MOST_KEPT and len(self._kept) > 1:
            self._drop()

    def after(self, number: int) -> list[tuple[int, Packed]]:
        """Return all changes after one, none if some of them are not kept any more."""
        found = [change for change in self._kept if change[0] > number]
        return found if found and found[0][0] == number + 1 else []

    def _drop(self) -> None:
        self._size -= _size(self._kept.popleft()[1])


def _size(change: Packed) -> int:
    return len(change.text) + len(change.deflated)


class Watch:
    """The readings of one source. It belongs to one event loop."""

    def __init__(self, source: Source, in_thread: InThread) -> None:
        self._source = source
        self._in_thread = in_thread
        self._name = secrets.token_hex(4)  # a number of another watch means nothing here
        self._number = 0
        self._state: Any = None
        self._changes = Changes()
        self._whole: tuple[int, Packed] | None = None
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._gone = False
        self._trouble: Packed | None = None
        self.pages = 0

    async def events(self, cursor: str) -> AsyncGenerator[Packed, None]:
        """Yield the events of a stream. ``cursor``: the id of the last one that the page has."""
        self.pages += 1
        if self._task is None:
            self._task = asyncio.create_task(self._read())
        try:
            known = self._number_of(cursor)
            while True:
                for number, change in await self._after(known):
                    yield change
                    known = number
                if self._gone and known == self._number:
                    return
                if not await self._wait_for(known):
                    yield PING
        finally:
            self.pages -= 1
            if self.pages == 0 and self._task is not None:
                self._task.cancel()

    def _number_of(self, cursor: str) -> int:
        name, _, number = cursor.partition(".")
        is_ours = name == self._name and len(number) < 12 and number.isdecimal()
        return int(number) if is_ours and int(number) <= self._number else 0

    async def _after(self, number: int) -> list[tuple[int, Packed]]:
        if number == self._number:
            return []
        if number and (kept := self._changes.after(number)):
            return kept
        at, state, trouble = self._number, self._state, self._trouble
        told = [] if trouble is None else [(at, trouble)]
        if state is None:  # the first reading has failed
            return told
        if self._whole is None or self._whole[0] != at:
            whole = await self._in_thread(lambda: self._event(at, self._source.whole(state)))
            if self._number == at:
                self._whole = (at, whole)
            return [(at, whole), *told]
        return [self._whole, *told]

    def _event(self, number: int, told: Told) -> Packed:
        return event(f"{self._name}.{number}", told)

    async def _wait_for(self, number: int) -> bool:
        async with self._news:
            try:
                async with asyncio.timeout(PING_S):
                    await self._news.wait_for(lambda: self._number != number)
            except TimeoutError:
                return False
        return True

    async def _tell(self, change: Packed, *, is_whole: bool = False) -> None:
        async with self._news:
            self._number += 1
            self._changes.add(self._number, change)
            self._whole = (self._number, change) if is_whole else None
            self._news.notify_all()

    def _next(self) -> tuple[Any, Packed | None, bool]:
        """Read the source. Return its state, the event of it if there is one, and whether that has
        all of it, as after an outage. It blocks.
        """
        before, number, again = self._state, self._number + 1, self._trouble is not None
        state = self._source.read(before)
        if before is None or again:
            return state, self._event(number, self._source.whole(state)), True
        if state is before:
            return state, None, False
        return state, self._event(number, self._source.change(before, state)), False

    async def _read(self) -> None:
        while not self._gone:
            began = time.monotonic()
            try:
                state, change, is_whole = await self._in_thread(self._next)
            except FlowkitError as error:
                self._gone = not isinstance(error, RedisUnavailable)
                if self._gone or self._trouble is None:
                    kind = "gone" if isinstance(error, GONE) else "trouble"
                    await self._tell_trouble(kind, str(error))
            except Exception as error:  # a bug: no page may wait for ever because of it
                _log.error("The dashboard could not read what a page watches", exc_info=error)
                self._gone = True
                await self._tell_trouble("trouble", BUG)
            else:
                self._state, self._trouble = state, None
                if change is not None:
                    await self._tell(change, is_whole=is_whole)
            await asyncio.sleep(self._pause(time.monotonic() - began))

    def _pause(self, took: float) -> float:
        """Return how long to wait after a reading. One that failed has taken nothing."""
        rest = 0.0 if self._trouble is not None else self._source.rest * took
        return max(self._source.seconds, min(rest, LONGEST_REST_S))

    async def _tell_trouble(self, kind: str, text: str) -> None:
        self._trouble = self._event(self._number + 1, {kind: text})
        await self._tell(self._trouble)
