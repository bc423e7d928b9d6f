"""A scheduler: stands by, takes over, reads events, and writes what its resolver says.

Between any two of its reads and calls others may act. ``todo`` is what it has still to do of its
present turn, in order; ``buffer`` what its writer has gathered and not written yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .memory import Memory, Plan, States
from .model import Entries, Keys
from .pieces import Call, Deaths, Reply
from .scripts import play
from .state import Move, Scheduler, Setup, State, Todo
from .steps import LEASE, call_moves, fault, lapse, step


def moves(setup: Setup, state: State, at: int) -> Iterator[Move]:
    """Yield what this scheduler may do, and its faults."""
    me, keys = state.schedulers[at], state.keys
    if not me.term:
        yield from _standby_of(setup, state, at)
    elif me.todo:
        yield from _next_step(setup, state, at)
    else:
        yield from _next_turn(setup, state, at)
    leads = keys.leader is not None and keys.leader[0] == me.id
    if not state.faults:
        return
    if "death" in setup.kinds and (me.term or leads):
        slot, _, number = me.id.partition("-")
        behind = with_(state, at, Scheduler(f"{slot}-{int(number) + 1}"))
        calls: tuple[Any, ...] = ()
        if leads and keys.leader[2] > keys.now:
            behind, calls = lapse(setup, behind, me.id)
        yield fault(state, f"scheduler {me.id} dies", behind, calls)
    if "lapse" in setup.kinds and leads and keys.leader[2] > keys.now:
        behind, calls = lapse(setup, state, me.id)
        yield fault(state, f"the lease of scheduler {me.id} runs out", behind, calls)
    if "pass" in setup.kinds and leads and keys.leader[2] > keys.now:
        yield from _passed_on(state, at)


def _passed_on(state: State, at: int) -> Iterator[Move]:
    """Let another scheduler stand by, and the one that leads give it the lease.

    It acts on as if it did not know: then what it still writes is fenced, whatever it is.
    """
    me, term = state.schedulers[at], state.keys.leader[1]
    for other in state.schedulers:
        if other.id == me.id:
            continue
        keys, calls = state.keys, []
        for call in (
            Call("acquire_lease", (other.id, LEASE, 0)),
            Call("hand_over_lease", (me.id, term, LEASE, 0)),
        ):
            keys, reply = play(keys, call)
            calls.append((keys.now, call, reply))
        label = f"scheduler {me.id} passes its lease on to {other.id}"
        yield fault(state, label, state._replace(keys=keys), tuple(calls))


def with_(state: State, at: int, scheduler: Scheduler) -> State:
    some = state.schedulers
    return state._replace(schedulers=(*some[:at], scheduler, *some[at + 1 :]))


def _standby_of(setup: Setup, state: State, at: int) -> Iterator[Move]:
    me, leader = state.schedulers[at], state.keys.leader
    if leader is not None and leader[0] != me.id and leader[2] > state.keys.now:
        return

    def after(found: State, reply: Reply) -> State:
        if reply[0] == "HELD":
            return found
        return with_(found, at, me._replace(term=reply[1], todo=(("takeover",),)))

    yield from call_moves(setup, state, me.id, Call("acquire_lease", (me.id, LEASE)), after)


# -- a turn of the loop -----------------------------------------------------------------------


def _next_turn(setup: Setup, state: State, at: int) -> Iterator[Move]:
    """Renew the lease, or begin a duty."""
    me, keys = state.schedulers[at], state.keys
    if keys.leader is not None and keys.leader[0] == me.id and keys.leader[2] <= keys.now:
        call = Call("acquire_lease", (me.id, LEASE))
        yield from call_moves(setup, state, me.id, call, lambda result, reply: result)
    if keys.last_event > me.cursor and any(number > me.cursor for number, _ in keys.events):
        behind = settled(setup.plan, _reading(me, keys))
        yield step(state, me.id, "reads events", with_(state, at, behind))
    if any(entry[0] <= keys.now for entry in keys.delayed):
        call = Call("promote", (me.id, me.term, 200, ()))
        yield from call_moves(
            setup, state, me.id, call, lambda result, reply: fenced_or(result, at, reply, me)
        )
    expired = [worker for worker, deadline in keys.workers if deadline <= keys.now]
    if expired:
        todo: Todo = ()
        for worker in expired:
            lanes = keys.lanes_of(worker)
            todo += (*(("reap", lane) for lane in lanes), ("retire", worker, lanes))
        yield step(
            state, me.id, f"sees expired {expired}", with_(state, at, me._replace(todo=todo))
        )
    if (lacking := lacked(setup.plan, keys)) != me.lacking:
        behind = me._replace(lacking=lacking)
        yield step(state, me.id, "looks at the workers", with_(state, at, behind))
    if me.memory is not None and findable(keys) < me.memory.dispatched:
        behind = me._replace(todo=(("mend",),))
        yield step(state, me.id, "misses hints", with_(state, at, behind))


def findable(keys: Keys) -> int:
    """Return how many attempts stand in ready lists, in ``delayed`` and in known lanes' claims."""
    claimed = sum(len(keys.held_by(lane)) for _, lanes in keys.lanes for lane in lanes)
    return claimed + len(keys.delayed) + sum(map(len, found_lists(keys)))


