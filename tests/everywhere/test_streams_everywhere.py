"""Standard streams of the processes that run tasks: no terminal, and an output that stays open."""

from __future__ import annotations

import everywhere_app as app
import pytest
from places import PLACES, Place

from flowkit import DAG

in_other_processes = pytest.mark.parametrize("place", PLACES[1:], indirect=True)


@in_other_processes
def test_a_task_that_reads_from_the_terminal_fails_without_blocking(place: Place) -> None:
    """In a session of another process, reading from the terminal would stop it forever."""
    with DAG("asking") as dag:
        dag.add(app.asks_the_terminal)
    results = place.run(dag).results
    assert results == {"asks_the_terminal": ["EOFError", "OSError", "RuntimeError", True]}


@in_other_processes
def test_later_tasks_can_print_after_a_task_closed_the_stream(place: Place) -> None:
    with DAG("closing") as dag:
        for number in range(4):
            closing = app.closes_its_output.bind(f"closes{number}")
            closing >> app.prints.bind(f"prints{number}")
    results = place.run(dag).results
    assert results is not None
    assert [results[f"prints{number}"] for number in range(4)] == ["printed"] * 4
