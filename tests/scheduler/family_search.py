"""Every order of what can happen to a family of runs: a search over the real scripts.

The explorer (``tests/explorer``) models the keys of one run. A family needs several, and its rules
are in the scripts that end, wake, hold and release runs. So here the state is what Redis holds: it
is stored as dumps of all keys, and put back before each step. A step is a call of a worker, a
client or a sweep, or the turn of a scheduler that has just taken over: so each turn is also the
death of the scheduler before it.

From each state that is found, the family must come to rest: ``settle`` lets workers and a scheduler
go on, and ``leftovers`` says what is still there that should not be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import redis
from helpers import literally
from schema import violations
from stage import Stage, dag_of

from flowkit.core.retry import Policy
from flowkit.exceptions import FlowkitError
from flowkit.protocol.calls import (
    CalledGraph,
    Calls,
    ChildRun,
    OpenCalls,
    StoredCall,
    calls_payload,
)
from flowkit.protocol.graph_writer import pack_graph
from flowkit.protocol.graphs import digest_of
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.spent import Flag
from flowkit.scheduler.janitor import Janitor
from flowkit.scheduler.resolver import Resolver

DAG = dag_of("a", name="member", policy=Policy())
Tree = Mapping[str, Sequence[str]]
Saved = tuple[tuple[bytes, bytes, int], ...]  # key, dump, TTL in ms
# What differs between orders that make no difference: times, ids, who leads.
VOLATILE = ("terms", "leader", "cursor", "events", "wake:", "workers", "worker:", "levels")


class Found(NamedTuple):
    """A state: how it was reached, which faults that took, and what Redis holds."""

    path: tuple[str, ...]
    faults: tuple[str, ...]
    saved: Saved


class Family:
    """A run, the runs that its task calls, and theirs."""

    def __init__(self, stage: Stage, server: redis.Redis, tree: Tree) -> None:
        """``tree``: the runs that the task of each run calls; "r1" is the top."""
        self.stage, self.server, self.tree = stage, server, tree
        self.keys = stage.client.keys
        self._turns = 0
        child, top = next(iter(tree["r1"])), "r1"
        self.steps: dict[str, Callable[[], object]] = {
            "turn": self.turn,
            "sweep": self.sweep,
            "work": lambda: self.work("S"),
        }
        self.faults: dict[str, Callable[[], object]] = {
            "fail": lambda: self.work("F"),
            "die": self.die,
            "cancel r1": lambda: stage.client.cancel(top),
            "cancel child": lambda: stage.client.cancel(child),
            "resume r1": lambda: stage.client.resume(top),
            "resume child": lambda: stage.client.resume(child),
            "delete child": lambda: stage.client.delete(child),
            "lose child": lambda: self._lose(child),
            "lose r1": lambda: self._lose(top),
        }

    # -- steps --------------------------------------------------------------------------------

    def _scheduler(self) -> Resolver:
        self._turns += 1
        return self.stage.resolver(f"s{self._turns}")

    def turn(self) -> None:
        """A scheduler takes over, and carries out what is to do."""
        self._scheduler().run_once(0)

    def sweep(self) -> None:
        """A scheduler takes over, and looks for what is lost."""
        resolver = self._scheduler()
        repair = self.stage.queue_repair(resolver)

        def repairs() -> int:
            return resolver.families.sweep() + repair.sweep()

        Janitor(resolver._store, self.stage.listener, 1.0, repairs).run_once()

    def work(self, code: str) -> bool:
        """A worker claims an attempt and ends it; return whether there was one."""
        claims = self.stage.claim(1)
        for claim in claims:
            children = self.tree.get(claim.run, ())
            if Flag.CALLED in claim.spent.flags:
                states = [self.server.hget(self.keys.run(run), "state") for run in children]
                self.stage.end([claim], "S" if set(states) == {b"succeeded"} else "F")
            elif children:
                self._call(claim.run, claim.attempt, children)
            else:
                self.stage.end([claim], code)
        return bool(claims)

    def _call(self, run: str, attempt: int, children: Sequence[str]) -> None:
        graph = CalledGraph(digest_of(pack_graph(DAG)), DAG.name, 1)
        calls = Calls(tuple(StoredCall(child, DAG.name, 0) for child in children), is_list=True)
        submitted = [ChildRun(child, 0, b"") for child in children]
        payload = calls_payload(calls.pack(), [graph], submitted)
        outcome = Outcome.decode(run, f"0,{attempt},N,default,5", payload)
        self.stage.worker.complete("W.0", [outcome], 0, 0, 1, ())

    def die(self) -> None:
        """A worker claims an attempt and dies; its lane is reaped."""
        self.stage.claim(1, lane="D.0")
        self.server.zadd(self.keys.workers(), {"D": 0})  # its lease is over
        store = self._scheduler()._store
        store.reap("D.0", 3, b"")
        assert store.retire(b"D", ["D.0"])

    def _lose(self, run: str) -> None:
        self.server.delete(self.keys.run(run))

    # -- states -------------------------------------------------------------------------------

    def begin(self) -> None:
        """Submit the top."""
        self.stage.submit(DAG)

    def names(self) -> list[bytes]:
        """Return the keys of the namespace."""
        return sorted(self.server.scan_iter(match=literally(self.keys.prefix) + "*", count=1000))

    def save(self) -> Saved:
        """Return what Redis holds."""
        names = self.names()
        with self.server.pipeline(transaction=False) as batch:
            for name in names:
                batch.dump(name)
                batch.pttl(name)
            replies = batch.execute()
        pairs = zip(names, replies[::2], replies[1::2], strict=True)
        return tuple((name, data, max(0, left)) for name, data, left in pairs)

    def put_back(self, saved: Saved) -> None:
        """Make Redis hold that."""
        names = self.names()
        with self.server.pipeline(transaction=False) as batch:
            if names:
                batch.delete(*names)
            for name, data, left in saved:
                batch.restore(name, left, data)
            batch.execute()

    def canonical(self) -> str:
        """Return a text that is the same for states in which the same can happen."""
        held = self.stage.dump()
        kept: dict[str, Any] = {
            name: value for name, value in held.items() if not name.startswith(VOLATILE)
        }
        for name, value in kept.items():
            if name.endswith(":history"):
                kept[name] = None
            elif isinstance(value, dict) and name.startswith("run:") and "state" in value:
                kept[name] = {key: part for key, part in value.items() if key != "resumed_by"}
        claims = [value for name, value in held.items() if name.endswith(":claims")]
        kept["claims"] = [sorted(set(claim) - {"#"}) for claim in claims]
        cursor = self.server.get(self.keys.cursor()) or b"0"
        after = self.server.xrange(self.keys.events(), b"(" + cursor)
        facts = [fact for _, fields in after for fact in fields.items()]
        kept["facts"] = sorted({text for kind, text in facts if kind == b"ended"})
        return repr(
            sorted((name, sorted(value.items()) if isinstance(value, dict) else value)
                   for name, value in kept.items() if value is not None)
        )  # fmt: skip

    # -- rules --------------------------------------------------------------------------------

    def broken_rules(self, faults: Sequence[str]) -> Iterator[str]:
        """Yield what may not be, in any state. A lost run may be missed until the next sweep."""
        if any(fault.startswith(("lose", "delete")) for fault in faults):
            return
        waiting = self.server.smembers(self.keys.parents())
        for run, children in self.tree.items():
            record = self.server.hget(self.keys.tasks(run), "0") or b""
            if not (record.startswith(b"W") and b",children," in record):
                continue
            if self.server.hget(self.keys.run(run), "state") != b"running":
                yield f"a task of {run}, which is over, waits"
                continue
            states = [self.server.hget(self.keys.run(child), "state") for child in children]
            calls = OpenCalls.decode(self.server.hget(self.keys.children(run), "0"))
            if calls.open != states.count(b"running"):
                yield f"{run} waits for {calls.open} runs of {states}"
            for child, state in zip(children, states, strict=True):
                if state != b"running" and self.server.ttl(self.keys.run(child)) >= 0:
                    yield f"{child} is over and may expire before {run} has read its result"
            if not calls.open:
                yield f"{run} waits for nothing"
            if f"{run},0".encode() not in waiting:
                yield f"{run} waits, and is not listed"

    def settle(self) -> None:
        """Let workers and schedulers go on until nothing changes any more."""
        for _ in range(40):
            before = self.canonical()
            self.turn()
            while self.work("S"):
                self.turn()
            self.sweep()
            if self.canonical() == before:
                return
        raise AssertionError("it does not come to rest")

    def leftovers(self) -> Iterator[str]:
        """Yield what should not be there when nothing changes any more."""
        runs = ("r1", *(child for children in self.tree.values() for child in children))
        lost = [run for run in runs if not self.server.exists(self.keys.run(run))]
        for wrong in violations(self.server, self.stage.namespace):
            if not any(f":run:{run}:" in wrong for run in lost):
                yield wrong
        for name in self.names():
            if any(f":run:{run}:".encode() in name for run in lost) and self.server.ttl(name) < 0:
                yield f"{name.decode()} stays, although its run is gone"
        for key in (self.keys.active(), self.keys.parents()):
            if left := self.server.smembers(key):
                yield f"{key} still has {left}"
        for run in runs:
            state, held = self.server.hmget(self.keys.run(run), "state", "held")
            if state == b"running" or held:
                yield f"run {run} is {'held' if held else 'running'}"


def search(family: Family, faults: int, only: Sequence[str] = ()) -> dict[str, Found]:
    """Return all states that are reached with at most so many faults. Raises AssertionError.

    ``only``: which faults, if not all.
    """
    family.begin()
    states = {family.canonical(): Found((), (), family.save())}
    todo = list(states.values())
    for found in todo:  # grows while it is iterated
        for name, step in {**family.steps, **family.faults}.items():
            is_fault = name in family.faults
            if is_fault and only and name not in only:
                continue
            if is_fault and (len(found.faults) == faults or name in found.faults):
                continue
            family.put_back(found.saved)
            try:
                step()
            except FlowkitError:
                continue  # refused, such as the resume of a run that is not over
            path = (*found.path, name)
            used = tuple(sorted((*found.faults, name))) if is_fault else found.faults
            state = f"{used} {family.canonical()}"
            if state not in states and family.canonical() not in states:
                wrong = list(family.broken_rules(used))
                assert not wrong, f"after {', '.join(path)}: {wrong}"
                states[state] = Found(path, used, family.save())
                todo.append(states[state])
    return states


def check_ends(family: Family, states: Mapping[str, Found]) -> None:
    """Demand that the family comes to rest from each of these states. Raises AssertionError."""
    for found in states.values():
        family.put_back(found.saved)
        family.settle()
        wrong = list(family.leftovers())
        assert not wrong, f"after {', '.join(found.path)}: {wrong}"
        if not found.faults:
            state = family.server.hget(family.keys.run("r1"), "state")
            assert state == b"succeeded", f"after {', '.join(found.path)}: {state!r}"
