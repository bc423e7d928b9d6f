"""What once ended in an error of Python's from the depths, or in a line of 50 MB, says what is
wrong and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowkit import DAG, Client, RunHandle, StateManager, configure_logging, task
from flowkit.arguments import check_limit, check_since
from flowkit.basics.shorten import MAX_MESSAGE
from flowkit.client.checks import check_dag, check_handles, check_many
from flowkit.client.filter_checks import check_run_state
from flowkit.definition.task_names import number_of
from flowkit.exceptions import BadRedisURL, SettingsError
from flowkit.settings import load_settings
from flowkit.state import RedisStateManager
from flowkit.system import LocalSystem
from flowkit.testing import run_dag


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: check_dag(1), "dag must be a DAG, not 1"),
        (lambda: check_many(5), "a list with the parameters of each run"),
        (lambda: check_many([None, 5]), "params must be a mapping from names to values, not 5"),
        (lambda: Client(5), "settings must be Settings, .* not 5"),  # type: ignore[arg-type]
        (lambda: Client.connect("redis://h", patience="x"), "patience must be a number"),  # type: ignore[arg-type]
        (lambda: check_handles(5, RunHandle), "runs must be a list of handles, .* not 5"),
        (lambda: check_handles(["run-7"], RunHandle), r"handles, .* \(RunHandle\), not 'run-7'"),
        (lambda: check_limit("x"), "limit must be a whole number, not 'x'"),
        (lambda: check_since("x"), "since must be a number of seconds or None, not 'x'"),
        (lambda: DAG("d").compile_for_run(5), "params must be a mapping"),  # type: ignore[arg-type]
        (lambda: LocalSystem(5), "app must be the file or module of the tasks, not 5"),  # type: ignore[arg-type]
        (lambda: load_settings(cwd=5), "cwd must be the path of a folder, or None, not 5"),  # type: ignore[arg-type]
        (lambda: StateManager(1), "storage_path must be the path of a file"),  # type: ignore[arg-type]
        (lambda: RedisStateManager(5), "url of a RedisStateManager must be a string, not 5"),  # type: ignore[arg-type]
        (lambda: RedisStateManager("redis://h", name=5), "name of a RedisStateManager must be"),  # type: ignore[arg-type]
        (lambda: run_dag(1), "dag must be a DAG, not 1"),  # type: ignore[arg-type]
        (lambda: run_dag(DAG("d"), params=5), "params must be a mapping"),  # type: ignore[arg-type]
        (lambda: number_of(3, ["a"], "run 'r'"), "name of a task must be a string, not 3"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_type_gets_a_clear_error(call: Callable[[], Any], says: str) -> None:
    """``submit_many(dag, [5])``, ``StateManager(1)``, ``run_dag(1)`` and ``handle.result(3)`` said
    what some line inside flowkit could not do."""
    with pytest.raises(TypeError, match=says):
        call()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Client.connect("redis://h", patience=float("nan")), "patience must be 0 to"),
        (
            lambda: Client.connect("redis://h?bogus=1"),
            "it has an option 'bogus' that flowkit does not",
        ),
        (
            lambda: Client.connect("rediss://h?ssl_ca_cert=x"),
            r"has an unknown option 'ssl_ca_cert' \(did you mean 'ssl_ca_certs'\?\)",
        ),
        (
            lambda: Client.connect("redis://h?ssl_ca_certs=x"),
            "'ssl_ca_certs' belongs to TLS: write rediss://",
        ),
        (
            lambda: Client.connect("rediss://h?ssl_ca_certs=/no/ca.pem"),
            "ssl_ca_certs names '/no/ca.pem', which cannot be read: No such file",
        ),
        (
            lambda: Client.connect("rediss+sentinel://h/m?ssl_keyfile=/no/key"),
            "ssl_keyfile names '/no/key', which cannot be read",
        ),
        (lambda: Client.connect("rediss://h?ssl_ca_path=/no"), "ssl_ca_path names '/no', which is"),
        (lambda: check_limit(0), "limit must be at least 1, not 0"),
        (lambda: check_since(float("nan")), "since must be 0 to"),
        (lambda: check_run_state("over"), "unknown state of a run 'over'. Available: 'running', "),
    ],
)
def test_an_impossible_value_gets_a_clear_error(call: Callable[[], Any], says: str) -> None:
    with pytest.raises((ValueError, SettingsError, BadRedisURL), match=says):
        call()


class Stubborn(Exception):
    """Refuses to be annotated."""

    def add_note(self, note: str) -> None:
        raise RuntimeError("no notes, please")


@task
def refuse() -> None:
    raise Stubborn("it is broken")


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_an_exception_that_takes_no_note_is_raised_as_it_is(executor: str) -> None:
    """The note that names the task was added to it, and what that raised ended the run."""
    dag = DAG("stubborn")
    dag.add(refuse)
    with pytest.raises(Stubborn, match="it is broken"):
        dag.run(executor=executor)


class Loud(Exception): ...


@task
def shout() -> None:
    raise Loud("a" * 50_000_000)


def test_a_message_of_50_mb_is_logged_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    """It was written as a line of 100 MB: once as text, once as a field."""
    configure_logging("ERROR")
    dag = DAG("loud")
    dag.add(shout)
    with pytest.raises(Loud):
        dag.run()
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all(len(line) < 3 * MAX_MESSAGE for line in lines)
    assert "49996020 more" in lines[0]
