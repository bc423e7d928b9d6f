"""Somebody can write to Redis and holds no signing key: nothing of theirs reaches a task."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import calling_app as calling
import fault_app as app
import pytest
import redis
from real_system import System

from flowkit import DAG
from flowkit.codec.packing import BrokenValue, pack
from flowkit.core.states import RunState
from flowkit.exceptions import TaskExecutionError, UntrustedValue
from flowkit.protocol.calls import Calls, StoredCall
from flowkit.protocol.keys import Keys

KEY = "the-key-of-these-tests-1"
FORGED = pack(666)


@pytest.fixture
def place(server_url: str, namespace: str, tmp_path: Path) -> Iterator[System]:
    """A system whose worker and clients hold a key, on each kind of server in turn."""
    system = System(server_url, namespace, tmp_path)
    system.scheduler()
    system.worker("--processes", "1", FLOWKIT_SIGNING_KEY=KEY)
    yield system
    system.close()


@pytest.fixture
def attacker(place: System) -> Iterator[tuple[redis.Redis, Keys]]:
    with redis.Redis.from_url(place.url) as connection:
        yield connection, Keys(place.namespace)


def two_steps() -> DAG:
    with DAG("two") as dag:
        app.drawn.bind("first", seed=1) >> app.listed.bind("second")
        app.drawn.bind("other", seed=2) >> app.listed.bind("last")
    return dag


def test_honest_runs_and_their_resumes_work_as_without_a_key(place: System) -> None:
    with place.client(signing_key=KEY) as client:
        run = client.submit(two_steps())
        before = run.wait_results(30)
        run.resume("second")
        assert run.wait_results(30)["first"] == before["first"]
        assert run.result("second") == run.results()["second"]


def test_a_forged_a_swapped_and_an_old_result_are_refused(
    place: System, attacker: tuple[redis.Redis, Keys]
) -> None:
    connection, keys = attacker
    with place.client(signing_key=KEY) as client:
        run = client.submit(two_steps(), run_id="again")
        run.wait_results(30)
        names = run.graph().graph.names
        first, other = names.index("first"), names.index("other")
        old = connection.hget(keys.results("again"), first)
        for forged in (FORGED, connection.hget(keys.results("again"), other)):
            connection.hset(keys.results("again"), first, forged)
            with pytest.raises(UntrustedValue, match="the result of task"):
                run.result("first")
            run.resume("second")
            assert run.wait(30) is RunState.FAILED
            error = run.error()
            assert isinstance(error, TaskExecutionError)
            assert error.error_type == "UntrustedValue"
            connection.hset(keys.results("again"), first, old)
            run.resume()
            assert run.wait(30) is RunState.SUCCEEDED
        for name in connection.scan_iter(f"{keys.prefix}run:again*"):
            connection.delete(name)
        anew = client.submit(two_steps(), run_id="again")
        anew.wait_results(30)
        connection.hset(keys.results("again"), first, old)
        with pytest.raises(UntrustedValue, match="was signed for another place"):
            anew.result("first")


def test_forged_parameters_and_forged_runs_start_nothing(
    place: System,
) -> None:
    """A client without the key is the attacker here: it can write all that a client writes."""
    with place.client() as stranger:
        for params in ({}, {"seed": 7}):
            run = stranger.submit(two_steps() if not params else one_step(), params=params)
            assert run.wait(30) is RunState.FAILED
            assert run.error().error_type == "UntrustedValue"
            assert "has no signature" in run.error().error_message
    assert place.executions() == []


def one_step() -> DAG:
    with DAG("one") as dag:
        dag.add(app.drawn.bind("first"))
    return dag


def test_a_process_without_the_key_gets_a_clear_error(place: System) -> None:
    with place.client(signing_key=KEY) as client:
        run = client.submit(two_steps())
        run.wait_results(30)
    with place.client() as viewer, pytest.raises(BrokenValue, match="no signing key"):
        viewer.run(run.run_id).result("first")


def test_a_forged_cache_entry_is_a_miss(place: System, attacker: tuple[redis.Redis, Keys]) -> None:
    connection, keys = attacker
    with place.client(signing_key=KEY) as client:
        honest = client.submit(two_steps()).wait_results(30)["first"]
        entries = list(connection.scan_iter(f"{keys.cached('')}*"))
        assert entries
        stolen = [connection.get(entry) for entry in entries]
        for forged in (FORGED, b"", None):
            for entry, other in zip(entries, reversed(stolen), strict=True):
                connection.set(entry, other if forged is None else forged)
            run = client.submit(two_steps())
            result = run.wait_results(30)["first"]
            assert result not in (666, None)
            assert result != honest or not run.status().tasks[0].cached
    assert any("Task not cached" in log for log in [place.logs()])


def test_a_task_takes_no_results_of_runs_that_it_has_not_called(
    place: System, attacker: tuple[redis.Redis, Keys]
) -> None:
    """The results of another run are signed, so it counts who has written which runs are called."""
    connection, keys = attacker
    place.worker("--processes", "1", app=str(Path(calling.__file__)), FLOWKIT_SIGNING_KEY=KEY)
    with place.client(signing_key=KEY) as client:
        other = client.submit(calling.inner)
        assert other.wait(30) is RunState.SUCCEEDED
        run = client.submit(calling.outer("calls_held"), params={"gate": "children"})
        place.started("leaf", 2)
        forged = Calls((StoredCall(other.run_id, "inner", 1),), is_list=True).pack()
        (called,) = (
            field for field in connection.hkeys(keys.children(run.run_id)) if b"," in field
        )
        assert connection.hset(keys.children(run.run_id), called, forged) == 0
        place.open_gate("children")
        with pytest.raises(TaskExecutionError, match=r"UntrustedValue.*runs that task 0"):
            run.wait_results(30)
