"""RQ: two SimpleWorkers, which run a job in the worker's own process; dependencies are its own."""

from __future__ import annotations

import time
from typing import Any

import host
import jobs
from redis import Redis
from rq import Queue
from rq.job import Job

PATIENCE_S = 0.001


def hop() -> int:
    return jobs.hop(*_before())


def total() -> int:
    return jobs.total(_before())


def weight() -> int:
    return jobs.weight(_before())


def _before() -> list[Any]:
    """Return the results of the jobs that this job depends on."""
    from rq import get_current_job

    job = get_current_job()
    return [dependency.return_value() for dependency in job.fetch_dependencies()] if job else []


class Peer(host.Adapter):
    """A job that depends on others reads their results."""

    def commands(self, mode: str) -> list[list[str]]:
        shape = ["--worker-class", "rq.SimpleWorker", "--quiet", "--disable-job-desc-logging"]
        worker = [str(host.BIN / "rq"), "worker", "--url", host.URL, *shape, "default"]
        return [worker] * host.PROCESSES

    def open(self) -> None:
        self._server = Redis.from_url(host.URL)
        self._queue = Queue("default", connection=self._server)

    def close(self) -> None:
        self._server.close()

    def submit(self, job: str, size: int) -> None:
        data = [Queue.prepare_data(f"jobs.{job}", result_ttl=0) for _ in range(size)]
        for at in range(0, size, 500):
            self._queue.enqueue_many(data[at : at + 500])

    def one(self) -> Any:
        return self._result(self._queue.enqueue("jobs.one"))

    def chain(self, size: int) -> Any:
        last = self._queue.enqueue("jobs.hop")
        for _ in range(size - 1):
            last = self._queue.enqueue("with_rq.hop", depends_on=last)
        return self._result(last)

    def fan_in(self, of: str, size: int, end: str) -> Any:
        data = [Queue.prepare_data(f"jobs.{of}") for _ in range(size)]
        sent: list[Job] = []
        for at in range(0, size, 500):
            sent += self._queue.enqueue_many(data[at : at + 500])
        return self._result(self._queue.enqueue(f"with_rq.{end}", depends_on=sent))

    def _result(self, job: Job) -> Any:
        deadline = time.monotonic() + host.LONGEST_S
        while (result := job.latest_result()) is None:
            if time.monotonic() > deadline:
                raise host.Wrong("the job did not end")
            time.sleep(PATIENCE_S)
        return result.return_value
