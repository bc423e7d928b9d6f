"""A table that travels in one place travels in all: equal, with its types, labels and order."""

from __future__ import annotations

import everywhere_app as app
import pytest
from places import Place
from tables import TABLES, assert_same

from flowkit import DAG


@pytest.mark.slow
def test_every_table_reaches_the_next_task_and_the_caller(place: Place) -> None:
    names = {f"t{number}": name for number, name in enumerate(TABLES)}
    with DAG("tables") as dag:
        for task_name, name in names.items():
            app.give.bind(task_name, value=TABLES[name]) >> app.hand_on.bind(f"{task_name}_again")
    report = place.run(dag)
    assert report.error is None
    results = report.results or {}
    for task_name, name in names.items():
        assert_same(results[task_name], TABLES[name])
        assert_same(results[f"{task_name}_again"], TABLES[name])
