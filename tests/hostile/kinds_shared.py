"""Attacks that add to what all runs share: events, queues, retries, workers, lists. They add what
no honest run has a part in, so they may do no harm either.
"""

from __future__ import annotations

import msgpack

from . import draw
from .actions import Command
from .hand import HOUR_MS, Hand, command, kind, raw

FACTS = ("S", "F", "K", "C", "W", "submit", "cancel", "resume", "ended")
BURST = """
for at = 1, tonumber(ARGV[1]) do
  redis.call('XADD', KEYS[1], '*', ARGV[2], ARGV[3] .. at)
end
"""
BIG_EVENT = 60_000_000
QUEUES = ("default", "default~async")


# -- events -------------------------------------------------------------------------------------


@kind("events-garbage", weight=4)
def events_garbage(hand: Hand) -> list[Command]:
    """Events of any kind with any text, several fields, the same field twice."""
    rng = hand.rng
    fields: list[bytes] = []
    for _ in range(rng.choice((1, 1, 1, 3, 40))):
        name = rng.choice(FACTS).encode() if rng.random() < 0.7 else draw.junk(rng)
        run = rng.choice((hand.run(), hand.plain_run(), "", "nobody"))
        fields += [name, raw(run) + rng.choice((b"", b" ", b",")) + draw.junk(rng)]
    return [command("XADD", hand.keys.events(), "*", *fields)]


@kind("events-near", weight=4)
def events_near(hand: Hand) -> list[Command]:
    """Events as scripts write them, a little changed. They may name honest runs, with tasks that
    these do not have."""
    rng = hand.rng
    events = hand.loot.events or [(b"S", b"x 0"), (b"submit", b"x " + b"0" * 64)]
    fact, text = rng.choice(events)
    rest = text.partition(b" ")[2]
    if rng.random() < 0.3:
        wrong = rng.choice((b"99999", b"-1", b"9" * 5000, b"0 x", b"0,1", b"0 \xff", b"nan"))
        return [
            command(
                "XADD",
                hand.keys.events(),
                "*",
                rng.choice("SFKC"),
                raw(hand.honest()) + b" " + wrong,
            )
        ]
    changed = raw(hand.run()) + b" " + draw.mutated(rng, rest)
    return [command("XADD", hand.keys.events(), "*", fact, changed)]


@kind("events-burst", weight=0.1)
def events_burst(hand: Hand) -> list[Command]:
    """Fifty thousand bad events at once."""
    rng = hand.rng
    count, fact = rng.choice((5_000, 50_000)), rng.choice((*FACTS, "explode", "\udcff"))
    text = rng.choice((b"nobody x", b"\xff", b"honest-0-1 9999999", raw(hand.run()) + b" ,"))
    return [command("EVAL", BURST, 1, hand.keys.events(), count, fact, text)]


@kind("events-huge", weight=0.05)
def events_huge(hand: Hand) -> list[Command]:
    """One event of sixty megabytes."""
    rng = hand.rng
    text = rng.choice((b"x", b" 1", b"\x00", b"9")) * BIG_EVENT
    text = raw(hand.plain_run()) + b" " + text[:BIG_EVENT]
    return [command("XADD", hand.keys.events(), "*", rng.choice(FACTS), text)]


@kind("events-many-tasks", weight=0.3)
def events_many_tasks(hand: Hand) -> list[Command]:
    """One event about a million tasks, or with ten thousand fields."""
    rng = hand.rng
    if rng.random() < 0.5:
        text = raw(hand.plain_run()) + b" 1" * rng.choice((10_000, 1_000_000))
        return [command("XADD", hand.keys.events(), "*", rng.choice("SFKC"), text)]
    fields = [part for at in range(10_000) for part in (rng.choice(FACTS), f"nobody {at}")]
    return [command("XADD", hand.keys.events(), "*", *fields)]


# -- queues -------------------------------------------------------------------------------------


@kind("ready", weight=4)
def ready(hand: Hand) -> list[Command]:
    """Entries of ready lists that lead nowhere, or to what stands somewhere else."""
    rng, keys = hand.rng, hand.keys
    result: list[Command] = []
    for _ in range(rng.choice((1, 5, 50))):
        run = raw(rng.choice((hand.run(), hand.plain_run(), hand.honest(), "nobody")))
        parts = [
            run,
            rng.choice((b"0", b"1", draw.number(rng))),
            rng.choice((b"77", draw.number(rng))),
        ]
        entry = b",".join(parts) if rng.random() < 0.7 else draw.junk(rng)
        result.append(command("RPUSH", keys.ready(rng.choice(QUEUES), rng.choice("0599!")), entry))
    return result


