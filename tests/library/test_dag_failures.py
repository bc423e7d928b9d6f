"""A DAG in this process when things go wrong: failures, retries, timeouts, Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from flowkit import DAG, Task, TaskExecutionError
from flowkit.core.compiled import OnFailure
from flowkit.exceptions import TaskTimeout, WaitTimeout
from flowkit.local.attempts import Attempts
from flowkit.local.environment import listener
from flowkit.local.hooks import LocalHooks
from flowkit.local.lanes import Lanes
from flowkit.local.numbered import Numbered
from flowkit.local.run_context import RunContext
from flowkit.local.run_events import RunEvents

PATIENCE = 20.0  # seconds that a test waits before it gives up; never how long it takes


def constant(name: str, value: object = None, **options) -> Task:
    return Task(lambda *results: value if value is not None else results, name=name, **options)


def dag_of(*members: Task) -> DAG:
    dag = DAG("etl")
    for member in members:
        dag.add(member)
    return dag


def failing(name: str, error: BaseException, **options) -> Task:
    def fail(*results):
        raise error

    return Task(fail, name=name, **options)


def eventually(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)


# -- failures --------------------------------------------------------------------------------


@pytest.mark.promise("dag-16")
def test_the_first_task_that_fails_for_good_raises_its_own_exception_with_a_note():
    error = ValueError("bad row")
    failing("broken", error) >> constant("after")
    with pytest.raises(ValueError, match="bad row") as caught:
        DAG("etl").run()
    assert caught.value is error
    assert caught.value.__notes__ == ["Raised by task 'broken' of DAG 'etl'."]


def test_an_exception_that_is_raised_by_run_after_run_has_its_note_once():
    error = ValueError("one object for the whole program")
    dag = DAG("etl")
    dag.add(failing("broken", error))
    for _ in range(3):
        with pytest.raises(ValueError, match="one object"):
            dag.run()
    assert error.__notes__ == ["Raised by task 'broken' of DAG 'etl'."]


@pytest.mark.promise("dag-14")
def test_nothing_downstream_of_a_failed_task_starts_and_no_further_task_does():
    ran = []
    broken = failing("broken", ValueError())
    for number in range(50):
        Task(lambda: ran.append(1), name=f"independent{number}")
    broken >> Task(lambda x: ran.append(2), name="downstream")
    with pytest.raises(ValueError):
        DAG(max_workers=1).run()
    assert ran == []


def test_with_continue_the_note_names_the_other_failures():
    failing("one", ValueError("first"))
    failing("two", KeyError("second"))
    with pytest.raises(ValueError, match="first") as caught:
        DAG("etl", on_failure="continue", max_workers=1).run()
    assert caught.value.__notes__[0].endswith("Also failed: 'two'.")


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_a_base_exception_is_never_retried(error):
    calls = []

    def leave():
        calls.append(1)
        raise error

    Task(leave, retries=3, delay=0)
    with pytest.raises(TaskExecutionError):
        DAG().run()
    assert calls == [1]


NO_EXCEPTIONS = [
    SystemExit(0),
    KeyboardInterrupt(),
    GeneratorExit(),
    asyncio.CancelledError(),
    BaseExceptionGroup("parts", [SystemExit(0), ValueError()]),
]


@pytest.mark.parametrize("max_workers", [None, 2])
@pytest.mark.parametrize("kind", ["plain", "async", "condition"])
@pytest.mark.parametrize("error", NO_EXCEPTIONS, ids=lambda error: type(error).__name__)
def test_a_base_exception_is_the_cause_of_the_failure_and_does_not_stop_the_caller(
    error, kind, max_workers
):
    """A task that calls a program's ``main`` may meet ``sys.exit(0)``: that is no success."""

    async def leave():
        raise error

    if kind == "async":
        Task(leave)
    elif kind == "plain":
        failing("leave", error)
    else:
        constant("first") >> constant("leave", when=failing("asked", error).func)
    dag = dag_of(*(task for task in Task._all_tasks if task.name != "asked"))
    with pytest.raises(TaskExecutionError, match="'leave' failed: " + type(error).__name__) as got:
        dag.run(max_workers=max_workers)
    assert type(got.value.__cause__) is type(error)
    assert got.value.__notes__ == ["Raised by task 'leave' of DAG 'etl'."]


@pytest.mark.parametrize("max_workers", [None, 2])
def test_a_cancelled_part_is_a_failure_without_retry(max_workers):
    calls = []

    async def download():
        calls.append(1)
        part = asyncio.create_task(asyncio.Event().wait())
        part.cancel()
        await part

    Task(download, retries=3, delay=0)
    with pytest.raises(TaskExecutionError, match="'download' failed: CancelledError"):
        DAG("etl").run(max_workers=max_workers)
    assert calls == [1]


def test_an_async_task_fails_with_its_own_exception():
    async def broken():
        raise OSError("socket")

    Task(broken)
    with pytest.raises(OSError, match="socket"):
        DAG("etl").run()


def test_a_coroutine_hidden_by_a_decorator_is_an_error_not_a_result():
    async def fetch():
        return 1

    Task(lambda: fetch(), name="hidden")
    with pytest.raises(TypeError, match=r"'hidden' returned a coroutine.*async def"):
        DAG().run()


