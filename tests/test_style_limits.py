"""Length has a limit, and it is kept without exemptions: what grows too long is split."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = ["flowkit", "scheduler", "worker", "examples", "benchmarks"]
TESTS = ["tests"]

FILE_LINES = 300
TEST_FILE_LINES = 500
FUNCTION_LINES = 40
SCRIPT_LINES = 80
PARAMETERS_REQUIRED = 6
PARAMETERS = 10

Function = ast.FunctionDef | ast.AsyncFunctionDef


def files(folders: list[str], suffix: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob(f"*{suffix}"))


def too_long(name: str, source: str, limit: int) -> list[str]:
    lines = len(source.splitlines())
    return [f"{name}:{limit + 1}: {lines} lines, limit {limit}"] if lines > limit else []


@cache
def parsed(source: str) -> ast.Module:
    return ast.parse(source)


def without_docstring(name: str, source: str) -> list[str]:
    return [] if ast.get_docstring(parsed(source)) else [f"{name}:1: no module docstring"]


def long_functions(name: str, source: str) -> list[str]:
    """Count from ``def`` to the last line, docstring included, decorators not."""
    sizes = {function: lines_of(function) for function, _ in functions(parsed(source))}
    return [
        f"{name}:{function.lineno}: {function.name} has {size} lines, limit {FUNCTION_LINES}"
        for function, size in sizes.items()
        if size > FUNCTION_LINES
    ]


def lines_of(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def wide_functions(name: str, source: str) -> list[str]:
    result = []
    for function, bound in functions(parsed(source)):
        required, total = parameters(function, bound=bound)
        where = f"{name}:{function.lineno}: {function.name} has"
        if required > PARAMETERS_REQUIRED:
            result.append(f"{where} {required} required parameters, limit {PARAMETERS_REQUIRED}")
        if total > PARAMETERS:
            result.append(f"{where} {total} parameters, limit {PARAMETERS}")
    return result


def parameters(function: Function, *, bound: bool) -> tuple[int, int]:
    """Count (without default, all); ``self`` or ``cls`` of a ``bound`` one does not count."""
    given = function.args
    places = len(given.posonlyargs) + len(given.args) - bound
    keywords = len(given.kwonlyargs)
    optional = len(given.defaults) + sum(default is not None for default in given.kw_defaults)
    rest = (given.vararg is not None) + (given.kwarg is not None)
    return places + keywords - optional, places + keywords + rest


def functions(tree: ast.AST, *, in_class: bool = False) -> Iterator[tuple[Function, bool]]:
    """Yield every function with whether its first parameter is the object or the class."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield node, in_class and not is_static(node)
        yield from functions(node, in_class=isinstance(node, ast.ClassDef))


def is_static(function: Function) -> bool:
    return any(
        isinstance(mark, ast.Name) and mark.id == "staticmethod" for mark in function.decorator_list
    )


CODE_FILES = files(CODE, ".py")
TEST_FILES = files(TESTS, ".py")
SCRIPTS = files(CODE, ".lua")


def report(measure: Callable[..., list[str]], paths: list[Path], *limits: int) -> str:
    """Measure each file; the lines that break a limit, one below the other."""
    return "\n".join(
        line
        for path in paths
        for line in measure(str(path.relative_to(ROOT)), path.read_text("utf-8"), *limits)
    )


def test_files_fit_their_limit() -> None:
    assert report(too_long, CODE_FILES, FILE_LINES) == ""
    assert report(too_long, TEST_FILES, TEST_FILE_LINES) == ""


def test_lua_scripts_fit_on_a_screen() -> None:
    assert report(too_long, SCRIPTS, SCRIPT_LINES) == ""


def test_every_module_has_a_docstring() -> None:
    assert report(without_docstring, CODE_FILES + TEST_FILES) == ""


def test_functions_fit_their_limit() -> None:
    assert report(long_functions, CODE_FILES) == ""


def test_functions_take_few_parameters() -> None:
    assert report(wide_functions, CODE_FILES) == ""


# -- the measures themselves ------------------------------------------------------------------


def test_the_code_is_where_this_test_looks() -> None:
    result = {str(path.relative_to(ROOT)) for path in CODE_FILES + TEST_FILES}
    assert {"flowkit/core/run.py", "scheduler/__init__.py", "worker/__init__.py"} <= result
    assert "tests/test_style_limits.py" in result


@pytest.mark.parametrize(("lines", "breaks"), [(3, False), (4, True)])
def test_a_file_is_measured_in_lines(lines: int, breaks: bool) -> None:
    result = too_long("a.py", "x = 1\n" * lines, 3)
    assert result == (["a.py:4: 4 lines, limit 3"] if breaks else [])


def test_a_comment_is_not_a_docstring() -> None:
    assert without_docstring("a.py", "# what\nx = 1\n") == ["a.py:1: no module docstring"]
    assert without_docstring("a.py", "") == ["a.py:1: no module docstring"]
    assert without_docstring("a.py", '"""What."""\n') == []


@pytest.mark.parametrize(("body", "breaks"), [(39, False), (40, True)])
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_function_is_measured_without_its_decorators(kind: str, body: int, breaks: bool) -> None:
    source = f"class A:\n    @cached\n    {kind} f(self):\n" + "        x = 1\n" * body
    result = long_functions("a.py", source)
    assert result == (["a.py:3: f has 41 lines, limit 40"] if breaks else [])


@pytest.mark.parametrize(
    ("signature", "counts"),
    [
        ("def f(): ...", (0, 0)),
        ("def f(a, b, /, c, *, d): ...", (4, 4)),
        ("def f(a, b=1, *, c, d=2): ...", (2, 4)),
        ("def f(a, *rest, b, **more): ...", (2, 4)),
        ("class A:\n    def f(self, a): ...", (1, 1)),
        ("class A:\n    @classmethod\n    def f(cls, a): ...", (1, 1)),
        ("class A:\n    @staticmethod\n    def f(a, b): ...", (2, 2)),
        ("class A:\n    class B:\n        async def f(self, /, a): ...", (1, 1)),
    ],
)
def test_parameters_are_counted_without_self(signature: str, counts: tuple[int, int]) -> None:
    ((function, bound),) = functions(ast.parse(signature))
    assert parameters(function, bound=bound) == counts


def test_functions_inside_functions_are_measured_too() -> None:
    source = "def f():\n    if True:\n        def g(a, b, c, d, e, f, g): ...\n"
    assert wide_functions("a.py", source) == ["a.py:3: g has 7 required parameters, limit 6"]


def test_defaults_do_not_buy_more_than_ten_parameters() -> None:
    eleven = ", ".join(f"p{place}=0" for place in range(11))
    assert wide_functions("a.py", f"def f(*, {eleven}): ...") == [
        "a.py:1: f has 11 parameters, limit 10"
    ]
