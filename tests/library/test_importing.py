"""An app that runs its DAG while it is imported: every process of a system would run it again."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowkit import DAG, Client, Task
from flowkit.app import load_app
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import AppError, FlowkitError
from flowkit.system import LocalSystem

APP = """
import asyncio
import threading

from flowkit import DAG, Client, task
from flowkit.system import LocalSystem

@task
def insert_row():
    return 1

with DAG("load") as dag:
    dag.add(insert_row)

"""
GUARD = r"Put the lines that start it under `if __name__ == '__main__':`"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def write(last_line: str) -> str:
        path = tmp_path / "rows_app.py"
        path.write_text(APP + last_line + "\n")
        return str(path)

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize(
    "start",
    [
        "dag.run()",
        "dag.run(executor='process')",
        "asyncio.run(dag.arun())",
        "dag.run(executor='redis')",
        "asyncio.run(dag.arun(executor='redis'))",
        "dag.submit()",
    ],
)
def test_an_app_that_runs_its_dag_is_refused_and_runs_nothing(
    write: Callable[[str], str], start: str
) -> None:
    """It would run once per process, wait for itself, or start runs without end."""
    expected = rf"A run of DAG 'load' is started while .*rows_app.py is only .*{GUARD}.*line 15"
    with pytest.raises(AppError, match=f"(?s){expected}"):
        load_app(write(start))


@pytest.mark.parametrize("start", ["submit(dag)", "submit_many(dag, [None])"])
def test_an_app_that_submits_by_a_client_is_refused(
    write: Callable[[str], str], fake_server: EmbeddedServer, namespace: str, start: str
) -> None:
    line = f"Client.connect({fake_server.url!r}, {namespace!r}).{start}"
    with pytest.raises(AppError, match=GUARD):
        load_app(write(line))
    with Client.connect(fake_server.url, namespace) as client:
        assert client.runs() == []


def test_an_app_that_submits_in_a_thread_is_refused(write: Callable[[str], str]) -> None:
    app = load_app(
        write(
            "errors = []\n"
            "def work():\n"
            "    try: dag.run()\n"
            "    except Exception as error: errors.append(str(error))\n"
            "thread = threading.Thread(target=work)\n"
            "thread.start()\n"
            "thread.join()"
        )
    )
    assert len(app.module.errors) == 1
    assert "is only being imported" in app.module.errors[0]


def test_an_app_that_starts_its_own_system_is_refused(write: Callable[[str], str]) -> None:
    """Its worker would import the app, which starts a system, whose worker imports the app."""
    with pytest.raises(AppError, match=f"A LocalSystem is started while .*{GUARD}"):
        load_app(write("LocalSystem(__file__).start()"))


def test_code_behind_the_main_guard_is_allowed(write: Callable[[str], str]) -> None:
    app = load_app(write("if __name__ == '__main__':\n    dag.run()"))
    assert app.default_dag().run() == {"insert_row": 1}


def test_after_the_import_runs_are_allowed(write: Callable[[str], str]) -> None:
    with pytest.raises(AppError):
        load_app(write("dag.run()"))
    dag = DAG("later")
    dag.add(Task(lambda: 1).bind("one"))
    assert dag.run() == {"one": 1}
    assert asyncio.run(dag.arun()) == {"one": 1}


def test_a_worker_with_an_app_that_runs_its_dag_ends_and_says_why(
    write: Callable[[str], str],
) -> None:
    """It hung silently: its processes waited for the workers that they were to become."""
    app = write("dag.run(executor='redis')")
    with (
        LocalSystem(app, processes=1) as system,
        pytest.raises(FlowkitError, match="(?s)The worker cannot work.*" + GUARD),
    ):
        system.wait_ready()
