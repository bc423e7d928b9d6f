"""LocalSystem: what ``run`` and ``dev`` start, and what users' own tests can start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

import psutil
import pytest
from console import alive
from helpers import wait_until

from flowkit.app import load_app
from flowkit.exceptions import FlowkitError
from flowkit.processes.daemon_group import DaemonGroup
from flowkit.processes.daemon_output import LONGEST_LINE, Line, Pipe
from flowkit.processes.daemon_process import QUICK_DEATHS, Daemon
from flowkit.processes.ends import how_it_ended
from flowkit.system import LocalSystem, default_processes, print_line
from flowkit.task import Task

APP = """
import os
from flowkit import DAG, task

@task
def talk():
    print("out")
    os.write(2, b"err \\xff\\n")
    return os.getcwd()

with DAG("talk") as dag:
    dag.add(talk)
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    path = tmp_path / "talking_app.py"
    path.write_text(APP)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(Task, "_all_tasks", list(Task._all_tasks))
    monkeypatch.setattr(Task, "_by_ref", dict(Task._by_ref))
    sys.modules.pop("talking_app", None)
    return str(path)


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def failure_of(system: LocalSystem) -> str:
    try:
        system.check()
    except FlowkitError as error:
        return str(error)
    return ""


def test_a_run_from_start_to_stop(app: str) -> None:
    lines: list[Line] = []
    before = {child.pid for child in children()}
    with LocalSystem(app, processes=2, on_line=lines.append) as system:
        system.wait_ready()
        with system.client() as client:
            results = client.submit(load_app(app).dag()).wait_results(30)
        mine = [child for child in children() if child.pid not in before]
        assert system._server is not None
        system._server._warn("the store is full")
        wait_until("both lines have come", lambda: len(lines) >= 2)
    assert results == {"talk": os.getcwd()}
    assert Line("worker", "out", task="talk") in lines
    assert ("err \ufffd", "talk") in [(line.text, line.task) for line in lines]
    assert Line("store", "the store is full", "ERROR", True) in lines
    assert len(mine) >= 4
    assert alive(mine) == []


def test_a_system_is_ready_only_when_the_app_is_loaded(tmp_path: Path) -> None:
    """A worker was registered before a child knew that the app is broken."""
    path = tmp_path / "slow_app.py"
    path.write_text("import time\ntime.sleep(0.3)\nraise RuntimeError('broken for good')\n")
    with (
        LocalSystem(str(path), processes=1) as system,
        pytest.raises(FlowkitError, match=r"(?s)The worker cannot work.*broken for good"),
    ):
        system.wait_ready()


def test_a_worker_that_is_loading_its_app_stops_immediately(tmp_path: Path) -> None:
    """Its children hear nothing meanwhile, and had the whole grace period for nothing."""
    path, loading = tmp_path / "endless_app.py", tmp_path / "loading"
    path.write_text(f"import time\nopen({str(loading)!r}, 'w').close()\ntime.sleep(600)\n")
    lines: list[Line] = []
    system = LocalSystem(str(path), processes=1, grace=60.0, on_line=lines.append).start()
    wait_until("the app is being loaded", loading.exists)
    began = time.monotonic()
    system.stop()
    assert time.monotonic() - began < 30.0
    assert [line.text for line in lines if "ended by" in line.text] == []


NESTED = """
from flowkit import DAG, task

@task
def leaf():
    return 1

with DAG("inner") as inner:
    inner.add(leaf)

@task
def waits():
    return inner.run(executor="redis")

with DAG("outer") as outer:
    outer.add(waits)
"""


@pytest.mark.slow
def test_tasks_waiting_for_runs_on_their_own_worker_are_reported(tmp_path: Path, app: str) -> None:
    """They wait forever, and ``status`` said "running" and no more."""
    path = tmp_path / "nested_app.py"
    path.write_text(NESTED)
    with LocalSystem(str(path), processes=1, grace=0.0) as system, system.client() as client:
        system.wait_ready()
        outer = client.submit(load_app(str(path)).dag("outer"))
        messages = "Task 'waits' waits for a run, as every task on its worker does."
        wait_until("status tells", lambda: outer.status().waiting_for.startswith(messages))
        (inner,) = (client.run(run.run) for run in client.runs() if run.dag_name == "inner")
        assert inner.status().waiting_for.startswith(
            "Task 'leaf' waits in queue 'default', and every process that serves it executes"
        )
        outer.cancel()
        assert inner.wait(20.0) == "succeeded", "the process is free again"
        assert outer.wait(20.0) == "cancelled"


