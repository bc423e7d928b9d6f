"""Labels of items, and what kept items from running: the same in each place."""

from __future__ import annotations

from collections.abc import Callable

import map_app as app
import pytest
from helpers import wait_until
from places import Place

from flowkit import DAG

promise = pytest.mark.promise


def printed_by(capsys: pytest.CaptureFixture[str]) -> Callable[[str], bool]:
    """Return a function that says whether a text has been printed: by this process, or by a worker,
    whose log lines follow a moment after its outcomes."""
    texts: list[str] = []

    def printed(text: str) -> bool:
        texts.extend(capsys.readouterr())
        return text in "".join(texts)

    return printed


@promise("map-13")
def test_people_see_labels_in_failures_and_log_lines(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = printed_by(capsys)
    with DAG("labelled") as dag:
        made = app.source.map(name="made", label="row {item}")
        fails = app.not_two.map(name="fails", failures="collect")
        behind = app.ten_times.map(name="behind", failures="collect")
        app.source.bind("source", value=[1, 2]) >> made >> fails
        fails >> [behind, app.read.bind("failed")]
        behind >> app.read.bind("blocked")
    results = place.run(dag).results
    assert results is not None
    assert results["failed"][-1] == [[1, "row 2", "ValueError: it is two"]]
    error = "upstream item fails[1] (row 2) failed: ValueError: it is two"
    assert results["blocked"][-1] == [[1, "row 2", error]]
    line = "Task failed: fails[1] (row 2) (ValueError: it is two)"
    wait_until("the line of the item that failed", lambda: printed(line))


@promise("map-13")
def test_an_item_whose_label_cannot_be_made_runs_and_the_log_says_so(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = printed_by(capsys)
    results = place.run(app.unlabelled).results
    assert results is not None
    assert results["gathered"] == ["list", 30]
    line = "Task without a label: ten_times[0] (KeyError: 'none for 3')"
    wait_until("the line about the label", lambda: printed(line))
