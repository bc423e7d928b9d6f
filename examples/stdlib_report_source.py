"""Measure one Python source file, and add up the figures of many.

Used by stdlib_report.py. It does not use flowkit, and neither reads nor writes files.

Rules of counting
-----------------
Lines       Each line is exactly one of blank, comment, docstring or code. A line inside a
            multi-line string belongs to the string, so a `#` in it does not start a comment.
Complexity  McCabe's: 1 for the function, and 1 for each decision in it (see DECISIONS). A nested
            function is counted separately. A lambda is counted with the function that contains it.
            Branches outside of functions are not counted.
Imports     A module counts once for each file that imports it, by its absolute dotted name.

A `Tally` has the same form for a file, a part of the tree and the whole tree. `combine` adds up
tallies. The result does not depend on their order and grouping, so the report is the same from one
process as from sixteen.
"""

from __future__ import annotations

import ast
import heapq
import warnings
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, TypedDict

Row = dict[str, Any]


class Tally(TypedDict):
    """Figures of a file, or of any number of files."""

    totals: dict[str, int]
    bands: list[int]
    """The number of functions in each of BANDS."""
    packages: dict[str, dict[str, int]]
    imports: dict[str, int]
    """Module -> the number of files that import it."""
    tables: dict[str, list[Row]]
    """The first rows of each of TABLES."""
    unparsable: list[Row]


BANDS = (5, 10, 20, 50)
"""The highest complexity of each band, except for the last, which has no limit."""

TABLES: dict[str, Callable[[Row], Any]] = {
    "most_complex": lambda r: (-r["complexity"], -r["lines"], r["path"], r["line"]),
    "longest": lambda r: (-r["lines"], -r["complexity"], r["path"], r["line"]),
    "biggest": lambda r: (-r["lines"], r["path"]),
}
"""The order of each table. Rows with equal figures are ordered by their place in the source."""

LOOSE_MODULES = "(single modules)"
"""The package name for modules at the top of the tree."""

NOT_PYTHON = (SyntaxError, ValueError, LookupError, RecursionError, MemoryError)
"""What the compiler raises for invalid source: bad syntax, bytes that are not text, an unknown
encoding, nesting that is too deep."""

SOURCE_NAME = "<source in the report>"
# The compiler warns of bad escapes and the like. They are the measured file's affair; and a filter
# for one made-up file name is safe with threads, which `warnings.catch_warnings` is not.
warnings.filterwarnings("ignore", module=SOURCE_NAME)


def _case_paths(case: ast.match_case) -> int:
    """Count 1, unless the pattern matches everything as an `else` does, and 1 for a guard."""
    takes_all = isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None
    return (not takes_all) + (case.guard is not None)


DECISIONS: dict[type[ast.AST], Callable[[Any], int]] = {
    ast.If: lambda _: 1,
    ast.IfExp: lambda _: 1,
    ast.For: lambda _: 1,
    ast.AsyncFor: lambda _: 1,
    ast.While: lambda _: 1,
    ast.ExceptHandler: lambda _: 1,
    ast.BoolOp: lambda node: len(node.values) - 1,
    ast.comprehension: lambda node: 1 + len(node.ifs),
    ast.match_case: _case_paths,
}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DOCUMENTED = (ast.Module, ast.ClassDef, *FUNCTIONS)


