"""Celery: two workers of one process each, results in Redis, chords for the fan-in."""

from __future__ import annotations

from typing import Any

import host
import jobs
from celery import Celery, chain, chord

app = Celery("with_celery", broker=host.URL, backend=host.URL)
app.conf.update(
    task_serializer="json",
    worker_prefetch_multiplier=64,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    redis_socket_keepalive=True,
    result_expires=3600,
)
noop = app.task(name="noop", ignore_result=True)(jobs.noop)
burn = app.task(name="burn", ignore_result=True)(jobs.burn)
nap = app.task(name="nap", ignore_result=True)(jobs.sleep)
one = app.task(name="one")(jobs.one)
hop = app.task(name="hop")(jobs.hop)
leaf = app.task(name="leaf")(jobs.leaf)
block = app.task(name="block")(jobs.block)
total = app.task(name="total")(jobs.total)
weight = app.task(name="weight")(jobs.weight)
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
    """Chains and chords are Celery's own."""

    def commands(self, mode: str) -> list[list[str]]:
        pool = ["-P", "gevent", "-c", str(host.NAPPERS)] if mode else ["-P", "solo"]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "error"]
        celery = [str(host.BIN / "celery"), "-A", "with_celery", "worker", *pool, *quiet]
        return [[*celery, "-n", f"worker-{number}"] for number in range(host.PROCESSES)]

    def submit(self, job: str, size: int) -> None:
        task = NAMED[job]
        with app.producer_pool.acquire(block=True) as producer:
            for _ in range(size):
                task.apply_async(producer=producer)

    def one(self) -> Any:
        return self._result(one.delay())

    def chain(self, size: int) -> Any:
        return self._result(chain(hop.s(0), *(hop.s() for _ in range(size - 1))).apply_async())

    def fan_in(self, of: str, size: int, end: str) -> Any:
        members = (NAMED[of].s() for _ in range(size))
        return self._result(chord(members, NAMED[end].s()).apply_async())

    def _result(self, pending: Any) -> Any:
        return pending.get(timeout=host.LONGEST_S, interval=0.001)
