"""executor="process" in whole programs: scripts, notebooks, Ctrl-C, a parent that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
from helpers import wait_until

PATIENCE = 20.0

TASKS = """
    import os, time
    from pathlib import Path
    from flowkit import DAG, configure_logging, task

    configure_logging(100)

    class Own(Exception):
        pass

    @task
    def give(value=2):
        return value

    @task
    def double(value):
        return 2 * value

    @task
    def fail():
        raise Own("own")

    @task
    def hang(folder):
        (Path(folder) / str(os.getpid())).touch()
        time.sleep(3600)

    with DAG("etl") as dag:
        give >> double
    with DAG("bad") as bad:
        bad.add(fail)
    with DAG("long") as long:
        long.add(hang)
        long.add(hang.bind("other"))
"""


@pytest.fixture
def environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture
def script(tmp_path, environ):
    """Write a script that has the tasks above and ends as given; return how to start it."""

    def write(ending: str) -> list[str]:
        path = tmp_path / "script.py"
        path.write_text(textwrap.dedent(TASKS) + textwrap.dedent(ending))
        return [sys.executable, str(path)]

    return write


def outcome(command: list[str], environ, text: str | None = None) -> tuple[str, str]:
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, env=environ, timeout=PATIENCE
    )
    return done.stdout, done.stderr


def started(folder: Path, count: int) -> list[int]:
    """Return the numbers of the processes that run ``hang``, when there are ``count`` of them."""
    result = wait_until(
        f"{count} tasks run", lambda: len(list(folder.iterdir())) == count and [*folder.iterdir()]
    )
    return [int(item.name) for item in result]


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


# -- scripts and notebooks -------------------------------------------------------------------


def test_a_script_runs_its_own_tasks_and_gets_its_own_exceptions(script, environ):
    command = script("""
        if __name__ == "__main__":
            print(dag.run("process"))
            try:
                bad.run("process")
            except Own as error:
                print("own", type(error) is Own)
    """)
    assert outcome(command, environ) == ("{'give': 2, 'double': 4}\nown True\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("call", ["dag.run('process')", "asyncio.run(dag.arun('process'))"])
def test_a_script_without_a_guard_gets_a_clear_error(script, environ, call):
    _, err = outcome(script(f"import asyncio\n{call}\n"), environ)
    assert err.count("Traceback") == 1
    assert "imports the script" in err.splitlines()[-1]
    assert "if __name__ == '__main__':" in err.splitlines()[-1]


@pytest.mark.slow
def test_a_script_that_cannot_be_imported_says_why_and_does_not_hang(script, environ):
    ending = """
        if __name__ != "__main__":
            raise OSError("no settings")
        dag.run("process")
    """
    _, err = outcome(script(ending), environ)
    assert "OSError: no settings" in err
    assert "ended before it was ready (exit code 1)" in err.splitlines()[-1]


@pytest.mark.slow
def test_a_task_under_the_guard_is_not_found_and_reported(script, environ):
    ending = """
        if __name__ == "__main__":
            @task
            def late():
                return 1
            with DAG("late") as one:
                one.add(late)
            one.run("process")
    """
    _, err = outcome(script(ending), environ)
    assert "Task 'late' (__main__:late) of DAG 'late'" in err.splitlines()[-1]
    assert "outside of `if __name__" in err.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["-"], ["-c"]])
def test_code_without_a_file_sends_its_functions_and_classes(arguments, environ):
    """As notebooks do: children cannot import what is defined there."""
    text = textwrap.dedent(TASKS) + textwrap.dedent("""
        class Box:
            pass

        @task
        def fill(box):
            box.value = give(5)  # another task, called directly
            return box

        with DAG("boxes") as boxes:
            boxes.add(fill)
        box = boxes.run("process", params={"box": Box()})["fill"]
        print(type(box) is Box, box.value)
        try:
            bad.run("process")
        except Own as error:
            print("own", type(error) is Own)
    """)
    extra = [text] if arguments == ["-c"] else []
    out, err = outcome([sys.executable, *arguments, *extra], environ, text)
    assert "True 5" in out, err
    assert "own True" in out


# -- the end ---------------------------------------------------------------------------------

HANG = """
    if __name__ == "__main__":
        try:
            CALL
        except KeyboardInterrupt:
            print("interrupted", flush=True)
"""


@pytest.mark.parametrize(
    "call",
    [
        "long.run('process', 2, {'folder': FOLDER})",
        "__import__('asyncio').run(long.arun('process', 2, {'folder': FOLDER}))",
    ],
)
def test_ctrl_c_stops_everything_immediately_and_cleanly(script, environ, tmp_path, call):
    folder = tmp_path / "started"
    folder.mkdir()
    command = script(HANG.replace("CALL", call.replace("FOLDER", repr(str(folder)))))
    program = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
        start_new_session=True,
    )
    with program:
        children = started(folder, 2)
        os.killpg(program.pid, signal.SIGINT)  # as a terminal does it
        out, err = program.communicate(timeout=PATIENCE)
    assert (out, err, program.returncode) == ("interrupted\n", "", 0)
    assert all(gone(pid) for pid in children)


def test_ctrl_c_while_processes_are_starting_is_as_clean(script, environ, tmp_path):
    command = script("""
        if __name__ != "__main__":
            (Path(os.environ["FOLDER"]) / str(os.getpid())).touch()
            time.sleep(3600)
        try:
            dag.run("process")
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """)
    folder = tmp_path / "started"
    folder.mkdir()
    program = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environ, "FOLDER": str(folder)},
        start_new_session=True,
    )
    with program:
        (child,) = started(folder, 1)
        os.killpg(program.pid, signal.SIGINT)
        out, err = program.communicate(timeout=PATIENCE)
    assert (out, err, program.returncode) == ("interrupted\n", "", 0)
    assert gone(child)


def test_a_parent_that_is_killed_leaves_no_child(script, environ, tmp_path):
    folder = tmp_path / "started"
    folder.mkdir()
    call = f"long.run('process', 2, {{'folder': {str(folder)!r}}})"
    program = subprocess.Popen(script(HANG.replace("CALL", call)), env=environ)
    with program:
        children = started(folder, 2)
        program.kill()
    for pid in children:
        wait_until(f"process {pid} is gone", lambda pid=pid: gone(pid))
