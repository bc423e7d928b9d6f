"""A campaign: phases of attacks, honest runs beside them, and what was violated.

Most of the time attacks are harmless ones. At intervals workers lose what they hold, and what all
share is overwritten; behind each such phase a new run must work within ``RECOVERY_S``.
"""

from __future__ import annotations

import functools
import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from typing import TextIO

import hostile_app as app

from flowkit.exceptions import FlowkitError
from flowkit.protocol.graph_writer import pack_graph
from flowkit.protocol.keys import Keys

from . import (  # noqa: F401 - they register
    honest,
    kinds_apps,
    kinds_destroying,
    kinds_families,
    kinds_runs,
    kinds_shared,
    kinds_sight,
)
from .actions import Action, Harm
from .hand import HOSTILE, KINDS, Hand, Kind, Loot
from .stand import Stand, Watcher
from .watch import LAG_S, Finding, Watch

RECOVERY_S = 30.0
IDLE_S = 3.0
LOST_S = 2.0  # for runs to end that may be lost, and are not judged
IDLE_SHARE = 0.3  # of a processor, of a daemon with its children, where nothing happens
ENDS_IN_A_ROW = 4  # after which Redis is emptied: what ends daemons at each start stays there
HOSTILE_RUNS = 300  # that are kept; older ones are deleted
GATHER_S = 2.0
CYCLE = ((Harm.NONE, 0.8), (Harm.REPEATS, 0.1), (Harm.DESTROYS, 0.1))  # shares of a cycle
PARTS = (b"", b":tasks", b":results", b":errors", b":inputs", b":children")  # of a run
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a campaign is to do. ``pace``: actions a second. ``cycle``: seconds of one round of all
    classes. ``idle``: seconds for which it is measured how busy daemons are when nothing happens.
    ``stop_early``: end at the first violation."""

    seconds: float
    seed: int
    kinds: Sequence[str]
    pace: float = 15.0
    cycle: float = 300.0
    stop_early: bool = False
    idle: float = IDLE_S


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a campaign."""

    findings: Sequence[Finding]
    figures: dict[str, float | int]
    actions: int


def chosen(only: Iterable[str] = (), skip: Iterable[str] = ()) -> list[str]:
    """Return the kinds to play. Raises ValueError for an invalid name."""
    only, skip = list(only), list(skip)
    unknown = [name for name in (*only, *skip) if name not in KINDS]
    if unknown:
        raise ValueError(f"there is no kind {unknown[0]!r}; there are {', '.join(KINDS)}")
    return [name for name in (only or KINDS) if name not in skip]


@functools.cache
def base_graphs() -> list[bytes]:
    """Return the packed graphs of honest runs."""
    return [pack_graph(shape.compile_for_run({"seed": 1})) for shape in app.SHAPES.values()]


def draw_action(plan: Plan, number: int, harm: Harm, keys: Keys, loot: Loot) -> Action:
    """Draw the action of this number; a kind of this class has to be among those of the plan."""
    rng = random.Random(f"{plan.seed}:{number}")
    known = [KINDS[name] for name in plan.kinds if KINDS[name].harm is harm]
    kind: Kind = rng.choices(known, [item.weight for item in known])[0]
    return kind.action(Hand(rng, number, keys, loot, base_graphs()))


