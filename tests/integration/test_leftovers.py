"""A finished run leaves nothing behind once its TTL is over; one that continues loses nothing."""

from __future__ import annotations

import time

import fault_app as app
import pytest
import redis
from helpers import wait_until
from real_system import System, check_executions, records

from flowkit import DAG, TaskExecutionError
from flowkit.core.states import RunState, TaskState

# What a system holds that has work no more, beside its workers.
PERMANENT = {"leader", "layout", "terms", "cursor", "events", "levels", "schema"}


def left(system: System) -> set[str]:
    """Return the keys that belong to no worker and are not there at all times."""
    prefix = "{" + system.namespace + "}:"
    with redis.Redis.from_url(system.url, protocol=2) as client:
        names = {key.decode() for key in client.scan_iter(match=prefix + "*", count=1000)}
    result = {name.removeprefix(prefix) for name in names}
    return {key for key in result if not key.startswith("worker")} - PERMANENT


def test_runs_leave_no_key_after_their_ttl(system: System) -> None:
    """A run that succeeds, one that fails, one that retries, and one that is cancelled with tasks
    queued, running and waiting: all of them end, and a little later nobody can tell."""
    system.start("--processes", "1")
    with DAG("good") as good:
        app.big.bind("big", number=1) >> app.sizes.bind("sizes")
    with DAG("bad") as bad:
        app.broken.bind("bad") >> app.quick.bind("behind")
    retried = DAG("retried")
    retried.add(app.flaky.bind("flaky", failures=1))
    stopped = DAG("stopped")
    stopped.add(app.slow_to_retry.bind("waiting"))
    stopped.add(app.held.bind("running", gate="never"))
    for n in range(5):
        stopped.add(app.someday.bind(f"queued_{n}"))
    with system.client() as client:
        assert client.submit(good, ttl=1).wait_results(20)["sizes"] == [1_000_000]
        assert client.submit(retried, ttl=1).wait_results(20) == {"flaky": 2}
        with pytest.raises(TaskExecutionError):
            client.submit(bad, ttl=1).wait_results(20)
        run = client.submit(stopped, ttl=1)
        wait_until("it runs", lambda: records(run)["running"].state is TaskState.RUNNING)
        wait_until("it waits", lambda: records(run)["waiting"].state is TaskState.WAITING)
        run.cancel()
        assert run.wait(20) is RunState.CANCELLED
    # Their names, and what nobody waits for any more, are swept up every 10 s.
    wait_until("nothing is left", lambda: not left(system), 30)


def test_a_run_that_outlives_its_ttl_loses_nothing_while_it_runs(system: System) -> None:
    system.start("--processes", "1")
    with DAG("slow") as dag:
        app.number.bind("first", value=7) >> app.held.bind("gate", gate="a")
    with dag:
        end = app.listed.bind("end")
        [task for task in dag.tasks if task.name == "first"] >> end
        [task for task in dag.tasks if task.name == "gate"] >> end
    with system.client() as client:
        run = client.submit(dag, ttl=1)
        system.started("gate")
        time.sleep(1.2)  # the TTL, were it running
        system.open_gate("a")
        assert run.wait(20) is RunState.SUCCEEDED
        assert run.results() == {"first": 7, "gate": 1, "end": [7, 1]}
        check_executions(system, run)
