"""Attacks on what maps, calls and comebacks keep: elements, labels, memories, lists of called runs.

They touch hostile runs, and the list of tasks that wait, which is only a hint.
"""

from __future__ import annotations

import msgpack

from flowkit.protocol.limits import MAX_BLOCK
from flowkit.protocol.spent import Flag

from . import draw
from .actions import Command
from .hand import Hand, Part, command, kind, raw

PLACES = ("1,1,default,5", "1,0,default,5", "2,9999,default,5", "1,-1,default,5", "1,1,default,!")
WAITS = b"W1,W.0,0,1,2,5,children,9"
RECURSIVE_DEPTHS = (0, 1, 99, 100, 101, 10**9, "9" * 30, -1, "x")
SPENT = (b"0/1", b"0*1", b"0", b"0/999999999*999999999", b"1")
FAMILY = -1  # which of the honest graphs has mapped tasks


def _queued(hand: Hand, run: str, task: Part, record: bytes, attempt: Part = 2) -> list[Command]:
    """Return the commands that make an attempt claimable that has this record."""
    keys = hand.keys
    return [*hand.queue(run, task, attempt), command("HSET", keys.tasks(run), task, record)]


def _called(hand: Hand) -> bytes:
    """Draw a list of called runs: near an honest one, or of runs that are somebody else's."""
    rng = hand.rng
    if hand.loot.called and rng.random() < 0.3:
        return draw.reshaped(rng, rng.choice(hand.loot.called))
    run: Part = rng.choice((hand.plain_run(), hand.honest(), "nobody", "", "x" * 400, "a,b", -1))
    name = rng.choice(("inner", "", "x" * 5000, "\x1b[2J", 7))
    task = rng.choice((-1, 0, 5, -2, 10**7, 2**63, "0", None, True))
    runs = [[run, name, task]] * rng.choice((1, 1, 2, 1000, 1001))
    packed = bytes(msgpack.packb([rng.choice((True, False, 1, None)), runs]))
    luck = rng.random()
    if luck < 0.5:
        return packed
    return draw.mutated(rng, packed) if luck < 0.8 else draw.junk(rng)


def _waiting(hand: Hand, run: str, state: Part, called: bytes) -> list[Command]:
    """Return the commands that let task 0 of a run wait for runs."""
    keys = hand.keys
    return [
        command("HSET", keys.children(run), 0, state, "0,1", called),
        command("HSET", keys.run(run), "children", 1),
        command("HSET", keys.tasks(run), 0, WAITS),
        command("SADD", keys.parents(), f"{run},0"),
    ]


@kind("called-lists", weight=3)
def called_lists(hand: Hand) -> list[Command]:
    """A run that waits for odd runs, and what happens when it ends, stops or goes on."""
    rng, keys, run = hand.rng, hand.keys, hand.plain_run()
    begin = hand.submit(run, rng.choice(hand.base), b"\x81\xa4seed\x05")
    state: Part = rng.choice((*PLACES, draw.junk(rng)))
    fact = rng.choice(("cancel", "resume", "ended", "ended"))
    end: list[Command] = []
    if rng.random() < 0.5:
        end = [command("HSET", keys.run(run), "state", rng.choice(("failed", "cancelled", "x")))]
    elif rng.random() < 0.5:
        end = [command("HSET", keys.run(run), "stop", "cancelled")]
    after = [*end, command("XADD", keys.events(), "*", fact, run)]
    return [*begin[:-1], *_waiting(hand, run, state, _called(hand)), begin[-1], *after]


@kind("children", weight=3)
def children(hand: Hand) -> list[Command]:
    """A child run of a hostile one that ends, is held or resumed, with odd fields on both sides."""
    rng, keys = hand.rng, hand.keys
    parent, child = hand.plain_run(), hand.plain_run()
    place: Part = rng.choice(
        (f"{parent},0,1,0", f"{parent},0,1,0", f"{child},0,1,0", "nobody,0,1,0")
    )
    if rng.random() < 0.3:
        place = draw.mutated(rng, raw(place))
    head: dict[str, Part] = {"parent": place, "depth": rng.choice(RECURSIVE_DEPTHS)}
    if rng.random() < 0.3:
        head["held"] = rng.choice(("1", draw.junk(rng)))
    packed = bytes(msgpack.packb([True, [[child, "inner", 0]]]))
    fields: list[Part] = [draw.junk(rng), draw.junk(rng)] * rng.choice((1, 50))
    spoil = rng.choice(
        (
            [command("HSET", keys.children(parent), *fields)],
            [command("DEL", keys.children(parent)), command("SET", keys.children(parent), "x")],
            [command("DEL", keys.run(parent))],
            [],
        )
    )
    graph = rng.choice(hand.base)
    return [
        *hand.submit(parent, graph, b"\x81\xa4seed\x05"),
        *_waiting(hand, parent, rng.choice(PLACES), packed),
        *hand.submit(child, graph, b"\x81\xa4seed\x05", **head),
        *spoil,
        command("XADD", keys.events(), "*", rng.choice(("cancel", "ended")), child),
    ]


@kind("parents", weight=2)
def parents(hand: Hand) -> list[Command]:
    """Tasks that are said to wait, of any runs; or no list of them, or one of another type."""
    rng, key = hand.rng, hand.keys.parents()
    run = raw(rng.choice((hand.run(), hand.honest(), "nobody")))
    some = [run + b"," + draw.number(rng) for _ in range(rng.choice((1, 5, 200)))]
    return rng.choice(
        (
            [command("SADD", key, *some)],
            [command("SADD", key, *some)],
            [command("SADD", key, draw.junk(rng), draw.junk(rng))],
            [command("SREM", key, run + b",3", run + b",0")],
            [command("DEL", key)],
            [command("DEL", key), command(rng.choice(("SET", "RPUSH")), key, "x")],
        )
    )


