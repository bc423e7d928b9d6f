"""Tasks call runs of DAGs: real schedulers and workers on Redis."""

from __future__ import annotations

from pathlib import Path

import calling_app as app
import pytest
from helpers import wait_until
from real_system import System, records

from flowkit import Client, RunHandle
from flowkit.core.states import RunState, TaskState
from flowkit.exceptions import RunNotOver

APP = str(Path(app.__file__))


@pytest.fixture
def running(system: System) -> System:
    """A system with one worker process."""
    system.scheduler()
    system.worker("--processes", "1", app=APP)
    return system


def children(client: Client, run: RunHandle) -> list[str]:
    return sorted(item.run for item in client.runs(2000) if item.run != run.run_id)


def test_a_task_has_the_result_of_the_run_that_it_called(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("calls_one"), params={"number": 4})
        assert run.wait_results(30) == {"calls_one": 80, "after": 80}
        assert len(running.executions("calls_one")) == 1
        assert records(run)["calls_one"].attempt == 2
        (child,) = children(client, run)
        assert client.run(child).wait(5) is RunState.SUCCEEDED


def test_without_a_named_result_it_has_all(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("calls_all"))
        assert run.wait_results(30)["calls_all"] == {"leaf": 10, "double": 20}


def test_a_list_of_calls_gives_a_list_of_results_in_its_order(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("calls_many"), params={"count": 60})
        assert run.wait_results(30)["calls_many"] == [number * 10 for number in range(60)]
        assert len(children(client, run)) == 60


def test_a_run_that_fails_fails_the_attempt(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("calls_frail"))
        assert run.wait(30) is RunState.FAILED
        error = run.error()
        assert error.task_name == "calls_frail"
        assert error.error_type == "ChildRunFailed"
        assert error.error_message.endswith(" failed: frail/picky: ValueError: no number: -1")
        assert records(run)["after"].state is TaskState.UPSTREAM_FAILED
        states = [client.run(child).wait(5) for child in children(client, run)]
        assert sorted(states) == [RunState.FAILED, RunState.SUCCEEDED, RunState.SUCCEEDED]


def test_each_retry_calls_other_runs(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("calls_until_good"))
        assert run.wait_results(30)["calls_until_good"] == 1
        assert [item.attempt for item in running.executions("calls_until_good")] == [1, 3, 5]
        assert len(children(client, run)) == 3


def test_one_process_serves_any_depth(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("goes_down", then=False), params={"depth": 30})
        assert run.wait_results(60) == {"goes_down": 0}
        assert len(children(client, run)) == 30


def test_runs_call_each_other_a_hundred_times_at_most(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("goes_down", then=False), params={"depth": 101})
        assert run.wait(90) is RunState.FAILED
        assert "its own run is already 100 calls deep, which is the limit" in str(run.error())
        assert len(children(client, run)) == 100


def test_a_cancel_stops_the_children_and_then_the_parent(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("calls_held"), params={"gate": "held"})
        wait_until("both runs are there", lambda: len(children(client, run)) == 2)
        running.started("leaf")
        run.cancel()
        wait_until(
            "the children stop",
            lambda: all(client.run(child).record().stop for child in children(client, run)),
        )
        assert run.record().state is RunState.RUNNING  # one of its children is
        running.open_gate("held")
        assert run.wait(30) is RunState.CANCELLED
        for child in children(client, run):
            assert client.run(child).wait(5) is RunState.CANCELLED
        assert records(run)["calls_held"].state is TaskState.CANCELLED


def test_a_child_that_a_user_cancels_fails_the_attempt(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("calls_held"), params={"gate": "held"})
        running.started("leaf")
        client.run(children(client, run)[0]).cancel()
        running.open_gate("held")
        assert run.wait(30) is RunState.FAILED
        assert "of DAG 'inner' was cancelled" in str(run.error())


def test_the_children_expire_when_their_parent_is_over(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("calls_many"), params={"count": 3}, ttl=3600)
        run.wait_results(30)
        keys, link = client.shards[0]._store.keys, client.shards[0]._store.link
        runs = [run.run_id, *children(client, run)]

        def all_expire() -> bool:
            names = [key(name) for name in runs for key in (keys.run, keys.tasks, keys.results)]
            return all(0 < link.call("PTTL", name) <= 3_600_000 for name in names)

        wait_until("all have a TTL", all_expire)
        graph = keys.graph(client.run(runs[1]).record().digest)
        wait_until("their graph too", lambda: link.call("PTTL", graph) > 0)


def test_a_thousand_children_of_one_task(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("calls_many"), params={"count": 1000})
        assert len(run.wait_results(90)["calls_many"]) == 1000  # type: ignore[arg-type]
    with running.client() as client:
        run = client.submit(app.outer("calls_many"), params={"count": 1001})
        assert run.wait(30) is RunState.FAILED
        assert "returned 1,001 calls; the limit is 1,000" in str(run.error())


