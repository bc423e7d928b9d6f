"""Prefect: its own server and two task workers; a task sends the next one."""

from __future__ import annotations

import os
import socket
import time
from typing import Any
from urllib.request import urlopen

import host
import jobs

if "PREFECT_API_URL" not in os.environ:  # Prefect reads it when it is imported
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{probe.getsockname()[1]}/api"

from prefect import task
from prefect.task_worker import serve

AT_A_TIME = 10


TASKS = {
    name: task(name=name, persist_result=name not in jobs.SINGLES)(job)
    for name, job in jobs.PLAIN.items()
}


class Peer(host.Adapter):
    """The client waits for the inputs of a fan-in, then sends it."""

    stoppable = slice(1, None)  # a client hands its work to the server, which must run

    def commands(self, mode: str) -> list[list[str]]:
        port = os.environ["PREFECT_API_URL"].rpartition(":")[2].partition("/")[0]
        place = ["--host", "127.0.0.1", "--port", port]
        start = "import with_prefect; with_prefect.work()"
        return [
            [str(host.BIN / "prefect"), "server", "start", *place, "--no-ui"],
            *[[host.PYTHON, "-c", start]] * host.PROCESSES,
        ]

    def open(self) -> None:
        deadline = time.monotonic() + host.LONGEST_S
        while not _answers():
            if time.monotonic() > deadline:
                raise host.Wrong("its server does not answer")
            time.sleep(0.05)

    def submit(self, job: str, size: int) -> None:
        for _ in range(size):
            TASKS[job].delay()

    def one(self) -> Any:
        return self._result(TASKS["one"].delay())

    def chain(self, size: int) -> Any:
        value = 0
        for _ in range(size):
            value = self._result(TASKS["hop"].delay(value))
        return value

    def fan_in(self, of: str, size: int, end: str) -> Any:
        sent = [TASKS[of].delay() for _ in range(size)]
        return self._result(TASKS[end].delay([self._result(item) for item in sent]))

    def _result(self, sent: Any) -> Any:
        deadline = time.monotonic() + host.LONGEST_S
        while True:
            try:
                return sent.result(timeout=host.LONGEST_S)
            except RuntimeError:  # asked before the server has heard of the start
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.005)


def _answers() -> bool:
    try:
        with urlopen(os.environ["PREFECT_API_URL"] + "/health", timeout=1):  # of this machine
            return True
    except OSError:
        return False


def work() -> None:
    """Serve the tasks. A worker process runs this."""
    serve(*TASKS.values(), limit=host.NAPPERS if host.MODE else AT_A_TIME)
