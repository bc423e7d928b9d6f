"""Suggestions for names that are unknown."""

from __future__ import annotations

import pytest

from flowkit import DAG, TaskNotFoundError, task
from flowkit.basics.suggestions import MOST_COMPARED, similar_name, unknown_name


@task
def load() -> None:
    """Be drawn."""


def test_the_most_similar_name_is_found() -> None:
    assert similar_name("lood", ["lead", "load", "store"]) == "load"
    assert similar_name("x", {"load", "store"}) is None
    assert similar_name("load", ()) is None


def test_a_sentence_without_a_suggestion() -> None:
    assert unknown_name("task", "x", []) == "unknown task 'x'. There is none."


def test_among_very_many_names_no_similar_one_is_looked_for() -> None:
    """A misspelt mark of a picture of many tasks took seconds to be refused."""
    with DAG("wide") as dag:
        load >> [load.bind(f"load of part {number}") for number in range(MOST_COMPARED)]
    with pytest.raises(TaskNotFoundError, match="unknown task 'load of prat 1'") as caught:
        dag.to_mermaid({"load of prat 1": "running"})
    assert "Did you mean" not in str(caught.value)
