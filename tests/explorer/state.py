"""The state of the explored system: the keys, and what each process knows. States are values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .memory import Memory, Plan
from .model import Keys
from .pieces import Call, Reply

FAULTS = frozenset({"death", "child", "lapse", "reply", "drain", "hints", "pass"})
Todo = tuple[tuple[Any, ...], ...]
Held = tuple[int, int, str]  # task, attempt, spent


class Scheduler(NamedTuple):
    """One scheduler process. ``term``: 0 while it stands by; ``replay``: the last event of before
    its takeover; ``memory``: its resolver's knowledge of the run, None if it knows of none;
    ``lacking``: functions that the app of some worker lacks."""

    id: str
    term: int = 0
    cursor: int = 0
    replay: int = 0
    memory: Memory | None = None
    todo: Todo = ()
    buffer: Todo = ()
    lacking: frozenset[str] = frozenset()


class Lane(NamedTuple):
    """A child's lane. ``call``: its last call number; ``again``: a call whose reply was lost."""

    name: str
    call: int = 0
    held: tuple[Held, ...] = ()
    again: Call | None = None
    stored: tuple[int, int] | None = None  # the attempt whose elements it has stored


class Worker(NamedTuple):
    """One incarnation. ``reports``: (lane, call) of dead children, in order; ``children``: how
    many it has had."""

    id: str
    enlisted: bool = False
    lane: Lane | None = None
    children: int = 0
    reports: tuple[tuple[str, Call], ...] = ()
    draining: bool = False
    loaded: bool = False  # a child has said what its app has
    told: bool = False  # and the parent that it is this worker's

    def is_settled(self, setup: Setup) -> bool:
        """Return whether it has a child, and all know what it can run."""
        return self.lane is not None and (self.told or not setup.apps)

    def lanes(self) -> tuple[str, ...]:
        """Return the lanes that a heartbeat names: of the living, and of the dead not reported."""
        living = (self.lane.name,) if self.lane else ()
        return tuple(dict.fromkeys([*living, *(lane for lane, _ in self.reports)]))

    def successor(self) -> Worker:
        return Worker(f"{self.id[0]}{int(self.id[1:]) + 1}")


@dataclass(frozen=True, eq=False)
class Setup:
    """What is explored. Budgets bound the number of states.

    ``apps``: how many functions of the plan the app of each worker has, () if they do not say.
    ``versions``: the version of each of these apps, () for none.
    ``shaky``: tasks whose attempts may fail, at most ``failures`` times in all, and ask to come
    again, at most ``agains`` times. ``batch``: how many
    attempts a lane claims at once. ``hastens``: how often a client makes a task that waits for a
    retry due, which it must if there is a ``delay`` and no ``clock``. ``clock``: whether time
    passes until the next delayed attempt is due. ``faults``: how many, of ``kinds``. ``named``: a
    task to resume from, '' to resume without naming one; with one, runs that succeeded are resumed
    as well.
    """

    plan: Plan
    shaky: frozenset[str] = frozenset()
    skippable: frozenset[str] = frozenset()
    failures: int = 0
    batch: int = 1
    faults: int = 0
    kinds: frozenset[str] = FAULTS
    cancels: int = 0
    resumes: int = 0
    hastens: int = 0
    agains: int = 0
    clock: bool = False
    named: str = ""
    most_deaths: int = 2
    delay: int = 0  # of a retry, in ms
    pairs: int = 2  # schedulers and workers
    cold: bool = False  # nobody leads yet, and no worker is registered
    apps: tuple[int, ...] = ()
    versions: tuple[str, ...] = ()

    def app_of(self, worker: str) -> tuple[str, str, tuple[str, ...]]:
        """Return the id of a worker's app, its version and its functions, '' if it does not say."""
        at = "ABC".index(worker[0])
        version = self.versions[at] if self.versions else ""
        return self.plan.app(self.apps[at], version) if self.apps else ("", "", ())

    @property
    def may_alternate(self) -> bool:
        """Whether the number of a claim matters: there are several places to claim from."""
        return self.plan.verb == "line" or bool(self.apps)


class Client(NamedTuple):
    """Who submits, cancels, resumes and hastens. ``again``: a call whose reply was lost."""

    cancels: int
    resumes: int
    hastens: int
    again: Call | None = None


class State(NamedTuple):
    """The whole system. ``faults``, ``failures`` and ``agains``: how many may still happen."""

    keys: Keys
    schedulers: tuple[Scheduler, ...]
    workers: tuple[Worker, ...]
    client: Client
    faults: int
    failures: int
    agains: int = 0


class Move(NamedTuple):
    """One step. ``kind``: '' by a process that does its work, 'fault', or 'client'.

    ``what``: in words; of a call, if something is to be said beside it and its reply.
    """

    who: str
    what: str
    kind: str
    calls: tuple[tuple[int, Call, Reply], ...]  # time, call and reply
    state: State

    @property
    def label(self) -> str:
        if not self.who:
            return self.what
        if not self.calls:
            return f"{self.who}: {self.what}"
        _, call, reply = self.calls[0]
        return f"{self.who}: {_say(call)}{self.what or f' → {_words(reply)}'}"


# -- words for people -------------------------------------------------------------------------


def _say(call: Call) -> str:
    args = [arg for arg in call.args if arg not in ("", (), None)]
    return f"{call.name}({', '.join(map(_short, args))})"


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return "(" + " ".join(map(_short, value)) + ")"
    return str(value)


def _words(reply: Reply) -> str:
    return " ".join(str(word) for word in reply if word != "")
