"""``flowkit.core`` decides and does nothing: its imports and built-ins are walked to prove it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "flowkit" / "core"
MODULES = sorted(CORE.rglob("*.py"))
# What computes on values only. Nothing that reads a clock, draws a number, logs or does I/O.
ALLOWED = {
    "__future__",
    "array",
    "bisect",
    "collections",
    "collections.abc",
    "dataclasses",
    "enum",
    "functools",
    "heapq",
    "itertools",
    "math",
    "operator",
    "re",
    "shlex",
    "typing",
    "unicodedata",
    "weakref",
}
IMPURE_BUILTINS = {"__import__", "breakpoint", "compile", "eval", "exec", "input", "open", "print"}


def impurities(source: str) -> list[str]:
    """Return ``line: what`` for each import or built-in that the core may not use."""
    result = []
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["." * node.level + (node.module or "")]
        elif isinstance(node, ast.Name) and node.id in IMPURE_BUILTINS:
            result.append(f"{node.lineno}: {node.id}")
        result += [f"{node.lineno}: import {name}" for name in names if not is_pure(name)]
    return result


def is_pure(module: str) -> bool:
    if module.startswith("."):
        return not module.startswith("..") or module.startswith("..basics.")
    inside = module == "flowkit.core" or module.startswith("flowkit.core.")
    return inside or module in ALLOWED


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_core_module_uses_only_what_computes(path: Path) -> None:
    assert impurities(path.read_text("utf-8")) == []


def test_the_core_is_where_this_test_looks() -> None:
    names = {path.stem for path in MODULES}
    assert {"states", "graph", "compiled", "retry", "commands", "run", "check"} <= names


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "import random",
        "import os.path",
        "import logging",
        "import asyncio",
        "from datetime import datetime",
        "import uuid",
        "import redis",
        "from flowkit import dag",
        "from flowkit.protocol import keys",
        "import flowkit.corelike",
        "from .. import dag",
        "from ..protocol.codec import pack",
        "def late():\n    import time",
        "print('x')",
        "data = open('x').read()",
        "__import__('time')",
    ],
)
def test_the_walk_finds_impure_imports(source: str) -> None:
    assert len(impurities(source)) == 1


@pytest.mark.parametrize(
    "source",
    ["from .graph import Graph", "from . import run", "from flowkit.core.run import Run"],
)
def test_the_walk_lets_the_core_use_itself(source: str) -> None:
    assert impurities(source) == []
