"""A handle tells a run that Redis lost from one that never was."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flowkit import DAG, Client, RunHandle, Task
from flowkit.client import run_wait
from flowkit.core.states import RunState
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import DAGError, RedisUnavailable, RunLost, RunNotFound, WaitTimeout
from flowkit.protocol.client_store import RunProgress
from flowkit.protocol.namespace import drop_namespace


def work() -> int:
    return 1


def count(rows: str) -> int:
    return len(rows)


def keep(thing: object) -> object:
    return thing


def test_an_accepted_run_that_disappeared_is_lost() -> None:
    dag = DAG("gone")
    dag.add(Task(work))
    with EmbeddedServer() as server, Client.connect(server.url) as client:
        run = client.submit(dag, run_id="nightly")
        with client.shards[0].store() as store:
            drop_namespace(store.link, "flowkit")
        with pytest.raises(RunLost, match=r"'nightly' was accepted and is no longer in Redis"):
            run.wait(5)


def test_a_lost_run_raises_instead_of_returning_no_results() -> None:
    """They read as an empty dict, and a task of it as pending."""
    with EmbeddedServer() as server, Client.connect(server.url) as client:
        run = client.submit(one_task(work))
        assert run.results() == {}, "it goes on"
        with client.shards[0].store() as store:
            drop_namespace(store.link, "flowkit")
        with pytest.raises(RunLost):
            run.results()
        with pytest.raises(RunLost):
            run.result("work")


@pytest.mark.parametrize("many", [False, True])
def test_parameters_have_the_limit_of_the_settings(monkeypatch: pytest.MonkeyPatch, many) -> None:
    """A worker would refuse what was accepted, or the client what workers would take."""

    def submit(client: Client, rows: str) -> RunHandle:
        params = {"rows": rows}
        (run,) = client.submit_many(dag, [params]) if many else [client.submit(dag, params=params)]
        return run

    dag = one_task(count)
    monkeypatch.setenv("FLOWKIT_MAX_RESULT_BYTES", "1KiB")
    with EmbeddedServer() as server, Client.connect(server.url) as client:
        with pytest.raises(
            DAGError, match=r"run of DAG .* cannot be sent to workers: params is too"
        ):
            submit(client, "x" * 2000)
        assert client.runs() == []
        run = submit(client, "x" * 900)
        with run.shard.store() as store:
            assert len(store.read_params(run.run_id)) > 900


def test_a_parameter_that_cannot_be_stored_is_an_error_of_the_dag() -> None:
    with (
        EmbeddedServer() as server,
        Client.connect(server.url) as client,
        pytest.raises(DAGError, match=r"params\['thing'\]: <class 'object'> cannot be stored"),
    ):
        client.submit(one_task(keep), params={"thing": object()})


# -- Redis is away ---------------------------------------------------------------------------------


def away_for(run: RunHandle, looks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Redis not answer the next looks at a run."""
    left, progress = [None] * looks, run._waiting().progress

    def look(_: run_wait.RunWait, *, known: bool = False) -> RunProgress:
        if left:
            left.pop()
            raise RedisUnavailable("cannot use Redis")
        return progress(known=known)

    monkeypatch.setattr(run_wait.RunWait, "progress", look)


