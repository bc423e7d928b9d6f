"""The list of mutations keeps up with the code; ``python -m tests.mutations`` tries them."""

from __future__ import annotations

import ast
from functools import cache

import pytest
from catalog import ROOT, Mutation, mutations

MUTATIONS = mutations()


def test_each_text_occurs_once_and_is_replaced() -> None:
    for mutation in MUTATIONS:
        source = (ROOT / mutation.file).read_text()
        assert mutation.applied_to(source) != source, mutation.name


def test_the_tests_of_each_exist() -> None:
    for mutation in MUTATIONS:
        assert mutation.tests, mutation.name
        for test in mutation.tests:
            path, _, name = test.partition("::")
            assert name in names_in(path) | {""}, f"{mutation.name}: {path} has no {name}"


def test_names_are_unique_and_each_has_a_reason() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)
    assert [mutation.name for mutation in MUTATIONS if len(mutation.why.split()) < 4] == []


@pytest.mark.parametrize("text", ["", "guard guard"])
def test_a_text_that_does_not_occur_once_is_refused(text: str) -> None:
    mutation = Mutation("name", "file", "guard", "", ("test",), "why it is there")
    with pytest.raises(ValueError, match=f"stands {text.count('guard')} times in file, not once"):
        mutation.applied_to(text)


def test_an_entry_without_a_reason_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a mutation of a\.py is not complete"):
        mutations('[["a.py"]]\nname = "a"\nfind = "b"\nreplace = "c"\ntests = []\n')


@cache
def names_in(path: str) -> frozenset[str]:
    """Return the tests and the classes of tests of a file, as pytest names them."""
    names: set[str] = set()
    for node in ast.parse((ROOT / path).read_text()).body:
        if isinstance(node, ast.ClassDef):
            names.add(node.name)
            names |= {f"{node.name}::{item.name}" for item in node.body if hasattr(item, "name")}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
    return frozenset(names)
