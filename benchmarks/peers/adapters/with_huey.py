"""Huey: two consumers, results announced by Redis, pipelines and chords of its own."""

from __future__ import annotations

from typing import Any

import host
import jobs
from huey import RedisHuey, chord

huey = RedisHuey("peers", url=host.URL, notify_result=True, store_none=False)
noop, burn, nap, one, hop, leaf, block, total, weight = (
    huey.task(name=name)(job)
    for name, job in (
        ("noop", jobs.noop),
        ("burn", jobs.burn),
        ("nap", jobs.sleep),
        ("one", jobs.one),
        ("hop", jobs.hop),
        ("leaf", jobs.leaf),
        ("block", jobs.block),
        ("total", jobs.total),
        ("weight", jobs.weight),
    )
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
    """A pipeline is its chain, a chord its fan-in."""

    def commands(self, mode: str) -> list[list[str]]:
        kind = ["-k", "greenlet", "-w", str(host.NAPPERS)] if mode else ["-k", "thread", "-w", "1"]
        consumer = [str(host.BIN / "huey_consumer"), "with_huey.huey", *kind]
        return [[*consumer, "--no-periodic", "--quiet"]] * host.PROCESSES

    def submit(self, job: str, size: int) -> None:
        task = NAMED[job]
        for _ in range(size):
            task()

    def one(self) -> Any:
        return self._result(one())

    def chain(self, size: int) -> Any:
        line = hop.s(0)
        for _ in range(size - 1):
            line.then(hop)
        return self._result(list(huey.enqueue(line))[-1])

    def fan_in(self, of: str, size: int, end: str) -> Any:
        sent = huey.enqueue(chord([NAMED[of].s() for _ in range(size)], NAMED[end]))
        return self._result(sent.callback)

    def _result(self, pending: Any) -> Any:
        return pending.get(blocking=True, timeout=host.LONGEST_S)
