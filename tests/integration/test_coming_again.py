"""Tasks that come again, on real workers: while they wait, after a death, a cancel and a resume."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import fault_app as app
import pytest
import redis
from helpers import wait_until
from real_system import System, records

from flowkit import DAG, Client, RunHandle
from flowkit.core.causes import Kind
from flowkit.core.states import RunState, TaskState
from flowkit.protocol.keys import Keys

KEY = "the-key-of-these-tests-1"


@pytest.fixture
def place(server_url: str, namespace: str, tmp_path: Path) -> Iterator[System]:
    """A system whose worker and clients hold a key, on each kind of server in turn."""
    system = System(server_url, namespace, tmp_path)
    system.scheduler()
    system.worker("--processes", "1", FLOWKIT_SIGNING_KEY=KEY)
    yield system
    system.close()


@pytest.fixture
def client(place: System) -> Iterator[Client]:
    with place.client(signing_key=KEY) as connected:
        yield connected


def waiting(client: Client) -> RunHandle:
    """Return a run whose only task waits an hour, since it asked to come again."""
    run = client.submit(DAG("waits", tasks=[app.comes_again]))
    wait_until("it waits", lambda: records(run)["comes_again"].state is TaskState.WAITING, 30)
    return run


@pytest.mark.promise("task-28")
def test_while_it_waits_it_holds_no_worker_and_says_when_it_comes(client: Client) -> None:
    run = waiting(client)
    other = client.submit(DAG("other", tasks=[app.quick.bind("quick")]))
    assert other.wait(30) is RunState.SUCCEEDED, "the only process is free"
    (task,) = run.status().tasks
    assert (task.state, task.error) == (TaskState.WAITING, None)
    why = run.explain("comes_again")
    assert [group.cause for group in why.causes] == [Kind.AGAIN]
    assert re.search(
        r"comes again in (1 h 0 min|59 min \d+ s), as it asked in attempt 1", why.sentence
    )
    assert why.command == f"flowkit retry {run.run_id} comes_again"
    (event,) = (event for event in run.history() if event.task == "comes_again")
    assert (event.attempt, event.outcome, event.error) == (1, "again", None)
    assert "asked to come again" in str(event)
    assert "next attempt 1 h 00 min later" in str(event)


def test_a_retry_starts_it_at_once_with_its_memory(client: Client) -> None:
    run = waiting(client)
    assert run.retry("comes_again").tasks == ("comes_again",)
    assert run.wait_results(30) == {"comes_again": [1, 2]}


@pytest.mark.promise("task-28")
def test_a_cancel_does_not_wait_for_it_and_a_resume_begins_anew(client: Client) -> None:
    run = waiting(client)
    run.cancel()
    assert run.wait(30) is RunState.CANCELLED
    assert records(run)["comes_again"].state is TaskState.CANCELLED
    run.resume()
    wait_until("it waits", lambda: records(run)["comes_again"].state is TaskState.WAITING, 30)
    run.retry("comes_again")
    assert run.wait_results(30) == {"comes_again": [2, 3]}, "nothing of the first attempt"


def test_after_a_death_it_starts_with_the_same_memory(client: Client) -> None:
    run = client.submit(DAG("dies", tasks=[app.comes_again_and_dies]))
    assert run.wait_results(30) == {"comes_again_and_dies": ["kept", 1]}


def test_a_forged_or_lost_memory_starts_nothing(place: System, client: Client) -> None:
    kinds = {
        b"1,\x07": "UntrustedValue",
        b"1,": "UntrustedValue",
        b"x": "CorruptData",
        None: "CorruptData",
    }
    for forged, kind in kinds.items():
        run = waiting(client)
        with redis.Redis.from_url(place.url) as attacker:
            key = Keys(place.namespace).inputs(run.run_id)
            if forged is None:
                attacker.delete(key)
            else:
                attacker.hset(key, "0^", forged)
        run.retry("comes_again")
        assert run.wait(30) is RunState.FAILED
        assert run.error().error_type == kind
        assert "the memory of task 0" in str(run.error()) or "what this task kept" in str(
            run.error()
        )
    assert {execution.attempt for execution in place.executions()} == {1}
