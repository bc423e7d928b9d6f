"""A resume in this process continues in the runs that a task had called (call_records.py)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from flowkit import DAG, StateManager, Task
from flowkit.exceptions import ChildRunFailed, WorkerLost


class Calls:
    """outer: source >> calls, which calls load >> check for some numbers."""

    def __init__(self, *, source: dict[str, Any] | None = None, **options: Any) -> None:
        self.made: list[str] = []
        self.numbers = [1, 2]
        self.broken, self.is_refused = {2}, False
        self.state = StateManager()
        with DAG("inner") as self.inner:
            self.task(self._load, "load") >> self.task(self._check, "check")
        with DAG("outer") as self.dag:
            made = self.task(lambda: self.numbers, "source", **(source or {}))
            made >> self.task(self._call, "calls", **options)

    def task(self, func: Callable[..., Any], name: str, **options: Any) -> Task:
        return Task(func, name=name, **options)

    def _load(self, number: int) -> int:
        self.made.append(f"load {number}")
        return number

    def _check(self, number: int) -> int:
        self.made.append(f"check {number}")
        if number in self.broken:
            raise ValueError(number)
        return number

    def _call(self, numbers: list[int]) -> Any:
        self.made.append("calls")
        if self.is_refused:
            raise PermissionError
        return [self.inner.call({"number": number}, "check") for number in numbers]

    def alone(self, *turns: Any, **options: Any) -> DAG:
        """A DAG of ``calls`` only. ``turns``: what its attempts return, numbers to call if a list;
        without turns, it calls for ``numbers``."""
        left = list(turns)

        def calls() -> Any:
            turn = left.pop(0) if left else self.numbers
            return self._call(turn) if isinstance(turn, list) else turn

        return DAG("alone", tasks=[self.task(calls, "calls", **options)])

    def run(self, dag: DAG | None = None, **options: Any) -> list[str]:
        """Run it, and return what was called."""
        self.made.clear()
        with suppress(ChildRunFailed, PermissionError):
            (dag or self.dag).run(state=self.state, **options)
        return sorted(self.made)

    def repaired(self, **options: Any) -> list[str]:
        """Resume it when nothing is broken."""
        self.broken = set()
        return self.run(resume=True, **options)


EVERYTHING = ["calls", "check 1", "check 2", "load 1", "load 2"]


def test_only_what_has_no_result_runs_again() -> None:
    calls = Calls()
    assert calls.run() == EVERYTHING
    assert calls.state.get("outer/calls/1/inner/load") == 2
    assert calls.run(resume=True) == ["calls", "check 2"]
    assert calls.repaired() == ["calls", "check 2"]
    assert calls.run(resume=True) == []
    assert sorted(calls.state.get_all()) == ["outer/calls", "outer/source"]
    assert calls.state.get("outer/calls") == [1, 2]


@pytest.mark.parametrize("named", ["calls", "source"])
def test_a_resume_that_names_the_task_or_what_is_above_calls_anew(named: str) -> None:
    calls = Calls()
    calls.run()
    assert calls.repaired(from_task=named) == EVERYTHING


def test_a_plain_run_and_a_retry_call_anew() -> None:
    calls = Calls()
    calls.run()
    assert calls.run() == EVERYTHING
    calls = Calls(retries=1, delay=0.001)
    assert calls.run() == sorted(2 * EVERYTHING)
    assert calls.run(resume=True) == sorted(["calls", "check 2", *EVERYTHING])


def test_results_of_earlier_calls_do_not_return() -> None:
    calls = Calls()
    dag = calls.alone()
    assert calls.run(dag) == EVERYTHING
    calls.numbers, calls.broken = [1], {1}
    assert calls.run(dag) == ["calls", "check 1", "load 1"]
    calls.numbers, calls.broken = [1, 2], set()
    assert calls.run(dag, resume=True) == ["calls", "check 1", "check 2", "load 2"]


def test_a_resume_that_ends_before_its_calls_keeps_their_results() -> None:
    calls = Calls()
    calls.run()
    calls.is_refused = True
    assert calls.run(resume=True) == ["calls"]
    calls.is_refused = False
    assert calls.repaired() == ["calls", "check 2"]


def test_a_task_with_another_parameter_runs_again() -> None:
    calls = Calls()
    dag = calls.alone()
    calls.run(dag)
    calls.numbers, calls.broken = [1, 3], set()
    assert calls.run(dag, resume=True) == ["calls", "check 3", "load 3"]


def test_a_dropped_result_above_is_made_again_and_calls_anew() -> None:
    calls = Calls(source={"keep_result": False})
    calls.run()
    assert calls.state.get_metadata("outer/source")["outcome"] == "dropped"
    assert calls.repaired() == EVERYTHING


def test_each_item_continues_in_what_it_has_called() -> None:
    calls = Calls()
    with DAG("mapped") as dag:
        source = calls.task(lambda: [[1], [2], [3]], "source")
        source >> calls.task(calls._call, "calls").map(failures="collect")
    assert calls.run(dag).count("calls") == 3
    calls.broken = set()
    assert calls.run(dag, resume=True) == ["calls", "check 2"]
    names = [f"mapped/calls{item}" for item in ("", "[0]", "[1]", "[2]")]
    assert sorted(calls.state.get_all()) == [*names, "mapped/source"]


def test_runs_below_runs_continue_too_and_items_in_them() -> None:
    calls = Calls()
    with DAG("middle") as middle:
        listed = calls.task(lambda: [[1], [2]], "listed")
        listed >> calls.task(calls._call, "calls").map(failures="stop", max_active=1)
    top = DAG("top", tasks=[calls.task(lambda: middle.call(result="calls"), "calls")])
    calls.run(top)
    assert calls.state.get("top/calls/0/middle/calls[0]") == [1]
    calls.broken = set()
    assert calls.run(top, resume=True) == ["calls", "check 2"]
    assert sorted(calls.state.get_all()) == ["top/calls"]
    assert calls.state.get("top/calls") == [[1], [2]]


def test_an_at_most_once_task_is_not_called_again() -> None:
    calls = Calls(at_most_once=True)
    calls.run()
    assert sorted(calls.state.get_all()) == ["outer/calls", "outer/source"]
    calls.broken = set()
    with pytest.raises(WorkerLost, match="which recorded no result"):
        calls.run(resume=True)


class FullDisk(StateManager):
    """A store that deletes no results of called runs while it is full."""

    is_full = True

    def delete(self, key: str) -> bool:
        if self.is_full and key.count("/") > 1 and self.has(key):
            raise OSError("no space left")
        return super().delete(key)


def test_what_cannot_be_deleted_is_never_read() -> None:
    """The old result at position 1 must not become that of a later call there."""
    calls = Calls()
    dag = calls.alone()
    disk = calls.state = FullDisk()
    calls.broken = set()
    assert calls.run(dag) == EVERYTHING
    assert disk.get("alone/calls") == [1, 2]
    assert disk.get("alone/calls/1/inner/check") == 2, "it could not be deleted"
    disk.is_full = False
    calls.numbers, calls.broken = [1], {1}
    assert calls.run(dag) == ["calls", "check 1", "load 1"]
    assert disk.get("alone/calls/1/inner/check") == 2
    calls.numbers, calls.broken = [1, 2], set()
    assert calls.run(dag, resume=True) == ["calls", "check 1", "check 2", "load 2"]
