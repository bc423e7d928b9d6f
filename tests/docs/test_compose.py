"""docker-compose.yml starts the daemons with options that they have and time enough to stop."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
from importlib import import_module
from pathlib import Path

import httpx2
import pytest
import redis
from command_lines import check
from helpers import free_port, wait_until
from pages import ROOT
from real_redis import RealRedis, executables

from flowkit import settings
from flowkit.cli import page_password
from flowkit.configuration.signing_keys import FILE_VARIABLE, VARIABLE
from flowkit.daemon.health import CHECKS
from flowkit.dashboard import health

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
    assert command("dashboard")[:2] == ["flowkit", "dashboard"]
    for name in ("scheduler", "worker", "dashboard"):
        check(command(name))


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


def test_the_health_check_of_the_page_exists_and_asks_its_port() -> None:
    text = service("dashboard")
    module = re.search(r'test: \["CMD", "python", "-P", "-m", "([\w.]+)"\]', text)
    assert module is not None
    assert callable(import_module(module[1]).main)
    words = command("dashboard")
    assert words[words.index("--port") + 1] == str(health.PORT)


def test_the_page_is_reachable_from_this_machine_alone_and_has_a_password() -> None:
    text = service("dashboard")
    assert re.findall(r"^      - (\S+:8420)$", text, re.MULTILINE) == ["127.0.0.1:8420:8420"]
    assert f"{page_password.VARIABLE}: ${{{page_password.VARIABLE}:?is not set." in text
    # Other services have no use for it.
    assert len(re.findall(rf"^ +{page_password.VARIABLE}:", TEXT, re.MULTILINE)) == 1


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
    for name in ("scheduler", "worker", "dashboard", "flowkit"):
        assert ("*signing" in service(name)) is (name != "scheduler")


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


@pytest.mark.slow
def test_the_page_starts_as_in_its_container_and_is_healthy(redis_server: RealRedis) -> None:
    port = free_port()
    words = [sys.executable, "-P", "-m", *command("dashboard")]
    words[words.index("--port") + 1] = str(port)
    words[words.index("--host") + 1] = "127.0.0.1"  # not for the network of a test machine
    environ = {"FLOWKIT_REDIS_URL": redis_server.url, page_password.VARIABLE: PASSWORD}
    page = subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        wait_until("the page is healthy", lambda: health.main([str(port)]) == 0)
        url = f"http://127.0.0.1:{port}/"
        for name in ("127.0.0.1", "localhost"):
            host = {"host": f"{name}:8420"}
            assert httpx2.get(url, headers=host).status_code == 401
            logged_in = httpx2.post(url, data={"password": PASSWORD}, headers=host)
            assert (logged_in.status_code, "set-cookie" in logged_in.headers) == (200, True)
        assert PASSWORD.encode() not in Path(f"/proc/{page.pid}/cmdline").read_bytes()
    finally:
        page.terminate()
        said = page.communicate(timeout=20)
    assert page.returncode == 0
    assert health.main([str(port)]) == 1
    assert PASSWORD.encode() not in b"".join(said)


@pytest.mark.parametrize("words", [["x"], ["1", "2"], ["-1"]])
def test_a_wrong_health_check_says_how_to_use_it(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert health.main(words) == 2
    assert "usage:" in capsys.readouterr().err


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


@pytest.mark.parametrize("name", ["redis", "scheduler", "worker", "dashboard", "flowkit"])
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
