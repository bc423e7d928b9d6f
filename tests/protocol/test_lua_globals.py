"""No script touches its own global: Redis refuses it, and an old fakeredis breaks by it.

Read from the bytecode of Lua 5.1, where a global is what GETGLOBAL and SETGLOBAL name.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import lupa.lua51 as lua
import pytest

from flowkit.protocol.scripts import names, script

GETGLOBAL, SETGLOBAL = 5, 7
GIVEN = {
    "KEYS", "ARGV", "redis", "string", "table", "math", "ipairs", "pairs", "tonumber", "tostring",
    "unpack", "type", "select", "next", "error", "assert",
}  # fmt: skip


class Chunk:
    """A compiled chunk, read from front to end."""

    def __init__(self, text: str) -> None:
        runtime = lua.LuaRuntime(encoding=None)
        dump = runtime.eval(b"function(text) return string.dump(assert(loadstring(text))) end")
        self.data = dump(text.encode())
        assert self.data[:5] == b"\x1bLuaQ"
        assert tuple(self.data[7:11]) == (4, 8, 4, 8), "int, size_t, instruction, number"
        self.at = 12

    def take(self, form: str) -> int:
        (value,) = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return value

    def string(self) -> str:
        length = self.take("Q")
        text = self.data[self.at : self.at + length]
        self.at += length
        return text.rstrip(b"\0").decode()

    def constant(self) -> str | None:
        kind = self.take("B")
        if kind == 4:
            return self.string()
        self.at += {0: 0, 1: 1, 3: 8}[kind]
        return None

    def function(self) -> Iterator[tuple[int, str]]:
        """Yield (opcode, name) of each use of a global, in it and in the functions within."""
        self.string()
        self.at += 12  # first line, last line, upvalues, parameters, varargs, stack size
        code = [self.take("I") for _ in range(self.take("I"))]
        constants = [self.constant() for _ in range(self.take("I"))]
        for instruction in code:
            if instruction & 63 in (GETGLOBAL, SETGLOBAL):
                yield instruction & 63, constants[instruction >> 14] or ""
        for _ in range(self.take("I")):
            yield from self.function()
        lines = self.take("I")
        self.at += 4 * lines
        for _ in range(self.take("I")):
            self.string()
            self.at += 8
        for _ in range(self.take("I")):
            self.string()


def globals_of(text: str) -> tuple[set[str], set[str]]:
    """Return the globals that Lua text writes, and those that it reads."""
    uses = list(Chunk(text).function())
    return (
        {name for opcode, name in uses if opcode == SETGLOBAL},
        {name for opcode, name in uses if opcode == GETGLOBAL},
    )


def test_the_reader_sees_globals_at_any_depth() -> None:
    assert globals_of("local x = 1\nreturn x") == (set(), set())
    assert globals_of("local x\nx, y = 1, z") == ({"y"}, {"z"})
    assert globals_of("local function f() return function() g = h end end") == ({"g"}, {"h"})
    assert globals_of("function f() end") == ({"f"}, set())


@pytest.mark.parametrize("name", names())
def test_a_script_writes_no_global_and_reads_only_given_ones(name: str) -> None:
    written, read = globals_of(script(name).text)
    assert written == set()
    assert read <= GIVEN
