"""``@task(cache_ttl=…)`` in this process: what is reused, where it is kept, and all with it."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cached import CALLS, alone, calls, listed, number, warnings

from flowkit import DAG, StateManager, TaskCache, task
from flowkit.local.cache import clear_cache


@pytest.fixture(autouse=True)
def nothing_cached() -> Iterator[None]:
    CALLS.clear()
    clear_cache()
    yield
    clear_cache()


@pytest.fixture(params=["none", "memory", "file"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> StateManager | None:
    """Each place where a cache can be."""
    if request.param == "none":
        return None
    return StateManager(tmp_path / "state.json" if request.param == "file" else None)


# -- what is reused -----------------------------------------------------------------------------


def test_a_second_run_reuses_the_result_and_says_so(
    state: StateManager | None, capsys: pytest.CaptureFixture[str]
) -> None:
    with DAG("etl") as dag:
        task(cache_ttl=60)(number) >> task(listed)
    assert dag.run(state=state) == {"number": 3, "listed": [3, ""]}
    assert "Task cached" not in capsys.readouterr().out
    assert dag.run(state=state) == {"number": 3, "listed": [3, ""]}
    assert calls() == [("number", 3), ("listed", 3), ("listed", 3)]
    said = [line for line in capsys.readouterr().out.splitlines() if "number" in line]
    assert len(said) == 1, "neither started nor succeeded is said of it"
    assert re.search(r"SUCCESS\s+Task cached: number", said[0])


def test_what_runs_in_another_dag_of_the_same_function_reuses_it_too(
    state: StateManager | None,
) -> None:
    made = task(cache_ttl=60)(number)
    assert alone(made).run(state=state) == {"number": 3}
    with DAG("other") as other:
        made.bind("other_name") >> task(listed)
    assert other.run(state=state)["other_name"] == 3
    assert calls() == [("number", 3), ("listed", 3)]


def test_none_is_a_result_like_any_other(state: StateManager | None) -> None:
    dag = alone(task(name="none", cache_ttl=60)(lambda: CALLS.append("none")))
    for _ in range(2):
        assert dag.run(state=state) == {"none": None}
    assert calls() == ["none"]


def test_a_cached_value_cannot_be_changed(state: StateManager | None) -> None:
    def spoil(values: list[Any]) -> str:
        values.append("spoilt")
        return "done"

    with DAG("etl") as dag:
        task(cache_ttl=60)(listed) >> task(spoil)
    for _ in range(3):
        dag.run(state=state)["listed"].append("by the caller")
    assert alone(task(cache_ttl=60)(listed)).run(state=state) == {"listed": [""]}
    assert calls() == [("listed",)]


def test_a_result_keeps_its_type(state: StateManager | None) -> None:
    dag = alone(task(name="typed", cache_ttl=60)(lambda: ({1, 2}, b"x", 1 + 10**40, (None,))))
    first, second = dag.run(state=state)["typed"], dag.run(state=state)["typed"]
    assert (first, type(first[0])) == (second, type(second[0]))


def test_it_expires(state: StateManager | None, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    dag = alone(task(cache_ttl=60)(number))
    dag.run(state=state)
    now[0] += 59
    dag.run(state=state)
    assert len(calls()) == 1
    now[0] += 1
    dag.run(state=state)
    assert len(calls()) == 1


def test_a_file_serves_other_processes(tmp_path: Path) -> None:
    """Each has its own order of sets, so a digest that depended on it would differ."""
    (tmp_path / "app.py").write_text(
        "import sys\n"
        "from flowkit import DAG, StateManager, configure_logging, task\n"
        "configure_logging('ERROR')\n"
        "def make(limit, *, kinds=frozenset('abcdefgh')):\n"
        "    @task(cache_ttl=3600)\n"
        "    def work(names, day=None):\n"
        "        print('called', len(names))\n"
        "        return names in ({'x', 'y', 'z'}, limit) or kinds\n"
        "    return work\n"
        "@task\n"
        "def names(): return {'x', 'y', 'z'}\n"
        "with DAG('etl') as dag:\n"
        "    names >> make({'a', 'b'})\n"
        "dag.run(state=StateManager('state.json'), params={'day': {'mon', 'tue', 'wed'}})\n"
    )
    printed = ""
    for seed in "123":
        done = subprocess.run(
            [sys.executable, "app.py"],
            cwd=tmp_path,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        printed += done.stdout
    assert printed == "called 3\n"


def test_an_entry_names_its_task() -> None:
    state = StateManager()
    alone(task(cache_ttl=60)(number)).run(state=state)
    (key,) = [key for key in state.get_all() if key.startswith("cache/")]
    about = state.get_metadata(key)
    assert about is not None
    assert (about["task"], about["function"]) == ("number", "cached:number")


# -- what is not reused -------------------------------------------------------------------------


def test_a_failure_is_not_cached(state: StateManager | None) -> None:
    broken = [True, True, False]

    def fragile() -> str:
        CALLS.append("fragile")
        if broken.pop(0):
            raise OSError("not now")
        return "well"

    dag = alone(task(cache_ttl=60, retries=1, delay=0)(fragile))
    with pytest.raises(OSError, match="not now"):
        dag.run(state=state)
    assert [dag.run(state=state) for _ in range(2)] == [{"fragile": "well"}] * 2
    assert len(calls()) == 3


def test_the_condition_is_asked_first_and_each_time() -> None:
    wanted = [True, False]
    with DAG("etl") as dag:
        task(name="source")(lambda: 1) >> task(cache_ttl=60, when=lambda _: wanted.pop(0))(listed)
    assert dag.run() == {"source": 1, "listed": [1, ""]}
    assert dag.run() == {"source": 1}, "cached, and skipped all the same"
    assert len(calls()) == 1


def test_calling_a_task_calls_its_function() -> None:
    made = task(cache_ttl=60)(number)
    assert alone(made).run() == {"number": 3}
    assert made() == 3
    assert len(calls()) == 2


# -- a cache that cannot be used ----------------------------------------------------------------


class Frail(StateManager):
    """A store whose cache fails as told."""

    failing = ""

    def get(self, key: str, default: Any = None) -> Any:
        if key.startswith("cache/") and self.failing == "get":
            raise OSError("the disk is gone")
        return super().get(key, default)

    def set(self, key: str, value: Any, ttl: Any = None, metadata: Any = None) -> None:
        if key.startswith("cache/") and self.failing == "set":
            raise OSError("the disk is full")
        super().set(key, value, ttl, metadata)

    def batch(self) -> Any:
        if self.failing == "batch" and self.has("alone/number"):  # all is recorded by now
            raise OSError("the disk is locked")
        return super().batch()


@pytest.mark.parametrize(
    ("failing", "said"),
    [
        ("get", "its entry cannot be read: OSError: the disk is gone"),
        ("set", "its result cannot be kept: OSError: the disk is full"),
    ],
)
def test_a_store_that_fails_does_not_fail_the_task(
    failing: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    state = Frail()
    state.failing = failing
    dag = alone(task(cache_ttl=60)(number))
    for _ in range(2):
        assert dag.run(state=state) == {"number": 3}
        assert warnings(capsys)[0].startswith(f"number: {said}")
    assert len(calls()) == 2


def test_a_store_that_fails_as_a_whole_does_not_fail_the_task(
    capsys: pytest.CaptureFixture[str],
) -> None:
    state = Frail()
    state.failing = "batch"
    assert alone(task(cache_ttl=60)(number)).run(state=state) == {"number": 3}
    (said,) = warnings(capsys)
    assert said.startswith("number: its result cannot be kept: OSError: the disk is locked")


@pytest.mark.parametrize("damage", ["no base64!", "AAAA", 5, ["x"]])
def test_an_unreadable_entry_is_computed_again(
    damage: object, capsys: pytest.CaptureFixture[str]
) -> None:
    state = StateManager()
    dag = alone(task(cache_ttl=60)(number))
    dag.run(state=state)
    (key,) = [key for key in state.get_all() if key.startswith("cache/")]
    state.set(key, damage)
    assert dag.run(state=state) == {"number": 3}
    assert warnings(capsys)[0].startswith("number: its entry cannot be read: ")
    assert dag.run(state=state) == {"number": 3}
    assert warnings(capsys) == []
    assert len(calls()) == 2


def test_an_entry_of_a_changed_class_is_computed_again(tmp_path: Path) -> None:
    text = (
        "from dataclasses import dataclass\n"
        "from flowkit import DAG, StateManager, task\n"
        "@dataclass\n"
        "class Row:\n"
        "    {field}: int\n"
        "@task(cache_ttl=60)\n"
        "def row(): print('called'); return Row(1)\n"
        "dag = DAG('etl')\n"
        "dag.add(row)\n"
        "print(dag.run(state=StateManager('state.json'))['row'])\n"
    )
    printed = []
    for field in ("a", "b"):
        (tmp_path / "app.py").write_text(text.format(field=field))
        done = subprocess.run(
            [sys.executable, "app.py"], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        printed.append([line for line in done.stdout.splitlines() if line[0] in "cR"])
    assert printed == [["called", "Row(a=1)"], ["called", "Row(b=1)"]]


# -- with all that a run can be -----------------------------------------------------------------


def test_async_tasks_are_cached_and_still_run_at_the_same_time() -> None:
    """More of them wait for each other than there are threads."""
    count = 60

    async def meet(i: int) -> int:
        CALLS.append(i)
        while len(CALLS) < count:
            await asyncio.sleep(0.001)
        return i

    made = task(cache_ttl=60, timeout=20)(meet)
    dag = DAG("meeting")
    for i in range(count):
        dag.add(made.bind(f"m{i}", i=i))
    first = dag.run()
    assert sorted(calls(), key=int) == list(range(count))  # type: ignore[call-overload]
    assert dag.run() == first == {f"m{i}": i for i in range(count)}
    assert dag.run(max_workers=2) == first
    assert calls() == []


def test_a_task_knows_its_attempt_with_a_cache_too() -> None:
    from flowkit import current_attempt

    async def who(**params: object) -> str:
        return current_attempt().task

    with DAG("etl") as dag:
        dag.add(task(name="async", cache_ttl=60)(who))
        dag.add(task(name="plain", cache_ttl=60)(lambda: current_attempt().task))
    assert dag.run() == {"async": "async", "plain": "plain"}


def test_a_timeout_holds_with_a_cache_too() -> None:
    from flowkit.exceptions import TaskTimeout

    async def sleeps() -> None:
        await asyncio.sleep(30)

    with pytest.raises(TaskTimeout, match="'sleeps' took longer"):
        alone(task(cache_ttl=60, timeout=0.05)(sleeps)).run()


def test_processes_share_the_cache_of_the_run() -> None:
    dag = alone(task(cache_ttl=60)(number))
    assert dag.run(executor="process", max_workers=1) == {"number": 3}
    assert dag.run() == {"number": 3}
    assert calls() == [], "the first call was made in another process"


def test_a_cached_result_is_recorded_as_the_run_s_own(tmp_path: Path) -> None:
    state = StateManager(tmp_path / "state.json")
    made = task(cache_ttl=60)(number)
    alone(made).run(state=state)
    with DAG("etl") as dag:
        made >> task(listed)
    dag.run(state=state)
    assert state.get("etl/number") == 3
    calls()
    assert dag.run(state=state, resume=True) == {"number": 3, "listed": [3, ""]}
    assert calls() == []


def test_a_cached_task_works_round_a_task_cache_that_hides_its_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Two caches, one in the other: the inner one works, the outer one says why it cannot."""
    made = task(cache_ttl=60)(TaskCache(StateManager())(number))
    for _ in range(2):
        assert alone(made).run() == {"number": 3}
    assert calls() == [("number", 3)]
    assert "the version of its code is unknown" in warnings(capsys)[0]
