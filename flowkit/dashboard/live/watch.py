"""One thing that is watched, for all pages that watch it.

A watch reads its source while there are pages, and numbers each change. A page asks for what came
after the number that it has. The watch keeps the last ``KEPT`` changes; for an older number, and
for a page that is too slow, it tells everything. So nothing is stored for a page but its number.

A watch takes at most a part of a core, and of Redis: see ``rest`` of its source.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from ...exceptions import FlowkitError, RedisUnavailable, RunNotFound, TaskNotFoundError
from .source import Source, Told

_log = logging.getLogger("flowkit.dashboard")
BUG = "This is a bug of flowkit. The log of the dashboard has its details."
GONE = (RunNotFound, TaskNotFoundError)
KEPT = 256
PING_S = 15.0  # so that a proxy does not end a quiet stream, and a page that is gone is noticed

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]


class Watch:
    """The readings of one source. It belongs to one event loop."""

    def __init__(self, source: Source, in_thread: InThread) -> None:
        self._source = source
        self._in_thread = in_thread
        self._name = secrets.token_hex(4)  # a number of another watch means nothing here
        self._number = 0
        self._state: Any = None
        self._changes: deque[tuple[int, str]] = deque(maxlen=KEPT)
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._gone = False
        self.pages = 0

    async def events(self, cursor: str) -> AsyncIterator[str]:
        """Yield the events of a stream. ``cursor``: the id of the last one that the page has."""
        self.pages += 1
        if self._task is None:
            self._task = asyncio.create_task(self._read())
        try:
            known = self._number_of(cursor)
            while True:
                for number, text in self._after(known):
                    yield f"id: {self._name}.{number}\ndata: {text}\n\n"
                    known = number
                if self._gone:
                    return
                if not await self._wait_for(known):
                    yield ": still here\n\n"
        finally:
            self.pages -= 1
            if self.pages == 0 and self._task is not None:
                self._task.cancel()

    def _number_of(self, cursor: str) -> int:
        name, _, number = cursor.partition(".")
        is_ours = name == self._name and len(number) < 12 and number.isdecimal()
        return int(number) if is_ours and int(number) <= self._number else 0

    def _after(self, number: int) -> list[tuple[int, str]]:
        if number == self._number:
            return []
        kept = [change for change in self._changes if change[0] > number]
        if number and kept and kept[0][0] == number + 1:
            return kept
        if self._state is None:  # the first reading has failed
            return [self._changes[-1]]
        whole = self._source.whole(self._state)
        return [(self._number, json.dumps(whole, separators=(",", ":")))]

    async def _wait_for(self, number: int) -> bool:
        async with self._news:
            try:
                async with asyncio.timeout(PING_S):
                    await self._news.wait_for(lambda: self._number != number)
            except TimeoutError:
                return False
        return True

    async def _tell(self, told: Told) -> None:
        async with self._news:
            self._number += 1
            self._changes.append((self._number, json.dumps(told, separators=(",", ":"))))
            self._news.notify_all()

    async def _read(self) -> None:
        in_trouble = False
        while not self._gone:
            began = time.monotonic()
            before = self._state
            try:
                state = await self._in_thread(lambda: self._source.read(self._state))
            except FlowkitError as error:
                self._gone = not isinstance(error, RedisUnavailable)
                if not in_trouble:
                    kind = "gone" if isinstance(error, GONE) else "trouble"
                    await self._tell({kind: str(error)})
                in_trouble = True
            except Exception as error:  # a bug: no page may wait for ever because of it
                _log.error("The dashboard could not read what a page watches", exc_info=error)
                self._gone = True
                await self._tell({"trouble": BUG})
            else:
                if state is not before or in_trouble:
                    is_first = before is None or in_trouble
                    self._state = state
                    tell = self._source.whole(state) if is_first else None
                    await self._tell(tell or self._source.change(before, state))
                in_trouble = False
            took = time.monotonic() - began
            await asyncio.sleep(max(self._source.seconds, self._source.rest * took))
