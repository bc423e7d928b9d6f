"""A handle tells a run that Redis lost from one that never was."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flowkit import DAG, Client, RunHandle, Task
from flowkit.core.states import RunState
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import RunLost, RunNotFound, WaitTimeout


def work() -> int:
    return 1


def test_a_run_that_was_accepted_and_is_gone_is_lost() -> None:
    dag = DAG("gone")
    dag.add(Task(work))
    with EmbeddedServer() as server, Client.connect(server.url) as client:
        run = client.submit(dag, run_id="nightly")
        with client.shards[0].store() as store:
            store.link.call("FLUSHALL")
        with pytest.raises(RunLost, match=r"'nightly' was accepted and is not in Redis any more"):
            run.wait(5)


def test_a_run_that_nobody_submitted_is_not_found() -> None:
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


def test_many_are_waited_for_together_and_told_in_their_order() -> None:
    with EmbeddedServer() as server, Client.connect(server.url) as client:
        runs = client.submit_many(one_task(work), [None] * 3)
        wanted = [RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED]
        for run, outcome in zip(runs, wanted, strict=True):
            finish(client, run, outcome)
        assert client.wait_all(runs, 5) == wanted
        assert client.wait_all(reversed(runs), 5) == wanted[::-1]
        assert client.wait_all([], 5) == []


def test_one_that_goes_on_ends_the_wait_for_many_in_time() -> None:
    with EmbeddedServer() as server, Client.connect(server.url) as client:
        runs = client.submit_many(one_task(work), [None] * 3)
        for run in (runs[0], runs[2]):
            finish(client, run, RunState.SUCCEEDED)
        with pytest.raises(WaitTimeout) as caught:
            client.wait_all(runs, 0.1)
        assert caught.value.run_id == runs[1].run_id
        text = "1 of 3 runs were not over after 0.1 s; they go on. The first of them is "
        assert str(caught.value).startswith(f"{text}{runs[1].run_id!r}. No scheduler is running")


def test_one_of_many_that_is_lost_is_named() -> None:
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
            batch = store.link.batch
            store.link.batch = lambda of: (calls.append(len(of)), batch(of))[1]  # type: ignore[method-assign]
            assert set(client.wait_all(runs, 5)) == {RunState.SUCCEEDED}
        assert calls == [8, 16, 32, 40]


def test_a_wait_for_many_that_end_one_after_the_other_looks_at_few() -> None:
    """It looked at 500 of them each time that one had ended."""
    with EmbeddedServer() as server, Client.connect(server.url) as client:
        runs = client.submit_many(one_task(work), [None] * 60)
        with client.shards[0].store() as store:
            looked: list[int] = []
            batch = store.link.batch
            store.link.batch = lambda of: (looked.append(len(of)), batch(of))[1]  # type: ignore[method-assign]
            for run in runs:
                wait = run.wait
                run.wait = lambda left, run=run, wait=wait: (  # type: ignore[method-assign]
                    finish(client, run, RunState.SUCCEEDED),
                    wait(left),
                )[1]
            assert set(client.wait_all(runs, 20)) == {RunState.SUCCEEDED}
        assert sum(looked) < 80
