"""What is shown of items in a run in this process: labels, and what kept them from running."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

from flowkit import DAG, Mapped, Task
from flowkit.core.mapped_sequence import ItemFailure
from flowkit.testing import run_dag


def returns(value: Any) -> Task:
    return Task(lambda: value, name="source")


def whole(value: Any) -> Any:
    return value


def not_one(number: int) -> int:
    if number == 1:
        raise ValueError(f"bad row {number}")
    return number


def made(func: Any, name: str, **options: Any) -> Task:
    return Task(func, name=name, **options)


@pytest.mark.promise("map-13")
def test_lines_name_items_with_their_labels(capsys: pytest.CaptureFixture[str]) -> None:
    with DAG("d") as dag:
        each = made(not_one, "each").map(failures="collect", label="row {item}")
        returns([0, 1]) >> each >> made(whole, "behind")
    dag.run(max_workers=1)
    printed = capsys.readouterr().out
    assert "Task succeeded: each[0] (row 0) (" in printed
    assert "Task failed: each[1] (row 1)" in printed
    assert "(4 tasks, " in printed, "a mapped task counts as its items"


def test_items_behind_items_have_their_labels(capsys: pytest.CaptureFixture[str]) -> None:
    """An item behind another item had only its index, unless its task had a label too."""
    with DAG("d", on_failure="continue") as dag:
        one = made(whole, "one").map(label="row {item}")
        own, lists = made(whole, "own").map(label="mine"), made(lambda n: [n], "lists").map()
        returns([0, 1]) >> one >> [made(not_one, "two").map(), own, lists]
        lists >> made(whole, "flat").map(flatten=True)
    result = run_dag(dag)
    labels = {name: [item.label for item in result.items(name)] for name in result.mapped}
    assert labels["one"] == labels["two"] == labels["lists"] == ["row 0", "row 1"]
    assert (labels["own"], labels["flat"]) == (["mine", "mine"], ["", ""])
    with pytest.raises(ValueError, match="bad row 1"):
        dag.run(max_workers=1)
    assert "Task failed: two[1] (row 1) (ValueError: bad row 1)" in capsys.readouterr().out


def test_a_label_that_cannot_be_made_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    """It was silent, or its error stood in the place of the label."""

    def label(number: int) -> str:
        if number:
            sys.exit("no label")
        return "zero"

    with DAG("d") as dag:
        returns([0, 1, 2]) >> made(whole, "each").map(label=label)
    dag.run(max_workers=1)
    printed = capsys.readouterr().out
    assert printed.count("Task without a label: ") == 1
    assert "Task without a label: each[1] (SystemExit: no label)" in printed
    result = run_dag(dag)
    assert [item.label for item in result.items("each")] == ["zero", "", ""]
    assert result.results["each"] == [0, 1, 2]


class LockStep:
    """Makes two threads run the function ``failed`` of local/items.py line by line together."""

    def __init__(self) -> None:
        self._meeting, self.met = threading.Barrier(2), 0

    def __call__(self, frame: FrameType, _event: str, _arg: object) -> Any:
        code = frame.f_code
        is_it = code.co_name == "failed" and code.co_filename.endswith("local/items.py")
        return self._step if is_it else None

    def _step(self, _frame: FrameType, event: str, _arg: object) -> Any:
        if event == "return":
            self._meeting.abort()  # the other thread need not wait any more
        elif event == "line":
            with suppress(threading.BrokenBarrierError):
                self._meeting.wait(30)
                self.met += 1
        return self._step


def test_two_threads_report_a_missing_label_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each of them saw that the other had not reported it yet, and both did."""
    with DAG("d") as dag:
        returns([0, 1]) >> made(whole, "each").map(label=lambda n: n[0])
    steps, traced = LockStep(), threading.gettrace()
    threading.settrace(steps)
    try:
        dag.run(max_workers=2)
    finally:
        threading.settrace(traced)
    assert steps.met > 1
    assert capsys.readouterr().out.count("Task without a label: ") == 1


def failures_of(dag: DAG, mapped: Task) -> list[ItemFailure]:
    seen: list[ItemFailure] = []

    def behind(results: Mapped[int]) -> None:
        seen.extend(results.failures)

    with dag:
        mapped >> made(behind, "behind", trigger="all_over")
    run_dag(dag)
    return seen


def test_blocked_items_name_the_item_that_began_it() -> None:
    """They said "its upstream item failed": neither which, nor with what."""
    with DAG("d") as dag:
        one = made(not_one, "one").map(failures="collect", label="row {item}")
        two = made(whole, "two").map(failures="collect")
        three = made(whole, "three").map(failures="collect")
        returns([0, 1]) >> one >> two >> three
    error = "upstream item one[1] (row 1) failed: ValueError: bad row 1"
    assert failures_of(dag, three) == [ItemFailure(1, "row 1", error)]
