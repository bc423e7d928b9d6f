"""Attacks on what tells who can run what, and on the turns of runs: apps and their functions,
versions of the code, lists of functions, backlogs. They touch no app that honest workers have.
"""

from __future__ import annotations

from . import draw
from .actions import Command, Harm
from .hand import HOUR_MS, Hand, Part, command, kind, raw

QUEUES = ("default", "default~async")
ODD_APPS = ("", ":version", "a b", "x" * 400, "\r\n", "\udcff", "\x1b[31m", "g" * 16, "0" * 17)


def _app(hand: Hand) -> str:
    """Return an app that no honest worker has; every third has an odd name."""
    rng = hand.rng
    return rng.choice(ODD_APPS) if rng.random() < 0.3 else f"{rng.randrange(2**64):016x}"


def _functions(hand: Hand) -> list[Part]:
    rng = hand.rng
    ids: list[Part] = [f"{rng.randrange(2**64):016x}" for _ in range(rng.choice((1, 5, 200)))]
    return [*ids, draw.junk(rng)]


@kind("apps", weight=3)
def apps(hand: Hand) -> list[Command]:
    """Apps that no worker has, alive for a while, with functions of any sort or none."""
    rng, keys = hand.rng, hand.keys
    result: list[Command] = []
    soon = [part for at in range(rng.choice((1, 5, 200))) for part in ("@@in:5000@@", f"{at:016x}")]
    result.append(command("ZADD", keys.apps(), *soon))
    for _ in range(5):
        app = _app(hand)
        when = rng.choice(("@@in:-1000@@", "@@in:5000@@", "0", "+inf", "-inf", "1e300"))
        result.append(command("ZADD", keys.apps(), when, app))
        if app and rng.random() < 0.5:
            result.append(command("SADD", keys.app(app), *_functions(hand)))
        if app and rng.random() < 0.3:
            result.append(command("SET", keys.app_version(app), draw.junk(rng)))
    return result


@kind("apps-of-strangers", weight=3)
def apps_of_strangers(hand: Hand) -> list[Command]:
    """Workers that seem alive but were never started, with an app whose key holds anything."""
    import msgpack

    rng, keys = hand.rng, hand.keys
    result: list[Command] = []
    for at in range(rng.choice((1, 1, 10))):
        worker, app = f"A{hand.number}x{at}", f"{rng.randrange(2**64):016x}"
        about = {
            "host": "\x1b[31mhost", "pid": 1, "app": "a\x1b]0;x\x07\r\n.py" * rng.choice((1, 100)),
            "queues": ["default"], "processes": 1, "concurrency": 1, "version": "0.1.0",
            "turns": rng.random() < 0.9, "functions": app, "ready": 1,
            "app_version": rng.choice(("", "1.0", "\x1b[31m", "x" * 65)),
        }  # fmt: skip
        spoil = rng.choice(
            (
                command("SET", keys.app(app), draw.junk(rng)),
                command("RPUSH", keys.app(app), "x"),
                command("SADD", keys.app(app), *_functions(hand)),
                command("DEL", keys.app(app)),
            )
        )
        result += [
            spoil,
            command("HSET", keys.worker(worker), "about", msgpack.packb(about), "lanes", ""),
            command("ZADD", keys.workers(), "@@in:5000@@", worker),
        ]
    return result


@kind("function-lists", weight=2)
def function_lists(hand: Hand) -> list[Command]:
    """Lists of functions that no honest app has, and names that are no functions, in `parked`."""
    rng, keys = hand.rng, hand.keys
    result: list[Command] = []
    base = rng.choice(QUEUES)
    for function in _functions(hand)[-6:]:
        name = f"{base}@{raw(function).decode('latin-1')}"
        entry = raw(rng.choice((hand.run(), hand.honest(), "nobody"))) + b",0,77"
        result += [
            command("SADD", keys.parked(base), function),
            command("RPUSH", keys.ready(name, rng.choice("59!")), entry),
            command("HSET", keys.levels(), name, rng.choice((b"5", draw.junk(rng)))),
            command("HSET", keys.levels(), name + "+", "1", base + "@", "1", base + "+", "1"),
        ]
    return result


@kind("turns", weight=3)
def turns(hand: Hand) -> list[Command]:
    """Turns of runs that have no backlog, and backlogs of any type of runs that are hostile."""
    rng, keys = hand.rng, hand.keys
    result: list[Command] = [command("HSET", keys.levels(), "default+", "1")]
    for _ in range(3):
        runs = [
            rng.choice((hand.run(), hand.honest(), "nobody")) for _ in range(rng.choice((1, 300)))
        ]
        level = rng.choice("59")
        result.append(command("RPUSH", keys.turns("default", level), *runs))
        backlog = keys.backlog("default", level, hand.run())
        entry = draw.number(rng) + b"," + rng.choice((b"1", draw.number(rng), b"", b"\xff"))
        result.append(command(rng.choice(("RPUSH", "SET", "SADD")), backlog, entry))
    return result


@kind("versions", weight=3)
def versions(hand: Hand) -> list[Command]:
    """What hostile runs are said to have run, and events that say so of any run."""
    rng, keys, run = hand.rng, hand.keys, hand.plain_run()
    odd = [b"", b"=", b"zz=1", b"a=\x1b[31m", b"a=" + b"9" * 5000, b"0" * 16 + b"=1.0", b"a=b=c"]
    item, other = rng.choice(odd), rng.choice(odd)
    text = raw(rng.choice((run, hand.honest(), "nobody"))) + b" " + item + b" " + other
    return [
        *hand.submit(run, rng.choice(hand.base), code=rng.choice(odd), ran=item, mixed=other),
        *hand.queue(run),
        command("HSET", keys.run(run), "@@@worker:0@@", other, "@@@worker:1@@.0", item),
        command("XADD", keys.events(), "*", "versions", text + rng.choice((b"", b" ", b" x=y"))),
    ]


@kind("many-apps", weight=0.1)
def many_apps(hand: Hand) -> list[Command]:
    """A hundred thousand apps that are alive for an hour."""
    script = """
    for at = 1, 100000 do
      redis.call('ZADD', KEYS[1], ARGV[1], string.format('%016x', at))
    end"""
    return [
        command("EVAL", script, 1, hand.keys.apps(), f"@@in:{HOUR_MS}@@"),
    ]


@kind("app-types", Harm.DESTROYS, weight=1)
def app_types(hand: Hand) -> list[Command]:
    """The shared keys behind turns and apps, and what honest apps have: another type, or gone."""
    rng, keys = hand.rng, hand.keys
    shared = [keys.apps(), *map(keys.parked, QUEUES), keys.turns("default", "5")]
    result = []
    for app in hand.loot.apps:
        result += [command("DEL", keys.app(app)), command("DEL", keys.app_version(app))]
        shared += [keys.app(app), keys.app_version(app)]
    key = rng.choice(shared)
    spoil = rng.choice(
        (command("SET", key, draw.junk(rng)), command("RPUSH", key, "x"), command("DEL", key))
    )
    field = rng.choice(("default+", "default@", "default~async+"))
    gone = command("HDEL", keys.levels(), field)
    return [*result, command("DEL", key), spoil, gone]
