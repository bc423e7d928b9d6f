"""Outcomes: Python writes and reads the same text as the scripts read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lupa.lua51 as lua
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.protocol import keys
from flowkit.protocol.outcomes import CacheEntry, Outcome, OutcomeCode, Retry

PIECES = Path(keys.__file__).parent / "lua" / "_lib"
LATER = (OutcomeCode.RETRY, OutcomeCode.PUT_OFF, OutcomeCode.AGAIN)


RUNTIME = lua.LuaRuntime()
MATCH = RUNTIME.eval("string.match")


def scripts() -> Any:
    """Load what the scripts read outcomes with; it needs no Redis."""
    text = "\n".join(
        (PIECES / f"{name}.lua").read_text("utf-8") for name in ("spent", "outcome_codes")
    )
    names = ["OUTCOME", "RETRY", "CACHE_ENTRY", "settled"]
    table = ", ".join(f"{name} = {name}" for name in names)
    return RUNTIME.execute(f"{text}\nreturn {{{table}}}")


LUA = scripts()
NUMBERS = st.integers(0, 9_999_999)
TIMES = st.integers(0, 10**15 - 1)
LISTS = st.from_regex(r"[A-Za-z0-9_.\-]{1,64}(~async)?", fullmatch=True)
RETRIES = st.builds(Retry, TIMES, LISTS, st.sampled_from("!0123456789"))
ENTRIES = st.builds(CacheEntry, st.from_regex("[0-9a-f]{1,64}", fullmatch=True), TIMES)


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    kind = draw(st.sampled_from(OutcomeCode))
    retry = draw(RETRIES) if kind in LATER else None
    kept = draw(st.none() | ENTRIES) if kind is OutcomeCode.SUCCEEDED else None
    return Outcome(
        "r1", draw(NUMBERS), draw(NUMBERS), kind, draw(st.binary(max_size=3)), retry, kept
    )


@given(outcomes())
def test_an_outcome_is_read_as_it_was_written(outcome: Outcome) -> None:
    assert Outcome.decode("r1", outcome.token, outcome.payload) == outcome


@given(outcomes())
def test_the_scripts_read_what_python_writes(outcome: Outcome) -> None:
    assert MATCH(outcome.token, LUA.OUTCOME) == (str(outcome.attempt), outcome.kind.value)
    retry, cache = outcome.retry, outcome.cache
    expected = None if retry is None else (str(retry.delay_ms), retry.ready_list, retry.level)
    assert MATCH(outcome.token, LUA.RETRY) == expected
    expected_entry = None if cache is None else (cache.name, str(cache.ttl_ms))
    assert MATCH(outcome.token, LUA.CACHE_ENTRY) == expected_entry


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
        (Outcome("r", 3, 2, OutcomeCode.SUCCEEDED, cache=CacheEntry("c0", 7)), "3,2,S,c0,7"),
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
        *("3,2,A", "3,2,A,5,default", "3,2,F,5,default,5"),
        *("3,2,D,5,a b,5", "3,2,D,5,~async,5", "3,2,D,5,default,x"),
        *("3,2,S,c0", "3,2,S,xyz,5", "3,2,S,c0,5,6", "3,2,H,c0,5", f"3,2,S,{'a' * 65},5"),
        *(f"{'9' * 8},2,S", f"3,{'9' * 10},S", f"3,2,W,{'9' * 16},default,5"),
    ],
)  # fmt: skip
def test_what_no_release_writes_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="is not the outcome of an attempt"):
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
    elif kind not in LATER:
        assert settled == kind
    elif kind is OutcomeCode.AGAIN and (stop == "cancelled" or (stop and "+" not in spent)):
        assert settled == "C"
    else:
        stops = stop == "cancelled" or (stop == "failed" and "+" not in spent)
        never_again = kind is not OutcomeCode.PUT_OFF and "=" in spent
        assert settled == ("F" if stops or never_again else "W")
