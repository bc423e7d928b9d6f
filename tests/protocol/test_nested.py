"""Functions that only a rare function uses are created when it is called, and mean the same."""

from __future__ import annotations

import re

import lupa.lua51 as lua
import pytest

from flowkit.protocol.nested import nested
from flowkit.protocol.scripts import names, script

BLOCKS = [
    "local created = 0\n",
    "local function shared(n)\n  return n + 1\nend\n",
    "local function deep(n)\n  return shared(n) * 2\nend\n",
    "local function helper(n)\n  return deep(n) + 1\nend\n",
    "local function often(n)\n  return shared(n)\nend\n",
    "local function rarely(n)\n  return helper(n) + deep(n)\nend\n",
    "return often(1) + rarely(2)\n",
]


def outermost(blocks: list[str]) -> list[str]:
    return [match[1] for block in blocks if (match := re.match(r"local function (\w+)", block))]


def test_what_only_a_rare_function_uses_is_nested_in_it() -> None:
    result = nested(BLOCKS, ["rarely"])
    assert outermost(result) == ["shared", "often", "rarely"]
    before, after = (lua.LuaRuntime().execute("\n".join(some)) for some in (BLOCKS, result))
    assert before == after == 2 + (7 + 6)


def test_what_the_code_uses_too_is_not_nested() -> None:
    blocks = [*BLOCKS[:-1], "return deep(1) + often(1) + rarely(2)\n"]
    assert outermost(nested(blocks, ["rarely"])) == ["shared", "deep", "often", "rarely"]


def test_a_name_without_a_function_is_refused() -> None:
    with pytest.raises(ValueError, match="no function 'never'"):
        nested(BLOCKS, ["never"])


def test_a_parameter_that_would_hide_a_function_is_refused() -> None:
    blocks = [
        *BLOCKS[:5],
        "local function rarely(n, deep)\n  return helper(n)\nend\n",
        "return 1\n",
    ]
    with pytest.raises(ValueError, match="hides a function"):
        nested(blocks, ["rarely"])


@pytest.mark.parametrize("name", names())
def test_no_function_of_a_script_is_used_before_it_is_defined(name: str) -> None:
    text = script(name).text
    for match in re.finditer(r"^local function (\w+)", text, re.MULTILINE):
        assert not re.search(rf"\b{match[1]}\(", text[: match.start()]), match[1]
