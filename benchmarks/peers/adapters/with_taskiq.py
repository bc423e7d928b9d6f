"""taskiq: the list broker of taskiq-redis, two processes; the fan-in is a counter in Redis."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import host
import jobs
import relay
from redis.asyncio import Redis
from taskiq import AsyncTaskiqTask
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend

CONCURRENCY = 100
AT_A_TIME = 50

results: RedisAsyncResultBackend[Any] = RedisAsyncResultBackend(host.URL, result_ex_time=3600)
broker = ListQueueBroker(host.URL, socket_timeout=None).with_result_backend(results)
redis = Redis.from_url(host.URL)


@broker.task(task_name="noop")
async def noop() -> None:
    jobs.noop()


@broker.task(task_name="burn")
async def burn() -> None:
    jobs.burn()


@broker.task(task_name="nap")
async def nap() -> None:
    await jobs.nap()


@broker.task(task_name="one")
async def one() -> int:
    return jobs.one()


@broker.task(task_name="hop")
async def hop(before: int, left: int, last: str) -> int:
    after = jobs.hop(before)
    if left:
        await _named(hop, last if left == 1 else None).kiq(after, left - 1, last)
    return after


@broker.task(task_name="member")
async def member(of: str, group: str, size: int, end: str) -> None:
    values = await relay.arrive(redis, group, relay.MEMBERS[of](), size)
    if values is not None:
        await _named(ENDS[end], group).kiq(values)


@broker.task(task_name="total")
async def total(values: list[int]) -> int:
    return jobs.total(values)


@broker.task(task_name="weight")
async def weight(values: list[str]) -> int:
    return jobs.weight(values)


SINGLES = {"noop": noop, "burn": burn, "nap": nap}
ENDS = {"total": total, "weight": weight}


def _named(task: Any, name: str | None) -> Any:
    return task.kicker().with_task_id(name or uuid.uuid4().hex)


class Peer(host.Adapter):
    """A task of a chain sends the next; the last of a group sends the fan-in."""

    def commands(self, mode: str) -> list[list[str]]:
        at_a_time = host.NAPPERS if mode else CONCURRENCY
        shape = ["--workers", str(host.PROCESSES), "--max-async-tasks", str(at_a_time)]
        quiet = ["--log-level", "ERROR", "--no-parse"]
        return [[str(host.BIN / "taskiq"), "worker", "with_taskiq:broker", *shape, *quiet]]

    async def open(self) -> None:
        await broker.startup()

    async def close(self) -> None:
        await broker.shutdown()

    async def submit(self, job: str, size: int) -> None:
        await self._send(size, SINGLES[job])

    async def one(self) -> Any:
        return await self._result(await one.kiq())

    async def chain(self, size: int) -> Any:
        last = uuid.uuid4().hex
        await hop.kiq(0, size - 1, last)
        return await self._result(AsyncTaskiqTask(last, results))

    async def fan_in(self, of: str, size: int, end: str) -> Any:
        group = uuid.uuid4().hex
        await self._send(size, member, of, group, size, end)
        return await self._result(AsyncTaskiqTask(group, results))

    async def _send(self, size: int, task: Any, *words: Any) -> None:
        for at in range(0, size, AT_A_TIME):
            some = range(min(AT_A_TIME, size - at))
            await asyncio.gather(*(task.kiq(*words) for _ in some))

    async def _result(self, sent: Any) -> Any:
        result = await sent.wait_result(check_interval=0.001, timeout=host.LONGEST_S)
        return result.return_value
