"""The processes and what each can do next: two schedulers, two workers, a client, and faults.

A state is a value. ``moves`` names every successor: a call that its process would make in that
state, or a fault: a process or a child of a worker dies, a lease runs out under a living process,
a reply is lost and the call sent again, a worker is told to stop, hints are deleted, a scheduler
passes its lease on to another one. A process may wait before any call for as long as others like,
so a frozen one that wakes with a stale call needs no move of its own. The dead are replaced at
once, by processes with new ids that know nothing.

Time stands still but for ``lapse``, in which one lease runs out while all others are renewed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from . import schedulers, workers
from .memory import Plan
from .model import Keys
from .pieces import Call, Reply
from .schedulers import Scheduler
from .scripts import play
from .workers import Worker

LEASE = 1000
FAULTS = frozenset({"death", "child", "lapse", "reply", "drain", "hints", "pass"})


@dataclass(frozen=True, eq=False)
class Setup:
    """What is explored. Budgets bound the number of states.

    ``apps``: how many functions of the plan the app of each worker has, () if they do not say.
    ``shaky``: tasks whose attempts may fail, at most ``failures`` times in all. ``batch``: how many
    attempts a lane claims at once. ``faults``: how many, of ``kinds``. ``named``: a task to resume
    from, '' to resume without naming one; with one, runs that succeeded are resumed as well.
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
    named: str = ""
    most_deaths: int = 2
    delay: int = 0  # of a retry, in ms
    pairs: int = 2  # schedulers and workers
    cold: bool = False  # nobody leads yet, and no worker is registered
    apps: tuple[int, ...] = ()

    def app_of(self, worker: str) -> tuple[str, tuple[str, ...]]:
        """Return the id of a worker's app and its functions, '' if it does not say."""
        return self.plan.app(self.apps["ABC".index(worker[0])]) if self.apps else ("", ())

    @property
    def may_alternate(self) -> bool:
        """Whether the number of a claim matters: there are several places to claim from."""
        return self.plan.verb == "line" or bool(self.apps)


class Client(NamedTuple):
    """Who submits, cancels and resumes. ``again``: a call whose reply was lost."""

    cancels: int
    resumes: int
    again: Call | None = None


class State(NamedTuple):
    """The whole system. ``faults`` and ``failures``: how many may still happen."""

    keys: Keys
    schedulers: tuple[Scheduler, ...]
    workers: tuple[Worker, ...]
    client: Client
    faults: int
    failures: int


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


def first(setup: Setup) -> State:
    """Return the state before anybody has done anything."""
    return State(
        Keys(),
        tuple(Scheduler(f"s{number}-0") for number in range(setup.pairs)),
        tuple(Worker(f"{name}0") for name in "ABC"[: setup.pairs]),
        Client(setup.cancels, setup.resumes),
        setup.faults,
        setup.failures,
    )


def begin(setup: Setup) -> tuple[State, list[Move]]:
    """Return the state in which a search begins, and how it came about.

    Unless the setup is cold, a scheduler leads by then and all workers have a child.
    """
    state, done = first(setup), []
    if setup.cold:
        return state, done
    for at in range(setup.pairs):
        while not state.workers[at].is_settled(setup):  # enlist, start a child, tell its app
            move = next(workers.moves(setup, state, at))
            state = move.state
            done.append(move)
    while not state.schedulers[0].term or state.schedulers[0].todo:
        move = next(schedulers.moves(setup, state, 0))
        state = move.state
        done.append(move)
    return state, done


def moves(setup: Setup, state: State) -> Iterator[Move]:
    """Yield all that can happen next."""
    for at in range(len(state.schedulers)):
        yield from schedulers.moves(setup, state, at)
    for at in range(len(state.workers)):
        yield from workers.moves(setup, state, at)
    yield from client_moves(setup, state)
    if state.faults and "hints" in setup.kinds:
        yield from _lost_hints(state)