@kind("flags", weight=3)
def flags(hand: Hand) -> list[Command]:
    """An attempt that is said to have come again or to have called runs, which it has not."""
    rng, run = hand.rng, hand.plain_run()
    marks = [Flag.CALLED.value, Flag.AGAIN.value, *(flag.value for flag in Flag)]
    spent = rng.choice(SPENT) + "".join(rng.sample(marks, rng.randint(1, 3))).encode()
    state = rng.choice((b"Q", b"Q", b"Q", b"W", b"R"))
    record = state + b"2,," + spent + b",,,5" + rng.choice((b"", b",again,9", b",children,9"))
    begin = hand.submit(run, rng.choice(hand.base), b"\x81\xa4seed\x05")
    called: list[Command] = []
    if rng.random() < 0.5:
        state_of_calls: Part = rng.choice(PLACES)
        fields = (0, state_of_calls, "0,1", _called(hand))
        called = [command("HSET", hand.keys.children(run), *fields)]
    return [*begin, *called, *_queued(hand, run, 0, record)]


@kind("memory", weight=2)
def memory(hand: Hand) -> list[Command]:
    """A task that comes again with a memory that cannot be read, or costs much to read."""
    rng, keys, run = hand.rng, hand.keys, hand.plain_run()
    value = draw.packed_value(rng, hand.loot.values)
    kept = rng.choice((b"1,", b"1,", b"0,", b"999999999,", b"9" * 400 + b",", b"")) + value
    known = [value for name, value in hand.loot.inputs if name.endswith(b"^")]
    if known and rng.random() < 0.3:
        kept = draw.mutated(rng, rng.choice(known))
    begin = hand.submit(run, rng.choice(hand.base), b"\x81\xa4seed\x05", inputs=1)
    stored = command("HSET", keys.inputs(run), "0^", kept)
    return [*begin, stored, *_queued(hand, run, 0, b"Q2,,0/1^,,,5")]


def _block(hand: Hand) -> bytes:
    """Draw a block of elements: near an honest one, with lengths that do not fit, or a bomb."""
    rng = hand.rng
    known = [value for name, value in hand.loot.inputs if b"." in name]
    if known and rng.random() < 0.3:
        return draw.mutated(rng, rng.choice(known))
    packed = draw.packed_value(rng, hand.loot.values)
    sizes: list[object] = [len(packed)] * rng.choice((1, 3, 3, MAX_BLOCK + 1))
    if rng.random() < 0.5:
        sizes[-1] = rng.choice((-1, 2**63, 0, "1", None, 10**9, 1.5))
    heads = (bytes(msgpack.packb(sizes)), b"\xdd\xff\xff\xff\xff", b"", draw.junk(rng))
    return rng.choice((heads[0], heads[0], heads[0], *heads)) + packed * rng.choice((1, 3))


@kind("blocks", weight=3)
def blocks(hand: Hand) -> list[Command]:
    """A list whose elements or number of them are not what its items need."""
    rng, keys, run = hand.rng, hand.keys, hand.plain_run()
    items = rng.choice(
        (b"3/1", b"3/3", b"2/512", b"0/1", b"3", b"!int", b"9999999/512", b"3/0", b"3/513", b"-1/1")
    )
    if rng.random() < 0.2:
        items = draw.junk(rng)
    begin = hand.submit(run, hand.base[FAMILY], b"\x81\xa4seed\x05", inputs=1, kept=2)
    records: list[Part] = [0, "S1,W.0,0,1,2,5", 1, b"S1,W.0,0,1,2,5," + items]
    stored: list[Part] = [part for at in range(3) for part in (f"1.{at}", _block(hand))]
    facts = b" 1=" + items.partition(b"/")[0] if rng.random() < 0.5 else b" 1"
    return [
        *begin[:-1],
        command("HSET", keys.tasks(run), *records),
        command("HSET", keys.inputs(run), *stored),
        begin[-1],
        command("XADD", keys.events(), "*", "S", raw(run) + facts),
    ]


@kind("labels", weight=2)
def labels(hand: Hand) -> list[Command]:
    """Labels of items that failed, for those who look at them."""
    rng, keys, run = hand.rng, hand.keys, hand.plain_run()
    begin = hand.submit(run, hand.base[FAMILY], b"\x81\xa4seed\x05", inputs=1)
    texts = (
        b"\x1b]0;x\x07\x1b[2J",
        b"\xff" * 500,
        b"x" * 100_000,
        b"{0.__class__}",
        draw.junk(rng),
    )
    numbers = [6, 7, 8] if rng.random() < 0.7 else [draw.number(rng)]
    stored: list[Part] = [part for at in numbers for part in (raw(at) + b"=", rng.choice(texts))]
    failed: list[Part] = [part for at in (6, 7, 8) for part in (at, "F1,W.0,0,1,2,5")]
    return [
        *begin[:-1],
        command("HSET", keys.tasks(run), 0, "S1,W.0,0,1,2,5", 1, "S1,W.0,0,1,2,5,3/3", *failed),
        command("HSET", keys.inputs(run), *stored),
        command("ZADD", keys.dead(), "@@in:0@@", f"{run},6"),
        begin[-1],
    ]
