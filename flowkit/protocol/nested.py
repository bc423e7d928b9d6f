"""Nests functions of a script in the rare function that alone uses them.

At each call of a script, Redis creates a closure for each function at its top level, called or not,
which costs a tenth of a command or more. A function nested in another one is created only when that
one is called. So the source has all functions side by side, and a script names in its header those
that most calls do not need.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

_FUNCTION = re.compile(r"local function (\w+)\(([\w, .]*)\)\n")
_WORD = re.compile(r"[A-Za-z_]\w*")


def nested(blocks: Sequence[str], rare: Iterable[str]) -> list[str]:
    """Return the blocks of a script, definitions and then code, with functions nested.

    A rare function gets the functions before it that no other block uses. Only functions move:
    another local may have a state. Raises ValueError for a rare name that is no function of more
    than one line, and if a parameter of it would hide a function.
    """
    blocks = list(blocks)
    for name in rare:
        at = next((i for i, block in enumerate(blocks) if _name(block) == name), None)
        if at is None:
            raise ValueError(f"the script has no function {name!r} of more than one line")
        blocks = _into(blocks, at)
    return blocks


def _into(blocks: list[str], at: int) -> list[str]:
    """Return the blocks with what only the block ``at`` uses nested in it."""
    needed = [_words(block) for block in blocks]
    inner: list[int] = []
    for i in range(at - 1, -1, -1):
        name = _name(blocks[i])
        inside = {at, i, *inner}
        if name and not any(name in words for j, words in enumerate(needed) if j not in inside):
            inner.append(i)
    head, body = blocks[at].split("\n", 1)
    hidden = {_name(blocks[i]) for i in range(at)} & set(_WORD.findall(head)[3:])
    if hidden:
        raise ValueError(f"a parameter of {_name(blocks[at])!r} hides a function: {hidden}")
    parts = [head, *(blocks[i].rstrip("\n") for i in reversed(inner)), body]
    return [
        "\n".join(parts) if i == at else block for i, block in enumerate(blocks) if i not in inner
    ]


@lru_cache(maxsize=1000)  # scripts share most of their blocks
def _words(block: str) -> frozenset[str]:
    return frozenset(_WORD.findall(block))


def _name(block: str) -> str:
    """Return the name of the function that a block defines, "" for other blocks."""
    match = _FUNCTION.match(block)
    return match[1] if match else ""
