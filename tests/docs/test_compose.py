"""docker-compose.yml starts the daemons with options that they have and time enough to stop."""

from __future__ import annotations

import re
import shlex
import subprocess
import textwrap
from pathlib import Path

import pytest
import redis
from command_lines import check
from helpers import free_port, wait_until
from pages import ROOT
from real_redis import executables

from flowkit import settings
from flowkit.configuration.signing_keys import FILE_VARIABLE, VARIABLE
from flowkit.daemon.health import CHECKS

TEXT = (ROOT / "docker-compose.yml").read_text()


def service(name: str) -> str:
    """Return the text of one service, its variables replaced by their defaults."""
    match = re.search(rf"^  {name}:\n((?:    .*\n|\n)+)", TEXT, re.MULTILINE)
    assert match is not None, f"there is no service {name!r}"
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", match[1])


def command(name: str) -> list[str]:
    """Return a service's command, written as a list on one line or on several."""
    text = service(name)
    one_line = re.search(r"^    command: \[(.*)\]$", text, re.MULTILINE)
    if one_line is not None:
        return shlex.split(one_line[1].replace(",", " "))
    several = re.search(r"^    command:\n((?:      - .*\n(?:        .*\n)*)+)", text, re.MULTILINE)
    assert several is not None
    items = re.findall(r"      - (.*)\n((?:        .*\n)*)", several[1])
    return [textwrap.dedent(block) or shlex.split(line)[0] for line, block in items]


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


def test_health_checks_name_existing_roles() -> None:
    for role in ("scheduler", "worker"):
        test = re.search(
            r'test: \["CMD", "python", "-P", "-m", "flowkit.daemon.health", "(\w+)"\]',
            service(role),
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


def variables(anchor: str) -> dict[str, str]:
    """Return the variables of a block, with the texts that compose fills in, "" for no text."""
    match = re.search(rf"^ *[\w-]+: &{anchor}\n((?: +[A-Z<].*\n)+)", TEXT, re.MULTILINE)
    assert match is not None
    return dict(re.findall(r"^ +(FLOWKIT_\w+): ?(.*)$", match[1], re.MULTILINE))


def test_containers_get_every_setting_and_signers_get_the_key() -> None:
    every = {option.variable for option in settings._OPTIONS.values()}
    assert every <= variables("environment").keys()
    # Without a value it is handed on only if it is set: a blank one would be refused.
    assert variables("signing") == {VARIABLE: "", FILE_VARIABLE: ""}
    for name in ("scheduler", "worker", "flowkit"):
        assert ("environment: *signing" in service(name)) is (name != "scheduler")


def test_services_that_scale_have_no_name_and_no_port_of_their_own() -> None:
    for name in ("scheduler", "worker"):
        assert "container_name" not in service(name)
        assert "ports:" not in service(name)


# -- the password of Redis ------------------------------------------------------------------------

PASSWORD = "0123456789abcdefABCDEF"


def start_redis(password: str, folder: Path) -> tuple[subprocess.Popen[str], int]:
    """Start what the container of Redis starts, with the redis-server of this machine."""
    shell, options, script, *words = command("redis")
    port = free_port()
    (folder / "redis-server").symlink_to(next(iter(executables().values())))
    environ = {"REDISCLI_AUTH": password, "PATH": f"{folder}:/usr/bin:/bin"}
    script = script.replace("$$", "$").replace("/tmp/", f"{folder}/")
    words += ["--port", str(port), "--dir", str(folder)]
    process = subprocess.Popen(
        [shell, options, script, *words],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    return process, port


@pytest.mark.slow
def test_redis_wants_the_password_and_no_process_shows_it(tmp_path: Path) -> None:
    process, port = start_redis(PASSWORD, tmp_path)
    try:
        with redis.Redis(port=port, password=PASSWORD, protocol=2) as client:
            wait_until("Redis answers", lambda: answers(client))
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert client.config_get("maxmemory") == {"maxmemory": str(640 * 2**20)}
        with redis.Redis(port=port, protocol=2) as stranger, pytest.raises(redis.RedisError):
            stranger.ping()
        proc = Path(f"/proc/{process.pid}")
        if proc.exists():
            assert PASSWORD.encode() not in (proc / "cmdline").read_bytes()
            assert PASSWORD.encode() not in (proc / "environ").read_bytes()
        assert (tmp_path / "redis.conf").stat().st_mode & 0o077 == 0
    finally:
        process.terminate()
        process.communicate(timeout=20)


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@pytest.mark.parametrize("password", ["short", "0123456789abcdef@host", '0123456789abcde"', ""])
def test_a_password_that_does_not_fit_in_a_url_is_refused(password: str, tmp_path: Path) -> None:
    process, _ = start_redis(password, tmp_path)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "FLOWKIT_REDIS_PASSWORD must be 16 or more letters and digits" in said


def test_nothing_starts_without_a_password() -> None:
    demanded = re.findall(r"\$\{FLOWKIT_REDIS_PASSWORD([^}]*)\}", TEXT)
    assert len(demanded) == 2
    assert set(demanded) == {":?is not set. See the top of docker-compose.yml"}


@pytest.mark.parametrize("name", ["redis", "scheduler", "worker", "flowkit"])
def test_each_container_is_bounded_and_gains_no_rights(name: str) -> None:
    shared = re.findall(r"^x-[a-z]+: &[a-z]+\n((?:  .*\n)+)", TEXT, re.MULTILINE)
    text = service(name) + ("" if name == "redis" else textwrap.indent("".join(shared), "  "))
    for key in (
        "mem_limit: ",
        "pids_limit: ",
        "read_only: true",
        "no-new-privileges:true",
        "- ALL",
    ):
        assert key in text, key