@kind("ready-odd-lists", weight=1)
def ready_odd_lists(hand: Hand) -> list[Command]:
    """Ready lists, levels and wake-up tokens of queues that nobody serves, of any type."""
    rng, keys = hand.rng, hand.keys
    name = rng.choice((f"h{hand.number}", "a,b", "x" * 400, "\r", "\udcff", "", "~async"))
    level = rng.choice(("5", "!", "77", "", "\r", "x" * 10_000))
    spoil = rng.choice(("SET", "RPUSH", "SADD"))
    return [
        command("HSET", keys.levels(), name, rng.choice((draw.junk(rng), b"5"))),
        command(spoil, keys.ready(name, level), draw.junk(rng)),
        command("RPUSH", keys.wake(name), *[draw.junk(rng)] * 5),
    ]


@kind("levels-long", weight=0.2)
def levels_long(hand: Hand) -> list[Command]:
    """Ten thousand levels of a queue that honest runs use, theirs among them."""
    rng, keys = hand.rng, hand.keys
    odd = "".join(rng.choice("5!9abc\x00\r ") for _ in range(rng.choice((10, 1000, 10_000))))
    return [command("HSET", keys.levels(), rng.choice(QUEUES), "!9" + odd + "5")]


@kind("wake", weight=0.5)
def wake(hand: Hand) -> list[Command]:
    """Tokens that wake idle claimers for nothing, far more than there should be."""
    count = hand.rng.choice((1, 40, 2_000))
    queue = hand.rng.choice(QUEUES)
    return [command("RPUSH", hand.keys.wake(queue), *[draw.junk(hand.rng)[:100]] * count)]


@kind("delayed", weight=3)
def delayed(hand: Hand) -> list[Command]:
    """Retries of what does not wait, at any time."""
    rng, keys = hand.rng, hand.keys
    result: list[Command] = []
    for _ in range(rng.choice((1, 5, 50))):
        when = rng.choice(
            ("@@in:-1000@@", "@@in:1000@@", "0", "-inf", "+inf", "1e308", "-1", "0.5")
        )
        run = raw(rng.choice((hand.run(), hand.honest(), "nobody")))
        parts = [
            run,
            b"0",
            draw.number(rng),
            rng.choice((b"default", b"x", b"")),
            rng.choice((b"5", b"!", b"55")),
        ]
        entry = b",".join(parts) if rng.random() < 0.7 else draw.junk(rng)
        result.append(command("ZADD", keys.delayed(), when, entry))
    return result


# -- workers ------------------------------------------------------------------------------------


@kind("strangers", weight=3)
def strangers(hand: Hand) -> list[Command]:
    """Workers that nobody has started, alive or dead, with odd names, lanes and descriptions."""
    rng, keys = hand.rng, hand.keys
    worker = "S" + str(hand.number) + rng.choice((hand.ending(), "", ".0", ".x", "," * 3))
    when = rng.choice(("@@in:-1000@@", "@@in:5000@@", "0", "-inf", "-1", "0.5"))
    about = rng.choice(hand.loot.abouts or [b"\x80"])
    about = draw.reshaped(rng, about) if rng.random() < 0.5 else draw.packed_value(rng, [about])
    lane = rng.choice((f"{worker}.0", worker, "x.0", draw.ending(rng), f"{worker}.0 {worker}.0a"))
    task = rng.choice(
        (f"{hand.honest()},1", f"{hand.run()},0", "x", "", "a,b,c", "#", f"nobody,{2**70}")
    )
    claim = rng.choice(
        (b"1,1,default,5", b"1", b"", draw.junk(rng), draw.number(rng) + b",1,default,!")
    )
    result = [
        command("HSET", keys.worker(worker), "about", about, "lanes", lane),
        command("HSET", keys.claims(lane), "#", draw.number(rng), task, claim),
        command("SADD", keys.stops(lane), draw.junk(rng)),
    ]
    if rng.random() < 0.1:
        target = rng.choice((keys.worker(worker), keys.claims(lane), keys.stops(lane)))
        result += [command("DEL", target), command("SET", target, "x")]
    return [*result, command("ZADD", keys.workers(), when, worker)]


