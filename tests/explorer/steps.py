"""What all processes of the explored system share: calls, steps without a call, and faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .pieces import Call, Reply
from .scripts import play
from .state import Move, Setup, State

LEASE = 1000
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
            app = setup.app_of(worker.id)[0] if worker.told else ""
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
