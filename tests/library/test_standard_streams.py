"""Programs whose standard streams are closed, or not of Python's kind, run tasks all the same."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowkit.logging import FlowkitLogger
from flowkit.processes.standard_streams import _kept_open

SCRIPT = """
import contextlib, os, subprocess, sys
from flowkit import DAG, task

class Tee:
    def __init__(self, stream):
        self.stream = stream
    def write(self, text):
        self.stream.write(text)
    def flush(self):
        self.stream.flush()

if "tee" in sys.argv:
    sys.stdout = Tee(sys.stdout)

@task
def talk():
    print("said by the task")
    subprocess.run(["echo", "said by a program"])
    with contextlib.suppress(OSError):  # in a thread it may be closed
        os.write(1, b"said to the descriptor\\n")
    return "done"

with DAG("talk") as dag:
    dag.add(talk)
if __name__ == "__main__":
    result = dag.run(executor=sys.argv[1])["talk"]
    with open(sys.argv[2], "w") as file:
        file.write(result)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "talk.py"
    path.write_text(SCRIPT)
    return path


def run(script: Path, executor: str, *options: str, redirection: str = "") -> str:
    """Run the script by a shell; return what the task returned."""
    result = script.with_suffix(".result")
    words = [sys.executable, str(script), executor, str(result), *options]
    command = " ".join([*words, redirection])
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        ["sh", "-c", command], env=environ, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    return result.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["thread", "process"])
@pytest.mark.parametrize("redirection", [">&-", "<&- >&- 2>&-"])
def test_a_program_without_standard_streams_runs_its_tasks(script, executor, redirection):
    """Or a pipe to a child would get the number of standard output, and the task print into it."""
    assert run(script, executor, redirection=redirection) == "done"


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_a_standard_output_that_can_only_write_and_flush_is_enough(script, executor):
    assert run(script, executor, "tee") == "done"


def test_later_tasks_can_write_to_a_closed_stream():
    reading, writing = os.pipe()
    stream = _kept_open(writing, None, line_buffering=True)
    io.TextIOWrapper(stream.buffer).write("wrapped, ")
    stream.close()
    io.TextIOWrapper(stream.detach()).write("detached, ")
    print("later", file=stream)
    os.close(writing)
    with open(reading) as pipe:
        assert pipe.read() == "wrapped, detached, later\n"


def test_the_log_goes_to_standard_error_once_standard_output_is_closed(monkeypatch):
    """A task of this process has closed it; what happens next is told all the same."""
    closed, errors = io.StringIO(), io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    monkeypatch.setattr(sys, "stderr", errors)
    FlowkitLogger("test.closed").log_task_failure("load", "no such row")
    logging.getLogger("test.closed").handlers.clear()
    assert "Task failed: load (no such row)" in errors.getvalue()


def test_breakpoint_says_where_a_debugger_works(monkeypatch):
    from flowkit.processes.standard_streams import _breakpoint

    monkeypatch.delenv("PYTHONBREAKPOINT", raising=False)
    with pytest.raises(RuntimeError, match=r"executor='thread'.*PYTHONBREAKPOINT"):
        _breakpoint()
    monkeypatch.setenv("PYTHONBREAKPOINT", "builtins.len")
    assert _breakpoint("abc") == 3


def test_a_detached_process_does_not_read_the_terminal():
    """Its standard input was that of the worker, which may be a terminal or a pipe."""
    code = "import sys; from flowkit.processes.standard_streams import detach_from_terminal; "
    code += "detach_from_terminal(); print([sys.stdin.read()])"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", code], input="typed", capture_output=True, text=True, env=environ
    )
    assert ended.stdout == "['']\n"
