"""Dask distributed: a scheduler and two workers of one thread, graphs of tuples."""

from __future__ import annotations

import socket
import uuid
from itertools import pairwise
from typing import Any

import host
import jobs
from distributed import Client


def single(job: str, number: int) -> None:
    getattr(jobs, job)()


async def nap(job: str, number: int) -> None:
    await jobs.nap()


def total(*values: int) -> int:
    return jobs.total(values)


def weight(*blocks: str) -> int:
    return jobs.weight(blocks)


def node(*values: int) -> int:
    return jobs.node(values)


ENDS = {"total": total, "weight": weight}


class Peer(host.Adapter):
    """Dependent tasks are one graph; single tasks are futures."""

    stoppable = slice(1, None)  # a client hands its work to the scheduler, which must run

    def commands(self, mode: str) -> list[list[str]]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._place = f"127.0.0.1:{probe.getsockname()[1]}"
        address, port = self._place.split(":")
        dask = str(host.BIN / "dask")
        quiet = ["--no-dashboard", "--dashboard-address", f"{address}:0", "--host", address]
        threads = str(host.NAPPERS if mode else 1)
        shape = ["--nthreads", threads, "--no-nanny", "--local-directory", "."]
        return [
            [dask, "scheduler", "--port", port, *quiet],
            *[[dask, "worker", f"tcp://{self._place}", *shape, *quiet]] * host.PROCESSES,
        ]

    def open(self) -> None:
        self._client = Client(f"tcp://{self._place}", timeout=30)
        self._kept: list[Any] = []

    def close(self) -> None:
        self._client.close()

    def submit(self, job: str, size: int) -> None:
        what = nap if job == "nap" else single
        self._kept = self._client.map(what, [job] * size, range(size), pure=False)

    def one(self) -> Any:
        return self._client.submit(jobs.one, pure=False).result(host.LONGEST_S)

    def chain(self, size: int) -> Any:
        names = _names(size)
        graph: dict[str, Any] = {names[0]: (jobs.hop,)}
        graph |= {name: (jobs.hop, above) for above, name in pairwise(names)}
        return self._client.get(graph, names[-1])

    def layered(self, parents: list[list[int]]) -> Any:
        names = _names(len(parents))
        graph = {
            name: (node, *(names[number] for number in above))
            for name, above in zip(names, parents, strict=True)
        }
        return self._client.get(graph, names[-1])

    def fan_in(self, of: str, size: int, end: str) -> Any:
        *names, last = _names(size + 1)
        graph: dict[str, Any] = dict.fromkeys(names, (getattr(jobs, of),))
        return self._client.get({**graph, last: (ENDS[end], *names)}, last)


def _names(size: int) -> list[str]:
    """Return unique names: for a known name, Dask would return the results of an earlier run."""
    run = uuid.uuid4().hex
    return [f"{run}-{number}" for number in range(size)]
