"""What tasks are given and return, and in which order and by whom they are run."""

from __future__ import annotations

import time
from collections.abc import Mapping

import fault_app as app
import pytest
from helpers import wait_until
from real_system import System, check_executions, records

from flowkit import DAG, RunHandle, TaskExecutionError
from flowkit.core.states import RunState, TaskState


def run_of(system: System, dag: DAG, **options: object) -> RunHandle:
    with system.client() as client:
        run = client.submit(dag, **options)  # type: ignore[arg-type]
        run.wait(30)
        check_executions(system, run)
    return run


def results_of(system: System, dag: DAG, **options: object) -> dict[str, object]:
    with system.client() as client:
        run = client.submit(dag, **options)  # type: ignore[arg-type]
        result = run.wait_results(30)
        check_executions(system, run)
    return result


def test_a_task_can_ask_which_attempt_it_is(shared_system: System) -> None:
    with DAG("who") as dag:
        app.greet >> app.whoami.bind("me")
    run = run_of(shared_system, dag, params={"name": "Ada"})
    with shared_system.client() as client:
        result = client.run(run.run_id).result("me")
    assert result == {"run": run.run_id, "task": "me", "attempt": 1, "name": "Ada"}


def test_async_tasks_run_at_the_same_time(shared_system: System) -> None:
    """Fifty waits of half a second take 25 s one after the other."""
    with DAG("concurrent") as dag:
        pauses = [app.apause.bind(f"pause_{n}", seconds=0.5) for n in range(50)]
        pauses >> app.total.bind("sum")
    began = time.monotonic()
    assert results_of(shared_system, dag)["sum"] == 25.0
    assert time.monotonic() - began < 12


def test_large_results_pass_through_a_fan_in(shared_system: System) -> None:
    with DAG("large") as dag:
        parts = [app.big.bind(f"part_{n}", number=n) for n in range(12)]
        parts >> app.sizes.bind("sizes")
    run = run_of(shared_system, dag)
    with shared_system.client() as client:
        handle = client.run(run.run_id)
        assert handle.result("sizes") == [1_000_000] * 12
        assert handle.result("part_7") == bytes([7]) * 1_000_000


def test_a_result_that_cannot_be_stored_fails_with_the_path_of_the_value(
    shared_system: System,
) -> None:
    dag = DAG("unpackable")
    dag.add(app.gives_a_module.bind("module"))
    with shared_system.client() as client:
        run = client.submit(dag)
        with pytest.raises(TaskExecutionError) as caught:
            run.wait_results(20)
        assert check_executions(shared_system, run)["module"].attempt == 1
    assert "['parts'][1]['inner']" in caught.value.error_message


def test_a_result_that_is_too_large_fails_and_says_the_limit(system: System) -> None:
    system.scheduler()
    system.worker("--processes", "1", FLOWKIT_MAX_RESULT_BYTES="1MiB")
    dag = DAG("too_large")
    dag.add(app.gives_too_much.bind("much"))
    with system.client() as client:
        run = client.submit(dag)
        with pytest.raises(TaskExecutionError) as caught:
            run.wait_results(20)
    assert "ValueTooLarge" in str(caught.value)
    assert "the limit is 1.0 MiB" in caught.value.error_message


def test_higher_priorities_go_first_on_one_process(system: System) -> None:
    system.scheduler()
    with DAG("priorities") as dag:
        for n in range(10):
            dag.add(app.someday.bind(f"someday_{n}"))
            dag.add(app.quick.bind(f"normal_{n}"))
            dag.add(app.urgent.bind(f"urgent_{n}"))
    with system.client() as client:
        run = client.submit(dag)
        wait_until(
            "all are queued",
            lambda: {record.state for record in records(run).values()} == {TaskState.QUEUED},
        )
        system.worker("--processes", "1")
        run.wait(20)
        check_executions(system, run)
    order = [execution.task.partition("_")[0] for execution in system.executions()]
    assert order == ["urgent"] * 10 + ["normal"] * 10 + ["someday"] * 10


def test_a_queue_is_served_by_its_workers_only_and_status_says_what_is_missing(
    shared_system: System, system: System
) -> None:
    dag = DAG("queues")
    dag.add(app.elsewhere.bind("far"))
    with shared_system.client() as client:
        run = client.submit(dag)
        wait_until("it is queued", lambda: records(run)["far"].state is TaskState.QUEUED)
        message = run.status().waiting_for
        assert "No live worker serves queue 'elsewhere'" in message
        assert "--queues elsewhere" in message
        far = System(
            shared_system.url,
            shared_system.namespace,
            shared_system.folder,
            processes=system.processes,
        )
        far.worker("--processes", "1", "--queues", "elsewhere")
        assert run.wait_results(20) == {"far": "done elsewhere"}
        check_executions(shared_system, run)


def test_a_waiting_client_is_told_of_the_last_change(shared_system: System) -> None:
    """It was told when the next task was over too, however long that took."""
    dag = DAG("four_of_five")
    for number in range(4):
        dag.add(app.quick.bind(f"quick_{number}"))
    dag.add(app.held.bind("slow", gate="last-of-five"))
    messages: list[int] = []

    def progress(counts: Mapping[str, int], total: int) -> None:
        messages.append(counts.get("succeeded", 0))
        if messages[-1] == 4:
            shared_system.open_gate("last-of-five")

    with shared_system.client() as client:
        run = client.submit(dag)
        assert run.wait(30, progress=progress) is RunState.SUCCEEDED
    assert 4 in messages


def test_without_a_scheduler_status_says_so(system: System) -> None:
    dag = DAG("alone")
    dag.add(app.quick.bind("one"))
    with system.client() as client:
        run = client.submit(dag)
        assert "No scheduler is running" in run.status().waiting_for
