"""streaq: two workers; tasks wait for others by ``after`` and read their results in Redis."""

from __future__ import annotations

import asyncio
from typing import Any

import host
import jobs
from streaq import Worker

CONCURRENCY = 32
SENT = 1_000
worker: Worker[None] = Worker(
    redis_url=host.URL, concurrency=host.NAPPERS if host.MODE else CONCURRENCY
)


@worker.task
async def noop() -> None:
    jobs.noop()


@worker.task
async def burn() -> None:
    jobs.burn()


@worker.task
async def nap() -> None:
    await jobs.nap()


@worker.task
async def one() -> int:
    return jobs.one()


@worker.task
async def hop(before: int) -> int:
    return jobs.hop(before)


@worker.task
async def leaf() -> int:
    return jobs.leaf()


@worker.task
async def block() -> str:
    return jobs.block()


@worker.task
async def total(before: list[str]) -> int:
    return jobs.total(await _results(before))


@worker.task
async def weight(before: list[str]) -> int:
    return jobs.weight(await _results(before))


@worker.task
async def node(before: list[str]) -> int:
    return jobs.node(await _results(before))


NAMED = {
    "noop": noop,
    "burn": burn,
    "nap": nap,
    "leaf": leaf,
    "block": block,
    "total": total,
    "weight": weight,
}


async def _results(tasks: list[str]) -> list[Any]:
    if not tasks:
        return []
    result = await worker.redis.mget([worker.results_key + task for task in tasks])
    return [(await worker.deserialize(raw))["r"] for raw in result]


class Peer(host.Adapter):
    """Chains are streaq's own; a task downstream of several is sent with their names."""

    def commands(self, mode: str) -> list[list[str]]:
        # Its own command writes two lines for each task.
        start = "import with_streaq; with_streaq.worker.run_sync()"
        return [[host.PYTHON, "-c", start]] * host.PROCESSES

    async def open(self) -> None:
        # It must be left by the task that entered it, so it is not: this process ends with it.
        await worker.__aenter__()

    async def submit(self, job: str, size: int) -> None:
        await self._send(NAMED[job], size)

    async def one(self) -> Any:
        return await self._result(await one.enqueue())

    async def chain(self, size: int) -> Any:
        last = hop.enqueue(0)
        for _ in range(size - 1):
            last = last.then(hop)
        return await self._result(await last)

    async def layered(self, parents: list[list[int]]) -> Any:
        sent: list[Any] = []
        for above in parents:
            before = [sent[number].id for number in above]
            sent.append(await node.enqueue(before).start(after=before))
        return await self._result(sent[-1])

    async def fan_in(self, of: str, size: int, end: str) -> Any:
        names = await self._send(NAMED[of], size)
        return await self._result(await NAMED[end].enqueue(names).start(after=names))

    async def _send(self, of: Any, size: int) -> list[str]:
        tasks = [of.enqueue() for _ in range(size)]
        for at in range(0, size, SENT):
            await worker.enqueue_many(tasks[at : at + SENT])
        return [task.id for task in tasks]

    async def _result(self, task: Any) -> Any:
        # Its own way of waiting takes a tenth of a second for the subscription.
        while not (raw := await worker.redis.get(worker.results_key + task.id)):
            await asyncio.sleep(0.001)
        return (await worker.deserialize(raw))["r"]
