"""The field ``spent``: Python and the scripts have one grammar.

Both are given the same texts: every combination of counts and flags, texts that older releases
wrote, texts with flags of a newer one, and hostile ones. What one of them writes, the other must
read alike.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import chain, combinations, permutations, product
from pathlib import Path
from typing import Any

import lupa.lua51 as lua
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.protocol import spent as module
from flowkit.protocol.limits import ATTEMPT_DIGITS, MAX_SPENT
from flowkit.protocol.spent import UNSPENT, Flag, Spent, encode_flags

PIECE = (Path(module.__file__).parent / "lua" / "_lib" / "spent.lua").read_text("utf-8")
WORDS = (
    "is_suspect was_lost continues at_most_once stopped one_more spent_before with_death "
    "uncounted with_put_off with_suspicion with_loss from_cache with_comeback UNSPENT"
)


def scripts() -> Any:
    """Load what the scripts do with the field; it needs no Redis."""
    table = ", ".join(f"{name} = {name}" for name in WORDS.split())
    return lua.LuaRuntime().execute(f"{PIECE}\nreturn {{{table}}}")


LUA = scripts()
MOST = 10**ATTEMPT_DIGITS - 1
COUNTS = ("", "0", "1", "007", "12", str(MOST))
FLAGS = [
    "".join(flags)
    for number in range(len(Flag) + 1)
    for flags in combinations([flag.value for flag in Flag], number)
]
EVERY = [
    f"{deaths}{base}{put_off}{flags}"
    for deaths, base, put_off, flags in product(
        COUNTS,
        ("", *(f"/{count}" for count in COUNTS if count)),
        ("", *(f"*{count}" for count in COUNTS if count)),
        FLAGS,
    )
]
ORDERS = ["0" + "".join(flags) for flags in permutations(flag.value for flag in Flag)]
OLDER = ["", "0", "2", "0/3", "0*2", "1/1!", "1/4*2!", "0/1?", "0/2?!", "0+", "0=", "0+=", "0~"]
NEWER = [f"{head}{flag}{tail}" for head in ("0", "1/2*3!") for flag in "&@|" for tail in ("", "=")]
HOSTILE = [
    *("x", "-1", "1*", "1/", "/", "*", "1!2", "!!", "??", "0~~", "1*2/3", "1/2/3", "1*2*3", "1 "),
    *(" 1", "1\n", "\0", "0x10", "1e5", "inf", "1.5", "\u0661", "\xff", "9" * 400, "0/" + "9" * 70),
    *(f"{MOST + 1}", f"0/{MOST + 1}", f"0*{MOST + 1}", "!?+=~" * 3, "*1/2!", "+0", "=0", "0!=!"),
]
TEXTS = [*EVERY, *ORDERS, *OLDER, *NEWER, *HOSTILE]
ANY = st.text(max_size=20) | st.text("0123456789/*!?+~=^&", max_size=12)


def decoded(text: str) -> Spent | None:
    with suppress(ValueError):
        return Spent.decode(text)
    return None


def with_flag(flag: Flag) -> Callable[[Spent], Spent]:
    return lambda spent: replace(spent, flags=spent.flags | {flag})


# What each function of the scripts means. The flag that it adds must not be there yet: scripts ask.
CHANGES: dict[str, tuple[Callable[[Spent], Spent], Flag | None]] = {
    "with_death": (lambda spent: replace(spent, deaths=spent.deaths + 1), None),
    "uncounted": (lambda spent: replace(spent, base=spent.base + 1), None),
    "with_put_off": (lambda spent: replace(spent, put_off=spent.put_off + 1), None),
    "with_suspicion": (with_flag(Flag.SUSPECT), Flag.SUSPECT),
    "with_loss": (with_flag(Flag.LOST), Flag.LOST),
    "from_cache": (with_flag(Flag.CACHED), Flag.CACHED),
}
READS = {
    "is_suspect": Flag.SUSPECT,
    "was_lost": Flag.LOST,
    "continues": Flag.CONTINUES,
    "at_most_once": Flag.AT_MOST_ONCE,
}


def check_text(text: str) -> None:
    """Compare what Python and the scripts read in a text, and what the scripts make of it."""
    known = Spent.of_claim(text)
    for name, flag in READS.items():
        assert LUA[name](text) is (flag in known.flags), (name, text)
    assert not LUA.stopped(False, text)
    assert LUA.stopped("cancelled", text)
    assert LUA.stopped("failed", text) is (Flag.CONTINUES not in known.flags)
    spent = decoded(text)
    assert (known.damage == "") is (spent is not None)
    for name, (change, flag) in CHANGES.items():
        made = LUA[name](text)
        made = made[0] if isinstance(made, tuple) else made
        if spent is None or flag in spent.flags:
            continue
        expected = change(spent)
        if max(expected.deaths, expected.base, expected.put_off) > MOST:
            assert decoded(made) is None, "a count beyond all limits is damage"
        else:
            assert decoded(made) == expected, (name, text)
            assert set(made) >= set(text) - set("0123456789"), "a flag was lost"
    if spent is not None:
        again = LUA.with_comeback(text, "7")
        assert decoded(again) == Spent(base=7, flags=spent.flags | {Flag.AGAIN})
        assert set(again) >= set(text) - set("0123456789*"), "a flag was lost"
        assert LUA.with_comeback(again, "8") == again.replace("0/7", "0/8")


def test_both_sides_read_and_change_each_text_alike() -> None:
    for text in TEXTS:
        check_text(text)


@given(ANY)
def test_both_sides_read_and_change_any_text_alike(text: str) -> None:
    check_text(text)


def test_the_scripts_read_what_python_writes() -> None:
    for text in chain(EVERY, ORDERS, OLDER):
        spent = Spent.decode(text)
        written = spent.encode()
        assert Spent.decode(written) == spent
        assert len(written) <= MAX_SPENT
        check_text(written)


def test_what_the_scripts_start_with() -> None:
    assert Spent.decode(LUA.UNSPENT) == UNSPENT
    for flags in FLAGS:
        known = frozenset(flag for flag in Flag if flag in flags)
        assert encode_flags(known) == flags
        assert Spent.decode(LUA.UNSPENT + flags) == Spent(flags=known)
        assert Spent.decode(LUA.spent_before(3) + flags) == Spent(base=3, flags=known)


def test_the_number_of_deaths_is_returned_too() -> None:
    assert LUA.with_death("2/1*4!") == ("3/1*4!", 3)
    assert LUA.with_death("") == ("1", 1)


def test_every_flag_has_its_own_character_and_no_script_knows_another() -> None:
    assert len({flag.value for flag in Flag}) == len(Flag)
    assert {flag.value for flag in Flag if f"'{flag.value}'" in PIECE} == set(Flag)


@pytest.mark.parametrize(
    ("count", "more"),
    [("", "1"), ("0", "1"), ("41", "42"), (str(MOST), str(MOST + 1)), ("9" * 60, "1")],
)
def test_a_count_stays_a_valid_number(count: str, more: str) -> None:
    assert LUA.one_more(count) == more


@pytest.mark.parametrize(
    ("text", "spent"),
    [
        ("0", Spent()),
        ("", Spent()),
        ("2", Spent(2)),
        ("0/3", Spent(0, 3)),
        ("0*2", Spent(0, 0, 2)),
        ("1/4*2!", Spent(1, 4, 2, frozenset({Flag.SUSPECT}))),
        ("0/1?", Spent(base=1, flags=frozenset({Flag.LOST}))),
        ("0+~", Spent(flags=frozenset({Flag.CONTINUES, Flag.CACHED}))),
        ("2*1+!", Spent(2, put_off=1, flags=frozenset({Flag.SUSPECT, Flag.CONTINUES}))),
    ],
)
def test_each_form(text: str, spent: Spent) -> None:
    assert Spent.decode(text) == Spent.of_claim(text) == spent


@pytest.mark.parametrize("text", HOSTILE)
def test_other_forms_are_refused_and_those_of_a_claim_are_marked(text: str) -> None:
    with pytest.raises(ValueError, match="is not a valid record of what a task has spent"):
        Spent.decode(text)
    claimed = Spent.of_claim(text)
    assert "is not a valid record of what a task has spent" in claimed.damage
    assert replace(claimed, flags=frozenset(), damage="") == UNSPENT


def test_only_real_failures_count() -> None:
    assert UNSPENT.failures(1) == 1
    assert Spent(deaths=1, base=3, put_off=2).failures(7) == 1