def _lost_hints(state: State) -> Iterator[Move]:
    keys = state.keys
    losses = {
        "": keys.ready or keys.backlogs or keys.delayed,
        "turns": keys.turns,
        "parked": keys.parked,
    }
    for which, held in losses.items():
        if held:
            call = Call("lose_hints", (which,))
            after, reply = play(keys, call)
            label = f"the {which or 'hints'} are lost"
            yield fault(state, label, state._replace(keys=after), ((keys.now, call, reply),))


# -- what all processes share -----------------------------------------------------------------

After = Callable[[State, Reply], State]


def call_moves(
    setup: Setup,
    state: State,
    who: str,
    call: Call,
    after: After,
    *,
    lost: Callable[[State], State] = lambda state: state,
    kind: str = "",
) -> Iterator[Move]:
    """Yield a call that is answered, and the same call with a lost reply.

    ``after`` gives the state behind the answer, ``lost`` the one in which the process is about to
    send the call again (by default it is the one before: the process does the same again).
    """
    keys, reply = play(state.keys, call)
    made = ((state.keys.now, call, reply),)
    behind = state._replace(keys=keys)
    yield Move(who, "", kind, made, after(behind, reply))
    if state.faults and "reply" in setup.kinds and keys != state.keys:
        behind = lost(behind)._replace(faults=state.faults - 1)
        yield Move(who, ", and the reply is lost", "fault", made, behind)


def step(state: State, who: str, what: str, behind: State) -> Move:
    """A step that calls no script."""
    return Move(who, what, "", (), behind)


def lapse(setup: Setup, state: State, who: str) -> tuple[State, tuple[Any, ...]]:
    """Let the lease of ``who`` run out while all others are renewed by their holders."""
    before, now = state.keys, state.keys.now + LEASE + 1
    keys = before._replace(now=now)
    calls: list[tuple[int, Call, Reply]] = []
    for worker in state.workers:
        lease = before.lease(worker.id)
        if worker.id != who and lease is not None and lease > before.now:
            app = worker.told and setup.app_of(worker.id)[0] or ""
            call = Call("heartbeat", (worker.id, LEASE, "", app, worker.lanes()))
            keys, reply = play(keys, call)
            calls.append((now, call, reply))
    if before.leader and before.leader[0] != who and before.leader[2] > before.now:
        call = Call("acquire_lease", (before.leader[0], LEASE))
        keys, reply = play(keys, call)
        calls.append((now, call, reply))
    return state._replace(keys=keys), tuple(calls)


def fault(state: State, label: str, behind: State, calls: tuple[Any, ...] = ()) -> Move:
    return Move("", label, "fault", calls, behind._replace(faults=state.faults - 1))


# -- the client -------------------------------------------------------------------------------


def client_moves(setup: Setup, state: State) -> Iterator[Move]:
    client, keys = state.client, state.keys
    calls: list[tuple[Call, Client]] = []
    if client.again is not None:
        calls = [(client.again, client._replace(again=None))]
    elif keys.run is None:
        calls = [(Call("submit", ()), client)]
    else:
        over = keys.field("state") != "running"
        if client.cancels and not over and keys.field("stop") != "cancelled":
            calls.append((Call("cancel", ()), client._replace(cancels=client.cancels - 1)))
        if client.resumes and over and (setup.named or keys.field("state") != "succeeded"):
            request = f"q{setup.resumes - client.resumes + 1}"
            call = Call("resume", (request, setup.named))
            calls.append((call, client._replace(resumes=client.resumes - 1)))
    for call, behind in calls:
        yield from call_moves(
            setup,
            state,
            "client",
            call,
            lambda found, reply, behind=behind: found._replace(client=behind),
            lost=lambda found, behind=behind, call=call: found._replace(
                client=behind._replace(again=call)
            ),
            kind="" if call.name == "submit" else "client",
        )


# -- words for people -------------------------------------------------------------------------


def _say(call: Call) -> str:
    args = [one for one in call.args if one not in ("", (), None)]
    return f"{call.name}({', '.join(map(_short, args))})"


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return "(" + " ".join(map(_short, value)) + ")"
    return str(value)


def _words(reply: Reply) -> str:
    return " ".join(str(word) for word in reply if word != "")
