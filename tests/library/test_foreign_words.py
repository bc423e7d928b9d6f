"""Habits from other workflow systems: each is refused with what to write here."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from flowkit import DAG, Task, task
from flowkit.definition.foreign_words import ATTRIBUTES, DAG_OPTIONS, OPTIONS
from flowkit.definition.options import KNOWN_OPTIONS


@task
def price() -> int:
    return 3


@task
def report(value: int) -> int:
    return value


@pytest.mark.parametrize(("foreign", "ours"), OPTIONS.items())
def test_an_option_of_another_system_is_answered_with_ours(foreign: str, ours: str) -> None:
    options: Any = {foreign: 1}
    with pytest.raises(TypeError, match=f"unknown option {foreign!r}. Did you mean {ours!r}\\?"):
        task(**options)(lambda: None)
    assert ours in KNOWN_OPTIONS
    assert foreign not in KNOWN_OPTIONS


@pytest.mark.parametrize(("foreign", "ours"), DAG_OPTIONS.items())
def test_an_option_of_a_dag_elsewhere_is_answered_with_ours(foreign: str, ours: str) -> None:
    options: Any = {foreign: 1}
    wanted = f"^DAG 'etl': unknown option {foreign!r}. Did you mean {ours!r}\\? Available: 'name', "
    with pytest.raises(TypeError, match=wanted):
        DAG("etl", **options)


def test_an_unknown_option_of_a_dag_is_refused_by_the_name_of_the_dag() -> None:
    with pytest.raises(TypeError) as caught:
        DAG("etl", schedule="@daily")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "DAG 'etl': unknown option 'schedule'. Available: 'name', 'max_workers', 'on_failure', "
        "'hooks', 'tasks', 'pin_version', 'check_types'."
    )


@pytest.mark.parametrize("foreign", ATTRIBUTES)
def test_an_attribute_of_another_system_is_answered_with_what_to_do(foreign: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(price, foreign)
    text = str(caught.value)
    assert text.startswith(f"task 'price' has no attribute {foreign!r}. ")
    assert "NAME" not in text
    assert text.endswith(".")
    assert not hasattr(Task, foreign), "it exists: answer it no longer"


def test_another_unknown_attribute_is_refused_as_usual() -> None:
    with pytest.raises(AttributeError, match=r"^task 'price' has no attribute 'upstraem'$"):
        print(price.upstraem)  # type: ignore[attr-defined]
    assert getattr(price, "nothing", 5) == 5
    assert not hasattr(price, "nothing")


def test_edges_are_drawn_forwards() -> None:
    for draw, wanted in (
        (
            lambda: report << price,
            "report << price: edges are drawn forwards. Write price >> report.",
        ),  # type: ignore[operator]
        (lambda: report << [price, report], r"Write \[price, report\] >> report\."),  # type: ignore[operator]
        (lambda: [report, 5] << price, r"Write price >> \[report, 5\]\."),  # type: ignore[operator]
    ):
        with pytest.raises(TypeError, match=wanted):
            draw()
    assert not report.upstream
    assert not price.upstream


def test_a_task_is_still_copied_and_pickled() -> None:
    assert pickle.loads(pickle.dumps(price)) is price
    assert copy.copy(price).name == "price"
    assert price.bind("again").name == "again"
