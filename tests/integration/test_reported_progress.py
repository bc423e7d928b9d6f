"""What a task reports about itself is seen in the status of its run, and ends with its attempt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import progress_app as app
import pytest
import redis
from click.testing import CliRunner
from helpers import wait_until
from real_redis import RealRedis

from flowkit import DAG, Client, RunHandle
from flowkit.cli import main
from flowkit.client.earlier_runs import MOST_RUNS, earlier_paces
from flowkit.client.running import RunningTasks
from flowkit.core.task_progress import TaskProgress
from flowkit.system import LocalSystem

NAMESPACE = "reporting"
APP = str(Path(__file__).with_name("progress_app.py"))


@pytest.fixture(scope="module", params=["fakeredis", "redis-server"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    url = None
    if request.param == "redis-server":
        server: RealRedis = request.getfixturevalue("redis_server")
        url = server.url
    system = LocalSystem(APP, url=url, namespace=NAMESPACE, processes=2, grace=1.0)
    with system, Client.connect(system.url, NAMESPACE) as client:
        yield client


def progress_of(run: RunHandle) -> dict[str, tuple[float, float | None, str] | None]:
    tasks = run.status().tasks
    return {task.name: task.progress and _said(task.progress) for task in tasks}


def _said(progress: TaskProgress) -> tuple[float, float | None, str]:
    assert progress.at is not None
    return progress.done, progress.total, progress.text


def stored(client: Client, run: RunHandle) -> list[bytes]:
    with redis.Redis.from_url(client.url) as server:
        return [
            name
            for worker in client.workers()
            for name in server.hkeys(f"{{{NAMESPACE}}}:worker:{worker.worker}:progress")
            if name.startswith(f"{run.run_id},".encode())
        ]


def printed_status(client: Client, run: RunHandle, *more: str) -> str:
    words = ["status", run.run_id, "--redis", client.url, "--namespace", NAMESPACE, *more]
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.promise("sight-9")
def test_the_last_report_of_each_running_task_is_seen(client: Client, tmp_path: Path) -> None:
    """One task waits in its fifth row, another has made 200,000 reports and makes no more."""
    gate = str(tmp_path / "gate")
    dag = DAG("sync")
    for item in (app.rows, app.flood):
        dag.add(item.bind(item.name, gate=gate))
    run = client.submit(dag)
    seen = {"rows": (4, 10, "rows"), "flood": (app.FLOOD, app.FLOOD, "reports")}
    wait_until("both are seen", lambda: progress_of(run) == seen)
    assert run.explain("rows").sentence.endswith("; it reports 4/10 rows.")
    Path(gate).touch()
    assert run.wait_results(20) == {"rows": 10, "flood": app.FLOOD}
    assert progress_of(run) == {"rows": None, "flood": None}
    if client.url.startswith("redis://127.0.0.1"):
        wait_until("nothing is left of it", lambda: not stored(client, run))


def test_async_tasks_in_one_process_report_separately(client: Client, tmp_path: Path) -> None:
    gate = str(tmp_path / "gate")
    dag = DAG("async")
    for count in (3, 5):
        dag.add(app.pages.bind(f"pages{count}", gate=gate, count=count))
    run = client.submit(dag)
    seen = {"pages3": (3, None, "pages"), "pages5": (5, None, "pages")}
    wait_until("both are seen", lambda: progress_of(run) == seen)
    looked = RunningTasks(run).look(run.record())
    assert (looked.total, looked.is_whole) == (2, True)
    assert {task.name: task.progress and _said(task.progress) for task in looked.tasks} == seen
    assert all(task.attempt == 1 and task.worker for task in looked.tasks)
    Path(gate).touch()
    assert run.wait_results(20) == {"pages3": 3, "pages5": 5}
    assert RunningTasks(run).look(run.record()).total == 0


def test_an_estimate_knows_the_earlier_runs_of_the_dag(client: Client, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    dag = DAG("again")
    dag.add(app.quiet.bind("quiet", gate=str(gate)))
    runs = [client.submit(dag) for _ in range(5)]
    for run in runs:
        run.wait(20)
    paces = earlier_paces(runs[0].shard, runs[0].record())
    assert len(paces) == MOST_RUNS
    assert all(len(pace.ended) == 1 for pace in paces)
    other = DAG("never before")
    other.add(app.quiet.bind("quiet", gate=str(gate)))
    last = client.submit(other)
    assert earlier_paces(last.shard, last.record()) == []
    last.wait(20)


def test_a_task_may_say_anything_and_another_one_nothing(client: Client, tmp_path: Path) -> None:
    gate = str(tmp_path / "gate")
    dag = DAG("texts")
    for item in (app.hostile, app.quiet):
        dag.add(item.bind(item.name, gate=gate))
    run = client.submit(dag)
    text = ("\x1b[2J\nRun 7 succeeded\u202e" + "x" * 1000)[:200]
    wait_until("it is seen", lambda: progress_of(run) == {"hostile": (1, 2, text), "quiet": None})
    shown = printed_status(client, run)
    assert "1/2 \\x1b[2J" in shown
    assert not {"\x1b", "\u202e"} & set(shown)
    tasks = json.loads(printed_status(client, run, "--json"))["tasks"]
    reports = {task["name"]: task["progress"] for task in tasks}
    assert reports["quiet"] is None
    assert reports["hostile"].pop("at").startswith("20")
    assert reports["hostile"] == {"done": 1, "total": 2, "text": text}
    Path(gate).touch()
    run.wait(20)
    assert "PROGRESS" not in printed_status(client, run)


def test_the_progress_of_an_attempt_ends_with_its_process(client: Client, tmp_path: Path) -> None:
    gate = str(tmp_path / "gate")
    dag = DAG("dying")
    dag.add(app.dies.bind("dies", gate=gate))
    run = client.submit(dag)
    wait_until("it is seen", lambda: progress_of(run) == {"dies": (5, 10, "")})
    Path(gate).touch()
    wait_until("it runs again", lambda: run.status().tasks[0].attempt == 2)
    assert progress_of(run) == {"dies": None}
    Path(f"{gate}-2").touch()
    assert run.wait_results(20) == {"dies": 2}
