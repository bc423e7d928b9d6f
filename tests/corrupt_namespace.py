"""A namespace that others have written to: honest runs, workers and failures, and beside each of
them everything that can be wrong with one. What reads it must show the honest ones.
"""

from __future__ import annotations

import time
import uuid
import zlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgpack
import redis
from nasty import NASTY, NASTY_NAMES

from flowkit.codec.packing import pack
from flowkit.core.compiled import CompiledDAG
from flowkit.core.graph import Graph
from flowkit.core.retry import Policy
from flowkit.protocol.graph_writer import pack_graph
from flowkit.protocol.graphs import digest_of
from flowkit.protocol.keys import Keys
from flowkit.protocol.limits import MAX_GRAPH_BYTES
from flowkit.protocol.link import Link
from flowkit.protocol.namespace import drop_namespace
from flowkit.protocol.records import ErrorInfo

NAME = "nasty " + " ".join(NASTY_NAMES.values())[:150]
TEXT = " ".join(NASTY.values())
DIGITS = b"9" * 5000
NOW_MS = int(time.time() * 1000)
ALIVE_UNTIL_MS = NOW_MS + 10**9
# Field of a run's record → what it must not be.
WRONG_FIELDS: dict[str, list[bytes]] = {
    "dag": [b"", b"x" * 1_000_000, b"\xff", b"\x1b[2J"],
    "graph": [b"", b"\x1b[2J", b"0" * 63],
    "state": [b"banana", b"", b"RUNNING", b"\xff", b"x" * 1_000_000],
    "total": [b"-1", b"x", DIGITS, b"1e3", "\u0661".encode()],
    "submitted": [b"x", DIGITS, b"999999999999999", b"nan"],
    "finished": [b"x", DIGITS, b"999999999999999"],
    "stop": [b"banana"],
    "failed": [b"x", DIGITS],
    "counts": [b"garbage", b"failed=x", b"failed=" + DIGITS, b"\x1b[2J=1", b"failed=1 " * 200],
}
# What stands in the list of runs and can be no run's id.
WRONG_IDS = [b"\xff\xfe", b"a,b", b"a|b", b"\x1b[2J\x07", b"", b"x" * 400, "\u202e".encode()]
WRONG_ABOUT: list[bytes] = [
    b"",
    b"\xc1",
    b"\x91" * 100_000,
    msgpack.packb([1]),
    msgpack.packb({"host": 5}),
    msgpack.packb({"queues": "default"}),
    msgpack.packb({"queues": [["default"]]}),
    msgpack.packb({"pid": 2**63}),
    msgpack.packb({"app": "x" * 10_000}),
    msgpack.packb({"rates": {"default": [1, 1]}, "window_ms": 0}),
    msgpack.packb({"busy": [2**63, 0]}),
    b"\xdd\xff\xff\xff\xff",
    b"x" * 1_000_000,
]
WRONG_DEAD: list[tuple[bytes, float]] = [
    (b"no comma", NOW_MS),
    (b"", NOW_MS),
    (b"\xff\xfe,1", NOW_MS),
    (b"failed,x", NOW_MS),
    (b"failed," + DIGITS, NOW_MS),
    (b"failed,-1", NOW_MS),
    (b"other,1", 1e300),
    (b"failed,0", NOW_MS + 0.5),
    (b"other,0", float("inf")),
]
WRONG_RECORDS = [b"", b"F", b"\xff", b"banana", b"F" + DIGITS + b",W.0,0,1,2", b"F1,W.0,0,x,2"]


