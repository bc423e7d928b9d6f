"""docket: two workers on a stream; the fan-in is a counter in Redis."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import host
import jobs
import relay
from docket import CurrentDocket, Docket, Worker

CONCURRENCY, NAPPERS = 50, 100
CHECK = timedelta(milliseconds=2)
NAME = "peers"
URL = f"{host.URL}?max_connections=2000"  # the default of a hundred is too few


async def noop() -> None:
    jobs.noop()


async def burn() -> None:
    jobs.burn()


async def nap() -> None:
    await jobs.nap()


async def one() -> int:
    return jobs.one()


async def hop(before: int, left: int, last: str, docket: Docket = CurrentDocket()) -> int:  # noqa: B008
    after = jobs.hop(before)
    if left:
        await docket.add(hop, key=last if left == 1 else None)(after, left - 1, last)
    return after


async def member(
    of: str,
    group: str,
    size: int,
    end: str,
    docket: Docket = CurrentDocket(),  # noqa: B008
) -> None:
    async with docket.redis() as redis:
        values = await relay.arrive(redis, group, relay.MEMBERS[of](), size)
    if values is not None:
        await docket.add(end, key=group)(values)


async def total(values: list[int]) -> int:
    return jobs.total(values)


async def weight(values: list[str]) -> int:
    return jobs.weight(values)


tasks = [noop, burn, nap, one, hop, member, total, weight]
SINGLES = {"noop": noop, "burn": burn, "nap": nap}


def work(name: str) -> None:
    """Run a worker like docket's command, with an interval that the command has no option for."""
    asyncio.run(
        Worker.run(
            docket_name=NAME,
            url=URL,
            name=name,
            concurrency=NAPPERS if host.MODE else CONCURRENCY,
            minimum_check_interval=CHECK,
            tasks=["with_docket:tasks"],
        )
    )


class Peer(host.Adapter):
    """A task of a chain adds the next; the last of a group adds the fan-in."""

    def commands(self, mode: str) -> list[list[str]]:
        start = "import with_docket; with_docket.work('worker-{}')"
        return [[host.PYTHON, "-c", start.format(number)] for number in range(host.PROCESSES)]

    async def open(self) -> None:
        self._open = AsyncExitStack()
        self._docket = await self._open.enter_async_context(Docket(name=NAME, url=URL))
        for task in tasks:
            self._docket.register(task)

    async def close(self) -> None:
        await self._open.aclose()

    async def submit(self, job: str, size: int) -> None:
        await self._docket.add_many(self._docket.call(SINGLES[job])() for _ in range(size))

    async def one(self) -> Any:
        return await self._result(await self._docket.add(one)())

    async def chain(self, size: int) -> Any:
        last = uuid.uuid4().hex
        await self._docket.add(hop)(0, size - 1, last)
        return await self._named(last)

    async def fan_in(self, of: str, size: int, end: str) -> Any:
        group = uuid.uuid4().hex
        calls = (self._docket.call(member)(of, group, size, end) for _ in range(size))
        await self._docket.add_many(calls)
        return await self._named(group)

    async def _named(self, key: str) -> Any:
        while (sent := await self._docket.get_execution(key)) is None:
            await asyncio.sleep(0.001)
        return await self._result(sent)

    async def _result(self, sent: Any) -> Any:
        return await sent.get_result(timeout=timedelta(seconds=host.LONGEST_S))
