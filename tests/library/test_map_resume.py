"""Resuming runs with mapped tasks: only items without a result run again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flowkit import DAG, StateManager, Task
from flowkit.exceptions import TaskNotFoundError, WorkerLost
from flowkit.testing import DagResult, run_dag


class Pipeline:
    """files >> parse.map() >> store.map() >> total, with what the tests change."""

    def __init__(self, **options: Any) -> None:
        self.calls: list[str] = []
        self.files: Any = ["a", "b", "c"]
        self.broken: set[str] = set()
        self.state = StateManager()
        with DAG("d") as self.dag:
            files = self._task(lambda: self.files, "files", **options.pop("files", {}))
            parse = self._task(self._parse, "parse", **options.pop("parse", {}))
            store = self._task(lambda text: f"{text}!", "store", **options.pop("store", {}))
            total = self._task(lambda texts: texts, "total")
            of_map = {"failures": "collect", **options}
            files >> parse.map(**of_map) >> store.map(**of_map) >> total

    def _parse(self, name: str) -> str:
        if name in self.broken:
            raise ValueError(name)
        return name.upper()

    def _task(self, func: Any, name: str, **options: Any) -> Task:
        def called(*args: Any) -> Any:
            self.calls.append(f"{name}({', '.join(map(str, args))})" if args else name)
            return func(*args)

        return Task(called, name=name, **options)

    def run(self, *, resume: bool = True, **options: Any) -> list[str]:
        """Run it and return the calls, sorted."""
        self.calls.clear()
        try:
            self.dag.run(state=self.state, resume=resume, **options)
        except ValueError:
            self.calls.append("failed")
        return sorted(self.calls)


def everything(names: list[str]) -> list[str]:
    upper = [name.upper() for name in names]
    calls = [f"parse({name})" for name in names] + [f"store({name})" for name in upper]
    return sorted(["files", *calls, f"total({[f'{name}!' for name in upper]})"])


def test_a_finished_run_reuses_all_items() -> None:
    pipeline = Pipeline()
    assert pipeline.run(resume=False) == everything(["a", "b", "c"])
    assert pipeline.run() == []
    assert pipeline.dag.run(state=pipeline.state, resume=True) == {
        "files": ["a", "b", "c"],
        "parse": ["A", "B", "C"],
        "store": ["A!", "B!", "C!"],
        "total": ["A!", "B!", "C!"],
    }


@pytest.mark.promise("map-14")
def test_only_items_that_failed_run_again_and_what_follows_them() -> None:
    pipeline = Pipeline()
    pipeline.broken = {"b"}
    assert "parse(b)" in pipeline.run(resume=False)
    pipeline.broken = set()
    assert pipeline.run() == ["parse(b)", "store(B)", "total(['A!', 'B!', 'C!'])"]
    assert pipeline.run() == []


def test_items_that_a_failure_cut_short_run_again() -> None:
    pipeline = Pipeline(failures="stop", max_active=1)
    pipeline.broken = {"b"}
    calls = pipeline.run(resume=False)
    assert calls[:1] == ["failed"]
    assert "parse(c)" not in calls
    pipeline.broken = set()
    again = pipeline.run()
    assert "parse(a)" not in again
    assert {"parse(b)", "parse(c)", "total(['A!', 'B!', 'C!'])"} <= set(again)


def test_each_item_is_recorded_under_its_name() -> None:
    pipeline = Pipeline()
    pipeline.run(resume=False)
    assert pipeline.state.get("d/parse[1]") == "B"
    assert pipeline.state.get_metadata("d/parse[1]")["task"] == "parse[1]"
    assert pipeline.state.get_metadata("d/parse")["items"] == 3


@pytest.mark.promise("map-14")
def test_a_remade_upstream_makes_new_items() -> None:
    pipeline = Pipeline()
    pipeline.run(resume=False)
    pipeline.files = ["c", "d"]
    assert pipeline.run(from_task="files") == everything(["c", "d"])
    assert pipeline.state.get("d/parse[2]") is None


def test_a_plain_run_after_another_reuses_nothing() -> None:
    pipeline = Pipeline()
    pipeline.run(resume=False)
    pipeline.files, pipeline.broken = ["x"], {"x"}
    pipeline.run(resume=False)
    assert pipeline.run() == ["parse(x)", "total([None])"]
    assert pipeline.state.get("d/parse[1]") is None


def test_a_named_map_runs_again_whole() -> None:
    pipeline = Pipeline()
    pipeline.run(resume=False)
    assert pipeline.run(from_task="store") == [
        *(f"store({name})" for name in "ABC"),
        "total(['A!', 'B!', 'C!'])",
    ]
    with pytest.raises(TaskNotFoundError, match="stroe"):
        pipeline.run(from_task="stroe")


def test_other_parameters_make_new_items() -> None:
    state = StateManager()
    calls: list[int] = []

    def each(number: int, *, factor: int) -> int:
        calls.append(number)
        return number * factor

    with DAG("d") as dag:
        Task(lambda: [1, 2], name="source") >> Task(each).map()
    assert dag.run(state=state, params={"factor": 2})["each"] == [2, 4]
    assert dag.run(state=state, params={"factor": 2}, resume=True)["each"] == [2, 4]
    assert dag.run(state=state, params={"factor": 3}, resume=True)["each"] == [3, 6]
    assert sorted(calls) == [1, 1, 2, 2]


@pytest.mark.parametrize("files", [[], {}])
def test_an_empty_list_is_reused(files: Any) -> None:
    pipeline = Pipeline()
    pipeline.files = files
    assert pipeline.run(resume=False) == ["files", "total([])"]
    assert pipeline.run() == []


def test_skipped_items_stay_skipped() -> None:
    pipeline = Pipeline(parse={"when": lambda name: name != "b"})
    calls = pipeline.run(resume=False)
    assert "parse(b)" not in calls
    assert "total(['A!', None, 'C!'])" in calls
    assert pipeline.run() == []


def test_dropped_lists_are_made_again_only_if_items_need_them() -> None:
    pipeline = Pipeline(files={"keep_result": False})
    pipeline.run(resume=False)
    assert pipeline.run() == []
    pipeline = Pipeline(files={"keep_result": False})
    pipeline.broken = {"c"}
    pipeline.run(resume=False)
    pipeline.broken = set()
    assert pipeline.run() == everything(["a", "b", "c"])


def test_dropped_items_are_made_again_if_their_results_are_needed() -> None:
    pipeline = Pipeline(parse={"keep_result": False})
    pipeline.run(resume=False)
    assert pipeline.run() == []
    assert pipeline.state.get("d/parse[0]") is None
    calls = pipeline.run(from_task="total")
    assert calls == ["total(['A!', 'B!', 'C!'])"]
    calls = pipeline.run(from_task="store")
    assert calls == [*everything(["a", "b", "c"])[1:-1], "total(['A!', 'B!', 'C!'])"]


def test_an_item_that_was_started_once_is_not_started_again() -> None:
    pipeline = Pipeline(parse={"at_most_once": True})
    pipeline.broken = {"b"}
    pipeline.run(resume=False)
    pipeline.broken = set()
    pipeline.calls.clear()
    result = run_dag(pipeline.dag, state=pipeline.state, resume=True)
    result.assert_failed("parse[1]", WorkerLost, match=r"'parse\[1\]'.*from_task='parse'")
    assert "parse(b)" not in pipeline.calls
    assert pipeline.run(from_task="parse") == everything(["a", "b", "c"])[1:]


def flattened() -> Iterator[tuple[DagResult, list[int]]]:
    state, calls = StateManager(), list[int]()
    wrong = {2}

    def each(number: int) -> int:
        calls.append(number)
        if number in wrong:
            raise ValueError
        return number

    with DAG("d") as dag:
        listed = Task(lambda n: list(range(n)), name="listed").map()
        Task(lambda: [1, 3], name="source") >> listed >> Task(each).map(flatten=True)
    yield run_dag(dag, state=state), calls
    wrong.clear()
    calls.clear()
    yield run_dag(dag, state=state, resume=True), calls


def test_flattened_items_are_reused() -> None:
    runs = flattened()
    first, _ = next(runs)
    assert not first.succeeded
    second, calls = next(runs)
    assert second.results["each"] == [0, 0, 1, 2]
    assert 2 in calls
    assert calls.count(0) < 2 or 1 in calls


class FullDisk(StateManager):
    """A store that refuses the entries of mapped tasks."""

    def set(self, key: str, value: Any, **options: Any) -> None:
        if (options.get("metadata") or {}).get("outcome") == "expanded":
            raise OSError("no space left")
        super().set(key, value, **options)


def test_items_fail_if_their_list_cannot_be_recorded() -> None:
    pipeline = Pipeline(failures="stop")
    pipeline.state = FullDisk()
    with pytest.raises(OSError, match="no space left"):
        pipeline.dag.run(state=pipeline.state)
