"""The model beside a server: the same calls on both, and the same keys and replies behind each."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from typing import Any

import msgpack
from helpers import dump

from flowkit.exceptions import LeaseLost
from flowkit.logging import FlowkitLogger
from flowkit.logging.event_log import EventLog
from flowkit.protocol.graph_writer import pack_graph
from flowkit.protocol.graphs import digest_of
from flowkit.protocol.keys import Keys as Names
from flowkit.protocol.link import Link
from flowkit.protocol.scheduler_store import SchedulerStore
from flowkit.protocol.scripts import script
from flowkit.scheduler.queue_repair import QueueRepair
from flowkit.scheduler.reaper import Reaper
from flowkit.scheduler.resolver import Resolver
from flowkit.scheduler.serving import Serving

from .model import BY, DIGEST, LIST, RUN, TTL_MS, Keys, render
from .pieces import Call, Reply
from .schedulers import moves as scheduler_moves
from .state import Move, Setup, State
from .system import first, moves

START = 1_000_000
WEIGHTS = {"": 1.0, "client": 0.1, "fault": 0.02}


def walk(setup: Setup, seed: int, length: int) -> Generator[tuple[State, Move], State | None, None]:
    """Yield states with the move that is made in each, at random; time passes now and then.

    Who walks may send another state to continue from.
    """
    chance = random.Random(seed)
    state = first(setup)
    state = state._replace(keys=state.keys._replace(now=START))
    for _ in range(length):
        able = list(moves(setup, state))
        if state.keys.delayed and (not able or chance.random() < 0.1):
            keys = state.keys
            state = state._replace(keys=keys._replace(now=keys.now + setup.delay))
            able = list(moves(setup, state))
        if not able:
            return
        move = chance.choices(able, [WEIGHTS[item.kind] for item in able])[0]
        state = (yield state, move) or move.state


class Mirror:
    """A namespace on a server that is led through what the model does."""

    def __init__(self, url: str, namespace: str, setup: Setup) -> None:
        self.url, self.namespace, self.setup = url, namespace, setup
        self.now = START
        self.link = Link(url, read_timeout=10)
        self.names = Names(namespace)
        self.graph = pack_graph(setup.plan.dag)
        self.digest = digest_of(self.graph)
        self._ids: dict[int, str] = {0: "0"}  # of events, by their number in the model

    def play(self, now: int, call: Call) -> Reply:
        """Make a call at a time and return the reply as the model writes it."""
        if call.name == "lose_hints":
            for name in self.dump():
                if _is_lost(name, *call.args):
                    self.link.call("DEL", self.names.prefix + name)
            return ("OK",)
        args = self._argv(call)
        raw = self.link.script(script(call.name), self.names.prefix, (now, *args))
        reply = [item.decode() if isinstance(item, bytes) else item for item in raw]
        reply = [
            item.replace(self.digest, DIGEST) if isinstance(item, str) else item for item in reply
        ]
        if reply[0] == "TAKEN":
            reply[2] = next(number for number, item in self._ids.items() if item == reply[2])
        if call.name == "heartbeat":  # the attempts to stop are a set
            reply = [
                " ".join(sorted(str(item).split())) if "," in str(item) else item for item in reply
            ]
        return tuple(reply)

    def _argv(self, call: Call) -> list[Any]:
        """Lay a call's arguments out as its script takes them."""
        if call.name == "submit":
            total = len(self.setup.plan.names)
            return [RUN, self.digest, self.graph, "plan", "", total, TTL_MS, "", BY, "", TTL_MS]
        if call.name == "apply":
            scheduler, term, cursor, commands = call.args
            flat = [item for command in commands for item in _command(*command)]
            return [scheduler, term, self._ids[cursor] if cursor else "", *flat]
        lay_out = _LAID_OUT.get(call.name, lambda *args: list(args))
        return lay_out(*call.args)

    def dump(self) -> dict[str, Any]:
        return dump(self.url, self.namespace)

    def compare(self, keys: Keys, *, errors: bool = True) -> None:
        """Fail unless the server holds what the model does, but for the texts of ``errors``."""
        self._learn_ids(keys)
        actual = self.dump()
        cursor = actual.pop("cursor", "0")
        assert cursor == self._ids[keys.cursor]
        for name in [name for name in actual if name.startswith("graph:")]:
            actual.pop(name)
            actual[f"graph:{DIGEST}"] = "graph"
        actual = {name: self._plain(name, value) for name, value in actual.items()}
        wanted = render(keys, "plan", len(self.setup.plan.names))
        if not errors:
            name = f"run:{RUN}:errors"
            actual[name], wanted[name] = set(actual.get(name, ())), set(wanted.get(name, ()))
        names = actual.keys() | wanted.keys()
        both = {name: (actual.get(name), wanted.get(name)) for name in names}
        differing = {name: pair for name, pair in both.items() if pair[0] != pair[1]}
        assert not differing, differing

    def _plain(self, name: str, value: Any) -> Any:
        """Write a value with the model's name of the graph, and without the server's own times."""
        if name == "graphs":
            value = {key: "later" if key[-1] == "!" else item for key, item in value.items()}
        if name.startswith("worker:") and "about" in value:
            value = value | {"about": _plain_about(value["about"])}
        if name in ("(expiring)", "events", "graphs", f"run:{RUN}"):
            return _replaced(value, self.digest)
        return value

    def _learn_ids(self, keys: Keys) -> None:
        events = self.link.call("XRANGE", self.names.events(), "-", "+")
        assert len(events) == len(keys.events)
        for (number, _), (result, _) in zip(keys.events, events, strict=True):
            assert self._ids.setdefault(number, result.decode()) == result.decode()


