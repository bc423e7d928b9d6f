"""SAQ: two workers; results are announced by Redis, and the fan-in is the client's ``map``."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import host
import jobs
import relay
from saq import Queue

CONCURRENCY = 16
TRIES = 3  # a worker that starts may abort a job that another one has just taken
queue = Queue.from_url(host.URL)
Ctx = dict[str, Any]


async def noop(ctx: Ctx) -> None:
    jobs.noop()


async def burn(ctx: Ctx) -> None:
    jobs.burn()


async def nap(ctx: Ctx) -> None:
    await jobs.nap()


async def one(ctx: Ctx) -> int:
    return jobs.one()


async def hop(ctx: Ctx, *, before: int, left: int, last: str) -> int:
    after = jobs.hop(before)
    if left:
        key = {"key": last} if left == 1 else {}
        await queue.enqueue("hop", before=after, left=left - 1, last=last, timeout=0, **key)
    return after


async def member(ctx: Ctx, *, of: str, group: str, size: int, end: str) -> None:
    values = await relay.arrive(queue.redis, group, relay.MEMBERS[of](), size)
    if values is not None:
        await queue.enqueue(end, values=values, key=group, timeout=0)


async def total(ctx: Ctx, *, values: list[int]) -> int:
    return jobs.total(values)


async def weight(ctx: Ctx, *, values: list[str]) -> int:
    return jobs.weight(values)


settings = {
    "queue": queue,
    "functions": [noop, burn, nap, one, hop, member, total, weight],
    "concurrency": host.NAPPERS if host.MODE else CONCURRENCY,
}


class Peer(host.Adapter):
    """A task of a chain sends the next; the last of a group sends the fan-in."""

    def commands(self, mode: str) -> list[list[str]]:
        return [[str(host.BIN / "saq"), "with_saq.settings", "--quiet"]] * host.PROCESSES

    async def open(self) -> None:
        await queue.connect()

    async def close(self) -> None:
        await queue.disconnect()

    async def submit(self, job: str, size: int) -> None:
        await asyncio.gather(*(queue.enqueue(job, timeout=0) for _ in range(size)))

    async def one(self) -> Any:
        for _ in range(TRIES):
            job = await queue.enqueue("one", timeout=0)
            result = await self._result(job.key)
            if result is not None:
                return result
        raise host.Wrong(f"a job was aborted {TRIES} times")

    async def chain(self, size: int) -> Any:
        last = uuid.uuid4().hex
        words = {"before": 0, "left": size - 1, "last": last}
        await queue.enqueue("hop", timeout=0, **words)
        return await self._result(last)

    async def fan_in(self, of: str, size: int, end: str) -> Any:
        group = uuid.uuid4().hex
        words = {"of": of, "group": group, "size": size, "end": end, "timeout": 0}
        await asyncio.gather(*(queue.enqueue("member", **words) for _ in range(size)))
        return await self._result(group)

    async def _result(self, key: str) -> Any:
        while (job := await queue.job(key)) is None or not job.completed:
            await asyncio.sleep(0.001)
        return job.result
