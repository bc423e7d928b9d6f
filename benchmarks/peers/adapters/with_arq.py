"""arq: two workers that poll every millisecond or two; the fan-in is a counter in Redis.

arq has no chains and no groups: a task sends the next one, as users of arq do.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import host
import jobs
import relay
from arq import create_pool
from arq.connections import RedisSettings
from arq.jobs import Job

POLL_S = 0.002
AT_A_TIME = 20


async def noop(ctx: dict[str, Any]) -> None:
    jobs.noop()


async def burn(ctx: dict[str, Any]) -> None:
    jobs.burn()


async def nap(ctx: dict[str, Any]) -> None:
    await jobs.nap()


async def one(ctx: dict[str, Any]) -> int:
    return jobs.one()


async def hop(ctx: dict[str, Any], before: int, left: int, last: str) -> int:
    after = jobs.hop(before)
    if left:
        name = last if left == 1 else None
        await ctx["redis"].enqueue_job("hop", after, left - 1, last, _job_id=name)
    return after


async def member(ctx: dict[str, Any], of: str, group: str, size: int, end: str) -> None:
    values = await relay.arrive(ctx["redis"], group, relay.MEMBERS[of](), size)
    if values is not None:
        await ctx["redis"].enqueue_job(end, values, _job_id=group)


async def total(ctx: dict[str, Any], values: list[int]) -> int:
    return jobs.total(values)


async def weight(ctx: dict[str, Any], values: list[str]) -> int:
    return jobs.weight(values)


class WorkerSettings:
    """The settings that the command of arq reads."""

    functions = [noop, burn, nap, one, hop, member, total, weight]  # noqa: RUF012
    redis_settings = RedisSettings.from_dsn(host.URL)
    max_jobs = host.NAPPERS if host.MODE else 50
    poll_delay = POLL_S
    log_results = False


class Peer(host.Adapter):
    """Jobs are sent in small groups, since each costs separate round trips."""

    def commands(self, mode: str) -> list[list[str]]:
        # arq's command always writes two lines for each job.
        start = "import arq, with_arq; arq.run_worker(with_arq.WorkerSettings)"
        return [[host.PYTHON, "-c", start]] * host.PROCESSES

    async def open(self) -> None:
        self._redis = await create_pool(WorkerSettings.redis_settings)

    async def close(self) -> None:
        await self._redis.aclose()

    async def submit(self, job: str, size: int) -> None:
        await self._send(size, job)

    async def one(self) -> Any:
        return await self._result(await self._redis.enqueue_job("one"))

    async def chain(self, size: int) -> Any:
        last = uuid.uuid4().hex
        await self._redis.enqueue_job("hop", 0, size - 1, last)
        return await self._result(Job(last, self._redis))

    async def fan_in(self, of: str, size: int, end: str) -> Any:
        group = uuid.uuid4().hex
        await self._send(size, "member", of, group, size, end)
        return await self._result(Job(group, self._redis))

    async def _send(self, size: int, job: str, *words: Any) -> None:
        for at in range(0, size, AT_A_TIME):
            some = range(min(AT_A_TIME, size - at))
            await asyncio.gather(*(self._redis.enqueue_job(job, *words) for _ in some))

    async def _result(self, job: Job | None) -> Any:
        assert job is not None
        while (result := await job.result_info()) is None:
            await asyncio.sleep(0.001)
        return result.result
