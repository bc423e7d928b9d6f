"""Recording a run in a state store, and taking it up again."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flowkit import DAG, StateManager, Task, task
from flowkit.codec.packing import pack
from flowkit.exceptions import FlowkitError, IllegalValue, StateError


class Log:
    """Which tasks were called, and which are to fail."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.failing: set[str] = set()

    def make(self, name: str, func: Callable[..., Any], **options: Any) -> Task:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            if name in self.failing:
                raise RuntimeError(f"{name} is broken")
            return func(*args, **kwargs)

        call.__wrapped__ = func  # type: ignore[attr-defined]
        return task(name=name, **options)(call)

    def taken(self) -> list[str]:
        """Return the calls since the last time, sorted."""
        calls, self.calls = sorted(self.calls), []
        return calls


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture(params=["memory", "file"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> StateManager:
    return StateManager(tmp_path / "state.json" if request.param == "file" else None)


@pytest.fixture
def chain(log: Log) -> DAG:
    """a >> b >> c, and d beside them."""
    a = log.make("a", lambda: 1)
    b = log.make("b", lambda a: a + 1)
    c = log.make("c", lambda b: b + 1)
    d = log.make("d", lambda: 4)
    with DAG("etl") as dag:
        a >> b >> c
        dag.add(d)
    return dag


RESULTS = {"a": 1, "b": 2, "c": 3, "d": 4}


# -- recording ----------------------------------------------------------------------------------


def test_each_result_is_recorded_under_dag_and_task(chain: DAG, state: StateManager) -> None:
    assert chain.run(state=state) == RESULTS
    assert state.get_all() == {f"etl/{name}": value for name, value in RESULTS.items()}
    about = state.get_metadata("etl/b")
    assert about is not None
    assert (about["dag"], about["task"], about["outcome"]) == ("etl", "b", "succeeded")
    assert len(about["run_id"]) == 32


@pytest.mark.promise("state-16")
def test_each_result_is_recorded_as_it_comes(log: Log, state: StateManager) -> None:
    a = log.make("a", lambda: 1)
    b = log.make("b", lambda a: state.get("etl/a"))
    with DAG("etl") as dag:
        a >> b
    assert dag.run(state=state)["b"] == 1


def test_results_of_a_failed_run_are_recorded(chain: DAG, log: Log, state: StateManager) -> None:
    log.failing.add("c")
    with pytest.raises(RuntimeError, match="c is broken"):
        chain.run(state=state)
    assert {"etl/a", "etl/b"} <= state.get_all().keys()
    assert not state.has("etl/c")


def test_the_default_ttl_of_the_store_holds(
    chain: DAG, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    state = StateManager(default_ttl=60)
    chain.run(state=state)
    log.taken()
    now[0] += 59
    chain.run(state=state, resume=True)
    assert log.taken() == []
    now[0] += 1
    chain.run(state=state, resume=True)
    assert log.taken() == ["a", "b", "c", "d"]


def test_a_result_that_cannot_be_recorded_fails_its_task(log: Log, tmp_path: Path) -> None:
    state = StateManager(tmp_path / "state.json")
    a = log.make("a", lambda: {"lock": object()}, retries=3)
    b = log.make("b", lambda a: a)
    with DAG("etl") as dag:
        a >> b
    with pytest.raises(IllegalValue, match=r"State 'etl/a' .* value\['lock'\]") as caught:
        dag.run(state=state)
    assert caught.value.__notes__ == ["Raised by task 'a' of DAG 'etl'."]
    assert log.taken() == ["a"]


def test_a_store_that_cannot_be_written_fails_the_run(chain: DAG, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be locked"):
        chain.run(state=StateManager(tmp_path / "file" / "state.json"))


# -- taking it up again -------------------------------------------------------------------------


@pytest.mark.promise("state-17")
def test_a_later_run_reuses_recorded_results_and_runs_the_rest(
    chain: DAG, log: Log, state: StateManager
) -> None:
    log.failing.add("b")
    with pytest.raises(RuntimeError, match="b is broken"):
        chain.run(state=state, max_workers=1)
    done = {name for name in log.taken() if state.has(f"etl/{name}")}
    assert "a" in done
    log.failing.clear()
    assert chain.run(state=state, resume=True) == RESULTS
    assert log.taken() == sorted({"a", "b", "c", "d"} - done)
    assert chain.run(state=state, resume=True) == RESULTS
    assert log.taken() == []


def test_a_result_with_unreadable_metadata_is_computed_again(
    chain: DAG, log: Log, tmp_path: Path
) -> None:
    path = tmp_path / "state.json"
    chain.run(state=StateManager(path))
    log.taken()
    document = json.loads(path.read_text())
    damaged = base64.b64encode(pack([1])).decode()
    document["cache"]["etl/d"] |= {"metadata": damaged, "packed": ["metadata"]}
    path.write_text(json.dumps(document))
    assert chain.run(state=StateManager(path), resume=True) == RESULTS
    assert log.taken() == ["d"]


def test_without_resume_everything_runs_again(chain: DAG, log: Log, state: StateManager) -> None:
    chain.run(state=state)
    log.taken()
    chain.run(state=state)
    assert log.taken() == ["a", "b", "c", "d"]


def test_with_an_empty_store_resume_is_a_whole_run(chain: DAG, state: StateManager) -> None:
    assert chain.run(state=state, resume=True) == RESULTS
    Task.clear_registry()
    assert DAG("empty").run(state=state, resume=True) == {}


@pytest.mark.promise("state-15")
def test_another_process_can_resume_it(tmp_path: Path) -> None:
    """The first process is killed in the middle of its second task."""
    path = tmp_path / "app.py"
    path.write_text(
        "import os, signal, sys\n"
        "from flowkit import DAG, StateManager, configure_logging, task\n"
        "configure_logging('ERROR')  # a line of the log could come between the parts of a print\n"
        "@task\n"
        "def first(): print('first'); return {1, 2}\n"
        "@task\n"
        "def second(found):\n"
        "    print('second', sorted(found), flush=True)\n"
        "    sys.argv[1] == 'die' and os.kill(os.getpid(), signal.SIGKILL)\n"
        "with DAG('etl') as dag:\n"
        "    first >> second\n"
        "dag.run(state=StateManager('state.json'), resume=sys.argv[1] == 'resume')\n"
    )
    printed = []
    for how in ("die", "resume"):
        done = subprocess.run(
            [sys.executable, str(path), how], cwd=tmp_path, capture_output=True, text=True
        )
        printed.append(done.stdout.splitlines())
    assert printed[1] == ["second [1, 2]"]
    assert set(json.loads((tmp_path / "state.json").read_text())["cache"]) == {
        "etl/first",
        "etl/second",
    }


def test_downstream_tasks_of_a_rerun_task_run_again(
    chain: DAG, log: Log, state: StateManager
) -> None:
    chain.run(state=state)
    log.taken()
    state.delete("etl/b")
    chain.run(state=state, resume=True)
    assert log.taken() == ["b", "c"]


def test_old_and_new_results_are_never_mixed(chain: DAG, log: Log, state: StateManager) -> None:
    """``a`` runs again and then ``b`` fails: the old ``c``, made from the old ``a``, is gone."""
    chain.run(state=state)
    state.delete("etl/a")
    log.failing.add("b")
    with pytest.raises(RuntimeError, match="b is broken"):
        chain.run(state=state, resume=True)
    assert not state.has("etl/c")
    log.failing.clear()
    log.taken()
    chain.run(state=state, resume=True)
    assert log.taken() == ["b", "c"]


def test_a_fresh_run_that_fails_leaves_nothing_of_the_run_before_it(
    chain: DAG, log: Log, state: StateManager
) -> None:
    chain.run(state=state)
    log.failing |= {"a", "d"}
    with pytest.raises(RuntimeError, match="is broken"):
        chain.run(state=state)
    assert state.get_all() == {}


def test_a_result_of_none_is_reused(log: Log, state: StateManager) -> None:
    a = log.make("a", lambda: None)
    b = log.make("b", lambda a: [a])
    with DAG("etl") as dag:
        a >> b
    assert dag.run(state=state) == {"a": None, "b": [None]}
    log.taken()
    assert dag.run(state=state, resume=True) == {"a": None, "b": [None]}
    assert log.taken() == []


def test_a_skipped_task_stays_skipped_and_downstream_results_are_reused(
    log: Log, state: StateManager
) -> None:
    asked: list[int] = []

    def never(value: int) -> bool:
        asked.append(value)
        return False

    a = log.make("a", lambda: 1)
    b = log.make("b", lambda a: a, when=never)
    c = log.make("c", lambda b: [b])
    with DAG("etl") as dag:
        a >> b >> c
    expected = {"a": 1, "c": [None]}
    assert dag.run(state=state) == expected
    log.taken()
    assert dag.run(state=state, resume=True) == expected
    assert (log.taken(), asked) == ([], [1])


def test_a_task_of_another_parameter_is_not_reused(log: Log, state: StateManager) -> None:
    a = log.make("a", lambda day: day)
    b = log.make("b", lambda a: a)
    c = log.make("c", lambda: 1)
    with DAG("etl") as dag:
        a >> b
        dag.add(c)
    assert dag.run(state=state, params={"day": {"mon", "tue"}})["b"] == {"mon", "tue"}
    log.taken()
    dag.run(state=state, params={"day": {"tue", "mon"}}, resume=True)
    assert log.taken() == []
    assert dag.run(state=state, params={"day": {"wed"}}, resume=True)["b"] == {"wed"}
    assert log.taken() == ["a", "b"]


def test_a_parameter_that_cannot_be_compared_makes_its_tasks_run_again(log: Log) -> None:
    state = StateManager()
    a = log.make("a", lambda connection: 1)
    b = log.make("b", lambda: 2)
    with DAG("etl") as dag:
        dag.add(a)
        dag.add(b)
    params = {"connection": object()}
    dag.run(state=state, params=params)
    log.taken()
    dag.run(state=state, params=params, resume=True)
    assert log.taken() == ["a"]


def test_other_fixed_arguments_and_another_drawing_are_not_reused(
    log: Log, state: StateManager
) -> None:
    def dag(size: int, *, edge: bool) -> DAG:
        Task.clear_registry()
        item = log.make("one", lambda size: size).bind("part", size=size)
        two = log.make("two", lambda *parts: list(parts))
        with DAG("etl") as made:
            made.add(item)
            made.add(two)
            if edge:
                item >> two
        return made

    dag(1, edge=True).run(state=state)
    log.taken()
    assert dag(1, edge=True).run(state=state, resume=True) == {"part": 1, "two": [1]}
    assert log.taken() == []
    assert dag(2, edge=True).run(state=state, resume=True) == {"part": 2, "two": [2]}
    assert log.taken() == ["one", "two"]
    assert dag(2, edge=False).run(state=state, resume=True) == {"part": 2, "two": []}
    assert log.taken() == ["two"]


def test_dags_with_other_names_are_separate(log: Log, state: StateManager) -> None:
    a = log.make("a", lambda: 1)
    for name in ("one", "two"):
        with DAG(name) as dag:
            dag.add(a)
        dag.run(state=state, resume=True)
    assert log.taken() == ["a", "a"]
    assert set(state.get_all()) == {"one/a", "two/a"}


def test_async_tasks_and_on_failure_continue_are_recorded(log: Log, state: StateManager) -> None:
    @task
    async def a() -> int:
        log.calls.append("a")
        return 1

    b = log.make("b", lambda: 2)
    log.failing.add("b")
    with DAG("etl", on_failure="continue") as dag:
        dag.add(a)
        dag.add(b)
    with pytest.raises(RuntimeError, match="b is broken"):
        dag.run(state=state)
    log.failing.clear()
    log.taken()
    assert dag.run(state=state, resume=True) == {"a": 1, "b": 2}
    assert log.taken() == ["b"]


def test_the_log_says_how_much_is_reused(
    chain: DAG, state: StateManager, capsys: pytest.CaptureFixture[str]
) -> None:
    chain.run(state=state)
    state.delete("etl/b")
    capsys.readouterr()
    chain.run(state=state, resume=True)
    assert "DAG resumed: etl (2 of 4 tasks reused)" in capsys.readouterr().out


def test_a_thousand_results_are_recorded_in_fewer_writes(tmp_path: Path, log: Log) -> None:
    class Counting(StateManager):
        batches = 0

        def batch(self) -> Any:
            self.batches += 1
            return super().batch()

    state = Counting(tmp_path / "state.json")
    item = log.make("one", lambda number: number)
    with DAG("wide") as dag:
        for number in range(300):
            dag.add(item.bind(f"part {number}", number=number))
    dag.run(state=state, max_workers=8)
    assert len(state.get_all()) == 300
    assert state.batches <= 301
    log.taken()
    dag.run(state=state, resume=True)
    assert log.taken() == []


# -- what is refused ----------------------------------------------------------------------------


def refusals() -> Iterator[tuple[dict[str, Any], str]]:
    yield {"resume": True}, r"resume=True needs the store of an earlier run: pass state=…"
    text = r"state=, resume= and from_task= belong to runs in this process.*`flowkit resume RUN_ID`"
    yield {"state": StateManager(), "executor": "redis"}, text
    yield {"resume": True, "executor": "redis"}, text
    yield {"from_task": "a", "executor": "redis"}, text
    text = r"from_task= names the tasks .* also pass state=… and resume=True"
    yield {"from_task": "a"}, text
    yield {"from_task": "a", "state": StateManager()}, text
    text = r"DAG 'etl' has no task 'bb'\. Did you mean 'b'\? Available: 'a', 'b', 'c', 'd'\."
    yield {"from_task": ["a", "bb"], "resume": True, "state": StateManager()}, text


@pytest.mark.parametrize(("options", "text"), list(refusals()))
def test_impossible_combinations_are_refused(
    chain: DAG, log: Log, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(FlowkitError, match=text):
        chain.run(**options)
    assert log.taken() == []


def test_an_object_that_is_not_a_store_is_refused(chain: DAG) -> None:
    with pytest.raises(TypeError, match=r"run\(state=…\) takes a StateManager, .* 'state.json'"):
        chain.run(state="state.json")  # type: ignore[arg-type]


# -- from a task on -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("from_task", "made_again"),
    [("b", ["b", "c"]), ("c", ["c"]), (["d", "c"], ["c", "d"]), (("a",), ["a", "b", "c"])],
)
def test_a_task_and_its_downstream_tasks_run_again(
    chain: DAG, log: Log, state: StateManager, from_task: Any, made_again: list[str]
) -> None:
    chain.run(state=state)
    log.taken()
    assert chain.run(state=state, resume=True, from_task=from_task) == RESULTS
    assert log.taken() == made_again


def test_failed_tasks_run_again_as_well(chain: DAG, log: Log, state: StateManager) -> None:
    log.failing.add("c")
    with pytest.raises(RuntimeError):
        chain.run(state=state)
    log.failing.clear()
    chain.run(state=state, resume=True)
    state.delete("etl/c")
    log.taken()
    chain.run(state=state, resume=True, from_task="d")
    assert log.taken() == ["c", "d"]


def test_a_rerun_task_does_not_come_from_the_cache(log: Log, state: StateManager) -> None:
    versions = ["new", "old"]

    def source() -> str:
        return versions.pop()

    def copy(text: str) -> str:
        return text

    with DAG("etl") as dag:
        task(cache_ttl=60)(source) >> task(cache_ttl=60)(copy)
    assert dag.run(state=state) == {"source": "old", "copy": "old"}
    assert dag.run(state=state) == {"source": "old", "copy": "old"}
    new = {"source": "new", "copy": "new"}
    assert dag.run(state=state, resume=True, from_task="source") == new
    assert dag.run(state=state) == new, "what was made again is what is cached now"


@pytest.mark.parametrize(
    ("from_task", "kind", "text"),
    [
        (5, TypeError, "from_task must be the name of a task, or a list of names, not 5"),
        ([DAG("etl")], TypeError, "from_task must be the name of a task"),
        ([], ValueError, "from_task is empty"),
    ],
)
def test_a_from_task_without_a_task_is_refused(
    chain: DAG, log: Log, from_task: Any, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        chain.run(state=StateManager(), resume=True, from_task=from_task)
    assert log.taken() == []


def test_a_task_skipped_by_its_trigger_stays_skipped_and_downstream_results_are_reused(
    log: Log, state: StateManager
) -> None:
    a = log.make("a", lambda: 1)
    b = log.make("b", lambda a: a, when=lambda a: a > 1)
    c = log.make("c", lambda b: b, trigger="all_succeeded")
    d = log.make("d", lambda c: c)
    e = log.make("e", lambda d: d)
    with DAG("etl") as dag:
        a >> b >> c >> d >> e
    log.failing.add("e")
    with pytest.raises(RuntimeError):
        dag.run(state=state)
    assert log.taken() == ["a", "d", "e"]
    log.failing.clear()
    assert dag.run(state=state, resume=True) == {"a": 1, "d": None, "e": None}
    assert log.taken() == ["e"]
