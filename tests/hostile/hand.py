"""What an attacker draws with: a random generator, the names of keys, and what honest runs wrote.

Each action has its own generator, made from the seed and the action's number, so that an
action does not depend on how much was drawn for those before it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgpack
import redis

from flowkit.protocol.graphs import digest_of
from flowkit.protocol.keys import Keys
from flowkit.protocol.worker_info import parse_about

from . import draw
from .actions import Action, Command, Harm

HOSTILE = "hostile-"
KEPT = 30  # pieces of loot of each sort
HOUR_MS = 3_600_000
Part = bytes | str | int | float


def raw(part: Part) -> bytes:
    """Return a part of a command as bytes; half-surrogates become the bytes they stand for."""
    return part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogateescape")


def command(*parts: Part) -> Command:
    """Return a command of these parts."""
    return tuple(raw(part) for part in parts)


@dataclass
class Loot:
    """What honest runs wrote: samples to make near-misses of."""

    honest: list[str] = field(default_factory=list)  # ids of runs that were there
    events: list[tuple[bytes, bytes]] = field(default_factory=list)
    records: list[bytes] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)  # results and parameters
    graphs: list[bytes] = field(default_factory=list)
    abouts: list[bytes] = field(default_factory=list)
    apps: list[str] = field(default_factory=list)  # of living workers
    heads: list[dict[bytes, bytes]] = field(default_factory=list)  # hashes of runs
    cached: list[str] = field(default_factory=list)  # digests
    called: list[bytes] = field(default_factory=list)  # lists of called runs
    inputs: list[tuple[bytes, bytes]] = field(default_factory=list)  # field, value

    def gather(self, server: redis.Redis, keys: Keys, prefix: str) -> None:
        """Look at one honest run and at what is shared. What cannot be read is skipped."""
        readers: tuple[Callable[[], None], ...] = (
            lambda: self._of_run(server, keys, prefix),
            lambda: self._of_events(server, keys),
            lambda: self._of_workers(server, keys),
            lambda: self._of_cache(server, keys),
        )
        for read in readers:
            try:
                read()
            except redis.ResponseError:
                continue
        for name in vars(self):
            setattr(self, name, list(getattr(self, name))[-KEPT:])

    def _of_run(self, server: redis.Redis, keys: Keys, prefix: str) -> None:
        now = server.time()[0] * 1000 + 1000  # attackers write names of later times
        names = server.zrevrangebyscore(keys.runs(), now, 0, start=0, num=200)
        newest = [run.decode() for run in names if run.startswith(prefix.encode())]
        if not newest:
            return
        run = newest[0]
        self.honest.append(run)
        head = server.hgetall(keys.run(run))
        self.heads.append(head)
        self.values.append(head.get(b"params", b""))
        self.records += server.hvals(keys.tasks(run))[:5]
        self.values += server.hvals(keys.results(run))[-5:]
        called = server.hgetall(keys.children(run))
        self.called += [value for name, value in called.items() if b"," in name]
        self.inputs += list(server.hgetall(keys.inputs(run)).items())[:10]
        graph = server.get(keys.graph(head.get(b"graph", b"").decode("latin-1")))
        if graph and graph not in self.graphs:
            self.graphs.append(graph)

    def _of_events(self, server: redis.Redis, keys: Keys) -> None:
        for _, fields in server.xrevrange(keys.events(), count=3):
            self.events += [(kind, text) for kind, text in fields.items() if len(text) < 1000]

    def _of_workers(self, server: redis.Redis, keys: Keys) -> None:
        for worker in server.zrevrange(keys.workers(), 0, 2):
            about = server.hget(keys.worker(worker.decode("latin-1")), "about")
            self.abouts += [about] if about else []
            app = parse_about("", about).functions
            self.apps += [app] if app and app not in self.apps else []

    def _of_cache(self, server: redis.Redis, keys: Keys) -> None:
        for key in server.scan_iter(match=keys.cached("*").replace("{", "[{]"), count=1000):
            self.cached.append(key.decode("latin-1").rpartition(":")[2])


@dataclass
class Hand:
    """The state of drawing one action. ``base``: packed honest graphs, there from the start."""

    rng: random.Random
    number: int
    keys: Keys
    loot: Loot
    base: Sequence[bytes]

    def run(self) -> str:
        """Return the name of a new hostile run; every third is an odd one."""
        return f"{HOSTILE}{self.number}-{self.rng.randrange(10**6)}{self.ending()}"

    def ending(self) -> str:
        """Return what makes a name odd, more often than not nothing."""
        return draw.ending(self.rng) if self.rng.random() < 0.4 else ""

    def plain_run(self) -> str:
        """Return the name of a new hostile run that looks as it should."""
        return f"{HOSTILE}{self.number}-{self.rng.randrange(10**6)}"

    def honest(self) -> str:
        """Return the name of an honest run."""
        return self.rng.choice(self.loot.honest or ["honest-0-1"])

    def graph_parts(self) -> list[object]:
        """Return an honest graph, taken apart: see ``flowkit.protocol.graphs.pack_graph``."""
        import zlib

        data = self.rng.choice(self.base)
        parts: list[object] = msgpack.unpackb(zlib.decompress(data) if data[0] == 0x78 else data)
        return parts

    def submit(self, run: str, graph: bytes, params: bytes = b"", **head: Part) -> list[Command]:
        """Return the commands that submit a run as ``submit.lua`` would, with no check made."""
        keys, digest = self.keys, digest_of(graph)
        fields: dict[str, Part] = {
            "dag": "hostile", "graph": digest, "state": "running", "submitted": "@@in:0@@",
            "total": 5, "ttl": 5000, **({"params": params} if params else {}), **head,
        }  # fmt: skip
        flat = [part for pair in fields.items() for part in pair]
        return [
            command("SET", keys.graph(digest), graph, "PX", HOUR_MS),
            command("HINCRBY", keys.graphs(), digest, 1),
            command("HSET", keys.run(run), *flat),
            command("ZADD", keys.runs(), "@@in:0@@", run),
            command("SADD", keys.active(), run),
            command("XADD", keys.events(), "*", "submit", f"{run} {fields['graph']}"),
        ]

    def queue(
        self, run: str, task: Part = 0, attempt: Part = 1, ready_list: str = "default"
    ) -> list[Command]:
        """Return the commands that make a task claimable."""
        keys = self.keys
        entry = raw(run) + b"," + raw(task) + b"," + raw(attempt)
        record = b"Q" + raw(attempt) + b",,0,,"
        return [
            command("HSET", keys.tasks(run), task, record),
            command("RPUSH", keys.ready(ready_list, "5"), entry),
            command("HSETNX", keys.levels(), ready_list, "95"),
            command("RPUSH", keys.wake(ready_list), "1"),
        ]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of attack. ``weight``: how often it is drawn. ``remedy``: the documentation has an
    operator delete the keys that were written, and these shared ones; None if no such help is due.
    """

    name: str
    harm: Harm
    draw: Callable[[Hand], list[Command]]
    weight: float
    remedy: Sequence[str] | None

    def action(self, hand: Hand) -> Action:
        """Draw one action of this kind."""
        commands = tuple(self.draw(hand))
        undo: tuple[Command, ...] = ()
        if self.remedy is not None:
            keys = [raw(getattr(hand.keys, name)()) for name in self.remedy]
            keys += [command[1] for command in commands if len(command) > 1]
            undo = tuple((b"DEL", key) for key in dict.fromkeys(keys))
        return Action(hand.number, self.name, self.harm, commands, undo)


KINDS: dict[str, Kind] = {}


def kind(
    name: str,
    harm: Harm = Harm.NONE,
    *,
    weight: float = 1.0,
    remedy: Sequence[str] | None = None,
) -> Callable[[Callable[[Hand], list[Command]]], Callable[[Hand], list[Command]]]:
    """Register the function below as a kind of attack."""

    def register(function: Callable[[Hand], list[Command]]) -> Callable[[Hand], list[Command]]:
        assert name not in KINDS, name
        KINDS[name] = Kind(name, harm, function, weight, remedy)
        return function

    return register
