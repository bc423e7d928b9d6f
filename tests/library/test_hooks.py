"""Hooks: what can be one, and how they sit in a DAG. What they hear: tests/everywhere."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flowkit import DAG, HookEvent, Hooks, Task, current_attempt, task
from flowkit.exceptions import DAGError, NotImportableError


def note(event: HookEvent) -> None:
    """A hook that workers would find."""


@task(on_failure=note)
def guarded() -> int:
    return 1


async def note_async(event: HookEvent) -> None: ...


def dag_of(*tasks: Task, **options: Any) -> DAG:
    dag = DAG("hooked", **options)
    for item in tasks:
        dag.add(item)
    return dag


def test_a_hook_is_a_task_after_the_others() -> None:
    dag = dag_of(guarded, hooks=Hooks(on_success=note, on_failure=note_async))
    indexed = dag.indexed()
    assert [item.name for item in indexed.tasks] == [
        "guarded",
        "guarded.on_failure",
        "hooked.on_success",
        "hooked.on_failure",
    ]
    assert indexed.own == 1
    assert [item.is_async for item in indexed.tasks] == [False, False, False, True]
    assert dag.tasks == [guarded]  # the DAG's own tasks, and its drawings, are without them
    assert "on_failure" not in dag.visualize()


def test_bound_tasks_have_hooks_of_their_own() -> None:
    dag = dag_of(guarded.bind("first"), guarded.bind("second"))
    hooks = [item.name for item in dag.indexed().tasks][2:]
    assert hooks == ["first.on_failure", "second.on_failure"]


def test_a_plain_function_as_a_hook_is_in_no_dag_by_itself() -> None:
    Hooks(on_failure=note)
    assert note.__name__ not in [item.name for item in Task._all_tasks]


def test_only_tasks_that_can_be_skipped_get_a_skip_hook() -> None:
    @task(when=lambda value: value)
    def sometimes(value: int) -> int:
        return value

    @task(trigger="all_succeeded")
    def joined(value: int) -> int:
        return value

    with DAG("hooked", hooks=Hooks(on_skip=note)) as dag:
        guarded >> sometimes >> joined
    names = [item.name for item in dag.indexed().tasks]
    assert [name for name in names if name.endswith("on_skip")] == [
        "sometimes.on_skip",
        "joined.on_skip",
    ]


@pytest.mark.parametrize("kind", ["on_success", "on_failure", "on_skip", "on_retry"])
@pytest.mark.parametrize(
    ("hook", "problem"),
    [
        ("note", "must be a function that takes a HookEvent, not 'note'"),
        (int, "must be a function that takes a HookEvent, not <class 'int'>"),
        (lambda: None, "must take the HookEvent as its first positional argument"),
    ],
)
def test_an_invalid_hook_is_refused_immediately(kind: str, hook: object, problem: str) -> None:
    with pytest.raises(TypeError, match=rf"^Hooks: {kind}.*{problem}"):
        Hooks(**{kind: hook})


def test_an_invalid_task_hook_is_refused_immediately() -> None:
    with pytest.raises(TypeError, match=r"^Task 'load': on_failure must be a function"):

        @task(on_failure="page me")
        def load() -> None: ...


def test_on_retry_is_no_coroutine() -> None:
    with pytest.raises(TypeError, match=r"on_retry .* must be an ordinary function"):
        Hooks(on_retry=note_async)


def test_a_task_cannot_be_a_hook_of_its_own_dag() -> None:
    with pytest.raises(
        DAGError, match="'guarded2' is the on_failure hook of 'hooked' and also a task"
    ):
        dag_of(guarded2, hooks=Hooks(on_failure=guarded2)).indexed()


@task
def guarded2(event: object = None) -> None: ...


def test_hooks_are_given_as_hooks() -> None:
    with pytest.raises(TypeError, match=r"hooks must be Hooks\(on_success=…, on_failure=…\)"):
        DAG("hooked", hooks={"on_failure": note})  # type: ignore[arg-type]


def test_a_function_given_as_the_policy_gets_a_clear_error() -> None:
    with pytest.raises(ValueError, match=r"pass hooks=Hooks\(on_failure=…\)"):
        DAG("hooked", on_failure=note)  # type: ignore[arg-type]


def test_a_hook_that_workers_could_not_find_is_refused_on_submit() -> None:
    def nested(event: HookEvent) -> None: ...

    dag = dag_of(guarded, hooks=Hooks(on_failure=nested))
    with pytest.raises(NotImportableError, match=r"'nested' .*defined inside a function"):
        dag.compile_for_run()
    assert dag.run() == {"guarded": 1}


def test_a_direct_call_calls_no_hook() -> None:
    heard: list[HookEvent] = []

    @task(on_failure=heard.append)
    def load() -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        load()
    assert heard == []


def test_a_hook_may_take_run_parameters() -> None:
    heard: list[object] = []

    def tell(event: HookEvent, channel: str) -> None:
        heard.append((channel, dict(event.params)))

    dag = dag_of(guarded, hooks=Hooks(on_success=tell))
    dag.run(params={"channel": "#data"})
    assert heard == [("#data", {"channel": "#data"})]
    with pytest.raises(DAGError, match="lacks its parameter 'channel'"):
        dag.run()


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_only_the_end_of_the_run_waits_for_a_hanging_hook(executor: str) -> None:
    heard, let_go = threading.Event(), threading.Event()

    def hang(event: HookEvent) -> None:
        heard.set()
        let_go.wait(60)

    dag = dag_of(fails_once, guarded2.bind("beside"), hooks=Hooks(on_retry=hang))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(dag.run, executor)
        assert heard.wait(60)
        with pytest.raises(TimeoutError):
            running.result(0.3)
        let_go.set()
        assert running.result(60)


@task(retries=1, delay=0.01)
def fails_once() -> None:
    if current_attempt().attempt == 1:
        raise OSError("not yet")


def test_a_task_that_is_refused_is_not_registered() -> None:
    before = list(Task._all_tasks)
    with pytest.raises(TypeError):
        task(on_failure=1)(lambda: None)
    assert Task._all_tasks == before
