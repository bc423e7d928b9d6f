"""Huey: two consumers, results announced by Redis, and Huey's pipelines and chords."""

from __future__ import annotations

from typing import Any

import host
import jobs
from huey import RedisHuey, chord

# redis-py gives up after five seconds, and Huey would treat that as its own timeout.
URL = f"{host.URL}?socket_timeout={2 * host.LONGEST_S:g}"
NAPPERS = 64

huey = RedisHuey("peers", url=URL, notify_result=True, store_none=False)
TASKS = {name: huey.task(name=name)(job) for name, job in jobs.PLAIN.items()}


class Peer(host.Adapter):
    """A pipeline is its chain, a chord its fan-in."""

    def commands(self, mode: str) -> list[list[str]]:
        kind = ["-k", "thread", "-w", str(NAPPERS if mode else 1)]
        consumer = [str(host.BIN / "huey_consumer"), "with_huey.huey", *kind]
        return [[*consumer, "--no-periodic", "--quiet"]] * host.PROCESSES

    def submit(self, job: str, size: int) -> None:
        task = TASKS[job]
        for _ in range(size):
            task()

    def one(self) -> Any:
        return self._result(TASKS["one"]())

    def chain(self, size: int) -> Any:
        hop = TASKS["hop"]
        line = hop.s(0)
        for _ in range(size - 1):
            line.then(hop)
        return self._result(list(huey.enqueue(line))[-1])

    def fan_in(self, of: str, size: int, end: str) -> Any:
        sent = huey.enqueue(chord([TASKS[of].s() for _ in range(size)], TASKS[end]))
        return self._result(sent.callback)

    def _result(self, pending: Any) -> Any:
        return pending.get(blocking=True, timeout=host.LONGEST_S)
