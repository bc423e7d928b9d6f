"""Every error about an unknown name has one form: a similar name, then the available ones."""

from __future__ import annotations

import pytest

from flowkit.basics.suggestions import suggestion, unknown_name


@pytest.mark.parametrize(
    ("name", "known", "wanted"),
    [
        ("lod", ["load", "read"], "Did you mean 'load'? Available: 'load', 'read'."),
        ("xyz", ["load", "read"], "Available: 'load', 'read'."),
        ("load", [], "Available: none."),
        (None, ["None"], "Available: 'None'."),
    ],
)
def test_a_similar_name_is_suggested_and_all_names_are_listed(
    name: object, known: list[str], wanted: str
) -> None:
    assert suggestion(name, known) == wanted
    assert unknown_name("task", name, known) == f"unknown task {name!r}. {wanted}"


def test_a_long_list_is_cut_short() -> None:
    text = suggestion("x", [f"task_{number}" for number in range(21)])
    assert text.endswith("'task_18', 'task_19', ….")


def test_a_very_long_list_is_not_searched_for_a_similar_name() -> None:
    assert suggestion("task_x", [f"task_{number}" for number in range(10_001)]).startswith("Avail")
