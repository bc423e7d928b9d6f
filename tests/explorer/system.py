"""The processes and what each can do next: two schedulers, two workers, a client, and faults.

A state is a value. ``moves`` names every successor: a call that its process would make in that
state, or a fault: a process or a child of a worker dies, a lease runs out under a living process,
a reply is lost and the call sent again, a worker is told to stop, hints are deleted, a scheduler
passes its lease on to another one. A process may wait before any call for as long as others like,
so a frozen one that wakes with a stale call needs no move of its own. The dead are replaced at
once, by processes with new ids that know nothing.

Time stands still but for ``lapse``, in which one lease runs out while all others are renewed, and,
if the setup says so, until a delayed attempt is due.
"""

from __future__ import annotations

from collections.abc import Iterator

from . import schedulers, workers
from .model import Keys
from .pieces import Call
from .scripts import play
from .state import Client, Move, Scheduler, Setup, State, Worker
from .steps import call_moves, fault, step


def first(setup: Setup) -> State:
    """Return the state before anybody has done anything."""
    return State(
        Keys(),
        tuple(Scheduler(f"s{number}-0") for number in range(setup.pairs)),
        tuple(Worker(f"{name}0") for name in "ABC"[: setup.pairs]),
        Client(setup.cancels, setup.resumes, setup.hastens),
        setup.faults,
        setup.failures,
        setup.agains,
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
    if setup.clock:
        yield from _time_passes(state)
    if state.faults and "hints" in setup.kinds:
        yield from _lost_hints(state)


def _time_passes(state: State) -> Iterator[Move]:
    """Let the time come at which the next delayed attempt is due. Leases are longer."""
    due = min((entry[0] for entry in state.keys.delayed), default=0)
    if due > state.keys.now:
        yield step(state, "time", "passes", state._replace(keys=state.keys._replace(now=due)))


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
        if client.hastens and not over:
            behind = client._replace(hastens=client.hastens - 1)
            calls += [(call, behind) for call in _waiting(setup, keys)]
    for call, behind in calls:
        yield from call_moves(
            setup,
            state,
            "client",
            call,
            lambda result, reply, behind=behind: result._replace(client=behind),
            lost=lambda result, behind=behind, call=call: result._replace(
                client=behind._replace(again=call)
            ),
            # Time stands still, so a task that waits for a retry continues only if it is hastened.
            kind="" if call.name in ("submit", "hasten") else "client",
        )


def _waiting(setup: Setup, keys: Keys) -> Iterator[Call]:
    """Yield the calls that hasten a task that waits for a retry, and is not due yet."""
    for task, record in keys.tasks:
        if record.code == "W" and keys.submitted + record.ended > keys.now:
            yield Call(
                "hasten",
                (task, record.attempt, setup.plan.places[task][0], setup.plan.lists_of(task)),
            )
