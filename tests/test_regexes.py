"""No regular expression takes more than linear time, whatever text it meets.

All of them are found: those that modules keep, and those that stand in a call. Each then meets long
texts that are made of what it looks for, so that a quantifier beside another one shows.
"""

from __future__ import annotations

import ast
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
LENGTH = 40_000  # characters; a quadratic expression then takes many seconds
MOST_S = 4.0
# Users call the library with their own expression.
OF_USERS = {
    "flowkit/testing/result.py",
    "flowkit/configuration/setting_values.py",
    "flowkit/basics/redaction.py",
}
SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for folder in ("flowkit", "scheduler", "worker")
    for path in sorted((ROOT / folder).rglob("*.py"))
}


def module_of(path: str) -> str:
    """Return the name that the module of a path is installed by."""
    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return name if name.startswith("flowkit") else f"flowkit.{name}"


def calls(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    """Yield the calls of the module ``re`` with the name that the result is kept by, or ""."""
    nodes = list(ast.walk(tree))
    names = {
        node.value: ast.unparse(node.targets[0])
        for node in nodes
        if isinstance(node, ast.Assign) and is_call(node.value)
    }
    for node in nodes:
        if isinstance(node, ast.Call) and is_call(node):
            yield node, names.get(node, "")


def is_call(node: ast.expr) -> bool:
    """Return whether this calls a function of the module ``re``."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return isinstance(node.func.value, ast.Name) and node.func.value.id == "re"


def expressions() -> dict[str, tuple[Any, set[str]]]:
    """Return place → the compiled expression and the methods that it is used by."""
    result: dict[str, tuple[Any, set[str]]] = {}
    methods = defaultdict(set)
    for name, method in re.findall(r"\b(\w+)\.(\w+)\(", "\n".join(SOURCES.values())):
        methods[name].add(method)
    for path, source in SOURCES.items():
        if path in OF_USERS:
            continue
        for call, name in calls(ast.parse(source)):
            method = ast.unparse(call.func).removeprefix("re.")
            pattern, *more = (ast.unparse(arg) for arg in call.args)
            flags = [item for item in more if item.startswith("re.")]
            known = {**vars(import_module(module_of(path))), "re": re}
            compiled = eval(f"re.compile({', '.join([pattern, *flags])})", known)
            # One without its own name, or without a call, is handed on to a function.
            used = methods.get(name, {"fullmatch", "match"})
            result[f"{path}:{call.lineno}"] = compiled, used if method == "compile" else {method}
    return result


EXPRESSIONS = expressions()


def units(pattern: str) -> set[str]:
    """Return what long texts are made of: each character of a pattern, its words, and others."""
    words = set(re.findall(r"\w{2,}", pattern))
    return {*pattern, *words, *"a1_ .:@&-\n/,[", "a:", ":a", "1.", " 1", "a.", ".py", "?password="}


def test_all_are_found() -> None:
    text = "\n".join(SOURCES[path] for path in SOURCES if path not in OF_USERS)
    assert len(EXPRESSIONS) == len(re.findall(r"(?<![\w.])re\.[a-z]+\(", text))


@pytest.mark.parametrize("place", EXPRESSIONS)
def test_it_takes_linear_time(place: str) -> None:
    """40,000 underscores in a task's name took 16 s, 40,000 blanks in a duration as long."""
    expression, methods = EXPRESSIONS[place]
    is_text = isinstance(expression.pattern, str)
    source = expression.pattern if is_text else expression.pattern.decode("latin-1")
    began = time.thread_time()
    for unit in units(source):
        for head in ("", "a", "1", "@", "redis://"):
            text: Any = head + unit * (LENGTH // len(unit)) + "\x00"
            subject = text if is_text else text.encode("latin-1", "replace")
            for method in methods:
                if method == "sub":
                    expression.sub(subject[:0], subject)
                else:
                    getattr(expression, method)(subject)
            assert time.thread_time() - began < MOST_S, f"{unit!r} takes it long"