def lines_of(printed: str) -> list[Line]:
    reader, writer = os.pipe()
    data = printed.encode()

    def write() -> None:
        with os.fdopen(writer, "wb") as stream:
            stream.write(data)

    thread = threading.Thread(target=write)
    thread.start()
    pipe = Pipe("worker", "t0ken", os.fdopen(reader, "rb"), deque(), is_error=False)
    result: list[Line] = []
    while not pipe.ended:
        result += pipe.read()
    thread.join()
    pipe.stream.close()
    return result


def log_line(message: str, **fields: str) -> str:
    record = {"start": "t0ken", "level": "ERROR", "message": message, "event": "e", **fields}
    return json.dumps(record) + "\n"


def test_a_log_line_after_unterminated_task_output() -> None:
    result = lines_of("Name? " + log_line("Task failed: ask"))
    assert result == [Line("worker", "Name? "), Line("worker", "Task failed: ask", "ERROR")]


def test_a_log_line_with_a_long_message_stays_one_line() -> None:
    message = "x" * (2 * LONGEST_LINE)
    assert lines_of(log_line(message)) == [Line("worker", message, "ERROR")]


def test_task_output_is_shown_unchanged_and_its_log_lines_under_its_name() -> None:
    printed = log_line("half way", event="task_output", task_name="load", stream="stdout")
    complaint = log_line("oh", event="task_output", task_name="load", stream="stderr")
    logged = log_line("bad row", event="task_log", task_name="load", traceback="KeyError: 'x'")
    assert lines_of(printed + complaint + logged) == [
        Line("worker", "half way", task="load"),
        Line("worker", "oh", None, True, "load"),
        Line("worker", "load: bad row\nKeyError: 'x'", "ERROR"),
    ]


def test_json_logged_by_a_task_is_task_output() -> None:
    own = '{"timestamp": "t", "level": "info", "message": "mine"}'
    assert lines_of(own + "\n") == [Line("worker", own)]


@pytest.mark.parametrize("start", [{}, {"start": ""}, {"start": "other"}])
def test_a_program_line_that_looks_like_a_daemon_line_is_program_output(
    start: dict[str, str],
) -> None:
    """A program that a task starts writes where the daemon writes its log."""
    record = json.loads(log_line("Run r is over"))
    del record["start"]
    forged = json.dumps({**start, "timestamp": "t", **record})
    assert lines_of(forged + "\n") == [Line("worker", forged)]


FORGING = """
import subprocess, sys
from flowkit import DAG, task

PROGRAM = '''
import json, os
record = {"timestamp": "t", "level": "ERROR", "message": "FORGED", "event": "e"}
token = os.environ.get("FLOWKIT_LOG_TOKEN")
print(json.dumps({"start": token, **record} if token else record))
'''

@task
def forge():
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)

with DAG("forging") as dag:
    dag.add(forge)
"""


def test_no_program_of_a_task_can_imitate_the_daemon(tmp_path: Path, app: str) -> None:
    path = tmp_path / "forging_app.py"
    path.write_text(FORGING)
    lines: list[Line] = []
    system = LocalSystem(str(path), processes=1, log_level="INFO", on_line=lines.append)
    with system, system.client() as client:
        assert client.submit(load_app(str(path)).dag("forging")).wait(30.0) == "succeeded"
    assert {line.level for line in lines if "FORGED" in line.text} == {None}
    assert {line.level for line in lines} > {None}, "the daemons' own lines are known"


@pytest.mark.slow
def test_it_can_restart_after_a_stop_but_not_while_running(app: str) -> None:
    system = LocalSystem(app, on_line=lambda line: None)
    for _ in range(2):
        with system:
            with pytest.raises(RuntimeError, match="already running"):
                system.start()
            system.wait_ready()
    system.stop()
    with pytest.raises(FlowkitError, match="is not running"):
        system.check()
    with pytest.raises(RuntimeError, match="has not been started"):
        _ = system.url


def test_the_thread_that_starts_it_may_end(app: str) -> None:
    """The kernel ties a process to the thread that started it, so a separate thread does."""
    system = LocalSystem(app, on_line=lambda line: None)
    starter = threading.Thread(target=system.start)
    starter.start()
    starter.join()
    try:
        system.wait_ready()
    finally:
        system.stop()


