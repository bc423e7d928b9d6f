"""Worker processes and what an app does to them: nothing kills one but its parent, or its task."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import child_app as app
import psutil
import pytest
from helpers import wait_until
from real_system import System, check_executions

from flowkit import DAG, TaskExecutionError
from flowkit.core.states import RunState, TaskState

APP = str(Path(__file__).with_name("child_app.py"))


def dag_of(*tasks: app.Any, **options: str) -> DAG:
    with DAG("children", **options) as dag:
        for task in tasks:
            dag.add(task)
    return dag


def test_a_failing_log_or_an_exit_affects_only_its_task(system: System) -> None:
    """A handler that raised ended the process after the attempt: it was made again and again. And
    exit code 70 was the word for "app broken": it took down one worker after the other."""
    system.scheduler()
    worker = system.worker("--processes", "2", app=APP)
    codes = [app.ends_with.bind(f"ends_{code}", code=code) for code in (0, 70, 71)]
    programs = (app.stops_a_program, app.stops_a_copy)
    others = (app.charge_card, app.starts_a_session)
    with system.client() as client:
        run = client.submit(dag_of(*others, *codes, *programs, on_failure="continue"))
        with pytest.raises(TaskExecutionError):
            run.wait_results(30)
        known = check_executions(system, run, repeats=0)
        assert len(system.executions("charge_card")) == 1
        for task in codes:
            assert known[task.name].spent.deaths == len(system.executions(task.name)) == 3
        for program in programs:
            assert known[program.name].state is TaskState.SUCCEEDED
            assert run.result(program.name) == -signal.SIGTERM
    browser = int((system.folder / "grandchild").read_text())
    wait_until("a program in a session of its own is gone", lambda: not _is_alive(browser))
    assert worker.popen.poll() is None
    assert worker.log.count("died (exit code 70) while it executed") == 3
    assert "A filter or handler of the log raised ConnectionError" in worker.log


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_term_to_every_process_lets_tasks_finish_and_blames_none(system: System) -> None:
    """systemd sends it to the whole group, and a supervisor of shards passes it on beside that."""
    system.scheduler()
    worker = system.worker("--processes", "2", app=APP)
    with system.client() as client:
        run = client.submit(dag_of(app.valve.bind("valve", gate="a"), app.held.bind("h", gate="a")))
        tasks = [system.started(name).pid for name in ("valve", "h")]
        for pid in (worker.pid, *tasks, worker.pid):
            os.kill(pid, signal.SIGTERM)
        for pid in tasks:
            os.kill(pid, signal.SIGINT)
        worker.says("is stopping")
        system.open_gate("a")
        assert worker.exit_code() == 0
        assert run.wait(20) is RunState.SUCCEEDED
        known = check_executions(system, run, repeats=0)
    assert not any(record.spent.deaths for record in known.values())