def found_lists(keys: Keys) -> Iterator[Entries]:
    """Yield the entries of the lists that a claim finds: backlogs by their turns, lists of a
    function by what is parked."""
    turns, levels = dict(keys.turns), dict(keys.levels)
    for lists, result in ((keys.ready, levels), (keys.backlogs, turns)):
        for place, entries in lists:
            _, _, function = place[0].partition("@")
            by = place if result is turns else place[0]
            if by in result and (not function or function in keys.parked):
                yield entries


def lacked(plan: Plan, keys: Keys) -> frozenset[str]:
    """Return the functions that the app of some worker lacks, of those that say what they have."""
    functions, abouts = dict(keys.functions), dict(keys.abouts)
    apps = {abouts[worker].partition(" ")[2] for worker, _ in keys.workers} - {""}
    had = [frozenset(functions[app]) for app in apps if app in functions]
    return frozenset(plan.functions) - frozenset.intersection(*had) if had else frozenset()


def _reading(me: Scheduler, keys: Keys) -> Scheduler:
    """Take all events behind the cursor, as ``Resolver.run_once`` does."""
    todo: list[tuple[Any, ...]] = []
    over: list[tuple[Any, ...]] = []
    for number, fields in keys.events:
        if number <= me.cursor:
            continue
        for kind, text in fields if number > me.replay else ():
            if kind in "SFKC":
                over += [_fact(word, kind) for word in text.split(" ")[1:]]
            elif kind != "W":
                todo += [("facts", tuple(over)), ("event", kind)]
                over = []
    todo += [("facts", tuple(over)), ("flush", keys.last_event)]
    return me._replace(cursor=keys.last_event, todo=tuple(todo))


def _fact(word: str, kind: str) -> tuple[Any, ...]:
    """Return a task and how it ended, and the number of elements of its result if it is told."""
    task, sign, length = word.partition("=")
    return (int(task), kind, length) if sign else (int(task), kind)


def settled(plan: Plan, me: Scheduler) -> Scheduler:
    """Do what needs neither a read nor a call."""
    memory, buffer, todo = me.memory, me.buffer, me.todo
    while todo:
        (verb, *args), rest = todo[0], todo[1:]
        if verb == "queue":
            level, flags, tasks = args
            buffer += tuple(
                (plan.verb, name, level, flags, tuple(some))
                for name, some in plan.by_list(tasks, me.lacking).items()
            )
        elif verb in ("drop", "mapped", "finish"):
            buffer, memory = (*buffer, todo[0]), None if verb == "finish" else memory
        elif verb == "facts":
            if memory is not None and args[0]:
                memory, steps = plan.told(memory, args[0])
                rest = steps + rest
        elif verb == "event":
            if args[0] == "cancel" and memory is not None:
                memory, steps = plan.cancelled(memory)
                rest = steps + rest
            elif args[0] == "submit" and memory is None and plan.graph_known:
                memory, steps = plan.begun
                rest = steps + rest
            elif args[0] not in ("cancel", "versions") and memory is None:  # versions are only told
                rest = (("open",), *rest)
        elif verb == "flush" and not (buffer or args[0]):
            pass
        else:
            break
        todo = rest
    return me._replace(memory=memory, buffer=buffer, todo=todo)


# -- one read or call -------------------------------------------------------------------------