@kind("living-stops", weight=2)
def living_stops(hand: Hand) -> list[Command]:
    """What living lanes are told to stop: nothing that they run, in invalid texts."""
    rng, keys = hand.rng, hand.keys
    result = []
    for _ in range(rng.choice((1, 3, 200))):
        odd = (
            b"x\rkill 0",
            b"x\nclaimers 0",
            b"x\ndrain",
            b"nobody,0,1\r\ndrain",
            b"a b c",
            b"\xff,0,1",
        )
        text = rng.choice((*odd, draw.junk(rng), raw(hand.run()) + b",0,1"))
        lane = f"@@worker:{rng.randrange(2)}@@.{rng.randrange(2)}{rng.choice(('', 'a'))}"
        result.append(command("SADD", keys.stops(lane), text))
    return result


@kind("living-claims", weight=1)
def living_claims(hand: Hand) -> list[Command]:
    """Claims of living lanes on what does not run there."""
    rng, keys = hand.rng, hand.keys
    lane = f"@@worker:{rng.randrange(2)}@@.{rng.randrange(2)}{rng.choice(('', 'a'))}"
    task = rng.choice(
        (raw(hand.run()) + b",0", b"nobody,1", draw.junk(rng) + b"x", b"nobody," + draw.number(rng))
    )
    claim = rng.choice((b"1,1,default,5", b"", draw.junk(rng)))
    return [command("HSET", keys.claims(lane), task, claim)]


# -- lists --------------------------------------------------------------------------------------


@kind("lists", weight=3)
def lists(hand: Hand) -> list[Command]:
    """Names in the lists of runs that are nobody's."""
    rng, keys = hand.rng, hand.keys
    name = rng.choice((raw(hand.run()), draw.junk(rng), draw.number(rng)))
    when = rng.choice(("@@in:0@@", "0", "-inf", "+inf", "1e300", "0.5"))
    return [
        rng.choice(
            (
                command("SADD", keys.active(), name),
                command("ZADD", keys.runs(), when, name),
                command(
                    "ZADD", keys.dead(), when, name + rng.choice((b",0", b",x", b"", b",,", b",-1"))
                ),
                command("LPUSH", keys.quarantine(), draw.junk(rng)),
                command(
                    "HSET", keys.graphs(), name, rng.choice((draw.number(rng), draw.junk(rng)))
                ),
                command("HSET", keys.graphs(), name + b"!", draw.number(rng)),
            )
        )
    ]


@kind("dead-letters", weight=1)
def dead_letters(hand: Hand) -> list[Command]:
    """Dead letters of hostile runs, with odd records and errors."""
    rng, run, keys = hand.rng, hand.plain_run(), hand.keys
    result = hand.submit(run, rng.choice(hand.base), state=rng.choice(("failed", "x", "running")))
    error = msgpack.packb(["E\x1b[31m", "m\r\n" * 3, "\x1b]0;x\x07 trace"])
    return [
        *result[:-1],
        command("HSET", keys.tasks(run), 0, rng.choice((b"F1,W.0,0,1,2", draw.junk(rng)))),
        command("HSET", keys.errors(run), 0, rng.choice((error, draw.packed_value(rng, [error])))),
        command("ZADD", keys.dead(), "@@in:0@@", f"{run},0"),
    ]


@kind("stores", weight=1)
def stores(hand: Hand) -> list[Command]:
    """Entries of state stores and cached results that nobody has made."""
    rng, keys = hand.rng, hand.keys
    store, entry = f"h{hand.number % 50}{hand.ending()}", draw.ending(rng)
    digest = "".join(rng.choice("0123456789abcdef") for _ in range(64))
    value = draw.packed_value(rng, hand.loot.values)
    return [
        command("SET", keys.cached(digest), value, "PX", HOUR_MS),
        command("ZADD", keys.state(store), rng.choice(("0", "-inf", "1e300")), entry),
        command("HSET", keys.entry(store, entry), "value", value, "meta", draw.junk(rng)),
    ]


@kind("cache-of-strangers", weight=1)
def cache_of_strangers(hand: Hand) -> list[Command]:
    """A sound hostile run, and a cached result under names that are nearly those of honest ones."""
    rng, run, keys = hand.rng, hand.plain_run(), hand.keys
    digest = rng.choice(hand.loot.cached or ["0" * 64])
    near = digest[:-8] + "f" * 8  # what is near to a near one is no honest one again
    value = draw.packed_value(rng, hand.loot.values)
    seed = b"\x81\xa4seed" + rng.choice(
        (b"\x05", b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", b"\xa1x")
    )
    result = [command("SET", keys.cached(near), value, "PX", HOUR_MS)]
    return [*result, *hand.submit(run, rng.choice(hand.base), seed)]