def test_a_worker_without_its_app_is_not_restarted(tmp_path: Path) -> None:
    lines: list[Line] = []
    with LocalSystem(str(tmp_path / "absent.py"), on_line=lines.append) as system:
        said = wait_until("it is given up", lambda: failure_of(system))
    assert said.startswith("The worker cannot work: it ended by exit code 2.\n")
    assert "absent.py'" in said
    assert [line.level for line in lines] == ["ERROR"] * len(lines)


@pytest.mark.slow
def test_a_daemon_that_keeps_dying_immediately_is_not_restarted_forever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowkit.processes.daemon_process.QUICK_S", 60.0)  # on a busy machine too
    (tmp_path / "dying.py").write_text("raise SystemExit(7)\n")
    lines: list[Line] = []
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    group = DaemonGroup([Daemon("dying", ["dying"], environ)], lines.append, grace=1.0)
    group.start()
    wait_until("it is given up", lambda: group.failure)
    group.stop()
    assert group.failure == "The dying cannot work: it ended by exit code 7."
    assert [line.level for line in lines] == ["WARNING"] * (QUICK_DEATHS - 1)


def test_a_listener_error_stops_everything_and_is_reported(app: str) -> None:
    def listen(line: Line) -> None:
        raise LookupError("no room")

    before = {child.pid for child in children()}
    system = LocalSystem(app, log_level="DEBUG", on_line=listen)
    system.start()
    below = [child for child in children() if child.pid not in before]
    with pytest.raises(FlowkitError, match="LookupError: no room"):
        system.wait_ready()
    system.stop()
    assert alive(below) == []


def test_a_daemon_that_ignores_term_is_killed(tmp_path: Path) -> None:
    (tmp_path / "deaf.py").write_text(
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('deaf')\n"
        "time.sleep(600)\n"
    )
    lines: list[Line] = []
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    daemon = Daemon("deaf", ["deaf"], environ)
    group = DaemonGroup([daemon], lines.append, grace=0.2)
    group.start()
    wait_until("it has spoken", lambda: lines)
    group.stop()
    assert daemon.process is not None
    assert daemon.process.returncode == -signal.SIGKILL


def test_a_program_tied_to_its_parent_ends_with_it(tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text("import time\nprint('there')\ntime.sleep(600)\n")
    starter = (
        "import os, subprocess, sys, time\n"
        "module = 'flowkit.processes.parent_death'\n"
        "words = [sys.executable, '-m', module, str(os.getpid()), 'sleeper']\n"
        "print(subprocess.Popen(words).pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", starter],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert parent.stdout is not None
    sleeper = psutil.Process(int(parent.stdout.readline()))
    assert parent.stdout.readline() == "there\n"
    parent.kill()
    parent.wait()
    wait_until("the sleeper is gone", lambda: not alive([sleeper]))
    parent.stdout.close()


def test_without_kernel_support_the_tied_program_polls_its_parent(tmp_path: Path) -> None:
    """What other systems than Linux do, tried here: a timer finds that the parent has changed."""
    program = (
        "import os, subprocess, sys, time\n"
        "child = '''\n"
        "import os, time\n"
        "from flowkit.processes.parent_death import _look_for_parent\n"
        "_look_for_parent(os.getppid(), 0.05)\n"
        "print(os.getpid(), flush=True)\n"
        "time.sleep(600)\n"
        "'''\n"
        "subprocess.Popen([sys.executable, '-c', child])\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    wait_until("the child is gone", lambda: not alive([child]))
    parent.stdout.close()


def test_a_program_tied_to_a_dead_parent_ends() -> None:
    words = [sys.executable, "-m", "flowkit.processes.parent_death", "1", "this"]
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == 128 + signal.SIGTERM


def test_lines_are_printed_where_they_belong(capsys: pytest.CaptureFixture[str]) -> None:
    print_line(Line("worker", "hello"))
    print_line(Line("worker", "oops", None, True))
    print_line(Line("worker", "bad \x1b[2J", "ERROR"))
    assert capsys.readouterr() == ("hello\n", "oops\nworker: ERROR bad \\x1b[2J\n")


def test_exit_statuses_are_described_in_words() -> None:
    assert [how_it_ended(3), how_it_ended(-9), how_it_ended(-99)] == [
        "exit code 3",
        "SIGKILL",
        "signal 99",
    ]
    assert default_processes() >= 2
