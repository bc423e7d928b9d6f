"""Outcomes: Python writes and reads the same text as the scripts read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import lupa.lua51 as lua
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.protocol import keys
from flowkit.protocol.items import Items
from flowkit.protocol.outcomes import CacheEntry, Outcome, OutcomeCode, Retry

PIECES = Path(keys.__file__).parent / "lua" / "_lib"
LATER = (OutcomeCode.RETRY, OutcomeCode.PUT_OFF, OutcomeCode.AGAIN)


RUNTIME = lua.LuaRuntime()
MATCH = RUNTIME.eval("string.match")


def scripts() -> Any:
    """Load what the scripts read outcomes with; it needs no Redis."""
    text = "\n".join(
        (PIECES / f"{name}.lua").read_text("utf-8")
        for name in ("spent", "outcome_codes", "children")
    )
    names = ["OUTCOME", "RETRY", "CACHE_ENTRY", "CALLING", "ITEMS"]
    names += ["settled", "add_label", "with_length"]
    table = ", ".join(f"{name} = {name}" for name in names)
    return RUNTIME.execute(f"{text}\nreturn {{{table}}}")


LUA = scripts()
NUMBERS = st.integers(0, 9_999_999)
TIMES = st.integers(0, 10**15 - 1)
LISTS = st.from_regex(r"[A-Za-z0-9_.\-]{1,64}(~async)?", fullmatch=True)
RETRIES = st.builds(Retry, TIMES, LISTS, st.sampled_from("!0123456789"))
ENTRIES = st.builds(CacheEntry, st.from_regex("[0-9a-f]{1,64}", fullmatch=True), TIMES)


TYPES = st.from_regex(r"[A-Za-z0-9_.]{1,60}", fullmatch=True)
ITEMS = st.builds(Items, NUMBERS, st.integers(0, 512)) | TYPES.map(lambda name: Items(0, 0, name))
LABELS = st.text(max_size=200)


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    kind = draw(st.sampled_from(OutcomeCode))
    retry = draw(RETRIES) if kind in (*LATER, OutcomeCode.CALLED) else None
    if retry is not None and kind is OutcomeCode.CALLED:
        retry = replace(retry, delay_ms=0)  # it is due when the runs are over
    kept = draw(st.none() | ENTRIES) if kind is OutcomeCode.SUCCEEDED else None
    success = kind in (OutcomeCode.SUCCEEDED, OutcomeCode.CACHED)
    items = draw(st.none() | ITEMS) if success else None
    outcome = Outcome("r1", draw(NUMBERS), draw(NUMBERS), kind, draw(st.binary(max_size=3)))
    return replace(outcome, retry=retry, cache=kept, items=items, label=draw(LABELS))


@given(outcomes())
def test_an_outcome_is_read_as_it_was_written(outcome: Outcome) -> None:
    assert Outcome.decode("r1", outcome.token, outcome.payload) == outcome


@given(outcomes())
def test_the_scripts_read_what_python_writes(outcome: Outcome) -> None:
    more = "," if outcome.token.count(",") > 2 else ""
    assert MATCH(outcome.token, LUA.OUTCOME) == (str(outcome.attempt), outcome.kind.value, more)
    retry, cache = outcome.retry, outcome.cache
    place = None if retry is None else (retry.ready_list, retry.level)
    calls = outcome.kind is OutcomeCode.CALLED
    expected = None if retry is None or calls else (str(retry.delay_ms), *place)
    assert MATCH(outcome.token, LUA.RETRY) == expected
    assert MATCH(outcome.token, LUA.CALLING) == (place if calls else None)
    expected_entry = None if cache is None else (cache.name, str(cache.ttl_ms))
    assert MATCH(outcome.token, LUA.CACHE_ENTRY) == expected_entry
    items = MATCH(outcome.token, LUA.ITEMS)
    assert (items and Items.parse(items)) == outcome.items
    labels = RUNTIME.table("HSET", "key")
    LUA.add_label(labels, str(outcome.task), outcome.token)
    label = [f"{outcome.task}=", outcome.label] if outcome.label else []
    assert [labels[at] for at in range(3, len(labels) + 1)] == label


@given(ITEMS)
def test_the_scheduler_is_told_the_number_of_elements(items: Items) -> None:
    assert LUA.with_length("5", items.text) == ("5=!" if items.refused else f"5={items.count}")
    assert LUA.with_length("5", None) == "5"


@pytest.mark.parametrize(
    ("outcome", "token"),
    [
        (Outcome("r", 3, 2, OutcomeCode.SUCCEEDED), "3,2,S"),
        (Outcome("r", 3, 2, OutcomeCode.CACHED), "3,2,H"),
        (Outcome("r", 3, 2, OutcomeCode.SKIPPED), "3,2,K"),
        (Outcome("r", 3, 2, OutcomeCode.FAILED), "3,2,F"),
        (Outcome("r", 3, 2, OutcomeCode.CANCELLED), "3,2,C"),
        (
            Outcome("r", 3, 2, OutcomeCode.RETRY, retry=Retry(500, "gpu~async", "5")),
            "3,2,W,500,gpu~async,5",
        ),
        (Outcome("r", 3, 2, OutcomeCode.PUT_OFF, retry=Retry(0, "a.b", "!")), "3,2,D,0,a.b,!"),
        (Outcome("r", 3, 2, OutcomeCode.AGAIN, retry=Retry(7, "a.b", "5")), "3,2,A,7,a.b,5"),
        (Outcome("r", 3, 2, OutcomeCode.CALLED, retry=Retry(0, "a.b", "5")), "3,2,N,a.b,5"),
        (Outcome("r", 3, 2, OutcomeCode.SUCCEEDED, cache=CacheEntry("c0", 7)), "3,2,S,c0,7"),
        (
            replace(
                Outcome("r", 3, 2, OutcomeCode.SUCCEEDED, cache=CacheEntry("c0", 7)),
                items=Items(9, 4),
                label="a,=,#1",
            ),
            "3,2,S,c0,7,#9/4,=a,=,#1",
        ),
        (Outcome("r", 3, 2, OutcomeCode.CACHED, items=Items(0, 0, "a.b")), "3,2,H,#!a.b"),
        (Outcome("r", 3, 2, OutcomeCode.FAILED, label="day 1"), "3,2,F,=day 1"),
    ],
)
def test_each_form(outcome: Outcome, token: str) -> None:
    assert outcome.token == token
    assert Outcome.decode("r", token) == outcome
    assert outcome.key == "r,3"


@pytest.mark.parametrize(
    "token",
    [
        *("", "3", "3,2", "3,2,", "3,2,X", "3,2,P", "3,2,SS", "3,2,S,", "-3,2,S", "3,2,s"),
        "3,2,S\n",
        *("3,2,W", "3,2,W,5", "3,2,W,5,default", "3,2,W,,default,5", "3,2,W,5,,5", "3,2,W,5,a,55"),
        *("3,2,A", "3,2,A,5,default", "3,2,F,5,default,5", "3,2,A,5,a,55"),
        *("3,2,D,5,a b,5", "3,2,D,5,~async,5", "3,2,D,5,default,x"),
        *("3,2,N", "3,2,N,a", "3,2,N,5,a,5", "3,2,N,a b,5", "3,2,N,a,x"),
        *("3,2,S,c0", "3,2,S,xyz,5", "3,2,S,c0,5,6", "3,2,H,c0,5", f"3,2,S,{'a' * 65},5"),
        *("3,2,F,#5", "3,2,S,#", "3,2,S,#5/", "3,2,S,#05", "3,2,S,#5/513", "3,2,S,#12345678"),
        *("3,2,S,#!", "3,2,S,#!a b", f"3,2,S,#!{'a' * 61}", "3,2,W,#5", "3,2,H,c0,5,#5"),
        *("3,2,S,=", f"3,2,S,={'a' * 201}"),
        *(f"{'9' * 8},2,S", f"3,{'9' * 10},S", f"3,2,W,{'9' * 16},default,5"),
    ],
)  # fmt: skip
def test_what_no_release_writes_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match=r"is not the outcome of an attempt|has blocks of more"):
        Outcome.decode("r1", token)


@pytest.mark.parametrize("kind", OutcomeCode)
@pytest.mark.parametrize("stop", [None, "failed", "cancelled"])
@pytest.mark.parametrize("spent", ["0", "0+", "0=", "0+=", "1/2*3!?+=~"])
def test_the_state_that_each_outcome_leads_to(
    kind: OutcomeCode, stop: str | None, spent: str
) -> None:
    settled = LUA.settled(kind.value, stop or False, spent)
    if kind is OutcomeCode.CACHED:
        assert settled == "S"
    elif kind not in (*LATER, OutcomeCode.CALLED):
        assert settled == kind
    elif kind is OutcomeCode.AGAIN and (stop == "cancelled" or (stop and "+" not in spent)):
        assert settled == "C"
    else:
        stops = stop == "cancelled" or (stop == "failed" and "+" not in spent)
        if kind is OutcomeCode.CALLED:
            assert settled == ("C" if stops else "W")
            return
        never_again = kind is not OutcomeCode.PUT_OFF and "=" in spent
        assert settled == ("F" if stops or never_again else "W")