class _Walk:
    """One pass over a syntax tree. It has its own stack, so no nesting is too deep for it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.functions: list[Row] = []
        self.classes = 0
        self.imports: set[str] = set()
        self.strings: list[tuple[int, int]] = []
        self.docstrings: list[tuple[int, int]] = []

    def run(self, tree: ast.AST) -> None:
        """Fill the fields from `tree`."""
        todo: list[tuple[ast.AST, Row | None, str]] = [(tree, None, "")]
        while todo:
            node, function, scope = todo.pop()
            kind = type(node)
            if kind is ast.Name:
                continue
            if kind in DECISIONS and function is not None:
                function["complexity"] += DECISIONS[kind](node)
            elif isinstance(node, DOCUMENTED):
                function, scope = self.enter(node, function, scope)
            else:
                self.note(node)
            for value in vars(node).values():
                if isinstance(value, list):
                    todo += [(item, function, scope) for item in value if isinstance(item, ast.AST)]
                elif isinstance(value, ast.AST):
                    todo.append((value, function, scope))

    def enter(self, node: Any, function: Row | None, scope: str) -> tuple[Row | None, str]:
        """Record a module, class or function. Return the function it counts for, and its scope."""
        match node.body:
            case [ast.Expr(value=ast.Constant(value=str()) as text), *_]:
                self.docstrings.append((text.lineno, text.end_lineno or text.lineno))
        if isinstance(node, ast.Module):
            return function, scope
        name = scope + node.name
        if isinstance(node, ast.ClassDef):
            self.classes += 1
            return function, f"{name}."
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        row = {"path": self.path, "name": name, "line": node.lineno}
        self.functions.append(row | {"lines": lines, "complexity": 1})
        return self.functions[-1], f"{name}."

    def note(self, node: ast.AST) -> None:
        """Record an import or a multi-line string."""
        match node:
            case ast.Constant(value=str() | bytes()) | ast.JoinedStr():
                if node.end_lineno and node.end_lineno > node.lineno:
                    self.strings.append((node.lineno, node.end_lineno))
            case ast.Import(names=names):
                self.imports.update(alias.name for alias in names)
            case ast.ImportFrom(module=module, level=level):
                self.imports.add(absolute_name(self.path, module, level or 0))


def absolute_name(path: str, module: str | None, level: int) -> str:
    """Return the absolute name of the module in `from ..module import x` in the file `path`."""
    above = path.split("/")[:-level] if level else []
    return ".".join([*above, module] if module else above)


def line_kinds(source: bytes, walk: _Walk) -> Counter[str]:
    """Count the lines of `source` by kind. All encodings that Python allows contain ASCII."""
    text = source.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    kinds = [
        "comment" if line.startswith(b"#") else "code" if line else "blank"
        for line in map(bytes.strip, text.removesuffix(b"\n").split(b"\n"))
    ]
    for spans, kind in ((walk.strings, "code"), (walk.docstrings, "docstring")):
        for first, last in spans:
            kinds[first - 1 : last] = [kind] * (last - first + 1)
    return Counter(kinds if text else [])


def complexity(source: str) -> dict[str, int]:
    """Return the complexity of each function in `source` by its dotted name."""
    walk = _Walk("source.py")
    walk.run(ast.parse(source))
    return {row["name"]: row["complexity"] for row in walk.functions}


def tally_file(path: str, source: bytes) -> Tally:
    """Measure one file. If it is not valid Python, it is counted and listed."""
    walk = _Walk(path)
    try:
        walk.run(compile(source, SOURCE_NAME, "exec", ast.PyCF_ONLY_AST, dont_inherit=True))
    except NOT_PYTHON as error:
        return _tally(path, {"files": 1, "bytes": len(source), "unparsable": 1}, _reason(error))
    kinds = line_kinds(source, walk)
    totals = {
        "files": 1,
        "bytes": len(source),
        "lines": kinds.total(),
        **kinds,
        "functions": len(walk.functions),
        "classes": walk.classes,
        "complexity": sum(row["complexity"] for row in walk.functions),
    }
    tally = _tally(path, totals)
    tally["imports"] = dict.fromkeys(walk.imports - {""}, 1)
    for row in walk.functions:
        tally["bands"][bisect_left(BANDS, row["complexity"])] += 1
    figures = {name: totals.get(name, 0) for name in ("lines", "code", "functions", "classes")}
    tally["tables"] = {
        "most_complex": walk.functions,
        "longest": walk.functions,
        "biggest": [{"path": path, **figures}],
    }
    return tally


def _tally(path: str, totals: dict[str, int], reason: str = "") -> Tally:
    package, slash, _ = path.partition("/")
    return Tally(
        totals=totals,
        bands=[0] * (len(BANDS) + 1),
        packages={package if slash else LOOSE_MODULES: totals},
        imports={},
        tables={},
        unparsable=[{"path": path, "reason": reason}] if reason else [],
    )


def _reason(error: BaseException) -> str:
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    line = f" (line {error.lineno})" if isinstance(error, SyntaxError) and error.lineno else ""
    return f"{type(error).__name__}: {message}{line}"


def combine(tallies: Iterable[Tally], top: int) -> Tally:
    """Add up tallies. Only the first `top` rows of each table are kept; no others are shown."""
    tallies = list(tallies)
    no_functions, bands = [0] * (len(BANDS) + 1), [t["bands"] for t in tallies]
    packages: dict[str, Counter[str]] = {}
    for name, totals in chain.from_iterable(t["packages"].items() for t in tallies):
        packages.setdefault(name, Counter()).update(totals)
    return Tally(
        totals=_sum(t["totals"] for t in tallies),
        bands=[sum(column) for column in zip(no_functions, *bands, strict=True)],
        packages={name: dict(totals) for name, totals in packages.items()},
        imports=_sum(t["imports"] for t in tallies),
        tables={
            name: heapq.nsmallest(top, chain(*(t["tables"].get(name, ()) for t in tallies)), order)
            for name, order in TABLES.items()
        },
        unparsable=sorted(chain(*(t["unparsable"] for t in tallies)), key=lambda r: r["path"]),
    )


def _sum(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total)