# -- retries and time ------------------------------------------------------------------------


def test_a_retry_holds_no_thread_while_it_waits():
    order = []

    def flaky():
        order.append("flaky")
        if order.count("flaky") == 1:
            raise OSError
        return 1

    Task(flaky, retries=1, delay=0)
    Task(lambda: order.append("other"), name="other")
    DAG(max_workers=1).run()
    assert order == ["flaky", "other", "flaky"]


def test_a_waiting_retry_is_dropped_when_the_run_stops():
    def fail_later():
        eventually(lambda: calls)
        raise ValueError("stop")

    def flaky():
        calls.append(1)
        raise OSError

    calls: list[int] = []
    Task(flaky, retries=3, delay=3600)
    Task(fail_later)
    with pytest.raises(ValueError, match="stop"):
        DAG(max_workers=2).run()
    assert calls == [1]


def test_only_errors_named_by_retry_on_are_retried():
    failing("a", ValueError("once"), retries=3, delay=3600, retry_on=OSError)
    with pytest.raises(ValueError, match="once"):
        DAG().run()


def test_a_sync_attempt_over_its_timeout_fails_and_its_late_result_is_dropped():
    release, calls = threading.Event(), []

    def stuck():
        calls.append(1)
        if len(calls) == 1:
            release.wait(PATIENCE)
            return "late"
        return "second"

    try:
        Task(stuck, timeout=0.05, retries=1, delay=0)
        constant("other", 1)
        assert DAG(max_workers=1).run() == {"stuck": "second", "other": 1}
    finally:
        release.set()


def test_a_timeout_without_retries_raises_task_timeout():
    release = threading.Event()
    Task(lambda: release.wait(PATIENCE), name="stuck", timeout=0.02)
    try:
        with pytest.raises(TaskTimeout, match=r"'stuck'.*0.02 s") as caught:
            DAG("etl").run()
        assert caught.value.__notes__ == ["Raised by task 'stuck' of DAG 'etl'."]
    finally:
        release.set()


def test_retry_on_decides_about_timeouts_too():
    release = threading.Event()
    Task(lambda: release.wait(PATIENCE), name="s", timeout=0.02, retries=9, retry_on=OSError)
    try:
        with pytest.raises(TaskTimeout):
            DAG().run()
    finally:
        release.set()


@pytest.mark.parametrize("max_workers", [None, 1])
def test_an_async_attempt_over_its_timeout_is_cancelled(max_workers):
    cancelled = threading.Event()

    async def stuck():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    Task(stuck, timeout=0.02)
    with pytest.raises(TaskTimeout):
        DAG(max_workers=max_workers).run()
    assert cancelled.wait(PATIENCE)


def test_a_task_in_time_is_not_affected_by_its_timeout():
    async def quick():
        return 1

    Task(quick, timeout=PATIENCE)
    constant("sync", 2, timeout=PATIENCE)
    assert DAG().run() == {"quick": 1, "sync": 2}


def test_an_attempt_is_either_ended_or_abandoned_never_both():
    """The outcome is in the queue already when the time is found to be over: it counts."""
    run = _run_of(constant("a", 1, timeout=9))
    run.begin(0, 1)
    eventually(lambda: run.outcomes.qsize() == 2)
    assert run.abandon(0, 1) is False
    run.stop(at_once=False)


def _run_of(made: Task) -> Attempts:
    with DAG("one") as dag:
        dag.add(made)
    numbered = Numbered(dag.tasks, ["a"])
    events = RunEvents(listener(), "r", dag.name, numbered)
    hooks = LocalHooks(events, dag.name, dag.indexed(), numbered, {}, None)
    context = RunContext(
        "r", dag.name, dag.indexed(), numbered, {}, [None], OnFailure.STOP, events, hooks.event
    )
    return Attempts(context, Lanes(1, bounded=True))


def test_a_run_over_its_timeout_raises_wait_timeout_and_starts_nothing_more():
    release, ran = threading.Event(), []
    stuck = Task(lambda: release.wait(PATIENCE), name="stuck")
    stuck >> Task(lambda x: ran.append(1), name="after")
    try:
        with pytest.raises(WaitTimeout, match="DAG 'etl' did not end within its timeout"):
            DAG("etl").run(timeout=0.05)
    finally:
        release.set()
    assert ran == []


def test_ctrl_c_stops_immediately_and_starts_nothing_more(tmp_path):
    """The thread of the running task would continue for an hour; the program ends all the same."""
    script = textwrap.dedent("""
        import time, pathlib, sys
        from flowkit import DAG, task, configure_logging
        configure_logging("ERROR")
        @task
        def slow():
            print("started", flush=True)
            time.sleep(3600)
        @task
        def after(x):
            print("after", flush=True)
        slow >> after
        try:
            DAG(max_workers=1).run()
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """)
    program = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with program:
        assert program.stdout is not None
        assert program.stdout.readline() == "started\n"
        program.send_signal(signal.SIGINT)
        rest, _ = program.communicate(timeout=PATIENCE)
    assert (rest, program.returncode) == ("interrupted\n", 0)
