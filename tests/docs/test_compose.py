"""docker-compose.yml starts the daemons with options that they have and time enough to stop."""

from __future__ import annotations

import re
import shlex

from command_lines import check
from pages import ROOT

from flowkit.health import CHECKS

TEXT = (ROOT / "docker-compose.yml").read_text()


def service(name: str) -> str:
    """Return the text of one service, its variables replaced by their defaults."""
    found = re.search(rf"^  {name}:\n((?:    .*\n|\n)+)", TEXT, re.MULTILINE)
    assert found is not None, f"there is no service {name!r}"
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", found[1])


def command(name: str) -> list[str]:
    """Return a service's command, written as a list on one line or on several."""
    text = service(name)
    one_line = re.search(r"^    command: \[(.*)\]$", text, re.MULTILINE)
    if one_line is not None:
        return shlex.split(one_line[1].replace(",", " "))
    several = re.search(r"^    command:\n((?:      - .*\n)+)", text, re.MULTILINE)
    assert several is not None
    return [
        shlex.split(line.strip()[2:])[0] if line.strip()[2:] else ""
        for line in several[1].splitlines()
    ]


def test_the_daemons_know_their_options() -> None:
    assert command("scheduler")[0] == "flowkit-scheduler"
    assert command("worker")[0] == "flowkit-worker"
    check(command("scheduler"))
    check(command("worker"))


def test_the_default_app_is_in_the_default_folder() -> None:
    words = command("worker")
    app = words[words.index("--app") + 1]
    assert "- ./examples:/app:ro" in service("worker")
    assert (ROOT / "examples" / app.removeprefix("/app/")).is_file()


def test_a_worker_is_not_killed_before_its_grace_period_is_over() -> None:
    words = command("worker")
    grace = float(words[words.index("--shutdown-timeout") + 1])
    stop = re.search(r"stop_grace_period: (\d+)s", service("worker"))
    assert stop is not None
    assert float(stop[1]) > grace


def test_health_checks_ask_for_roles_that_there_are() -> None:
    for role in ("scheduler", "worker"):
        test = re.search(
            r'test: \["CMD", "python", "-P", "-m", "flowkit.health", "(\w+)"\]', service(role)
        )
        assert test is not None
        assert test[1] == role
        assert role in CHECKS


def test_redis_keeps_runs_and_is_reachable_from_this_machine_alone() -> None:
    words = command("redis")
    assert words[words.index("--appendonly") + 1] == "yes"
    assert words[words.index("--maxmemory-policy") + 1] == "noeviction"
    assert re.findall(r"^      - (\S+:6379)$", service("redis"), re.MULTILINE) == [
        "127.0.0.1:6379:6379"
    ]


def test_services_that_scale_have_no_name_and_no_port_of_their_own() -> None:
    for name in ("scheduler", "worker"):
        assert "container_name" not in service(name)
        assert "ports:" not in service(name)
