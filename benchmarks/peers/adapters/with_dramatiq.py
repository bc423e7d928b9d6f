"""Dramatiq: one command with two processes, results in Redis, groups for the fan-in."""

from __future__ import annotations

import os
from typing import Any

import dramatiq
import host
import jobs
from dramatiq import group, pipeline
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

THREADS = 4
PREFETCH = 200
TIMEOUT_MS = int(host.LONGEST_S * 1000)

broker = RedisBroker(url=host.URL)
broker.add_middleware(Results(backend=RedisBackend(url=host.URL)))
dramatiq.set_broker(broker)
noop, burn, nap = (
    dramatiq.actor(job, actor_name=name)
    for name, job in (("noop", jobs.noop), ("burn", jobs.burn), ("nap", jobs.sleep))
)
one, hop, leaf, block, total, weight = (
    dramatiq.actor(job, store_results=True)
    for job in (jobs.one, jobs.hop, jobs.leaf, jobs.block, jobs.total, jobs.weight)
)
NAMED = {
    "noop": noop,
    "burn": burn,
    "nap": nap,
    "leaf": leaf,
    "block": block,
    "total": total,
    "weight": weight,
}


class Peer(host.Adapter):
    """A pipeline is its chain; a group's results are fetched by the client, which sends the end."""

    def __init__(self) -> None:
        os.environ["dramatiq_queue_prefetch"] = str(PREFETCH)  # noqa: SIM112

    def commands(self, mode: str) -> list[list[str]]:
        command = "dramatiq-gevent" if mode else "dramatiq"
        threads = host.NAPPERS if mode else THREADS
        shape = ["--processes", str(host.PROCESSES), "--threads", str(threads)]
        return [[str(host.BIN / command), "with_dramatiq", *shape, "--skip-logging"]]

    def submit(self, job: str, size: int) -> None:
        task = NAMED[job]
        for _ in range(size):
            task.send()

    def one(self) -> Any:
        return self._result(one.send())

    def chain(self, size: int) -> Any:
        line = pipeline([hop.message(0), *(hop.message() for _ in range(size - 1))])
        return line.run().get_result(block=True, timeout=TIMEOUT_MS)

    def fan_in(self, of: str, size: int, end: str) -> Any:
        sent = group(NAMED[of].message() for _ in range(size)).run()
        return self._result(NAMED[end].send(list(sent.get_results(block=True, timeout=TIMEOUT_MS))))

    def _result(self, message: Any) -> Any:
        return message.get_result(block=True, timeout=TIMEOUT_MS)
