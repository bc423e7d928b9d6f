"""Results and conditions that are no answers: the same refusal wherever the DAG runs."""

from __future__ import annotations

import everywhere_app as app
import pytest
from places import Place

from flowkit import DAG, Task


@pytest.mark.parametrize("kind", app.ITERATORS)
def test_an_iterator_is_refused_as_a_result(place: Place, kind: str) -> None:
    """In threads the second task got no rows at all. Making the iterator again is no remedy."""
    with DAG("rows") as dag:
        app.reads_rows >> [app.count_rows.bind("first"), app.count_rows.bind("second")]
    report = place.run(dag, {"kind": kind}, diary=True)
    assert report.error is not None
    error, message = report.error
    assert error == "IllegalValue"
    assert message.startswith(f"Task 'reads_rows' returned an iterator ({kind}), which can be read")
    assert message.endswith("Return a list instead: list(…).")
    assert report.diary == [1]


@pytest.mark.parametrize(("task", "kind"), [(app.pays, "coroutine"), (app.pays_too, "generator")])
def test_a_condition_that_returns_a_coroutine_or_generator_is_refused(
    place: Place, task: Task, kind: str
) -> None:
    """Each of them is true, although the answer was no."""
    with DAG("paying") as dag:
        app.end >> task
    error = place.run(dag).error
    assert error is not None
    assert error[0] == "TypeError"
    assert f"returned a {kind}, which always counts as true" in error[1]
