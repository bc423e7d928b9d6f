"""Attacks on what is only shown: history, logs, terms, rates. They may do no harm to any run, also
where they hit what honest runs and living workers have written.
"""

from __future__ import annotations

import msgpack

from flowkit.protocol.history_reads import ATTEMPT_VERBS

from . import draw
from .actions import Command
from .hand import HOUR_MS, Hand, Part, command, kind

LAST_ID = f"{2**64 - 1}-{2**64 - 1}"
VERBS = (*sorted(ATTEMPT_VERBS), "cancel", "resume", "finish", "hasten", "stop", "later")
RECORDS = (b"W1,,0/1,5,a,,retry,9", b"R2,W.0,1/2*,5,a", b"Q1,,0,,")
MANY = """
for at = 1, tonumber(ARGV[1]) do
  redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
end
redis.call('PEXPIRE', KEYS[1], 60000)
"""
RUN_FIELDS = ("history", "logs", "logged", "by", "inputs")


def _spoilt(hand: Hand, key: str, entry: list[Part]) -> list[Command]:
    """Return the commands that put an entry into a stream, alone or a thousand times, or make the
    key unusable: the last id that there is, or another type."""
    rng = hand.rng
    return [
        *rng.choice(
            (
                [command("XADD", key, "*", *entry)],
                [command("XADD", key, "*", *entry)],
                [command("EVAL", MANY, 1, key, rng.choice((30, 1000)), *entry)],
                [command("XADD", key, LAST_ID, *entry)],
                [command("DEL", key), command("SET", key, draw.junk(rng))],
                [command("DEL", key)],
            )
        ),
        command("PEXPIRE", key, 60_000),
    ]


def _record(hand: Hand) -> bytes:
    record = hand.rng.choice([*RECORDS, *hand.loot.records])
    return draw.mutated(hand.rng, record) if hand.rng.random() < 0.7 else record


@kind("history", weight=3)
def history(hand: Hand) -> list[Command]:
    """The history of an honest run: attempts that never were, odd callers, odd errors."""
    rng = hand.rng
    texts = (
        b"%d " % rng.choice((0, 1, 999999)) + _record(hand),
        b"0,1,2 \x1b[2Jme@host via cli",
        b"succeeded 10 ",
        b"failed " + draw.number(rng) + b" " + draw.number(rng),
        b",".join([b"1"] * 3000),
        draw.junk(rng),
    )
    entry: list[Part] = [rng.choice((*VERBS, "\udcff", "")), rng.choice(texts)]
    if rng.random() < 0.5:
        error = msgpack.packb(["E\x1b[31m", "m\r\n" * 3, "\x1b]0;x\x07 trace"])
        entry += [rng.choice(("error", "x")), draw.packed_value(rng, [error])]
    return _spoilt(hand, hand.keys.history(hand.honest()), entry)


@kind("logs", weight=3)
def logs(hand: Hand) -> list[Command]:
    """Lines that no task of an honest run has printed."""
    rng = hand.rng
    about = rng.choice(
        (b"0,1,W.0,1,1", b"0,1,W.0,999999999,999999,7", b"999999,1,W.0a,1,2", draw.junk(rng))
    )
    line = b"%013d 20%s " % (rng.choice((0, 1764508800123, 10**13 - 1)), rng.choice((b"o", b"O")))
    texts = (b"\x1b]0;x\x07\x1b[2J", b"\xff" * 500, b"x" * 100_000, draw.junk(rng))
    data = (line + rng.choice(texts) + b"\n") * rng.choice((1, 5))
    if rng.random() < 0.3:
        about, data = draw.mutated(rng, about), draw.mutated(rng, data)
    return _spoilt(hand, hand.keys.logs(hand.honest()), ["t", about, "d", data])


@kind("sight-fields", weight=2)
def sight_fields(hand: Hand) -> list[Command]:
    """What an honest run's hash says of its history, its logs and who submitted it."""
    rng = hand.rng
    logged = b"W.0,1 " + b"1-1 " * rng.choice((1, 2000))
    value = rng.choice((draw.junk(rng), draw.number(rng), logged, b"\x1b[31mroot@host via cli"))
    field = rng.choice(RUN_FIELDS)
    key = hand.keys.run(hand.honest())
    known = 'if redis.call("EXISTS", KEYS[1]) == 1 then redis.call("HSET", KEYS[1], %s) end'
    return [command("EVAL", known % "ARGV[1], ARGV[2]", 1, key, field, value)]


@kind("terms", weight=1)
def terms(hand: Hand) -> list[Command]:
    """Who is said to have led the namespace, and when."""
    rng = hand.rng
    entry: list[Part] = [rng.choice((b"1", draw.number(rng))), draw.junk(rng)]
    key = hand.keys.terms()
    return [
        *rng.choice(
            (
                [command("XADD", key, "*", *entry)],
                [command("XADD", key, LAST_ID, *entry)],
                [command("DEL", key), command("SET", key, draw.junk(rng))],
                [command("DEL", key)],
            )
        )
    ]


@kind("rates", weight=2)
def rates(hand: Hand) -> list[Command]:
    """A worker that was never started, and what it is said to do in a minute."""
    rng, keys, worker = hand.rng, hand.keys, f"S{hand.number}"
    odd = (-1, 0, 2**63, 1.5, float("nan"), None, "x", [], {}, [1], [5, 2**70 - 2**69], True)
    number = rng.choice((1, 5, 2**32 - 1))
    pair = rng.choice(([number, number], [rng.choice(odd[:-2]), number], rng.choice(odd[:-2])))
    queues = rng.choice((["default"], ["\x1b[31m"], ["x" * 400], ["default"] * 300))
    about = {
        "host": "h", "pid": 1, "app": "x", "queues": ["default"], "processes": 1,
        "concurrency": 1, "version": "1", "busy": rng.choice(([1, 1], [9**9, 0], odd[0], [1])),
        "rates": dict.fromkeys(queues, pair), "window_ms": rng.choice((60000, 0, 1, "x")),
    }  # fmt: skip
    try:
        packed = bytes(msgpack.packb(about))
    except (OverflowError, ValueError, TypeError):
        packed = b"\x81\xa5rates\xc0"
    return [
        command("HSET", keys.worker(worker), "about", packed, "lanes", f"{worker}.0"),
        command("PEXPIRE", keys.worker(worker), HOUR_MS),
        command("ZADD", keys.workers(), "@@in:5000@@", worker),
    ]
