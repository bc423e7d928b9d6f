"""Celery: two workers of one process each, results in Redis, chords for the fan-in."""

from __future__ import annotations

from typing import Any

import host
import jobs
from celery import Celery, chain, chord

NAPPERS = 100

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
TASKS = {
    name: app.task(name=name, ignore_result=name in jobs.SINGLES)(job)
    for name, job in jobs.PLAIN.items()
}


class Peer(host.Adapter):
    """Chains and chords are Celery's own."""

    def commands(self, mode: str) -> list[list[str]]:
        pool = ["-P", "threads", "-c", str(NAPPERS)] if mode else ["-P", "solo"]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "error"]
        celery = [str(host.BIN / "celery"), "-A", "with_celery", "worker", *pool, *quiet]
        return [[*celery, "-n", f"worker-{number}"] for number in range(host.PROCESSES)]

    def submit(self, job: str, size: int) -> None:
        task = TASKS[job]
        with app.producer_pool.acquire(block=True) as producer:
            for _ in range(size):
                task.apply_async(producer=producer)

    def one(self) -> Any:
        return self._result(TASKS["one"].delay())

    def chain(self, size: int) -> Any:
        hop = TASKS["hop"]
        return self._result(chain(hop.s(0), *(hop.s() for _ in range(size - 1))).apply_async())

    def fan_in(self, of: str, size: int, end: str) -> Any:
        members = (TASKS[of].s() for _ in range(size))
        return self._result(chord(members, TASKS[end].s()).apply_async())

    def _result(self, pending: Any) -> Any:
        return pending.get(timeout=host.LONGEST_S, interval=0.001)
