"""Tasks submit runs: to the system of their worker, and once, however often they are executed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import nesting_app as app
import pytest
from helpers import wait_until
from real_system import System, records

from flowkit import Client
from flowkit.core.states import RunState, TaskState

APP = str(Path(app.__file__))
KEY = "k" * 32


def ids_of(client: Client, name: str) -> list[str]:
    return sorted(run.run for run in client.runs(100) if run.dag_name == name)


@pytest.mark.slow
def test_a_task_made_again_after_a_crash_finds_the_runs_that_it_has_submitted(
    system: System,
) -> None:
    system.scheduler()
    first = system.worker("--queues", "outer", "--processes", "1", app=APP, lease=1.5)
    with system.client() as client:
        run = client.submit(app.outer("submits", gate="a"))
        system.started("submits")
        before = ids_of(client, "inner")
        assert len(before) == 3
        first.kill()
        system.worker("--queues", "outer,default", "--processes", "1", app=APP, lease=1.5)
        assert system.started("submits", 2).attempt == 2
        system.open_gate("a")
        result = run.wait_results(30)["submits"]
        assert len(set(result)) == 3
        assert sorted(result) == ids_of(client, "inner") == before
        for child in before:
            assert client.run(child).wait(30) is RunState.SUCCEEDED
        assert len(system.executions("leaf")) == 3


def test_it_finds_those_that_it_submitted_at_the_same_time(system: System) -> None:
    """The order in which threads or coroutines submit may be another one each time."""
    system.scheduler()
    system.worker("--queues", "default", "--processes", "3", app=APP)
    system.worker("--queues", "outer", "--processes", "1", app=APP)
    with system.client() as client:
        run = client.submit(app.outer("awaits"))
        system.started("leaf", 3)
        os.kill(system.started("awaits").pid, signal.SIGKILL)
        system.started("awaits", 2)
        system.open_gate("leaf")
        assert run.wait_results(30) == {"awaits": [11, 21, 31]}
        assert records(run)["awaits"].attempt == 2
        assert len(ids_of(client, "inner")) == 3


def test_a_retry_resumes_the_run_that_has_failed(system: System) -> None:
    """The same run has the same failure: without a resume all retries would fail of it."""
    system.scheduler()
    system.worker("--queues", "outer,default", "--processes", "2", app=APP)
    with system.client() as client:
        run = client.submit(app.outer("retries"))
        assert run.wait_results(30) == {"retries": 7}
        (child,) = ids_of(client, "frail")
        assert records(client.run(child))["fails_first"].attempt == 2


def test_a_resumed_run_has_other_children(system: System) -> None:
    system.scheduler()
    system.worker("--queues", "outer,default", "--processes", "2", app=APP)
    system.open_gate("a")
    with system.client() as client:
        run = client.submit(app.outer("submits", gate="a"))
        first = set(run.wait_results(30)["submits"])  # type: ignore[call-overload]
        run.resume(from_task="submits")
        assert first.isdisjoint(run.wait_results(30)["submits"])  # type: ignore[arg-type]


def test_the_options_of_a_worker_reach_its_tasks(system: System) -> None:
    """With `--namespace`, runs went to the namespace of the environment, which had no workers."""
    key = system.folder / "key"
    key.write_text(KEY)
    key.chmod(0o600)
    environ = {"FLOWKIT_REDIS_URL": "", "FLOWKIT_NAMESPACE": "elsewhere"}
    given = ("--redis", system.url, "--namespace", system.namespace)
    options = (*given, "--queues", "outer,default", "--processes", "2")
    system.run_program("scheduler", ["-m", "flowkit.scheduler", *given], **environ)
    words = ["-m", "flowkit.worker", "--app", APP, *options]
    system.run_program("worker", words, **environ, FLOWKIT_SIGNING_KEY_FILE=str(key))
    other = f"{system.namespace}-other"
    with system.client(signing_key=KEY) as client:
        wait_until("it is ready", lambda: any(worker.is_ready for worker in client.workers()))
        key.unlink()
        result = client.submit(app.outer("looks", other=other)).wait_results(30)["looks"]
        assert isinstance(result, dict)
        assert len(result.pop("ids")) == 2, "ids of another system are random"
        assert result == {
            "namespace": system.namespace,
            "source": "flag --namespace",
            "signs": True,
            "argument": other,
            "environment": other,
        }
        run = client.submit(app.outer("retries"))
        assert run.wait_results(30) == {"retries": 7}
        assert records(run)["retries"].state is TaskState.SUCCEEDED