def _next_step(setup: Setup, state: State, at: int) -> Iterator[Move]:
    me, keys = state.schedulers[at], state.keys
    call = _call(setup, me)
    if call is None:
        behind = settled(setup.plan, _read(setup.plan, me, keys))
        yield step(state, me.id, f"reads for {me.todo[0][0]}", with_(state, at, behind))
        return

    def after(found: State, reply: Reply) -> State:
        behind = me
        if call.name == "apply":
            behind = me._replace(buffer=())
            if me.todo[0][0] == "flush":
                behind = behind._replace(todo=me.todo[1:])
        else:
            rest = me.todo[1:]
            if me.todo[0][0] == "halt":
                over = tuple((int(task), "C") for text in reply[1:2] for task in text.split())
                rest = (("facts", over), *rest)
            behind = me._replace(todo=rest)
        return fenced_or(found, at, reply, settled(setup.plan, behind))

    yield from call_moves(setup, state, me.id, call, after)


def fenced_or(state: State, at: int, reply: Reply, behind: Scheduler) -> State:
    """Return the state behind a write: a fenced scheduler forgets all and stands by."""
    me = state.schedulers[at]
    return with_(state, at, Scheduler(me.id) if reply[0] == "FENCED" else behind)


def _call(setup: Setup, me: Scheduler) -> Call | None:
    """Return the call that is due, None for a read."""
    verb, *args = me.todo[0]
    head = (me.id, me.term)
    if verb == "flush":
        return Call("apply", (*head, args[0], me.buffer))
    if verb in ("stop", "mark", "halt") and me.buffer:
        return Call("apply", (*head, 0, me.buffer))
    match verb:
        case "stop":
            return Call("stop_run", (*head, *args))
        case "mark":
            return Call("end_tasks", (*head, args[0], False, args[1]))
        case "halt":
            return Call("end_tasks", (*head, "C", args[1], args[0]))
        case "reset":
            return Call("reset", (*head, True, args[0]))
        case "requeue":
            return Call("requeue", (*head, setup.plan.verb, args[0]))
        case "reap":
            return Call("reap", (args[0], Deaths(head, setup.most_deaths, "?")))
        case "retire":
            return Call("retire", (args[0], args[1]))
    return None


def _read(plan: Plan, me: Scheduler, keys: Keys) -> Scheduler:
    """Do the read that is due."""
    (verb, *args), rest = me.todo[0], me.todo[1:]
    if verb == "takeover":
        todo = (("open",), ("flush", 0), ("mend",), *rest)
        replay, lacking = max(keys.last_event, keys.cursor), lacked(plan, keys)
        return me._replace(cursor=keys.cursor, replay=replay, lacking=lacking, todo=todo)
    if verb == "open":
        if keys.field("state") != "running":
            return me._replace(todo=rest)
        result = ("states", keys.field("stop"), keys.field("resuming"))
        return me._replace(todo=(result, *rest))
    if verb == "states":
        states: States = tuple(
            (task, item.code, item.items) if item.items else (task, item.code)
            for task, item in keys.tasks
        )
        steps: Todo = ()
        stop, resuming = args
        if resuming:
            named = tuple(map(int, resuming.partition("from ")[2].split()))
            states, again = plan.divide(states, named, keys)
            steps = (("reset", again),)
        memory, more = plan.restored(states, stop)
        return me._replace(memory=memory, todo=steps + more + rest)
    dispatched = [] if me.memory is None else _dispatched(me.memory)
    if verb == "mend":
        listed = frozenset(entry for entries in found_lists(keys) for entry in entries)
        listed |= {entry[1:] for entry in keys.delayed}
        return me._replace(todo=(("compare", listed), *rest) if dispatched else rest)
    assert verb == "compare", verb
    missing = _missing(plan, keys, me, args[0])
    return me._replace(todo=(("requeue", missing), *rest) if missing else rest)


def _missing(
    plan: Plan, keys: Keys, me: Scheduler, listed: frozenset[Any]
) -> tuple[tuple[int, str, str], ...]:
    missing = []
    for task in _dispatched(me.memory) if me.memory else ():
        record, level = keys.record(task), plan.places[task][0]
        if record is None or record.code not in "QW":
            continue
        (name,) = plan.by_list((task,), me.lacking)
        entries: set[tuple[Any, ...]] = {(task, record.attempt)}
        if record.code == "W":
            entries = {(task, record.attempt + 1, there, level) for there in plan.lists_of(task)}
        if entries.isdisjoint(listed):
            missing.append((task, name, level))
    return tuple(missing)


def _dispatched(memory: Memory) -> list[int]:
    return [task for task, code in enumerate(memory.states) if code == 1]
