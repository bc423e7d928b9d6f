"""A worker: a parent that keeps the lease and reports its dead, and a child with one lane.

What a child does between two calls is seen by nobody, so an attempt's outcome is chosen when it is
sent; what counts of the time before is only whether the child was executing it when it died.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from flowkit.protocol.spent import Spent

from .model import LIST, RUN, Keys
from .pieces import Call, Deaths, Reply
from .state import Held, Lane, Move, Setup, State, Worker
from .steps import LEASE, call_moves, fault, lapse, step


def moves(setup: Setup, state: State, at: int) -> Iterator[Move]:
    """Yield what this worker may do, and its faults."""
    me = state.workers[at]
    if not me.enlisted:
        yield from _beat(setup, state, at, "about", ())
        return
    if me.lane is not None and setup.apps and not me.loaded:
        yield from _load(setup, state, at)
    elif me.loaded and not me.told:
        yield from _beat(setup, state, at, "=about " + setup.app_of(me.id)[0], me.lanes())
    if me.reports:
        yield from _report(setup, state, at)
    if me.lane is None:
        yield from _without_child(setup, state, at)
    else:
        yield from _parent(setup, state, at)
        yield from _child(setup, state, at)
    if state.faults:
        yield from _faults(setup, state, at)


def with_(state: State, at: int, worker: Worker) -> State:
    some = state.workers
    return state._replace(workers=(*some[:at], worker, *some[at + 1 :]))


# -- the parent -------------------------------------------------------------------------------


def _beat(
    setup: Setup, state: State, at: int, about: str, lanes: tuple[str, ...], fork: str = ""
) -> Iterator[Move]:
    """Yield a heartbeat; a worker that was declared dead starts over as another."""
    me = state.workers[at]

    def after(found: State, reply: Reply) -> State:
        if reply[0] == "DEAD":
            return with_(found, at, me.successor())
        behind = me._replace(enlisted=True, told=me.loaded)
        if fork:
            behind = behind._replace(lane=Lane(fork), children=me.children + 1)
        return with_(found, at, behind)

    app = setup.app_of(me.id)[0] if me.loaded else ""
    call = Call("heartbeat", (me.id, LEASE, about, app, lanes))
    yield from call_moves(setup, state, f"worker {me.id}", call, after)


def _load(setup: Setup, state: State, at: int) -> Iterator[Move]:
    """Let the first child say what its app has."""
    me = state.workers[at]
    app, version, functions = setup.app_of(me.id)
    yield from call_moves(
        setup,
        state,
        f"worker {me.id}",
        Call("register_app", (app, version, LEASE, functions)),
        lambda result, reply: with_(result, at, me._replace(loaded=True)),
    )


def _report(setup: Setup, state: State, at: int) -> Iterator[Move]:
    me = state.workers[at]
    yield from call_moves(
        setup,
        state,
        f"worker {me.id}",
        me.reports[0][1],
        lambda result, reply: with_(result, at, me._replace(reports=me.reports[1:])),
    )


def _without_child(setup: Setup, state: State, at: int) -> Iterator[Move]:
    """Start a child, or retire."""
    me = state.workers[at]
    if not me.draining:
        lane = f"{me.id}.{me.children}"
        yield from _beat(setup, state, at, "", (*me.lanes(), lane), fork=lane)
    elif not me.reports:
        yield from call_moves(
            setup,
            state,
            f"worker {me.id}",
            Call("retire", (me.id, ())),
            lambda result, reply: with_(result, at, me.successor()),
        )


def _parent(setup: Setup, state: State, at: int) -> Iterator[Move]:
    """Renew a lease that ran out, or hear what is to be stopped and end the child for it."""
    me, keys = state.workers[at], state.keys
    lane, lease = me.lane, keys.lease(me.id)
    assert lane is not None
    if lease is None or lease <= keys.now:
        yield from _beat(setup, state, at, "", me.lanes())
    for task, attempt in keys.stops_of(lane.name):
        if lane.held and lane.held[0][:2] == (task, attempt):
            call = Call("complete", (lane.name, 0, 0, 1, "", ((f"{task},{attempt},C", ""),)))
            behind = _report_death(setup, me, lane.held[:1], first=((lane.name, call),))
            text = f"ends its child for task {task}, which is cancelled"
            yield step(state, f"worker {me.id}", text, with_(state, at, behind))


def _report_death(
    setup: Setup,
    me: Worker,
    executing: tuple[Held, ...],
    *,
    first: tuple[tuple[str, Call], ...] = (),
) -> Worker:
    """Return a worker whose child is dead: what is to be reported of it.

    ``first``: the outcome of an attempt for which it was ended; nobody is to blame then.
    """
    assert me.lane is not None
    name = me.lane.name
    suspects = [task for task, _, spent in executing if spent.endswith("!")]
    flag = f"{RUN},{suspects[0]}" if len(suspects) == 1 else ""
    tasks = tuple(task for task, _, _ in executing)
    deaths = Deaths(None, setup.most_deaths, "-" if first else flag, tasks)
    reap = Call("reap", (name, deaths))
    return me._replace(lane=None, reports=(*me.reports, *first, (name, reap)))


# -- the child --------------------------------------------------------------------------------


def _child(setup: Setup, state: State, at: int) -> Iterator[Move]:
    me = state.workers[at]
    lane = me.lane
    assert lane is not None
    if lane.again is not None:
        yield from _exchange(setup, state, at, lane, lane.again)
        return
    if setup.apps and not me.loaded:
        return
    able = _able(setup, me.id, lane.held)
    if lane.held and not able:  # hand the next one on
        task = lane.held[0][0]
        call = Call("release", (lane.name, "", (task,), setup.plan.function(task)))
        yield from _exchange(setup, state, at, lane, call)
    yield from _store(setup, state, at, lane)
    yield from _work(setup, state, at, lane, able)
    unstarted = lane.held[0 if me.draining else 1 :]
    if unstarted:
        call = Call("release", (lane.name, "", tuple(item[0] for item in unstarted)))
        yield from _exchange(setup, state, at, lane, call)
    if me.draining and not lane.held:
        yield step(
            state,
            f"worker {me.id}",
            "its child is done",
            with_(state, at, _report_death(setup, me, ())),
        )


def _store(setup: Setup, state: State, at: int, lane: Lane) -> Iterator[Move]:
    """Store the elements that the first attempt returned, before its outcome is sent."""
    if not lane.held:
        return
    task, attempt, _ = lane.held[0]
    blocks = setup.plan.blocks_of(task)
    if blocks and lane.stored != (task, attempt):
        call = Call("store_items", (lane.name, task, attempt, 0, blocks))
        yield from _exchange(setup, state, at, lane, call)


def _able(setup: Setup, worker: str, held: tuple[Held, ...]) -> int:
    """Return how many of these attempts are before the first that the app lacks."""
    if not setup.apps:
        return len(held)
    functions = setup.app_of(worker)[2]
    lacked = [at for at, item in enumerate(held) if setup.plan.function(item[0]) not in functions]
    return min(lacked, default=len(held))


def _work(setup: Setup, state: State, at: int, lane: Lane, able: int) -> Iterator[Move]:
    """Yield the exchanges with the outcomes of the first attempts, and the claims of an idle lane.

    The number of a claim says which place comes first. Both are tried: how many claims there were
    before is left out of a state.
    """
    me, keys, app = state.workers[at], state.keys, setup.app_of(state.workers[at].id)[0]
    limit = 0 if me.draining else setup.batch
    steps = (1, 2) if setup.may_alternate else (1,)
    for count in range(1, able + 1):
        # Only with the last outcome more is claimed; before that the reporter sends.
        number = limit if count == len(lane.held) else 0
        for ends in product(*(_ends(setup, state, lane, item) for item in lane.held[:count])):
            for ahead in steps if number else (0,):
                fresh = lane._replace(call=lane.call + ahead)
                call = Call("complete", (lane.name, fresh.call, number, 1, app, tuple(ends)))
                yield from _exchange(setup, state, at, fresh, call)
    waits = keys.ready or keys.turns or not keys.knows_lane(lane.name)
    if not lane.held and limit and waits:
        for ahead in steps:
            fresh = lane._replace(call=lane.call + ahead)
            call = Call("claim", (lane.name, fresh.call, limit, 1, app))
            yield from _exchange(setup, state, at, fresh, call)


def _ends(setup: Setup, state: State, lane: Lane, held: Held) -> list[tuple[str, str]]:
    """Return the outcomes that an attempt may have, as token and payload.

    One whose result is mapped succeeds when its elements are stored.
    """
    task, attempt, spent = held
    plan, head = setup.plan, f"{task},{attempt}"
    blocks = plan.blocks_of(task)
    if blocks is None:
        ends = [(f"{head},S", f"v{attempt}")]
    elif not blocks or lane.stored == (task, attempt):
        ends = [(f"{head},S,#{len(blocks)}/1", f"v{attempt}")]
    else:
        ends = []
    name = plan.dag.graph.names[plan.dag.numbering.node(task)]
    if name in setup.skippable:
        ends.append((f"{head},K", ""))
    if name in setup.shaky and state.failures:
        policy, failures = plan.dag.policy(task), Spent.decode(spent).failures(attempt)
        again = f"{head},W,{setup.delay},{LIST},{plan.places[task][0]}"
        ends.append((again if failures <= policy.retries else f"{head},F", "e"))
    if name in setup.shaky and state.agains:
        # Its memory is the number of times that it has come again. A resume may have deleted it,
        # if the attempt was taken back.
        times = int(dict(state.keys.memories).get(task, 0)) if "^" in spent else 0
        ends.append((f"{head},A,{setup.delay},{LIST},{plan.places[task][0]}", str(times + 1)))
    if (task, attempt) in state.keys.stops_of(lane.name):
        ends.append((f"{head},C", ""))
    return ends


def _exchange(setup: Setup, state: State, at: int, lane: Lane, call: Call) -> Iterator[Move]:
    """Yield a call of a lane, under the number that ``lane`` has taken for it."""
    me = state.workers[at]

    def behind(found: State, its: Lane) -> State:
        failed = sum(token.split(",")[2] in "WF" for token, _ in _outcomes(call))
        again = sum(token.split(",")[2] == "A" for token, _ in _outcomes(call))
        if lane.again is not None:  # a call that is sent again fails no more
            failed = again = 0
        found = found._replace(
            failures=max(0, found.failures - failed), agains=max(0, found.agains - again)
        )
        return with_(found, at, me._replace(lane=its))

    def after(found: State, reply: Reply) -> State:
        if reply[0] == "UNKNOWN":  # declared dead: the child ends
            return with_(found, at, _report_death(setup, me._replace(lane=lane), ()))
        return behind(found, _heard(lane._replace(again=None), call, reply, found.keys))

    yield from call_moves(
        setup,
        state,
        f"lane {lane.name}",
        call,
        after,
        lost=lambda result: behind(result, lane._replace(again=call)),
    )


def _outcomes(call: Call) -> tuple[tuple[str, str], ...]:
    result: tuple[tuple[str, str], ...] = call.args[5] if call.name == "complete" else ()
    return result


def _heard(lane: Lane, call: Call, reply: Reply, keys: Keys) -> Lane:
    """Return a lane that knows a reply: what it holds, and what it must return unknown."""
    if call.name == "release":
        return lane._replace(held=tuple(item for item in lane.held if item[0] not in call.args[2]))
    if call.name == "store_items":  # a refusal is repeated by the outcome
        return lane._replace(stored=(call.args[1], call.args[2]))
    at = 2 if call.name == "claim" else 3
    sent = {int(token.partition(",")[0]) for token, _ in _outcomes(call)}
    held = [item for item in lane.held if item[0] not in sent]
    for text in reply[at + 4 :: 5]:
        for word in text.split(" "):
            task, attempt, spent = word.split(",")
            held.append((int(task), int(attempt), spent))
    mine = {item[0] for item in held}
    unknown = tuple(task for task, _ in keys.held_by(lane.name) if task not in mine)
    again = Call("release", (lane.name, "unsure", unknown)) if unknown else None
    return lane._replace(held=tuple(held), again=again)


# -- faults -----------------------------------------------------------------------------------


def _faults(setup: Setup, state: State, at: int) -> Iterator[Move]:
    me, keys = state.workers[at], state.keys
    lease = keys.lease(me.id)
    alive = lease is not None and lease > keys.now
    if "death" in setup.kinds:
        behind, calls = with_(state, at, me.successor()), ()
        if alive:
            behind, calls = lapse(setup, behind, me.id)
        yield fault(state, f"worker {me.id} dies, its child with it", behind, calls)
    if "lapse" in setup.kinds and alive:
        behind, calls = lapse(setup, state, me.id)
        yield fault(state, f"the lease of worker {me.id} runs out", behind, calls)
    if "child" in setup.kinds and me.lane is not None:
        text = f"the child of worker {me.id} dies"
        yield fault(state, text, with_(state, at, _report_death(setup, me, ())))
        if me.lane.held and me.lane.again is None:
            text += f" while it executes task {me.lane.held[0][0]}"
            yield fault(state, text, with_(state, at, _report_death(setup, me, me.lane.held[:1])))
    if "drain" in setup.kinds and not me.draining:
        text = f"worker {me.id} is told to stop"
        yield fault(state, text, with_(state, at, me._replace(draining=True)))
