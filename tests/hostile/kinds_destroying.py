"""Attacks on what honest runs stand on: leases of living workers, and the truth that all share.

Attempts may repeat, and runs may be late or lost; no process may end, and a new run must work
soon after the attack is over. Where the documentation says that an operator has to remove a key,
the attack is undone by removing it.
"""

from __future__ import annotations

from . import draw
from .actions import Command, Harm
from .hand import Hand, Part, command, kind

SHARED = (
    "cursor", "leader", "layout", "standby", "schema", "events", "workers", "active",
    "runs", "delayed", "levels", "graphs", "dead", "quarantine",
)  # fmt: skip
FUTURE_STEP = "18446744073709551614"


def _worker(hand: Hand) -> str:
    return f"@@worker:{hand.rng.randrange(2)}@@"


def _lane(hand: Hand) -> str:
    return f"{_worker(hand)}.{hand.rng.randrange(2)}{hand.rng.choice(('', 'a'))}"


def _odd(hand: Hand) -> bytes:
    return hand.rng.choice((draw.junk, draw.number))(hand.rng)


# -- living workers -----------------------------------------------------------------------------


@kind("living-about", Harm.REPEATS)
def living_about(hand: Hand) -> list[Command]:
    """What a living worker is said to be, and which lanes it is said to have."""
    about = draw.packed_value(hand.rng, hand.loot.abouts)
    field = hand.rng.choice(("about", "lanes"))
    return [command("HSET", hand.keys.worker(_worker(hand)), field, about)]


@kind("living-lease", Harm.REPEATS, weight=0.5)
def living_lease(hand: Hand) -> list[Command]:
    """The lease of a living worker: gone, over, or endless."""
    rng, workers, worker = hand.rng, hand.keys.workers(), _worker(hand)
    when = rng.choice(("0", "-inf", "@@in:-1@@", "+inf", "1e300"))
    return [rng.choice((command("ZREM", workers, worker), command("ZADD", workers, when, worker)))]


@kind("living-claims-void", Harm.REPEATS, weight=0.5)
def living_claims_void(hand: Hand) -> list[Command]:
    """The claims of a living lane: deleted, another call number, another type."""
    claims, stops = hand.keys.claims(_lane(hand)), hand.keys.stops(_lane(hand))
    return hand.rng.choice(
        (
            [command("DEL", claims)],
            [command("HSET", claims, "#", _odd(hand))],
            [command("HDEL", claims, "#")],
            [command("DEL", stops), command("SADD", stops, f"{hand.honest()},1,1")],
        )
    )


@kind("living-progress")
def living_progress(hand: Hand) -> list[Command]:
    """How far the tasks of a living worker are said to be: anything, or in a key of another type.

    It is only shown, so it harms no run.
    """
    rng, key = hand.rng, hand.keys.progress(_worker(hand))
    line = rng.choice((b"1,@,1,2,\x1b[2J", b"1," + b"9" * 400 + b",1,1,", b"", _odd(hand)))
    fields = [part for at in range(3) for part in (f"{hand.honest()},{at},1", line)]
    spoil = rng.choice(
        (command("HSET", key, *fields), command("SET", key, _odd(hand)), command("DEL", key))
    )
    return [spoil, command("PEXPIRE", key, 60_000)]


# -- shared truth -------------------------------------------------------------------------------


@kind("cursor", Harm.DESTROYS)
def cursor(hand: Hand) -> list[Command]:
    """The place up to which events count as read."""
    step = hand.rng.choice(("0-0", "99999999999999-0", f"{FUTURE_STEP}-0", "1-1-1", "-", "$", "*"))
    value: Part = hand.rng.choice((step, _odd(hand)))
    return [command("SET", hand.keys.cursor(), value)]


@kind("leader", Harm.DESTROYS)
def leader(hand: Hand) -> list[Command]:
    """The scheduler's lease: in another's name for a while, in none, in a term of any number."""
    rng = hand.rng
    term: Part = rng.choice((b"0", b"5", b"-1", b"9007199254740993", draw.number(rng)))
    till = rng.choice(("@@in:-5@@", "@@in:4000@@", "0", "-1", ""))
    who: Part = rng.choice(("somebody", "@@scheduler:0@@", "", "\udcff", "x" * 400))
    lease = command("SET", hand.keys.leader(), b",".join(command(who, term, till)))
    return [rng.choice((lease, command("SET", hand.keys.leader(), _odd(hand))))]


@kind("leader-for-ever", Harm.DESTROYS, weight=0.3)
def leader_for_ever(hand: Hand) -> list[Command]:
    """A lease of somebody else's that survives everybody, or of a term that cannot grow."""
    till = hand.rng.choice(("99999999999999", "9" * 30, "9" * 400))
    term = hand.rng.choice(("1", "9" * 400))
    return [command("SET", hand.keys.leader(), f"somebody,{term},{till}")]