@pytest.mark.promise("call-7")
def test_a_resume_resumes_what_a_task_has_called(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("calls_frail"), params={"gate": "better"})
        assert run.wait(30) is RunState.FAILED
        before = children(client, run)
        running.open_gate("better")
        run.resume()
        assert run.wait_results(30)["after"] == [1, -1, 2]
        assert len(running.executions("calls_frail")) == 1
        assert len(running.executions("picky")) == 4  # those that succeeded were not repeated
        assert children(client, run) == before
        listed = run.children()
        assert {child.run_id for child in listed} == set(before)
        assert [child.attempt for child in listed] == [1, 1, 1]


def test_a_resume_that_names_the_task_calls_it_again(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("calls_frail"), params={"gate": "better"})
        assert run.wait(30) is RunState.FAILED
        running.open_gate("better")
        run.resume("calls_frail")
        assert run.wait_results(30)["after"] == [1, -1, 2]
        assert len(running.executions("calls_frail")) == 2
        assert len(children(client, run)) == 6


def test_a_resume_after_a_cancel_goes_on_in_the_children(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("calls_held"), params={"gate": "held"})
        running.started("leaf")
        run.cancel()
        running.open_gate("held")
        assert run.wait(30) is RunState.CANCELLED
        run.resume()
        assert run.wait_results(30)["calls_held"] == [20, 40]
        assert len(running.executions("calls_held")) == 1
        assert len(children(client, run)) == 2


def test_resuming_a_child_resumes_the_top_of_its_tree(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("calls_frail"), params={"gate": "better"})
        assert run.wait(30) is RunState.FAILED
        failed = [
            child
            for child in map(client.run, children(client, run))
            if child.wait(5) is RunState.FAILED
        ]
        running.open_gate("better")
        failed[0].resume()
        assert run.wait_results(30)["after"] == [1, -1, 2]
        assert failed[0].wait(5) is RunState.SUCCEEDED
        assert len(running.executions("calls_frail")) == 1


def test_a_child_is_resumed_alone_while_its_parent_waits(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("calls_held"), params={"gate": "held"})
        running.started("leaf")
        first, second = map(client.run, children(client, run))
        other = first if first.status().counts.get("running") else second  # in the one process
        idle = second if other is first else first
        idle.cancel()
        assert idle.wait(20) is RunState.CANCELLED
        idle.resume()
        running.open_gate("held")
        assert run.wait_results(30)["calls_held"] == [20, 40]


def test_a_parent_is_deleted_with_its_children(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("goes_down", then=False), params={"depth": 3})
        run.wait_results(30)
        below = children(client, run)
        assert len(below) == 3
        assert run.delete()
        wait_until("all are gone", lambda: not client.runs(10))


def test_a_child_is_kept_while_its_parent_needs_it(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("calls_held"), params={"gate": "held"})
        running.started("leaf")
        kept = client.run(children(client, run)[0])
        kept.cancel()
        running.open_gate("held2")
        wait_until("one is over", lambda: any(_over(client, run)))
        (over,) = [
            child for child in map(client.run, children(client, run)) if child.record().finished_ms
        ]
        with pytest.raises(RunNotOver, match="which is not over yet and needs its results"):
            over.delete()
        running.open_gate("held")
        assert run.wait(30) is RunState.FAILED


def test_runs_know_their_parent_and_their_children(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("calls_many"), params={"count": 2})
        run.wait_results(30)
        called = run.children()
        assert [(item.task, item.attempt, item.dag_name) for item in called] == [
            ("calls_many", 1, "inner")
        ] * 2
        assert {item.state for item in called} == {RunState.SUCCEEDED}
        child = client.run(called[1].run_id)
        parent = child.parent()
        assert parent is not None
        assert parent.run_id == run.run_id
        assert child.children() == []
        assert run.parent() is None
        status = child.status()
        assert (status.parent_run, status.parent_task) == (run.run_id, "calls_many")
        assert [item.run_id for item in run.status().children] == [item.run_id for item in called]
        assert [item.run for item in client.runs(children=False)] == [run.run_id]
        assert len(client.runs()) == 3


def _over(client: Client, run: RunHandle) -> list[bool]:
    return [client.run(child).record().finished_ms is not None for child in children(client, run)]


def test_why_names_the_run_that_holds_a_task_up(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("calls_held"), params={"gate": "held"})
        running.started("leaf")
        cause = run.explain("calls_held")
        assert "waits for 2 runs that it has called, such as " in cause.sentence
        assert cause.command in [f"flowkit why {child}" for child in children(client, run)]
        running.open_gate("held")
        assert run.wait(30) is RunState.SUCCEEDED
        outcomes = [event.outcome for event in run.history("calls_held")]
        assert "called" in outcomes


def test_a_dead_letter_and_the_history_of_a_child_lead_to_its_parent(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.outer("calls_frail"))
        assert run.wait(30) is RunState.FAILED
        below, above = sorted(client.dead_letters(), key=lambda letter: letter.task != "picky")
        assert (below.parent_run, below.parent_task) == (run.run_id, "calls_frail")
        assert (above.parent_run, above.parent_task) == ("", "")
        assert client.dead_letter(below.run_id, "picky").letter.parent_task == "calls_frail"
        submitted = client.run(below.run_id).history()[0]
        assert (submitted.parent_run, submitted.attempt) == (run.run_id, 1)
        assert str(submitted).endswith(
            f": called by task calls_frail of run {run.run_id}, attempt 1"
        )
        assert "called by" not in str(run.history()[0])
