"""Inlines the constants and the one-line functions of the Lua pieces before a script is sent.

At each call of a script, Redis creates a closure for each of its functions, used or not, and binds
each name that a function takes from around it. A name such as ``run_key`` is easier to read than
its expression, but costs as much as a command. So the source has the name, and the script that
Redis runs has the expression.

It inlines ``local NAME = VALUE`` on one line if the value is a number, a string, ``redis.call`` or
its like, or an element such as ``KEYS[1]``. Strings that are then joined become one.

It inlines ``local function NAME(PARAMETERS) return EXPRESSION end`` on one line, into calls on one
line. Such a function returns one value: the brackets around its expression drop further ones. A
call stays as it is if an argument would be evaluated twice or the function is variadic.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE_LINE = re.compile(r"^local function (\w+)\(([\w, ]*)\) return (.+) end\n", re.MULTILINE)
_WORD = re.compile(r"'(?:[^'\\]|\\.)*'|[A-Za-z_]\w*|.", re.DOTALL)
_NAME = re.compile(r"'(?:[^'\\]|\\.)*'|[A-Za-z_]\w*")
_CONSTANT = re.compile(r"local ([A-Z][A-Z_]*|call|try) = (.+)")
_VALUE = re.compile(r"-?\d+|'(?:[^'\\]|\\.)*'|redis\.\w+|[A-Z]+\[\d\]")
_JOINED = re.compile(r"('(?:[^'\\]|\\.)*)' \.\. '((?:[^'\\]|\\.)*')")
_SIMPLE = re.compile(r"[\w.]+(?:\[\w+\])?|'[^']*'")


@dataclass(frozen=True, slots=True)
class _Function:
    parameters: tuple[str, ...]
    expression: str

    def placed(self, arguments: list[str]) -> str | None:
        """Return the expression for these arguments; None if one would be evaluated twice."""
        if len(arguments) != len(self.parameters):
            return None
        given = dict(zip(self.parameters, arguments, strict=True))
        words = _WORD.findall(self.expression)
        for name, argument in given.items():
            if words.count(name) != 1 and not _SIMPLE.fullmatch(argument):
                return None
        parts = (_bracketed(given[word]) if word in given else word for word in words)
        return f"({''.join(parts)})"


def inlined(text: str) -> str:
    """Return a script with its constants and one-line functions inlined."""
    text, at = _without_constants(text), 0
    while definition := _ONE_LINE.search(text, at):
        name, parameters, expression = definition.groups()
        function = _Function(tuple(re.findall(r"\w+", parameters)), expression)
        rest = _replaced(text[definition.end() :], name, function)
        is_needed = name in rest and name in _WORD.findall(rest)
        at = definition.end() if is_needed else definition.start()
        text = text[:at] + rest
    return text


def _without_constants(text: str) -> str:
    """Return the text with values in place of constants, which stand before their uses."""
    values: dict[str, str] = {}
    lines: list[str] = []
    for line in text.split("\n"):
        line = _NAME.sub(lambda word: values.get(word[0], word[0]), line)
        while "' .. '" in line and (joined := _JOINED.sub(r"\1\2", line)) != line:
            line = joined
        definition = _CONSTANT.fullmatch(line)
        if definition and _VALUE.fullmatch(definition[2]):
            values[definition[1]] = definition[2]
        else:
            lines.append(line)
    return "\n".join(lines)


def _replaced(text: str, name: str, function: _Function) -> str:
    call = f"{name}("
    begin = text.find(call)
    while begin >= 0:
        is_whole = not (begin and (text[begin - 1].isalnum() or text[begin - 1] == "_"))
        placed = None
        if is_whole:
            arguments, end = _arguments(text, begin + len(call))
            placed = function.placed(arguments)
        if placed is not None:
            text = text[:begin] + placed + text[end:]
        begin = text.find(call, begin + 1)
    return text


def _arguments(text: str, begin: int) -> tuple[list[str], int]:
    """Return the arguments of a call, which begin at ``begin``, and the end of the call."""
    depth, end, arguments = 0, begin, [""]
    for match in _WORD.finditer(text, begin):
        word = match[0]
        end += len(word)
        if word in "([{":
            depth += 1
        elif word in ")]}":
            depth -= 1
        if depth < 0:
            break
        if word == "," and depth == 0:
            arguments.append("")
        else:
            arguments[-1] += word
    return [argument.strip() for argument in arguments], end


def _bracketed(argument: str) -> str:
    return argument if _SIMPLE.fullmatch(argument) else f"({argument})"