def _replaced(value: Any, digest: str) -> Any:
    if isinstance(value, dict):
        return {_replaced(key, digest): _replaced(item, digest) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, digest) for item in value]
    return value.replace(digest, DIGEST)


def _is_lost(name: str, which: str) -> bool:
    if which:
        return name.startswith("ready:") and name.endswith({"turns": "+", "parked": "@"}[which])
    return name.startswith(("ready:", "wake:", "delayed"))


def _about(text: str) -> str | bytes:
    """Return a description as a worker writes it. The model's is a word, and the id of its app."""
    if not text:
        return ""
    fields = {"queues": [LIST], "turns": True, "functions": text.partition(" ")[2]}
    packed: bytes = msgpack.packb(fields)
    return b"=" + packed if text[0] == "=" else packed


def _plain_about(text: str) -> str:
    fields = msgpack.unpackb(text.encode("utf-8", "surrogateescape"))
    return f"about {fields['functions']}".rstrip()


def _keys(tasks: Iterable[int]) -> list[str]:
    return [f"{RUN},{task}" for task in tasks]


# Scripts whose arguments are not simply those of the model's call, and how they are laid out.
_LAID_OUT: dict[str, Callable[..., list[Any]]] = {
    "cancel": lambda: [RUN, BY],
    "resume": lambda request, named: [RUN, request, named, BY],
    "hasten": lambda *args: [RUN, BY, *args[:-1], " ".join(args[-1])],
    "heartbeat": lambda worker, lease, about, app, lanes: [
        *(worker, lease, _about(about), app, *lanes)
    ],
    "register_app": lambda app, version, lease, functions: [app, version, lease, *functions],
    "claim": lambda *args: [*args, LIST],
    "complete": lambda lane, call, limit, share, app, outcomes: [
        *(lane, call, limit, share, app, 1, LIST, RUN, len(outcomes)),
        *(item for outcome in outcomes for item in outcome),
    ],
    "release": lambda lane, once, tasks, function="": [
        *(lane, once, *(f"{key}@{function}" if function else key for key in _keys(tasks)))
    ],
    "promote": lambda scheduler, term, limit, without_turns: [
        *(scheduler, term, limit, " ".join(without_turns))
    ],
    "reap": lambda lane, deaths: [
        *(lane, *(deaths.by or ("", "")), deaths.most, "lost", deaths.flag, "once"),
        *_keys(deaths.executing),
    ],
    "store_items": lambda lane, task, attempt, first, blocks: [
        *(lane, RUN, task, attempt, first, *blocks)
    ],
    "retire": lambda worker, lanes: [worker, *lanes],
    "acquire_lease": lambda scheduler, lease, shards="", shard_position="0/1": [
        scheduler,
        lease,
        shard_position,
        shards,
    ],
    "stop_run": lambda scheduler, term, *args: [scheduler, term, RUN, *args],
    "end_tasks": lambda scheduler, term, code, notify, tasks: [
        *(scheduler, term, RUN, code, int(notify), *tasks)
    ],
    "reset": lambda scheduler, term, last, tasks: [
        *(scheduler, term, RUN, int(last), "once", "", *tasks)
    ],
    "requeue": lambda scheduler, term, verb, entries: [
        *(scheduler, term, RUN, verb, *(item for entry in entries for item in entry))
    ],
}


def _command(verb: str, *args: Any) -> list[Any]:
    if verb == "finish":
        return [verb, RUN, *args]
    if verb == "mapped":
        return [verb, RUN, *args]
    if verb == "drop":
        return [verb, RUN, len(args[0]), *args[0]]
    name, level, flags, tasks = args
    return [verb, RUN, name, level, flags, len(tasks), *tasks]


class Duties:
    """A real scheduler's duties on a mirror, one turn at a time, for the model's to be held to."""

    def __init__(self, mirror: Mirror, scheduler: str, term: int) -> None:
        log = EventLog(FlowkitLogger("flowkit", 100, False))  # says nothing
        link = Link(mirror.url, read_timeout=10)
        self.store = SchedulerStore(link, mirror.namespace, scheduler, now_ms=lambda: mirror.now)
        self.store.term = term
        self.serving = Serving(self.store, small=mirror.setup.plan.small)
        self.resolver = Resolver(self.store, log, 100, self.serving, monotonic=lambda: 0.0)
        self.queue_repair = QueueRepair(self.store, self.resolver.active, self.serving)
        self.reaper = Reaper(self.store, log, monotonic=iter(range(0, 10**9, 1000)).__next__)

    def take_turn(self, move: Move) -> None:
        """Do the turn that the model begins with this step."""
        turns: dict[str, Callable[[], object]] = {
            "takes over": self._take_over,
            "reads events": lambda: self.resolver.run_once(1),
            "sees expired": self.reaper.run_once,
            "misses hints": self.queue_repair.sweep,
            "looks at the workers": self.serving.look,
        }
        with suppress(LeaseLost):  # a stale scheduler takes turns as well
            turns["takes over" if move.calls else move.what.partition(" [")[0]]()

    def close(self) -> None:
        self.store.close()

    def _take_over(self) -> None:
        self.resolver.recover(self.store.read_cursor())
        self.queue_repair.repair()


def whole_turn(setup: Setup, state: State, at: int) -> State:
    """Let a scheduler of the model do all that it has begun, with nobody in between."""
    while state.schedulers[at].todo:
        state = next(scheduler_moves(setup, state, at)).state
    return state
