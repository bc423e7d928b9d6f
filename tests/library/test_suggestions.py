"""Every error about an unknown name has one form: a similar name, then the available ones."""

from __future__ import annotations

import pytest

from flowkit import DAG, TaskNotFoundError, task
from flowkit.basics.suggestions import MOST_COMPARED, similar_name, suggestion, unknown_name


@task
def load() -> None:
    """Be drawn."""


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


def test_the_name_that_means_the_same_comes_before_a_similar_one() -> None:
    text = unknown_name("option", "retry_delay", ["retry_on", "delay"], "delay")
    assert "Did you mean 'delay'? Available: 'retry_on', 'delay'." in text


def test_the_most_similar_name_is_found() -> None:
    assert similar_name("lood", ["lead", "load", "store"]) == "load"
    assert similar_name("x", {"load", "store"}) is None
    assert similar_name("load", ()) is None


def test_a_long_list_is_cut_short() -> None:
    text = suggestion("x", [f"task_{number}" for number in range(21)])
    assert text.endswith("'task_18', 'task_19', ….")


def test_a_very_long_list_is_not_searched_for_a_similar_name() -> None:
    known = [f"task_{number}" for number in range(MOST_COMPARED + 1)]
    assert similar_name("task_x", known) is None
    assert suggestion("task_x", known).startswith("Available")


def test_among_very_many_names_no_similar_one_is_looked_for() -> None:
    """A misspelt mark of a picture of many tasks took seconds to be refused."""
    with DAG("wide") as dag:
        load >> [load.bind(f"load of part {number}") for number in range(MOST_COMPARED)]
    with pytest.raises(TaskNotFoundError, match="unknown task 'load of prat 1'") as caught:
        dag.to_mermaid({"load of prat 1": "running"})
    assert "Did you mean" not in str(caught.value)