def test_a_wait_outlasts_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ended with the patience of a single call, while the run continued."""
    with EmbeddedServer() as server, Client.connect(server.url) as client:
        first, second = client.submit_many(one_task(work), [None] * 2)
        for run in (first, second):
            finish(client, run, RunState.SUCCEEDED)
            away_for(run, 3, monkeypatch)
        assert first.wait(20) is RunState.SUCCEEDED
        assert client.wait_all([first, second], 20) == [RunState.SUCCEEDED] * 2


@pytest.mark.parametrize("timeout", [None, 0.0])
def test_a_wait_ends_when_redis_stays_away(
    timeout: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedServer() as server, Client.connect(server.url) as client:
        run = client.submit(one_task(work))
        away_for(run, 10_000, monkeypatch)
        if timeout is None:
            monkeypatch.setattr(run_wait, "OUTAGE_S", 0.3)
        with pytest.raises(RedisUnavailable) as caught:
            run.wait(timeout)
        (note,) = caught.value.__notes__
        assert note == f"Run {run.run_id} continues as long as its workers reach Redis."


def test_a_run_that_was_never_submitted_is_not_found() -> None:
    with (
        EmbeddedServer() as server,
        Client.connect(server.url) as client,
        pytest.raises(RunNotFound, match="there is no run 'never'"),
    ):
        client.run("never")


# -- many at once ----------------------------------------------------------------------------------


def one_task(function: Callable[[], object]) -> DAG:
    dag = DAG("one")
    dag.add(Task(function))
    return dag


def finish(client: Client, run: RunHandle, outcome: RunState) -> None:
    """Say of a run that it is over, as a scheduler would."""
    with client.shards[0].store() as store:
        store.link.call("HSET", store.keys.run(run.run_id), "state", outcome.value)


def test_many_runs_are_awaited_together_and_returned_in_order() -> None:
    with EmbeddedServer() as server, Client.connect(server.url) as client:
        runs = client.submit_many(one_task(work), [None] * 3)
        wanted = [RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED]
        for run, outcome in zip(runs, wanted, strict=True):
            finish(client, run, outcome)
        assert client.wait_all(runs, 5) == wanted
        assert client.wait_all(reversed(runs), 5) == wanted[::-1]
        assert client.wait_all([], 5) == []


def test_a_running_run_ends_the_wait_for_many_at_the_timeout() -> None:
    with EmbeddedServer() as server, Client.connect(server.url) as client:
        runs = client.submit_many(one_task(work), [None] * 3)
        for run in (runs[0], runs[2]):
            finish(client, run, RunState.SUCCEEDED)
        with pytest.raises(WaitTimeout) as caught:
            client.wait_all(runs, 0.1)
        assert caught.value.run_id == runs[1].run_id
        text = "1 of 3 runs had not ended after 0.1 s; they continue. The first of them is "
        assert str(caught.value).startswith(f"{text}{runs[1].run_id!r}. No scheduler is running")


def test_a_lost_run_among_many_is_named() -> None:
    with EmbeddedServer() as server, Client.connect(server.url) as client:
        runs = client.submit_many(one_task(work), [None] * 2)
        finish(client, runs[0], RunState.SUCCEEDED)
        with client.shards[0].store() as store:
            store.link.call("DEL", store.keys.run(runs[1].run_id))
        with pytest.raises(RunLost) as caught:
            client.wait_all(runs, 5)
        assert caught.value.run_id == runs[1].run_id


def test_a_wait_for_many_looks_at_many_in_one_round_trip() -> None:
    with EmbeddedServer() as server, Client.connect(server.url) as client:
        runs = client.submit_many(one_task(work), [None] * 100)
        for run in runs:
            finish(client, run, RunState.SUCCEEDED)
        with client.shards[0].store() as store:
            calls: list[object] = []
            batch = store.link.batch_each
            store.link.batch_each = lambda of: (calls.append(len(of)), batch(of))[1]  # type: ignore[method-assign]
            assert set(client.wait_all(runs, 5)) == {RunState.SUCCEEDED}
        assert calls == [8, 16, 32, 40]


def test_a_wait_for_many_that_end_one_after_the_other_looks_at_few() -> None:
    """It looked at 500 of them each time that one had ended."""
    with EmbeddedServer() as server, Client.connect(server.url) as client:
        runs = client.submit_many(one_task(work), [None] * 60)
        with client.shards[0].store() as store:
            looked: list[int] = []
            batch = store.link.batch_each
            store.link.batch_each = lambda of: (looked.append(len(of)), batch(of))[1]  # type: ignore[method-assign]
            for run in runs:
                wait = run.wait
                run.wait = lambda left, run=run, wait=wait: (  # type: ignore[method-assign]
                    finish(client, run, RunState.SUCCEEDED),
                    wait(left),
                )[1]
            assert set(client.wait_all(runs, 20)) == {RunState.SUCCEEDED}
        assert sum(looked) < 80
