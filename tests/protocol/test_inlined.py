"""Constants and one-line functions of scripts stand where they are used and mean the same there."""

from __future__ import annotations

import lupa.lua51 as lua
import pytest

from flowkit.protocol.inlined import inlined

DEFINITIONS = """\
local function key_of(run) return P .. 'run:' .. run end
local function twice(text) return text .. text end
local function least(a, b) return a < b and a or b end
local function first_of(run) return string.sub(key_of(run), 1, 1) end
local function any(...) return ... end
"""
NAMES = """\
local names, name = {'x'}, 'ab'
local function next_one()
  n = (n or 0) + 1
  return n .. ''
end
"""


def run(script: str) -> object:
    return lua.LuaRuntime().execute(f"local P = 'p:'\n{script}")


@pytest.mark.parametrize(
    ("call", "becomes"),
    [
        ("key_of(name)", "(P .. 'run:' .. name)"),
        ("key_of(names[1])", "(P .. 'run:' .. names[1])"),
        ("key_of('a(,b')", "(P .. 'run:' .. 'a(,b')"),
        ("key_of(name .. ',')", "(P .. 'run:' .. (name .. ','))"),
        ("key_of(string.sub(name, 1, 2))", "(P .. 'run:' .. (string.sub(name, 1, 2)))"),
        ("key_of(key_of(name))", "(P .. 'run:' .. (key_of(name)))"),
        ("twice(name)", "(name .. name)"),
        ("least(2, name == 'ab' and 1 or 3)", "least(2, name == 'ab' and 1 or 3)"),
        ("least(2, 3) + 1", "(2 < 3 and 2 or 3) + 1"),
        ("first_of(name)", "(string.sub((P .. 'run:' .. name), 1, 1))"),
        ("twice(next_one())", "twice(next_one())"),
        ("any(name)", "any(name)"),
    ],
)
def test_a_call_becomes_the_expression(call: str, becomes: str) -> None:
    script = f"{DEFINITIONS}{NAMES}return {call}"
    placed = inlined(script)
    assert becomes.replace("(key_of(name))", "((P .. 'run:' .. name))") in placed
    assert run(placed) == run(script)


def test_a_function_that_is_handed_on_stays_a_function() -> None:
    script = f"{DEFINITIONS}local handed = key_of\nreturn handed('a')"
    assert inlined(script).endswith("local handed = key_of\nreturn handed('a')")
    assert run(inlined(script)) == "p:run:a"


def test_a_longer_name_with_the_same_ending_is_different() -> None:
    script = f"{DEFINITIONS}local function my_key_of(run) return run end\nreturn my_key_of('a')"
    assert run(inlined(script)) == "a"


CONSTANTS = """\
local call = redis.call
local WORD = '%a*'
local PAIR = '^(' .. WORD .. '),(' .. WORD .. ')$'
local MOST = 3
local TABLE = {1, 2}
"""


def run_with_redis(script: str) -> object:
    known = "local calls = 0\nlocal redis = {call = function(x) calls = calls + 1 return x end}\n"
    return lua.LuaRuntime().execute(known + script)


@pytest.mark.parametrize(
    ("code", "becomes"),
    [
        ("return call('a')", "return redis.call('a')"),
        ("return string.match('ab,c', PAIR)", "return string.match('ab,c', '^(%a*),(%a*)$')"),
        ("return string.sub('abcd', MOST)", "return string.sub('abcd', 3)"),
        ("return 'MOST' .. MOST", "return 'MOST' .. 3"),
        ("local MOSTLY = 5 return MOSTLY", "local MOSTLY = 5 return MOSTLY"),
        ("return 'a' .. (MOST .. 'b') .. 'c'", "return 'a' .. (3 .. 'b') .. 'c'"),
        (r"return 'it\'s' .. '\\' .. WORD", r"return 'it\'s\\%a*'"),
    ],
)
def test_a_constant_becomes_its_value(code: str, becomes: str) -> None:
    placed = inlined(CONSTANTS + code)
    assert placed.endswith(becomes)
    assert run_with_redis(placed) == run_with_redis(CONSTANTS + code)


def test_what_is_no_constant_stays_a_local() -> None:
    assert inlined(CONSTANTS + "return TABLE").startswith("local TABLE = {1, 2}")
