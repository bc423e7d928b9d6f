"""Attacks that touch hostile runs only: graphs, heads, records, values. They harm nobody else."""

from __future__ import annotations

import functools
import struct
import zlib

import msgpack

from . import draw
from .actions import Command
from .hand import Hand, Part, command, kind

# What the fields of a policy must be: with another type, a graph is refused at once.
POLICY_TYPES = (
    int,
    (int, float),
    (int, float),
    (int, float),
    (int, float),
    str,
    int,
    int,
    str,
    int,
)
RETRIES = 0  # which of them that is
NAMES, ROWS, UPS, POLICIES, POLICY_OF, REFS, REF_OF, KWARGS = range(2, 10)
ODD_VALUES = (
    float("nan"), float("inf"), float("-inf"), -1, 0, 77, 2**63, -(2**63), 1e308, None, True,
    "a,b", "", "x" * 400, "~async", "default ", "\r", "q|q", b"", [], {}, "none_failed", "9" * 400,
)  # fmt: skip


def _packed(parts: list[object], *, deflate: bool = False) -> bytes:
    data = bytes(msgpack.packb(parts, unicode_errors="surrogatepass"))
    return zlib.compress(data, 1) if deflate else data


def _ints(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}i", *numbers)


# -- graphs -------------------------------------------------------------------------------------


@kind("graph-policy", weight=3)
def graph_policy(hand: Hand) -> list[Command]:
    """A graph whose policies no ``@task`` would let through."""
    parts, rng = hand.graph_parts(), hand.rng
    policies = [list(policy) for policy in parts[POLICIES]]  # type: ignore[attr-defined]
    for policy in policies:
        for _ in range(rng.choice((1, 1, 3))):
            field = rng.randrange(len(policy))
            fitting = [value for value in ODD_VALUES if isinstance(value, POLICY_TYPES[field])]
            policy[field] = rng.choice(fitting if rng.random() < 0.8 else ODD_VALUES)
        if rng.random() < 0.5:  # what is said of retries counts when an attempt fails
            policy[RETRIES] = 3
    parts[POLICIES] = policies
    parts[REFS] = ["hostile_app:failing"] * len(parts[REFS])  # type: ignore[arg-type]
    run = hand.plain_run()
    started = hand.queue(run) if rng.random() < 0.5 else []
    return [*hand.submit(run, _packed(parts)), *started]


@kind("graph-shape", weight=2)
def graph_shape(hand: Hand) -> list[Command]:
    """A graph with a cycle, rows that do not fit, long or odd names, odd references."""
    parts, rng = hand.graph_parts(), hand.rng
    count = len(parts[NAMES])  # type: ignore[arg-type]
    luck = rng.randrange(8)
    if luck == 0:
        parts[ROWS], parts[UPS] = (
            _ints(*range(count + 1)),
            _ints(*((at + 1) % count for at in range(count))),
        )
    elif luck == 1:
        parts[ROWS] = _ints(*sorted(rng.choice((0, 1, 2**31 - 1, -5)) for _ in range(count + 1)))
    elif luck == 2:
        parts[NAMES] = [rng.choice(("x" * 1_000_000, "\x1b[31m", "\r\n", "", "a"))] * count
    elif luck == 3:
        refs = (
            "os:system",
            "builtins:eval",
            "subprocess:Popen",
            "x",
            ":",
            "a" * 100_000,
            "__main__:x",
        )
        parts[REFS] = [rng.choice(refs)] * len(parts[REFS])  # type: ignore[arg-type]
    elif luck == 4:
        parts[rng.choice((POLICY_OF, REF_OF))] = _ints(
            *(rng.choice((-1, 2**31 - 1)) for _ in range(count))
        )
    elif luck == 5:
        parts[KWARGS] = [[rng.choice((0, -1, 2**40, "x", None)), draw.bomb(rng)]]
    elif luck == 6:
        parts[rng.randrange(len(parts))] = rng.choice(ODD_VALUES)
    else:
        parts = [*parts, *ODD_VALUES[: rng.randint(1, 20)]]
    run = hand.plain_run()
    return [*hand.submit(run, _packed(parts, deflate=rng.random() < 0.5)), *hand.queue(run)]


