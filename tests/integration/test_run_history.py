"""What happened to a run is told afterwards: attempts, deaths, who changed it, in order."""

from __future__ import annotations

import asyncio

import fault_app as app
import pytest
from helpers import wait_until
from real_system import System, records

from flowkit import DAG, AsyncClient, TaskNotFoundError
from flowkit.client.history import HistoryEvent, HistoryKind
from flowkit.core.states import RunState, TaskState


def attempts(events: list[HistoryEvent], task: str) -> list[tuple[int | None, str]]:
    return [(event.attempt, event.outcome) for event in events if event.task == task]


def what(events: list[HistoryEvent]) -> list[HistoryKind]:
    return [
        event.what
        for event in events
        if event.what not in (HistoryKind.ATTEMPT, HistoryKind.TAKEN_OVER)
    ]


@pytest.mark.promise("sight-1", "sight-2")
def test_retries_a_failure_and_a_resume_are_all_told(shared_system: System) -> None:
    with DAG("told") as dag:
        flaky = app.flaky.bind("flaky", failures=2)
        flaky >> app.broken.bind("broken") >> app.quick.bind("after")
    with shared_system.client() as client:
        run = client.submit(dag)
        assert run.wait(20) is RunState.FAILED
        events = run.history()
        assert attempts(events, "flaky") == [(1, "retry"), (2, "retry"), (3, "succeeded")]
        assert (None, "upstream_failed") in attempts(events, "after")
        assert what(events) == [
            HistoryKind.SUBMITTED,
            HistoryKind.STOPPING,
            HistoryKind.NOT_RUN,
            HistoryKind.ENDED,
        ]
        assert events[0].by.endswith(" via api")
        retried, again, third = (event for event in events if event.task == "flaky")
        assert retried.error is not None
        assert retried.error.startswith("ValueError: attempt 1")
        assert retried.traceback
        assert retried.due is not None
        assert retried.ended is not None
        assert third.error is None
        assert again.queued is not None
        assert again.started is not None
        assert retried.due <= again.queued <= again.started
        run.resume("broken")
        assert run.wait(20) is RunState.FAILED
        told = run.history("broken")
        ends = [event for event in told if event.what is HistoryKind.ATTEMPT]
        assert [(event.attempt, event.outcome, event.rerun) for event in ends] == [
            (1, "failed", True),
            (2, "failed", False),
        ]
        assert all(event.error for event in ends)
        assert what(told).count(HistoryKind.ENDED) == 2
        (resumed,) = (event for event in told if event.what is HistoryKind.RESUMED)
        assert resumed.tasks == ["broken"]
        assert [event.at for event in told] == sorted(event.at for event in told)
        with pytest.raises(TaskNotFoundError, match="brokn"):
            run.history("brokn")


def test_the_death_of_its_process_is_an_attempt(shared_system: System) -> None:
    dag = DAG("dies")
    dag.add(app.crashes.bind("crashes"))
    with shared_system.client() as client:
        run = client.submit(dag)
        assert run.wait(20) is RunState.FAILED
        events = [event for event in run.history("crashes") if event.task == "crashes"]
        told = [event for event in events if event.what is HistoryKind.ATTEMPT]
        assert [(event.attempt, event.outcome) for event in told] == [
            (1, "died"),
            (2, "died"),
            (3, "failed"),
        ]
        assert len({event.worker for event in told}) == 1
        assert "ended with its worker process" in str(told[0])
        assert str(told[-1].error).startswith("WorkerLost: ")


@pytest.mark.promise("sight-1")
def test_a_cancel_says_who_and_a_running_attempt_is_shown(shared_system: System) -> None:
    dag = DAG("held")
    dag.add(app.held.bind("held", gate="never"))

    async def history(run_id: str) -> list[HistoryEvent]:
        async with AsyncClient.connect(shared_system.url, shared_system.namespace) as client:
            return await (await client.run(run_id)).history(since=3600)

    with shared_system.client() as client:
        run = client.submit(dag)
        wait_until("it runs", lambda: records(run)["held"].state is TaskState.RUNNING)
        (running,) = (event for event in run.history() if event.task == "held")
        assert (running.outcome, running.ended, running.duration) == ("running", None, None)
        run.cancel()
        assert run.wait(20) is RunState.CANCELLED
        events = asyncio.run(history(run.run_id))
        assert what(events) == [HistoryKind.SUBMITTED, HistoryKind.CANCELLED, HistoryKind.ENDED]
        (cancelled,) = (event for event in events if event.what is HistoryKind.CANCELLED)
        assert "@" in cancelled.by
        assert attempts(events, "held") == [(1, "cancelled")]
