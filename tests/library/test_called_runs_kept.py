"""What a state store still has of the runs that a task called, and what if it cannot be used."""

from __future__ import annotations

from typing import Any

import pytest
from test_called_runs_resumed import EVERYTHING, Calls

from flowkit import DAG, StateManager, Task
from flowkit.exceptions import ChildRunFailed, WorkerLost


@pytest.mark.parametrize(
    ("turn", "made"),
    [([1], ["calls", "check 1", "load 1"]), ("plain", []), ([], ["calls"])],
    ids=["fewer calls", "a plain value", "no calls"],
)
def test_a_retry_leaves_nothing_of_the_attempt_before(turn: Any, made: list[str]) -> None:
    """The entries at the positions that the last attempt did not call stayed for ever."""
    calls = Calls()
    dag = calls.alone([1, 2], turn, retries=1, delay=0.001)
    assert calls.run(dag) == sorted([*EVERYTHING, *made])
    assert list(calls.state.get_all()) == ["alone/calls"]
    assert calls.state.get("alone/calls") == turn


def test_a_task_that_failed_for_good_keeps_what_its_last_attempt_called() -> None:
    calls = Calls()
    dag = calls.alone([1, 2, 2, 2], [1, 2, 2], retries=1, delay=0.001)
    calls.run(dag)
    entries = [f"alone/calls/{at}/inner/load" for at in range(3)]
    names = ["alone/calls", "alone/calls/0/inner/check", *entries]
    assert sorted(calls.state.get_all()) == sorted(names), "for a resume"


def test_nothing_stays_of_runs_that_failed_below_a_run_that_failed() -> None:
    calls = Calls()
    middle = calls.alone([1, 2])
    turns = [lambda: middle.call(result="calls"), lambda: "plain"]
    task = Task(lambda: turns.pop(0)(), name="calls", retries=1, delay=0.001)
    top = DAG("top", tasks=[task])
    assert calls.run(top) == EVERYTHING
    assert calls.state.get_all() == {"top/calls": "plain"}


def mapped_child(lists: list[list[int]], broken: set[int]) -> DAG:
    """A DAG whose task calls a run that is mapped over a list."""

    def check(number: int) -> int:
        if number in broken:
            raise ValueError(number)
        return number

    with DAG("each") as each:
        source = Task(lambda: lists[0], name="source")
        source >> Task(check, name="check").map(failures="stop", max_active=1)
    return DAG("mapped", tasks=[Task(lambda: each.call(result="check"), name="calls")])


def test_items_of_an_earlier_call_are_deleted() -> None:
    """Only the mapped task's own entry was: then nothing said how many items there had been."""
    lists, broken, state = [[0, 1, 2]], {2}, StateManager()
    dag = mapped_child(lists, broken)
    with pytest.raises(ChildRunFailed):
        dag.run(state=state)
    assert state.get("mapped/calls/0/each/check[1]") == 1
    lists[0] = [3]
    assert dag.run(state=state) == {"calls": [3]}
    assert state.get_all() == {"mapped/calls": [3]}


def test_another_run_leaves_the_positions_that_it_does_not_call() -> None:
    """As the rules say (call_records.py): a store does not list its keys."""
    calls = Calls()
    calls.run(calls.alone([1, 2]))
    assert calls.run(calls.alone([1])) == ["calls", "check 1", "load 1"]
    assert calls.state.get_all() == {"alone/calls": [1], "alone/calls/1/inner/load": 2}
    calls.broken = set()
    assert calls.run(calls.alone([1, 2])) == EVERYTHING
    assert calls.state.get_all() == {"alone/calls": [1, 2]}


def test_a_task_that_calls_anew_starts_the_at_most_once_tasks_of_its_new_run() -> None:
    """A resume that continues in a called run does not: the rule holds for each call."""
    started: list[str] = []

    def pay() -> None:
        started.append("pay")
        raise OSError("the line is cut")

    child = DAG("child", tasks=[Task(pay, name="pay", at_most_once=True)])
    options: dict[str, Any] = {"retries": 1, "delay": 0.001}
    dag = DAG("d", tasks=[Task(lambda: child.call(), name="calls", **options)])
    state = StateManager()
    with pytest.raises(ChildRunFailed, match="the line is cut"):
        dag.run(state=state)
    assert len(started) == 2, "the retry called anew"
    once = DAG("d", tasks=[Task(lambda: child.call(), name="calls")])
    with pytest.raises(ChildRunFailed, match=WorkerLost.__name__):
        once.run(state=state, resume=True)
    assert len(started) == 2, "the resume continued"


class Unreachable(StateManager):
    """A store that fails for the second run that is called."""

    def delete(self, key: str) -> bool:
        if "/1/" in key:
            raise ConnectionError("the store is away")
        return super().delete(key)


def test_a_store_that_fails_for_a_called_run_fails_the_task(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The error ended the whole run, with runs and tasks in flight."""
    calls = Calls()
    calls.broken = set()
    with DAG("outer", on_failure="continue") as dag:
        calling = Task(lambda _: calls._call([1, 2]), name="calls")
        Task(lambda: 1, name="one") >> [calling, Task(lambda n: n + 1, name="two")]
    state = Unreachable()
    with pytest.raises(ConnectionError, match="the store is away"):
        dag.run(state=state)
    assert state.get_all() == {"outer/calls": None, "outer/one": 1, "outer/two": 2}
    assert calls.made == ["calls"], "neither of the runs has begun"
    printed = capsys.readouterr().out
    assert "Task failed: calls (ConnectionError: the store is away)" in printed
    assert "inner" not in printed
