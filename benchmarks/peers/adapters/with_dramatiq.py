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
NAPPERS = 64
PREFETCH = 200
TIMEOUT_MS = int(host.LONGEST_S * 1000)

broker = RedisBroker(url=host.URL)
broker.add_middleware(Results(backend=RedisBackend(url=host.URL)))
dramatiq.set_broker(broker)
TASKS = {
    name: dramatiq.actor(job, actor_name=name, store_results=name not in jobs.SINGLES)
    for name, job in jobs.PLAIN.items()
}


class Peer(host.Adapter):
    """A pipeline is its chain; the client fetches a group's results and sends the last task."""

    def __init__(self) -> None:
        os.environ["dramatiq_queue_prefetch"] = str(PREFETCH)  # noqa: SIM112

    def commands(self, mode: str) -> list[list[str]]:
        threads = NAPPERS if mode else THREADS
        shape = ["--processes", str(host.PROCESSES), "--threads", str(threads)]
        return [[str(host.BIN / "dramatiq"), "with_dramatiq", *shape, "--skip-logging"]]

    def submit(self, job: str, size: int) -> None:
        task = TASKS[job]
        for _ in range(size):
            task.send()

    def one(self) -> Any:
        return self._result(TASKS["one"].send())

    def chain(self, size: int) -> Any:
        hop = TASKS["hop"]
        line = pipeline([hop.message(0), *(hop.message() for _ in range(size - 1))])
        return line.run().get_result(block=True, timeout=TIMEOUT_MS)

    def fan_in(self, of: str, size: int, end: str) -> Any:
        sent = group(TASKS[of].message() for _ in range(size)).run()
        return self._result(TASKS[end].send(list(sent.get_results(block=True, timeout=TIMEOUT_MS))))

    def _result(self, message: Any) -> Any:
        return message.get_result(block=True, timeout=TIMEOUT_MS)
