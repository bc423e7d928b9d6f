"""``flowkit run`` as users start it: in its own process, with the embedded store."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from console import COMMAND, DEADLINE_S, Run, run_on_terminal
from helpers import free_port


def test_a_run_shows_its_results(really_started: Run) -> None:
    done = really_started("run", "chain.py", "-p", "size=3", "-p", "word=ab")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "hello from first",
        "TASK    RESULT",
        "first   [0, 1, 2]",
        "second  'ababab'",
    ]
    assert "Using the embedded store, because no Redis URL is set" in done.stderr
    assert "of DAG 'chain': 2 tasks" in done.stderr
    assert "succeeded after" in done.stderr


@pytest.mark.slow
def test_quiet_shows_results_only(flowkit: Run) -> None:
    done = flowkit("run", "chain.py", "--quiet", "--workers", "1")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "second  'x'" in done.stdout


@pytest.mark.slow
def test_a_result_that_is_not_kept_does_not_hide_the_others(flowkit: Run) -> None:
    done = flowkit("run", "dropped.py", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["TASK   RESULT", "load   (not kept)", "total  3"]


@pytest.mark.slow
def test_a_module_works_like_a_file(flowkit: Run) -> None:
    assert "second  'x'" in flowkit("run", "chain:dag", "--quiet").stdout


@pytest.mark.slow
def test_json_is_one_document_whatever_tasks_print(flowkit: Run) -> None:
    done = flowkit("run", "chain.py", "--json", "-p", "size=2")
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert "hello from first" in done.stderr
    assert document.pop("run_id")
    assert document.pop("duration") >= 0
    assert document == {
        "schema": "flowkit/run-end/1",
        "dag": "chain",
        "state": "succeeded",
        "counts": {"succeeded": 2},
        "results": {"first": [0, 1], "second": "xx"},
        "error": None,
    }


def test_a_failed_run_shows_task_error_and_traceback(flowkit: Run) -> None:
    done = flowkit("run", "failing.py")
    assert done.returncode == 1
    assert (
        "Error: Task 'breaks' failed: ValueError: no \\x1b[2J[red]such[/red] thing" in done.stderr
    )
    assert re.search(r'failing\.py", line \d+, in breaks', done.stderr)
    assert "--redis" in done.stderr.splitlines()[-1]
    assert "\x1b" not in done.stderr
    assert done.stdout == ""


@pytest.mark.slow
def test_a_failed_run_as_json(flowkit: Run) -> None:
    done = flowkit("run", "failing.py", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert document["state"] == "failed"
    assert document["results"] == {"before": "kept"}
    error = document["error"]
    assert (error["type"], error["task"], error["attempt"]) == ("ValueError", "breaks", 1)
    assert error["message"] == "no \x1b[2J[red]such[/red] thing"
    assert "Traceback" in error["traceback"]


@pytest.mark.slow
def test_a_large_dag_shows_the_last_results(flowkit: Run) -> None:
    done = flowkit("run", "wide.py")
    assert done.stdout.splitlines() == ["TASK   RESULT", "total  1770"]
    assert "… and 61 more tasks" in done.stderr


@pytest.mark.slow
def test_the_worker_serves_the_queues_of_the_dag(flowkit: Run) -> None:
    assert "only  1" in flowkit("run", "several.py:two", "--quiet", "--timeout", "30").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("broken.py",), "No module named 'no_such_module_anywhere'"),
        (("missing.py",), "There is no file 'missing.py'"),
        (("several.py",), "several DAGs: 'first_dag' (named 'one'), 'second_dag'"),
        (("several.py:three",), "unknown DAG 'three'"),
        (("cycle.py",), "a -> b -> a"),
        (("chain.py", "-p", "size"), "write KEY=VALUE"),
        (("chain.py", "-p", "sizes=1"), "unknown parameter 'sizes'"),
        (("chain.py", "--workers", "0"), "--workers"),
        (("chain.py", "--timeout", "0"), "--timeout"),
        (("chain.py", "--timeout", "nan"), "'nan' is not a number of seconds"),
        (("chain.py", "--redis", "http://x"), "redis_url = 'http://x' (flag --redis)"),
        (("chain.py", "--namespace", "a b", "--redis", "redis://x"), "namespace = 'a b'"),
        (("chain.py", "--resume", "r"), "--resume needs --redis"),
        ((), "FILE_OR_MODULE"),
    ],
)
def test_a_mistake_is_reported_before_anything_starts(
    flowkit: Run, words: tuple[str, ...], said: str
) -> None:
    done = flowkit("run", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(re.findall("^Error: ", done.stderr, re.MULTILINE)) == 1
    assert "Using the embedded store" not in done.stderr
    assert done.stdout == ""


@pytest.mark.slow
def test_an_unreachable_redis(flowkit: Run) -> None:
    done = flowkit("run", "chain.py", "--redis", f"redis://:secret@127.0.0.1:{free_port()}/0")
    assert done.returncode == 3
    assert done.stderr.startswith("Error: cannot use Redis at redis://:***@127.0.0.1")
    assert "secret" not in done.stderr


@pytest.mark.slow
def test_a_run_that_takes_too_long_is_cancelled(flowkit: Run, apps: Path) -> None:
    done = flowkit("run", "slow.py", "-p", "mark=begun", "--timeout", "4", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 5
    assert document["state"] == "cancelled"
    assert document["error"]["type"] == "WaitTimeout"
    assert "was not over after 4 s. Task 'sleeps' is running on " in done.stderr
    assert done.stderr.rstrip().endswith("The run was cancelled.")


@pytest.mark.slow
def test_an_app_that_loads_here_but_not_in_the_worker(really_started: Run, apps: Path) -> None:
    (apps / "picky.py").write_text(
        "import sys\n"
        "from flowkit import task\n"
        "if '--processes' in sys.argv:\n"
        "    raise RuntimeError('not in a worker')\n"
        "@task\n"
        "def one(): return 1\n"
    )
    done = really_started("run", "picky.py")
    assert done.returncode == 1
    assert "The worker cannot work" in done.stderr
    assert "RuntimeError: not in a worker" in done.stderr


def test_output_of_a_loading_module_is_not_a_result(flowkit: Run, apps: Path) -> None:
    (apps / "chatty.py").write_text("print('loading')\n" + (apps / "chain.py").read_text())
    assert flowkit("graph", "chatty.py").stdout.startswith("DAG: chain\n")


@pytest.mark.slow
def test_names_and_results_print_literally(really_started: Run) -> None:
    done = really_started("run", "hostile.py")
    assert done.returncode == 0
    assert "[red]x[/red]  '\\x1b[2J\\x07[bold]gone[/bold]'" in done.stdout
    assert "DAG '[blink]dag[/blink]'" in done.stderr


@pytest.mark.slow
def test_on_a_terminal_too(apps: Path, environ: dict[str, str]) -> None:
    code, shown = run_on_terminal(
        *("run", "hostile.py"),
        environ={**environ, "TERM": "xterm-256color", "COLUMNS": "120"},
        folder=apps,
    )
    assert code == 0
    assert "[red]x[/red]" in shown
    assert "[blink]dag[/blink]" in shown
    assert "\\x1b[2J\\x07[bold]gone[/bold]" in shown
    assert "told \\x9b31m \\u202e" in shown
    for steers in ("\x1b[2J", "\x07", "\x9b", "\u202e"):
        assert steers not in shown


def test_a_broken_pipe_is_not_an_error(apps: Path, environ: dict[str, str]) -> None:
    with subprocess.Popen(
        [*COMMAND, "graph", "wide.py"],
        cwd=apps,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
        code = process.wait(DEADLINE_S)
    assert said == ""
    assert code == 141


def through_shell(command: str, apps: Path, environ: dict[str, str]) -> tuple[int, str]:
    words = " ".join(map(shlex.quote, COMMAND))
    done = subprocess.run(
        ["bash", "-c", f"{words} {command}"],
        cwd=apps,
        env=environ,
        stderr=subprocess.PIPE,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.slow
def test_a_closed_standard_output_is_not_an_error(apps: Path, environ: dict[str, str]) -> None:
    code, said = through_shell("run chain.py >&-", apps, environ)
    assert code == 0
    assert "Traceback" not in said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is full")
def test_a_full_disk_is_one_sentence(apps: Path, environ: dict[str, str]) -> None:
    code, said = through_shell("graph wide.py >/dev/full", apps, environ)
    assert code == 1
    assert said == "Error: cannot write the output: No space left on device\n"


@pytest.mark.slow
def test_the_folder_of_the_command_does_not_hide_modules(really_started: Run, apps: Path) -> None:
    """A user's redis.py or worker.py beside the app must not be taken for the real one."""
    for name in ("redis.py", "worker.py", "scheduler.py", "json.py"):
        (apps / name).write_text("raise RuntimeError('hidden')\n")
    (apps / "inner").mkdir()
    (apps / "inner" / "app.py").write_text((apps / "chain.py").read_text())
    done = really_started("run", "inner/app.py", "--quiet")
    assert done.returncode == 0, done.stderr


def test_python_dash_m_finds_the_modules_that_the_worker_finds(
    apps: Path, environ: dict[str, str]
) -> None:
    """`python -m` alone searches the working directory; an app must not load by that only."""
    (apps / "inner").mkdir()
    (apps / "inner" / "app.py").write_text("import chain\n" + (apps / "chain.py").read_text())
    words = [sys.executable, "-m", "flowkit", "run", "inner/app.py"]
    done = subprocess.run(
        words,
        cwd=apps,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    assert done.returncode == 2
    assert "No module named 'chain'" in done.stderr


def test_the_version_is_shown(really_started: Run) -> None:
    assert really_started("--version").stdout.startswith("flowkit, version ")
