"""Order without data means the same everywhere: it is waited for, and nothing is passed."""

from __future__ import annotations

import everywhere_app as app
import pytest
from places import Place

from flowkit import DAG


@pytest.mark.promise("dag-25")
def test_order_edges_order_and_pass_nothing(place: Place) -> None:
    with DAG("ordered") as dag:
        app.loads.after(app.makes_table)
        app.loads >> app.after
        app.drops_table.after(app.after, app.is_never_asked_for)
        app.is_never_asked_for.after(app.makes_table)
    report = place.run(dag, diary=True)
    assert report.diary == ["makes_table", "loads", "drops_table"]
    assert report.results == {
        "makes_table": "its result is for nobody",
        "loads": 0,
        "after": 0,
        "drops_table": 0,
    }


def test_a_failure_before_it_keeps_a_task_from_starting(place: Place) -> None:
    with DAG("ordered", on_failure="continue") as dag:
        app.loads.after(app.fails)
        app.drops_table.after(app.loads)
    report = place.run(dag, diary=True)
    assert report.error == ("KeyError", "'no such row'")
    assert "loads" not in report.diary
    assert "drops_table" in report.diary
    if place.on_redis:
        assert report.states["loads"] == "upstream_failed"
        assert report.states["drops_table"] == "succeeded"
