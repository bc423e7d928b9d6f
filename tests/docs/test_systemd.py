"""The units of docs/howto/systemd.md: their commands parse, and their times fit together."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path

import click
import pytest

from flowkit.scheduler.__main__ import main as scheduler
from flowkit.worker.__main__ import main as worker
from flowkit.worker.daemon import HAND_OVER_S

PAGE = Path(__file__).parents[2] / "docs/howto/systemd.md"
UNIT = re.compile(r"<!-- unit: (\S+) -->\n```ini\n(.*?)```", re.DOTALL)
UNITS = dict(UNIT.findall(PAGE.read_text()))
COMMANDS = {"flowkit-worker": worker, "flowkit-scheduler": scheduler}


def service_of(name: str) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNITS[name])
    assert parser.sections() == ["Unit", "Service", "Install"]
    return dict(parser["Service"])


@pytest.mark.parametrize("name", UNITS)
def test_the_command_of_a_unit_is_one_that_the_daemon_understands(name: str) -> None:
    program, *words = shlex.split(service_of(name)["ExecStart"])
    assert program.startswith("/"), "systemd wants an absolute path"
    command = COMMANDS[Path(program).name]
    assert isinstance(command, click.Command)
    command.make_context(Path(program).name, words)  # raises UsageError for a wrong option


@pytest.mark.parametrize("name", UNITS)
def test_only_the_main_process_gets_term_and_wrong_usage_is_final(name: str) -> None:
    service = service_of(name)
    assert service["KillMode"] == "mixed"
    assert service["RestartPreventExitStatus"] == "2"


def test_systemd_waits_longer_than_the_worker() -> None:
    """Else its KILL comes while tasks are still returned."""
    service = service_of("flowkit-worker.service")
    grace = re.search(r"--shutdown-timeout (\d+)", service["ExecStart"])
    assert grace is not None
    assert float(service["TimeoutStopSec"]) > float(grace[1]) + 2 * HAND_OVER_S
