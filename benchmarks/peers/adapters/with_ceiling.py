"""The ceiling: redis-py and msgpack by hand, with the minimum that the work needs.

A list of ready tasks, taken in batches; a hash of results; a hash with the number of parents that
each task still waits for. Nothing is leased, retried or recorded: tasks of a dead worker are lost.
No orchestrator should be faster. The distance to it is the price of an orchestrator's promises.

This file is also the worker: ``python with_ceiling.py``.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import host
import jobs
import msgpack
import redis

BATCH, NAPS, SENT = 50, 500, 1_000
READY = "ceiling:ready"
RUN: dict[str, Callable[[list[Any]], Any]] = {
    "noop": lambda values: jobs.noop(),
    "burn": lambda values: jobs.burn(),
    "one": lambda values: jobs.one(),
    "hop": lambda values: jobs.hop(*values),
    "leaf": lambda values: jobs.leaf(),
    "block": lambda values: jobs.block(),
    "total": jobs.total,
    "weight": jobs.weight,
    "node": jobs.node,
}


class Worker:
    """A process that takes batches until it is killed."""

    def __init__(self, server: redis.Redis, batch: int) -> None:
        self._server, self._batch = server, batch
        self._graph = lru_cache(maxsize=4)(self._read_graph)

    def run(self) -> None:
        while True:
            taken = self._server.rpop(READY, self._batch)
            if taken is None:
                result = self._server.brpop([READY], timeout=5)
                taken = [result[1]] if result else []
            by_run: dict[str, list[tuple[str, int]]] = defaultdict(list)
            for entry in taken:  # type: ignore[union-attr]
                job, run, number = msgpack.unpackb(entry)
                by_run[run].append((job, number))
            for run, entries in by_run.items():
                self._work(run, entries)

    def _work(self, run: str, entries: list[tuple[str, int]]) -> None:
        if entries[0][0] == "nap":
            asyncio.run(_naps(len(entries)))
            results = {number: msgpack.packb(None) for _, number in entries}
        else:
            given = self._values(run, [number for _, number in entries])
            results = {
                number: msgpack.packb(RUN[job](given.get(number, []))) for job, number in entries
            }
        with self._server.pipeline(transaction=False) as pipe:
            pipe.hset(f"ceiling:{run}:results", mapping=results)
            children = self._count_down(pipe, run, results)
            left = pipe.execute()[1 : 1 + len(children)]
        ready = [child for child, count in zip(children, left, strict=True) if count == 0]
        if ready:
            names = self._graph(run)[0]
            self._server.lpush(READY, *(msgpack.packb((names[item], run, item)) for item in ready))

    def _count_down(self, pipe: Any, run: str, done: dict[int, bytes]) -> list[int]:
        """Queue the commands; return the children that they concern."""
        if run == "singles":
            return []
        fewer: dict[int, int] = defaultdict(int)
        names, _, children = self._graph(run)
        for number in done:
            for child in children[number]:
                fewer[child] += 1
        for child, count in fewer.items():
            pipe.hincrby(f"ceiling:{run}:left", child, -count)
        if len(names) - 1 in done:
            pipe.lpush(f"ceiling:{run}:over", done[len(names) - 1])
        return list(fewer)

    def _values(self, run: str, numbers: list[int]) -> dict[int, list[Any]]:
        """Return the results of the parents of each task, in one round trip."""
        if run == "singles":
            return {}
        parents = {number: self._graph(run)[1][number] for number in numbers}
        wanted = list({item for above in parents.values() for item in above})
        if not wanted:
            return {}
        result = self._server.hmget(f"ceiling:{run}:results", wanted)
        values = dict(zip(wanted, map(msgpack.unpackb, result), strict=True))  # type: ignore[arg-type]
        return {number: [values[item] for item in above] for number, above in parents.items()}

    def _read_graph(self, run: str) -> Any:
        names, parents = msgpack.unpackb(self._server.get(f"ceiling:{run}:graph"))
        children: list[list[int]] = [[] for _ in names]
        for number, above in enumerate(parents):
            for item in above:
                children[item].append(number)
        return names, parents, children


async def _naps(count: int) -> None:
    await asyncio.gather(*(jobs.nap() for _ in range(count)))


class Peer(host.Adapter):
    """The client of it."""

    def commands(self, mode: str) -> list[list[str]]:
        return [[host.PYTHON, __file__]] * host.PROCESSES

    def open(self) -> None:
        self._server = redis.Redis.from_url(host.URL, socket_timeout=None)

    def close(self) -> None:
        self._server.close()

    def submit(self, job: str, size: int) -> None:
        self._push([(job, "singles", number) for number in range(size)])

    def one(self) -> Any:
        return self._run(["one"], [[]])

    def chain(self, size: int) -> Any:
        return self._run(["hop"] * size, [[], *([number] for number in range(size - 1))])

    def layered(self, parents: list[list[int]]) -> Any:
        return self._run(["node"] * len(parents), parents)

    def fan_in(self, of: str, size: int, end: str) -> Any:
        return self._run([of] * size + [end], [[]] * size + [list(range(size))])

    def _run(self, names: list[str], parents: Sequence[list[int]]) -> Any:
        run = uuid.uuid4().hex
        left = {number: len(above) for number, above in enumerate(parents) if above}
        with self._server.pipeline(transaction=False) as pipe:
            pipe.set(f"ceiling:{run}:graph", msgpack.packb((names, parents)))
            if left:
                pipe.hset(f"ceiling:{run}:left", mapping=left)  # type: ignore[arg-type]
            pipe.execute()
        first = [number for number, above in enumerate(parents) if not above]
        self._push([(names[number], run, number) for number in first])
        over = self._server.blpop([f"ceiling:{run}:over"], timeout=int(host.LONGEST_S))
        if over is None:
            raise host.Wrong("the run did not end")
        return msgpack.unpackb(over[1])  # type: ignore[index]

    def _push(self, entries: list[tuple[str, str, int]]) -> None:
        packed = [msgpack.packb(entry) for entry in entries]
        for at in range(0, len(packed), SENT):
            self._server.lpush(READY, *packed[at : at + SENT])


if __name__ == "__main__":
    Worker(
        redis.Redis.from_url(host.URL, socket_timeout=None),
        NAPS if os.environ["PEERS_MODE"] else BATCH,
    ).run()