class Campaign:
    """Plays one plan on a stand, and notes its actions in a file."""

    def __init__(self, stand: Stand, watch: Watch, notes: TextIO, say: Say) -> None:
        self.stand, self.watch = stand, watch
        self._notes, self._say = notes, say
        self._loot = Loot()
        self._numbers = count(1)
        self._ends: list[float] = []
        self._probes = count(1)
        self._turns = cycle(("scheduler-0", "worker-0", "worker-1"))
        self._next_gather = self._next_line = 0.0
        self._began = time.monotonic()

    # -- phases ---------------------------------------------------------------------------------

    def play(self, plan: Plan) -> Report:
        """Attack for the time of the plan, with honest runs beside it."""
        stream, watcher = self._begin(plan.seed)
        until = time.monotonic() + plan.seconds
        try:
            for harm, end in phases(time.monotonic(), until, plan.cycle):
                self._phase(plan, harm, end)
                if plan.stop_early and self.watch.findings:
                    break
        finally:
            self._end(stream, watcher, plan.idle)
        return self._report()

    def replay(self, actions: Sequence[Action], pace: float) -> Report:
        """Play noted actions again."""
        stream, watcher = self._begin(0)
        try:
            for action in actions:
                self.watch.weather.change(time.monotonic(), action.harm)
                self._act(action)
                self._tend()
                time.sleep(1 / pace)
            time.sleep(2.0)
            self.stand.send([item for action in actions for item in action.undo])
            self._recover()
        finally:
            self._end(stream, watcher, IDLE_S)
        return self._report()

    def _begin(self, seed: int) -> tuple[honest.Stream, Watcher]:
        self.stand.start()
        watcher = Watcher(self.stand)
        watcher.start()
        stream = honest.Stream(self.stand.system, seed, self.watch.run_ended)
        stream.start()
        return stream, watcher

    def _end(self, stream: honest.Stream, watcher: Watcher, idle: float) -> None:
        now = time.monotonic()
        # Behind attacks that destroy, some of these runs are lost, and would be waited for in vain.
        is_lost = self.watch.weather.worst(now, now) is Harm.DESTROYS
        stream.stop(LOST_S if is_lost else honest.RUN_S)
        self._tend()
        time.sleep(idle)
        share = self.stand.busy_share(idle)
        self.watch.most["idle processor share"] = share
        if share > IDLE_SHARE:
            text = f"a daemon took {share:.0%} of a processor when nothing happened"
            self.watch.violated("not idle", "daemon", text, time.monotonic())
        watcher.stop()

    def _phase(self, plan: Plan, harm: Harm, end: float) -> None:
        if not any(KINDS[name].harm is harm for name in plan.kinds):
            return
        self.watch.weather.change(time.monotonic(), harm)
        undo: list[Action] = []
        while time.monotonic() < end:
            action = draw_action(plan, next(self._numbers), harm, self.stand.keys, self._loot)
            undo.append(action)
            self._act(action)
            self._tend()
            if plan.stop_early and self.watch.findings:
                return
            # What destroys comes slowly, so that a failure to recover has few causes.
            time.sleep((15 if harm is Harm.DESTROYS else 1) / plan.pace)
        self._restart(harm)
        if harm is Harm.DESTROYS:
            self.stand.send([item for action in undo for item in action.undo])
        if harm is not Harm.NONE:
            self._recover()

    def _restart(self, harm: Harm) -> None:
        """Restart a daemon: what it then finds was written while none of its kind looked."""
        name = "scheduler-0" if harm is Harm.DESTROYS else next(self._turns)
        if self.stand.daemons[name].popen.poll() is None:
            self.watch.counts["restarts"] += 1
            self.stand.restart(name)

    def _act(self, action: Action) -> None:
        self._notes.write(action.as_json() + "\n")
        self._notes.flush()
        self.watch.acted(action.number, action.kind)
        self.watch.counts["commands refused by Redis"] += self.stand.send(action.commands)

    def _recover(self) -> None:
        """Demand that a new run works soon; if none does, start over with an empty Redis."""
        began = time.monotonic()
        why = "nothing was tried"
        while time.monotonic() < began + RECOVERY_S:
            self._tend()
            name = f"probe-{next(self._probes)}"
            try:
                left = max(1.0, began + RECOVERY_S - time.monotonic())
                with honest.new_client(self.stand.system, 2.0) as client:
                    ended = honest.play(client, name, "chain", 3, min(left, 10.0))
            except FlowkitError as error:
                why = f"{type(error).__name__}: {error}"
                time.sleep(0.5)
                continue
            if ended.state == "succeeded":
                took = time.monotonic() - began
                self.watch.most["recovery, s"] = max(self.watch.most["recovery, s"], took)
                self.watch.forget_processes()
                return
            why = f"{ended.state}: {ended.detail}"
        text = f"no new run worked within {RECOVERY_S:g} s: {why}"
        self.watch.violated("not recovered", honest_cause(why), text, began)
        self._reset()

    # -- in between -----------------------------------------------------------------------------

    def _tend(self) -> None:
        """Start again what has ended, look at honest runs for loot, delete old hostile runs."""
        now = time.monotonic()
        ended = self.stand.revive()
        self._ends = [at for at in self._ends if at > now - 60] + [now] * len(ended)
        if len(self._ends) >= ENDS_IN_A_ROW or self.watch.lag > LAG_S + 5:
            self._say("processes end again and again, or events are not read: Redis is emptied")
            self._reset()
        if now > self._next_gather:
            self._next_gather = now + GATHER_S
            self._loot.gather(self.stand.server, self.stand.keys, honest.PREFIX)
            self._forget_old_runs()
        if now > self._next_line:
            self._next_line = now + 10.0
            self._say(self._line(now))

    def _reset(self) -> None:
        now = time.monotonic()
        self.watch.weather.change(now, Harm.DESTROYS)  # honest runs of the moment are lost
        self.watch.counts["resets"] += 1
        self._ends.clear()
        self.stand.reset()
        self.watch.weather.change(time.monotonic(), Harm.NONE)

    def _forget_old_runs(self) -> None:
        server, keys = self.stand.server, self.stand.keys
        try:
            old = [
                run
                for run in server.zrange(keys.runs(), 0, -HOSTILE_RUNS)
                if run.startswith(HOSTILE.encode())
            ]
            for run in old:
                prefix = keys.run("").encode() + run
                server.unlink(*(prefix + part for part in PARTS))
                server.srem(keys.active(), run)
                server.zrem(keys.runs(), run)
        except Exception as error:  # a shared key may be of another type just now
            self.watch.counts[f"not tidied: {type(error).__name__}"] += 1

    def _line(self, now: float) -> str:
        counts, most = self.watch.counts, self.watch.most
        return (
            f"{now - self._began:6.0f} s  actions {self.watch.actions}  honest "
            f"{counts['honest runs succeeded']}  still {most['cursor stood still, s']:.1f} s  "
            f"memory {most['memory of a process, MB']:.0f} MB  ends {counts['process ends']}  "
            f"violations {len(self.watch.findings)}"
        )

    def _report(self) -> Report:
        figures: dict[str, float | int] = {**dict(sorted(self.watch.counts.items()))}
        figures |= {name: round(value, 2) for name, value in sorted(self.watch.most.items())}
        for finding in self.watch.findings:
            self._notes.write(json.dumps({"violation": str(finding)}) + "\n")
        return Report(tuple(self.watch.findings), figures, self.watch.actions)


def phases(began: float, until: float, cycle: float) -> Iterator[tuple[Harm, float]]:
    """Yield each phase's class and end, round after round."""
    at = began
    while at < until:
        for harm, share in CYCLE:
            at = min(until, at + share * min(cycle, until - began))
            yield harm, at


def honest_cause(why: str) -> str:
    """Return the first words of a reason, which tell one cause from another."""
    return why.partition(":")[0]


def run(folder: Path, notes: Path, say: Say, play: Callable[[Campaign], Report]) -> Report:
    """Set a stand up, have a campaign played on it, and take it down again."""
    watch = Watch(on_finding=lambda finding: say(f"VIOLATED {finding}"))
    stand = Stand(folder, watch)
    try:
        with notes.open("w", encoding="utf-8") as file:
            return play(Campaign(stand, watch, file, say))
    finally:
        stand.close()