class CorruptNamespace:
    """What was planted. ``damaged``: run ids that ``Client.run`` can look for, by their damage."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.namespace = f"damaged-{uuid.uuid4().hex[:10]}"
        self.keys = Keys(self.namespace)
        self.server = redis.Redis.from_url(url, protocol=2)
        self.damaged: dict[str, str] = {}
        self._plant_honest()
        self._plant_runs()
        self._plant_graphs()
        self._plant_dead()
        self._plant_workers()

    # -- honest, with text that attacks -----------------------------------------------------------

    def _plant_honest(self) -> None:
        zeros = array("i", [0, 0, 0])
        dag = CompiledDAG(
            NAME,
            Graph.build([NAME, "breaks", "waits"], [(0, 1), (1, 2)]),
            (Policy(),),
            zeros,
            ("app:f",),
            zeros,
        )
        self.graph = pack_graph(dag)
        self.digest = digest_of(self.graph)
        self.server.set(self.keys.graph(self.digest), self.graph)
        self.honest: dict[str, bytes] = {
            "dag": NAME.encode(),
            "graph": self.digest.encode(),
            "state": b"failed",
            "total": b"3",
            "submitted": str(NOW_MS - 5000).encode(),
            "finished": str(NOW_MS - 1000).encode(),
            "failed": b"1",
            "counts": b"succeeded=1 failed=1 upstream_failed=1",
            "params": pack({"param": TEXT.replace("\ud800", ""), "a\nFORGED": 1}),
            "kept": b"1",
        }
        self.put_run("failed", 3)
        self.put_tasks("failed")
        self.server.zadd(self.keys.dead(), {"failed,1": NOW_MS - 2000})
        self.put_run("huge", 2, params=b"x" * 20_000_000)

    def put_run(self, run: str, age: int, **changes: bytes) -> None:
        self.server.hset(self.keys.run(run), mapping={**self.honest, **changes})  # type: ignore[arg-type]
        self.server.zadd(self.keys.runs(), {run: NOW_MS - age})

    def put_tasks(self, run: str, record: bytes = b"F1,W.0,0,10,20") -> None:
        records = {"0": b"S1,W.0,0,1,9", "1": record, "2": b"U0,,0,,"}
        self.server.hset(self.keys.tasks(run), mapping=records)  # type: ignore[arg-type]
        self.server.hset(self.keys.results(run), "0", pack(TEXT.replace("\ud800", "")))
        error = ErrorInfo("Type \x1b[2J\nFORGED", TEXT, f"Traceback\n{TEXT}").pack()
        self.server.hset(self.keys.errors(run), "1", error)

    # -- damaged ----------------------------------------------------------------------------------

    def _damage(self, what: str) -> str:
        run = f"bad-{len(self.damaged)}"
        self.damaged[run] = what
        return run

    def _plant_runs(self) -> None:
        for field, values in WRONG_FIELDS.items():
            for value in values:
                if value or field in ("dag", "graph", "state"):
                    self.put_run(self._damage(f"{field} is {value[:20]!r}"), 0, **{field: value})
        for field in ("dag", "graph", "state", "total", "submitted"):
            run = self._damage(f"{field} is missing")
            self.put_run(run, 0)
            self.server.hdel(self.keys.run(run), field)
        run = self._damage("a list")
        self.server.rpush(self.keys.run(run), "x")
        self.server.zadd(self.keys.runs(), {run: NOW_MS})
        for name in WRONG_IDS:
            self.server.zadd(self.keys.runs(), {name: NOW_MS})

    def _plant_graphs(self) -> None:
        """Runs that can be listed, and of which nothing more can be told."""
        bomb = zlib.compress(bytes(MAX_GRAPH_BYTES + 1), 1)
        self.unreadable: dict[str, str] = {}
        for what, data in {
            "gone": None,
            "other content": b"x",
            "no graph": b"\x91\x01",
            "a bomb": bomb,
        }.items():
            digest = digest_of(data or what.encode()) if what != "other content" else "0" * 64
            if data is not None:
                self.server.set(self.keys.graph(digest), data)
            self.put_run(self._unreadable(f"graph: {what}"), 5, graph=digest.encode())
        self.server.rpush(self.keys.graph("1" * 64), "x")
        self.put_run(self._unreadable("graph: a list"), 5, graph=b"1" * 64)
        for record in WRONG_RECORDS:
            run = self._unreadable(f"record: {record[:20]!r}")
            self.put_run(run, 5)
            self.put_tasks(run, record)
            self.server.zadd(self.keys.dead(), {f"{run},1": NOW_MS})
        run = self._unreadable("records: a list")
        self.put_run(run, 5)
        self.server.rpush(self.keys.tasks(run), "x")
        self.server.zadd(self.keys.dead(), {f"{run},1": NOW_MS})

    def _unreadable(self, what: str) -> str:
        run = f"unreadable-{len(self.unreadable)}"
        self.unreadable[run] = what
        return run

    def _plant_dead(self) -> None:
        for entry, score in WRONG_DEAD:
            self.server.zadd(self.keys.dead(), {entry: score})
        run = "large-error"
        self.put_run(run, 4)
        self.put_tasks(run)
        self.server.hset(self.keys.errors(run), "1", b"x" * 5_000_000)
        self.server.zadd(self.keys.dead(), {f"{run},1": NOW_MS})

    def _plant_workers(self) -> None:
        about: dict[str, Any] = {
            "host": TEXT.replace("\ud800", ""),
            "pid": 7,
            "app": TEXT.replace("\ud800", ""),
            "queues": ["default", TEXT.replace("\ud800", "")],
            "processes": 2,
            "version": "\x1b[2J",
        }
        self.put_worker("honest", msgpack.packb(about))
        for at, packed in enumerate(WRONG_ABOUT):
            self.put_worker(f"worker-{at}", packed)
        self.server.rpush(self.keys.worker("worker-list"), "x")
        for name in (b"worker-list", b"\xff\xfe", b"a b", b"\x1b[2J", b"x" * 400):
            self.server.zadd(self.keys.workers(), {name: ALIVE_UNTIL_MS})
        self.server.rpush(self.keys.leader(), "x")

    def put_worker(self, name: str, packed: bytes) -> None:
        self.server.zadd(self.keys.workers(), {name: ALIVE_UNTIL_MS})
        self.server.hset(self.keys.worker(name), "about", packed)  # type: ignore[arg-type]


@contextmanager
def corrupt_namespace(url: str) -> Iterator[CorruptNamespace]:
    """Plant it within a ``with`` block."""
    planted = CorruptNamespace(url)
    try:
        yield planted
    finally:
        planted.server.close()
        link = Link(url)
        drop_namespace(link, planted.namespace)
        link.close()
