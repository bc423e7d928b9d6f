"""A mapped task is one node in each drawing, with a mark, and with the states of its items."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from flowkit import DAG, task
from flowkit.core.states import TaskState


@task
def files() -> list[str]:
    return []


@task
def parse(path: str) -> int:
    return len(path)


with DAG("d") as DRAWN:
    files >> parse.map()

COUNTS: Any = {"parse": {"succeeded": 5, "failed": 1, "running": 2, "pending": 4}}


@pytest.mark.promise("map-15")
def test_the_name_shows_that_it_is_mapped() -> None:
    assert DRAWN.visualize().splitlines()[2:4] == ["files", "  Upstream: (none)"]
    assert "  Downstream: parse[]" in DRAWN.visualize()
    assert 't1["parse#91;#93;"]' in DRAWN.to_mermaid()
    assert 't1 [label="parse[]"]' in DRAWN.to_dot()
    assert ">parse[]</text>" in DRAWN.to_svg()
    assert "parse[]" in DRAWN._repr_html_()
    assert DRAWN.picture().names == ["files", "parse"]


@pytest.mark.promise("map-15")
def test_items_are_counted_by_state() -> None:
    text = "running · 6/12 items, 1 failed"
    assert f"  State: {text}" in DRAWN.visualize(COUNTS)
    assert f"<br/>{text}" in DRAWN.to_mermaid(COUNTS)
    assert f"\\n{text}" in DRAWN.to_dot(COUNTS)
    assert f">{text}</text>" in DRAWN.to_svg(COUNTS)


def test_a_bar_has_a_part_for_each_state() -> None:
    drawing = DRAWN.to_svg(COUNTS)
    ElementTree.fromstring(drawing)
    bars = re.findall(r'class="bar (\w+)" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', drawing)
    assert [state for state, _, _ in bars] == ["pending", "running", "succeeded", "failed"]
    widths = [float(width) for _, _, width in bars]
    assert widths == pytest.approx(
        [4 * widths[3], 2 * widths[3], 5 * widths[3], widths[3]], abs=0.3
    )
    assert float(bars[1][1]) == pytest.approx(float(bars[0][1]) + widths[0], abs=0.2)
    for state, _, _ in bars:
        assert drawing.count(f".flowkit .bar.{state}{{fill:") == 2  # light and dark


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        ({"succeeded": 2}, "succeeded"),
        ({"succeeded": 2, "failed": 1}, "failed"),
        ({"succeeded": 2, "queued": 1, "failed": 1}, "queued"),
        ({}, "succeeded"),
    ],
)
def test_the_state_of_items_alone(counts: dict[str, int], state: str) -> None:
    assert f":::{state}" in DRAWN.to_mermaid({"parse": counts})


def test_a_status_has_the_counts_beside_the_states() -> None:
    one = SimpleNamespace(name="parse", state=TaskState.FAILED, duration=2.0, attempt=0, error=None)
    one.items = {"succeeded": 3, "failed": 1}
    status: Any = SimpleNamespace(tasks=[one])
    assert "State: failed · 2.00 s · 4/4 items, 1 failed" in DRAWN.visualize(status)


def test_an_unknown_state_of_items_is_refused() -> None:
    with pytest.raises(ValueError, match="Task 'parse': unknown state 'done'"):
        DRAWN.visualize({"parse": {"done": 1}})


def test_many_mapped_tasks_share_a_box() -> None:
    with DAG("wide") as dag:
        for number in range(200):
            files >> parse.map(name=f"parse_{number}")
            files >> parse.bind(f"plain_{number}", path="x")
    drawing = dag.to_svg()
    assert "parse_…[]</text>" in drawing
    assert drawing.count("200 tasks") >= 2