@kind("graph-near", weight=2)
def graph_near(hand: Hand) -> list[Command]:
    """An honest graph with a few bytes changed, under the digest that fits or a wrong one."""
    rng, run = hand.rng, hand.plain_run()
    data = rng.choice([*hand.base, *hand.loot.graphs])
    plain = zlib.decompress(data) if data[:1] == b"\x78" else data
    spoilt = draw.reshaped(rng, plain) if rng.random() < 0.5 else draw.mutated(rng, plain)
    if rng.random() < 0.3:
        spoilt = draw.mutated(rng, zlib.compress(spoilt, 1))
    result = hand.submit(run, spoilt or b"\x90")
    if rng.random() < 0.2:
        result[0] = (*result[0][:2], draw.junk(rng), *result[0][3:])
    return [*result, *hand.queue(run)]


@functools.cache
def _deflated(first: bytes, filler: bytes, count: int) -> bytes:
    """Return ``first`` and ``count`` times ``filler``, compressed without ever being in memory."""
    stream = zlib.compressobj(9)
    block = filler * 1_000_000
    parts = [stream.compress(first)]
    parts += [stream.compress(block) for _ in range(count // 1_000_000)]
    return b"".join([*parts, stream.flush()])


@kind("graph-bomb", weight=0.15)
def graph_bomb(hand: Hand) -> list[Command]:
    """A small graph that unpacks to hundreds of megabytes, or to lists of millions."""
    rng = hand.rng
    size = rng.choice((50, 200, 1000)) * 1_000_000
    filler = rng.choice((b"\xc0", b"\x00", b"\x90"))
    bombs = (
        lambda: _deflated(b"\xdd" + struct.pack(">I", size), filler, size),
        lambda: _deflated(b"\xc6" + struct.pack(">I", size), b"\x00", size),
        lambda: _deflated(b"\x9c\x01\xa1x\xdd" + struct.pack(">I", size // 2), b"\xa1x", size // 2),
        lambda: _deflated(b"\x91" * 1000, b"\x91", size),
    )
    return hand.submit(hand.plain_run(), rng.choice(bombs)())


# -- heads and records --------------------------------------------------------------------------

HEAD_FIELDS = (
    "dag", "graph", "state", "submitted", "total", "ttl", "params", "stop", "resuming", "resumes",
    "kept", "finished", "failed", "counts", "outcome", "parent", "depth", "held", "children",
)  # fmt: skip


@kind("run-head", weight=3)
def run_head(hand: Hand) -> list[Command]:
    """A run whose hash has odd fields, or some too few, or one of an honest run's changed."""
    rng, run = hand.rng, hand.plain_run()
    head: dict[str, Part] = {}
    for _ in range(rng.randint(1, 3)):
        value = rng.choice((draw.junk, draw.number))(rng)
        head[rng.choice(HEAD_FIELDS)] = value
    graph = rng.choice(hand.base)
    gone = [command("HDEL", hand.keys.run(run), rng.choice(HEAD_FIELDS))]
    begin = hand.submit(run, graph)
    flat = [part for pair in head.items() for part in pair]
    changes = [command("HSET", hand.keys.run(run), *flat), *(gone if rng.random() < 0.3 else [])]
    # The event may be read before or after the fields are odd.
    order = [*begin[:-1], *changes, begin[-1]] if rng.random() < 0.5 else [*begin, *changes]
    return [*order, *(hand.queue(run) if rng.random() < 0.5 else [])]


@kind("run-id", weight=3)
def run_id(hand: Hand) -> list[Command]:
    """A sound run under a name that no client would give, with a task to claim."""
    rng = hand.rng
    run = hand.plain_run() + rng.choice(
        [ending for ending in draw.ODD_ENDINGS if ending and "," not in ending]
    )
    result = hand.submit(run, rng.choice(hand.base), b"\x81\xa4seed\x05")
    return [*result, *hand.queue(run, 0, rng.choice((1, 1, 2)))]


@kind("records", weight=3)
def records(hand: Hand) -> list[Command]:
    """A sound run with records that no script writes, and entries that lead to them."""
    rng, run, keys = hand.rng, hand.plain_run(), hand.keys
    result = hand.submit(run, rng.choice(hand.base), b"\x81\xa4seed\x05")
    attempt = draw.number(rng)
    changed: list[Command] = []
    for _ in range(rng.randint(1, 4)):
        task = rng.choice((b"0", b"1", b"2", b"-1", b"99", b"x", draw.number(rng)))
        honest = rng.choice(hand.loot.records or [b"Q1,,0,,", b"S1,W.0,0,1,2"])
        record = draw.mutated(rng, honest) if rng.random() < 0.6 else draw.junk(rng)
        changed.append(command("HSET", keys.tasks(run), task, record))
    claimable = hand.queue(run, rng.choice((b"0", b"1")), attempt)
    if rng.random() < 0.5:
        spent = rng.choice((b"9" * 400, b"0/9" + b"9" * 5000, b"0" + b"!?+=~" * 3, b"-1", b"0*x"))
        record = b"Q" + attempt + b",," + spent + b",,"
        claimable[0] = command("HSET", keys.tasks(run), 0, record)
    return [*result[:-1], *changed, *claimable, result[-1]]


@kind("wrong-types", weight=0.5)
def wrong_types(hand: Hand) -> list[Command]:
    """A hostile run, or a stranger among the workers, whose keys are of another type."""
    rng, run, keys = hand.rng, hand.plain_run(), hand.keys
    result = hand.submit(run, rng.choice(hand.base))
    target = rng.choice((keys.run(run), keys.tasks(run), keys.results(run), keys.errors(run)))
    spoil = rng.choice((("SET", target, "x"), ("RPUSH", target, "x"), ("SADD", target, "x")))
    return [*result[:-1], *hand.queue(run), command("DEL", target), command(*spoil), result[-1]]


@kind("vanish", weight=1)
def vanish(hand: Hand) -> list[Command]:
    """A run that continues and of which parts disappear."""
    rng, run, keys = hand.rng, hand.plain_run(), hand.keys
    result = hand.submit(run, rng.choice(hand.base), b"\x81\xa4seed\x05")
    parts = [keys.run(run), keys.tasks(run), keys.results(run)]
    event = command("XADD", keys.events(), "*", rng.choice(("cancel", "resume", "submit")), run)
    return [*result, command("DEL", *rng.sample(parts, rng.randint(1, 3))), event]


# -- values -------------------------------------------------------------------------------------


@kind("params", weight=3)
def params(hand: Hand) -> list[Command]:
    """A sound run whose parameters cannot be read, or cost much to read."""
    run, value = hand.plain_run(), draw.packed_value(hand.rng, hand.loot.values)
    return [*hand.submit(run, hand.rng.choice(hand.base), value), *hand.queue(run)]


@kind("results", weight=3)
def results(hand: Hand) -> list[Command]:
    """A sound run whose first result cannot be read, or costs much, with a task that needs it."""
    rng, run, keys = hand.rng, hand.plain_run(), hand.keys
    value = draw.packed_value(rng, hand.loot.values)
    result = hand.submit(run, rng.choice(hand.base), b"\x81\xa4seed\x05", kept=1)
    return [
        *result[:-1],
        command("HSET", keys.tasks(run), 0, "S1,X.0,0,1,2"),
        command("HSET", keys.results(run), 0, value),
        command("HSET", keys.errors(run), 0, draw.packed_value(rng, [b"\x93\xa1a\xa1b\xa1c"])),
        result[-1],
        *hand.queue(run, 1),
    ]
