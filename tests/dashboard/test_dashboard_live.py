"""What is watched is read once for all pages, and a page that comes back misses nothing."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from flowkit.dashboard.live import watch as module
from flowkit.dashboard.live.hub import MOST_STREAMS, Hub, TooManyStreams
from flowkit.dashboard.live.packed import GzipStream, Packed, packed
from flowkit.exceptions import RedisUnavailable, RunNotFound, TaskNotFoundError

pytestmark = pytest.mark.anyio


class Numbers:
    """A source that is a number, and tells changes as differences."""

    seconds = 0.001
    rest = 20.0

    def __init__(self) -> None:
        self.number = 1
        self.readings = 0
        self.error: Exception | None = None

    def read(self, before: Any) -> Any:
        self.readings += 1
        if self.error is not None:
            raise self.error
        return self.number

    def whole(self, state: int) -> dict[str, Any]:
        return {"whole": state}

    def change(self, before: int, state: int) -> dict[str, Any]:
        return {"more": state - before}


async def in_thread(function: Callable[[], Any]) -> Any:
    return function()


async def take(events: AsyncIterator[Packed]) -> tuple[str, dict[str, Any]]:
    """Return id and data of the next event."""
    async with asyncio.timeout(5):
        while True:
            event = (await anext(events)).text.decode()
            if event.startswith("id: "):
                head, data = event.strip().split("\n")
                return head.removeprefix("id: "), json.loads(data.removeprefix("data: "))


async def test_pages_share_the_readings() -> None:
    hub, source = Hub(in_thread), Numbers()
    pages = [hub.events("key", lambda: source, "") for _ in range(10)]
    assert [(await take(page))[1] for page in pages] == [{"whole": 1}] * 10
    source.number = 5
    assert [(await take(page))[1] for page in pages] == [{"more": 4}] * 10
    for page in pages:
        await page.aclose()
    readings = source.readings
    await asyncio.sleep(0.02)
    assert source.readings <= readings + 1


async def test_a_page_that_comes_back_gets_what_it_missed() -> None:
    hub, source = Hub(in_thread), Numbers()
    other = hub.events("key", lambda: source, "")
    await take(other)
    page = hub.events("key", lambda: source, "")
    cursor, _ = await take(page)
    await page.aclose()
    for number in (3, 7):
        source.number = number
        await take(other)
    back = hub.events("key", lambda: source, cursor)
    assert [(await take(back))[1] for _ in range(2)] == [{"more": 2}, {"more": 4}]
    for page in (other, back):
        await page.aclose()


@pytest.mark.parametrize("cursor", ["", "x", "abcd.1", ".", "9" * 400, "abcd." + "9" * 30])
async def test_another_cursor_gets_everything(cursor: str) -> None:
    hub, source = Hub(in_thread), Numbers()
    page = hub.events("key", lambda: source, cursor)
    assert (await take(page))[1] == {"whole": 1}
    await page.aclose()


@pytest.mark.parametrize(("bound", "most"), [("KEPT", 2), ("MOST_KEPT", 1)])
async def test_a_page_that_missed_too_much_gets_everything(
    monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    monkeypatch.setattr(module, bound, most)
    hub, source = Hub(in_thread), Numbers()
    other = hub.events("key", lambda: source, "")
    cursor, _ = await take(other)
    for number in range(2, 6):
        source.number = number
        await take(other)
    back = hub.events("key", lambda: source, cursor)
    assert (await take(back))[1] == {"whole": 5}
    for page in (other, back):
        await page.aclose()


async def test_an_outage_is_told_once_and_everything_after_it() -> None:
    hub, source = Hub(in_thread), Numbers()
    page = hub.events("key", lambda: source, "")
    await take(page)
    source.error = RedisUnavailable("Redis is away")
    assert (await take(page))[1] == {"trouble": "Redis is away"}
    source.error, source.number = None, 2
    assert (await take(page))[1] == {"whole": 2}
    await page.aclose()


def test_a_reading_that_failed_is_tried_again_soon() -> None:
    """It has waited four seconds for Redis, and its watch rested for twenty times as long."""
    watch = module.Watch(Numbers(), in_thread)
    assert watch._pause(0.1) == pytest.approx(2.0)
    assert watch._pause(600) == module.LONGEST_REST_S
    watch._trouble = packed("trouble")
    assert watch._pause(4) == Numbers.seconds


async def test_a_page_that_comes_in_an_outage_hears_of_it() -> None:
    hub, source = Hub(in_thread), Numbers()
    first = hub.events("key", lambda: source, "")
    await take(first)
    source.error = RedisUnavailable("Redis is away")
    await take(first)
    other = hub.events("key", lambda: source, "")
    assert [(await take(other))[1] for _ in range(2)] == [
        {"whole": 1},
        {"trouble": "Redis is away"},
    ]
    source.error = None
    assert [(await take(page))[1] for page in (first, other)] == [{"whole": 1}] * 2
    for page in (first, other):
        await page.aclose()


async def test_what_is_gone_ends_the_stream() -> None:
    hub, source = Hub(in_thread), Numbers()
    page = hub.events("key", lambda: source, "")
    await take(page)
    source.error = RunNotFound("r1")
    assert "gone" in (await take(page))[1]
    assert [event async for event in page] == []


async def test_what_never_was_there_says_why() -> None:
    hub, source = Hub(in_thread), Numbers()
    source.error = TaskNotFoundError("run 'r1' has no task 'x'")
    page = hub.events("key", lambda: source, "")
    assert (await take(page))[1] == {"gone": "run 'r1' has no task 'x'"}
    assert [event async for event in page] == []


async def test_a_bug_in_a_reading_ends_the_stream_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its pages waited for ever, and heard that the server is still there."""
    hub, source = Hub(in_thread), Numbers()
    page = hub.events("key", lambda: source, "")
    await take(page)
    source.error = ZeroDivisionError("secret detail")
    assert (await take(page))[1] == {"trouble": module.BUG}
    assert [event async for event in page] == []
    assert "secret detail" in caplog.text


async def test_there_is_a_bound_of_streams() -> None:
    hub = Hub(in_thread)
    for _ in range(MOST_STREAMS):
        hub.enter()
    with pytest.raises(TooManyStreams):
        hub.enter()
    hub.leave()
    hub.enter()


def test_events_that_were_compressed_apart_are_one_gzip_stream() -> None:
    texts = ["data: " + "x" * size + "\n\n" for size in (0, 1, 70_000, 9)]
    for count in range(len(texts) + 1):
        stream = GzipStream()
        sent = stream.head + b"".join(stream.send(packed(text)) for text in texts[:count])
        assert gzip.decompress(sent + stream.tail).decode() == "".join(texts[:count])
        reader = zlib.decompressobj(wbits=31)
        assert reader.decompress(sent).decode() == "".join(texts[:count]), "before its end"
