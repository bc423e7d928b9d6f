"""What an attempt may change, and nobody else sees: its arguments; and what it may not."""

from __future__ import annotations

import everywhere_app as app
import pytest
from places import Place

from flowkit import DAG, Task


@pytest.mark.parametrize("task", [app.add_sum, app.add_sum_async], ids=["plain", "async"])
def test_a_retry_gets_unchanged_arguments(place: Place, task: Task) -> None:
    rows = app.give.bind("rows", value=[3, 1, 2])
    with DAG("copied") as dag:
        rows >> task
    assert place.run(dag).results == {"rows": [3, 1, 2], task.name: [3, 1, 2, 6]}


@pytest.mark.parametrize(
    "task", [app.change_params, app.change_params_async], ids=["plain", "async"]
)
def test_the_parameters_of_an_attempt_cannot_be_changed(place: Place, task: Task) -> None:
    dag = DAG("read-only", tasks=[task, app.greet])
    result = place.run(dag, {"name": "Ada"}).results or {}
    assert "does not support item assignment" in result[task.name]