@kind("layout", Harm.DESTROYS, weight=0.5, remedy=())
def shard_position(hand: Hand) -> list[Command]:
    """Which of how many shards this is said to be."""
    value: Part = hand.rng.choice(("0/2/1", "1/2/2", "0/1", "0/1/99", "1/0/0", _odd(hand)))
    return [command("SET", hand.keys.layout(), value)]


@kind("schema", Harm.DESTROYS, weight=0.5, remedy=())
def schema(hand: Hand) -> list[Command]:
    """The format that everything is said to be written in."""
    return [command("SET", hand.keys.schema(), hand.rng.choice((b"99", b"0", _odd(hand))))]


@kind("standby", Harm.DESTROYS)
def standby(hand: Hand) -> list[Command]:
    """Who is said to stand by for the lease."""
    value: Part = hand.rng.choice(("ghost,0,99999999999999", "ghost,1,1", ",,", _odd(hand)))
    return [command("SET", hand.keys.standby(), value)]


@kind(
    "shared-types",
    Harm.DESTROYS,
    weight=1,
    remedy=(),
)
def shared_types(hand: Hand) -> list[Command]:
    """A shared key of another type. The documentation has the operator remove it."""
    rng = hand.rng
    key = getattr(hand.keys, rng.choice(SHARED))()
    value = draw.junk(rng)
    spoil = rng.choice(
        (
            command("SET", key, value),
            command("RPUSH", key, value),
            command("HSET", key, "x", value),
            command("SADD", key, value),
        )
    )
    return [command("DEL", key), spoil]


@kind("shared-gone", Harm.DESTROYS)
def shared_gone(hand: Hand) -> list[Command]:
    """A shared key that is deleted; rarely all of them."""
    if hand.rng.random() < 0.1:
        return [command("FLUSHALL")]
    return [command("DEL", getattr(hand.keys, hand.rng.choice(SHARED))())]


@kind("events-last", Harm.DESTROYS, weight=0.2, remedy=("cursor",))
def events_last(hand: Hand) -> list[Command]:
    """An event with the last id that there is, behind which none can be written."""
    return [
        command("XADD", hand.keys.events(), "18446744073709551615-18446744073709551615", "W", "x")
    ]


@kind("honest-runs", Harm.DESTROYS, weight=3, remedy=())
def honest_runs(hand: Hand) -> list[Command]:
    """An honest run's own keys: deleted, of another type, with odd fields and records."""
    rng, keys, run = hand.rng, hand.keys, hand.honest()
    key = rng.choice((keys.run, keys.tasks, keys.results, keys.errors))(run)
    field: Part = rng.choice(
        ("graph", "state", "submitted", "params", "ttl", "stop", "0", "1", "3")
    )
    return rng.choice(
        (
            [command("DEL", key)],
            [command("DEL", key), command("SET", key, "x")],
            [command("HSET", key, field, _odd(hand))],
            [command("HSET", key, field, draw.packed_value(rng, hand.loot.values))],
            [command("HSET", keys.tasks(run), field, draw.mutated(rng, b"R1,W.0,0,1,"))],
        )
    )


@kind("forged-events", Harm.DESTROYS, weight=2)
def forged_events(hand: Hand) -> list[Command]:
    """Events about honest runs that never happened."""
    rng, keys, run = hand.rng, hand.keys, hand.honest()
    fact = rng.choice(("S", "F", "K", "C"))
    return [
        rng.choice(
            (
                command("XADD", keys.events(), "*", fact, f"{run} {rng.randrange(5)}"),
                command("XADD", keys.events(), "*", rng.choice(("cancel", "resume")), run),
                command("XADD", keys.events(), "*", "submit", f"{run} {'0' * 64}"),
            )
        )
    ]


@kind("false-children", Harm.DESTROYS, weight=1)
def false_children(hand: Hand) -> list[Command]:
    """A run that says that an honest task has called it, and what that task waits for."""
    rng, keys, run = hand.rng, hand.keys, hand.plain_run()
    parent, task = hand.honest(), rng.randrange(6)
    head: dict[str, Part] = {"parent": f"{parent},{task},1,0", "depth": 1, "held": 1}
    state: Part = rng.choice(("1,1,default,5", "1,0,default,5", "2,3,default,5", _odd(hand)))
    return [
        *hand.submit(run, rng.choice(hand.base), b"", **head),
        command("HSET", keys.children(parent), task, state),
        command("PEXPIRE", keys.children(parent), 60_000),
        *hand.queue(run),
    ]


@kind("poisoned-cache", Harm.DESTROYS, weight=1)
def poisoned_cache(hand: Hand) -> list[Command]:
    """Cached results of honest tasks, as values that cannot be read or are others."""
    digest = hand.rng.choice(hand.loot.cached or ["0" * 64])
    value = draw.packed_value(hand.rng, hand.loot.values)
    return [command("SET", hand.keys.cached(digest), value, "PX", 5000)]
