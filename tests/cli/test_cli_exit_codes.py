"""One table says how commands end, users see it, and every error finds its place in it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from flowkit import exceptions as ex
from flowkit.cli import main
from flowkit.cli.connect import code_of_state
from flowkit.core.states import RunState
from flowkit.daemon.exit_codes import MEANING, ExitCode, code_of


def test_the_table_is_the_promised_one() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "FAILED": 1,
        "USAGE": 2,
        "NO_REDIS": 3,
        "NOT_POSSIBLE": 4,
        "TIMEOUT": 5,
        "WARNING": 6,
        "PROBLEM": 7,
        "INTERRUPTED": 130,
        "BROKEN_PIPE": 141,
    }


def test_help_shows_every_exit_code_and_every_command() -> None:
    shown = CliRunner().invoke(main, ["--help"])
    assert shown.exit_code == 0, shown.output
    for code in ExitCode:
        assert f"{code.value:<5}{MEANING[code]}" in shown.output
    for name in ("run", "dev", "submit", "status", "result", "cancel", "resume", "ls", "graph"):
        assert f"\n  {name} " in shown.output


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ex.AppError("x"), 2),
        (ex.DAGCycleError(["a", "a"]), 2),
        (ex.ParameterError("x", "p"), 2),
        (ex.UnknownDAGError("x"), 2),
        (ex.SettingsError("x"), 2),
        (ex.IllegalValue("x"), 2),
        (ex.BadRedisURL("x"), 2),
        (ex.RedisUnavailable("x"), 3),
        (ex.UnfitRedis("x"), 3),
        (ex.RunLost("r"), 3),
        (ex.RunNotFound("r"), 4),
        (ex.RunExists("r"), 4),
        (ex.RunAlreadyOver("r"), 4),
        (ex.RunNotOver("r"), 4),
        (ex.TaskNotFoundError("t"), 4),
        (ex.WaitTimeout("r"), 5),
        (ex.TaskExecutionError("t", "E", "m"), 1),
        (ex.RunCancelled("r"), 1),
        (ex.FlowkitError("x"), 1),
    ],
)
def test_each_error_has_its_code(error: ex.FlowkitError, code: int) -> None:
    assert code_of(error) == code


def test_only_a_run_that_succeeded_is_a_success() -> None:
    codes = {state: int(code_of_state(state)) for state in RunState}
    assert [state for state, code in codes.items() if code == 0] == [RunState.SUCCEEDED]


@pytest.mark.parametrize("command", [[], *([name] for name in ("run", "dev", "status", "graph"))])
def test_every_command_helps(command: list[str]) -> None:
    shown = CliRunner().invoke(main, [*command, "-h"])
    assert shown.exit_code == 0, shown.output
    assert "Usage:" in shown.output


def test_an_unknown_command_is_wrong_usage() -> None:
    shown = CliRunner().invoke(main, ["nonsense"])
    assert shown.exit_code == 2
    assert "nonsense" in shown.output


def test_the_command_starts_without_modules_that_few_commands_need() -> None:
    """A typing mistake must not cost the import of redis, rich or an app."""
    code = (
        "import flowkit.cli, sys; "
        "late = ('redis', 'rich', 'fakeredis', 'msgpack', 'asyncio'); "
        "print([name for name in late if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
