"""Every promise of docs/promises.md is kept by a test that carries its id, and by nothing less.

Tests are read, not collected: a mark is a decorator ``promise("task-7")`` or
``pytest.mark.promise("task-7")`` of a test function.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pages import ROOT

import flowkit

PAGE = ROOT / "docs" / "promises.md"
MODULES = ["flowkit", "task", "dag", "map", "call", "logging", "state", "exceptions", "sight"]
# What a promise says about where it holds → the fixtures of this folder that go to all of it.
EVERYWHERE = "tests/everywhere/"
PLACES = {
    "Everywhere": {"place"},
    "With workers": {"with_workers"},
    "Every store": {"state", "make"},
}
LEFT_OUT = {"skip", "skipif", "xfail", "slow"}


@dataclass(frozen=True)
class Kept:
    """A test with the ids that it carries, what it takes and the names of its other marks."""

    where: str
    ids: tuple[str, ...]
    takes: frozenset[str]
    marks: frozenset[str]


def promises(text: str) -> list[tuple[str, str]]:
    """Return id and sentence of each item of the page, in its order."""
    items = re.findall(r"^- (.*(?:\n  .*)*)", text, re.MULTILINE)
    result = [re.fullmatch(r"\*\*([a-z]+-\d+)\*\* (.*)", item, re.DOTALL) for item in items]
    assert None not in result, "an item of the page has no id"
    return [(entry[1], " ".join(entry[2].split())) for entry in result if entry is not None]


def kept(source: str, where: str) -> Iterator[Kept]:
    """Yield the tests of a file that carry ids. A mark on anything else is an error."""
    tree = ast.parse(source)
    marked = 0
    for function in tree.body:
        if not isinstance(function, ast.FunctionDef) or not function.name.startswith("test_"):
            continue
        calls = {name_of(mark): mark for mark in function.decorator_list}
        mark = calls.pop("promise", None)
        if isinstance(mark, ast.Call):
            marked += 1
            ids = tuple(ast.literal_eval(argument) for argument in mark.args)
            takes = frozenset(argument.arg for argument in function.args.args)
            yield Kept(f"{where}::{function.name}", ids, takes, frozenset(calls))
    written = sum(
        isinstance(node, ast.Call) and name_of(node) == "promise" for node in ast.walk(tree)
    )
    assert written == marked, f"{where}: a promise that marks no test"


def name_of(mark: ast.expr) -> str:
    result = mark.func if isinstance(mark, ast.Call) else mark
    if isinstance(result, ast.Attribute):
        return result.attr
    return result.id if isinstance(result, ast.Name) else ""


@pytest.fixture(scope="module")
def page() -> dict[str, str]:
    return dict(promises(PAGE.read_text()))


@pytest.fixture(scope="module")
def tests() -> list[Kept]:
    files = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    return [item for path in files for item in kept(path.read_text(), str(path.relative_to(ROOT)))]


def test_ids_are_unique_and_count_up_within_their_module() -> None:
    ids = [item for item, _ in promises(PAGE.read_text())]
    of_module = {name: [item for item in ids if item.startswith(f"{name}-")] for name in MODULES}
    assert ids == [f"{name}-{n + 1}" for name in MODULES for n in range(len(of_module[name]))]
    assert all(of_module.values())


def test_each_promise_has_a_test_and_each_test_a_promise(
    page: dict[str, str], tests: list[Kept]
) -> None:
    used = [item for test in tests for item in test.ids]
    assert sorted(page.keys() - set(used)) == [], "promises without a test"
    assert sorted(set(used) - page.keys()) == [], "ids that the page does not have"


def test_promises_for_all_places_have_one_test_for_all_places(
    page: dict[str, str], tests: list[Kept]
) -> None:
    going = [test for test in tests if test.where.startswith(EVERYWHERE)]
    for word, fixtures in PLACES.items():
        tried = {item for test in going if test.takes & fixtures for item in test.ids}
        said = {item for item, sentence in page.items() if f"*{word}.*" in sentence}
        assert len(said) > 3
        assert sorted(said - tried) == []


def test_no_test_of_a_promise_is_skipped_or_empty(tests: list[Kept]) -> None:
    assert [test.where for test in tests if test.marks & LEFT_OUT or not test.ids] == []
    assert [test.where for test in tests if len(set(test.ids)) < len(test.ids)] == []


def test_the_names_on_the_page_are_the_public_ones(page: dict[str, str]) -> None:
    """A name that is made public is promised by that."""
    assert sorted(re.findall(r"`(\w+)`", page["flowkit-1"])) == sorted(flowkit.__all__)


# -- the reading itself ------------------------------------------------------------------------


def test_an_item_may_span_lines_and_must_have_an_id() -> None:
    assert promises("- **dag-1** One\n  and two.\n- **dag-2** Three.\n") == [
        ("dag-1", "One and two."),
        ("dag-2", "Three."),
    ]
    with pytest.raises(AssertionError, match="has no id"):
        promises("- **dag-1** One.\n- Two.\n")


def test_marks_are_read_in_both_spellings() -> None:
    source = (
        "@promise('a-1', 'a-2')\ndef test_one(place): ...\n"
        "@pytest.mark.skip\n@pytest.mark.promise('a-3')\ndef test_two(): ...\n"
        "def test_three(): ...\n"
    )
    assert list(kept(source, "f.py")) == [
        Kept("f.py::test_one", ("a-1", "a-2"), frozenset({"place"}), frozenset()),
        Kept("f.py::test_two", ("a-3",), frozenset(), frozenset({"skip"})),
    ]


@pytest.mark.parametrize(
    "source", ["@promise('a-1')\ndef helper(): ...\n", "class T:\n  x = pytest.mark.promise('a-1')"]
)
def test_a_mark_on_a_non_test_is_an_error(source: str) -> None:
    with pytest.raises(AssertionError, match="marks no test"):
        list(kept(source, "f.py"))
