"""Redis crashes and comes back without its last writes; what was made of them is run again."""

from __future__ import annotations

import shutil

import fault_app as app
import pytest
from helpers import wait_until
from real_redis import RealRedis
from real_system import System, records

from flowkit import DAG
from flowkit.core.states import RunState, TaskState
from flowkit.exceptions import RunLost


def gated() -> DAG:
    with DAG("gated") as dag:
        item = app.held.bind("one", gate="a")
        item >> app.say.bind("two", text="2") >> app.listed.bind("three")
        item >> app.held.bind("last", gate="b")
    return dag


def set_back(server: RealRedis, aside: str) -> None:
    """Crash Redis and bring it up with the files that were laid aside."""
    server.kill()
    kept = server.folder.with_name(aside)
    shutil.rmtree(server.folder)
    shutil.copytree(kept, server.folder)
    server.start()


def lay_aside(server: RealRedis, aside: str) -> None:
    shutil.copytree(server.folder, server.folder.with_name(aside))


def test_a_run_whose_last_outcomes_are_lost_continues_from_the_rest(
    frail_system: System, own_redis: RealRedis
) -> None:
    """The scheduler continued with what it had in memory: it took for queued what the records said
    was not, and the run hung until another scheduler led."""
    system = frail_system
    scheduler, _ = system.start("--processes", "2")
    with system.client() as client:
        run = client.submit(gated())
        system.started("one")
        lay_aside(own_redis, "before")
        system.open_gate("a")
        system.started("last")
        system.started("three")
        set_back(own_redis, "before")
        scheduler.says("Redis was restarted or replaced")
        system.open_gate("b")
        assert run.wait(30) is RunState.SUCCEEDED
        assert run.result("three") == ["2"]
    assert [len(system.executions(name)) for name in ("one", "last")] == [2, 2]


def test_the_log_names_a_run_that_is_lost_completely(
    frail_system: System, own_redis: RealRedis
) -> None:
    system = frail_system
    scheduler, _ = system.start("--processes", "1")
    with system.client() as client:
        client.submit(gated(), run_id="first").cancel()
        wait_until("it is over", lambda: client.run("first").record().state != "running")
        lay_aside(own_redis, "before")
        run = client.submit(gated(), run_id="second")
        wait_until(
            "it goes on", lambda: "second" in [execution.run for execution in system.executions()]
        )
        set_back(own_redis, "before")
        scheduler.says("Run second of DAG gated is lost")
        with pytest.raises(RunLost):
            run.wait(30)
    assert "Run first of DAG gated is lost" not in scheduler.log


def test_results_that_are_deleted_fail_the_tasks_that_need_them(system: System) -> None:
    """They were handed None in place of what was lost, which is silently wrong.

    A lane keeps what it made itself, so the first result is made in the other one.
    """
    system.start("--processes", "1")
    with DAG("gated") as dag:
        item, two = app.apause.bind("one", seconds=0.01), app.held.bind("two", gate="a")
        dag.add(two)
        [item, two] >> app.listed.bind("four")
    with system.client() as client:
        run = client.submit(dag)
        system.started("two")
        wait_until("one is over", lambda: run.results() == {"one": 0.01})
        with client.shards[0].store() as store:
            store.link.call("DEL", store.keys.results(run.run_id))
        with pytest.raises(RunLost, match="are missing in Redis"):
            run.results()
        system.open_gate("a")
        assert run.wait(30) is RunState.FAILED
        assert run.error().error_type == "RunLost"
        assert records(run)["four"].state is TaskState.FAILED
        run.resume()
        assert run.wait_results(30) == {"one": 0.01, "two": 1, "four": [0.01, 1]}
