"""Passwords stay out of command lines and logs, and a Redis without one is warned about."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from helpers import wait_until
from pipeline import pipeline
from real_redis import RealRedis
from real_system import System
from secured import command_lines

from flowkit.daemon.exposure import vulnerable_version

SECRET = "s3cr3t-of-redis"
ETL = """
import time
from pathlib import Path
from flowkit import DAG, task

HERE = Path(__file__).parent

@task
def waits():
    (HERE / "begun").touch()
    while not (HERE / "go").exists():
        time.sleep(0.01)
    return "done"

with DAG("etl") as dag:
    dag.add(waits)
"""


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[RealRedis]:
    # The server's own password stands in a file, or the test would see it in `ps`.
    server = RealRedis(tmp_path / "redis")
    server.start()
    with server.client() as admin:
        admin.config_set("requirepass", SECRET)
    yield server
    server.stop()


@pytest.mark.slow
def test_no_command_line_and_no_log_line_shows_the_password(
    locked: RealRedis, tmp_path: Path
) -> None:
    url = f"redis://:{SECRET}@127.0.0.1:{locked.port}/0"
    (tmp_path / "etl.py").write_text(ETL)
    environ = {**os.environ, "FLOWKIT_REDIS_URL": url, "FLOWKIT_LOG_LEVEL": "DEBUG"}
    command = subprocess.Popen(
        [sys.executable, "-m", "flowkit", "run", "etl.py", "--json"],
        cwd=tmp_path,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until("the task runs", (tmp_path / "begun").exists)
        lines = command_lines()
        assert "flowkit.worker" in lines
        assert "flowkit.scheduler" in lines
        assert SECRET not in lines
        # An outage is told with the address, which holds the password.
        with redis.Redis(port=locked.port, password=SECRET, protocol=2) as admin:
            admin.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    finally:
        (tmp_path / "go").touch()
        out, err = command.communicate(timeout=60)
    assert command.returncode == 0, err
    assert json.loads(out)["results"] == {"waits": "done"}
    assert f"redis://:***@127.0.0.1:{locked.port}" in err
    assert SECRET not in out + err


@pytest.mark.slow
def test_waiting_or_refused_daemons_do_not_show_it_either(
    locked: RealRedis, tmp_path: Path
) -> None:
    system = System(
        f"redis://:{SECRET}-wrong@127.0.0.1:{locked.port}/0", "shop", tmp_path, forked=False
    )
    try:
        refused = [system.scheduler(), system.worker()]
        for item in refused:
            item.says("refused the login")
        system.url = f"redis://:{SECRET}@127.0.0.1:1/0"
        lonely = [system.scheduler(), system.worker()]
        for item in lonely:
            item.says("Waiting for Redis")
            assert " started" not in item.log, "that is said once Redis has answered"
        assert SECRET not in command_lines()
    finally:
        system.close()
    assert all("redis://:***@" in process.log for process in system.processes)
    assert SECRET not in "".join(process.log for process in system.processes)


def server_info(server: RealRedis) -> str:
    with server.client() as admin:
        return f"redis_version:{admin.info('server')['redis_version']}"


# No server here is really open: 192.0.2.1 is nobody's address, and the dash lets it pass.
# Before Redis 7, protected mode protects only servers without ``bind``.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "warned_before"),
    [
        (("--bind", "127.0.0.1", "--protected-mode", "no"), 0),
        (("--bind", "127.0.0.1", "-::1", "--protected-mode", "no"), 0),
        (("--bind", "127.0.0.1", "-192.0.2.1", "--protected-mode", "yes"), 7),
        (("--bind", "127.0.0.1", "-192.0.2.1", "--protected-mode", "no"), 99),
    ],
)
def test_daemons_warn_of_an_open_redis_once(
    tmp_path: Path, options: tuple[str, ...], warned_before: int
) -> None:
    """``warned_before``: the first major version of Redis that is not open with these options."""
    server = RealRedis(tmp_path / "redis")
    server.start(*options)
    info = server_info(server)
    warned = int(info.partition(":")[2].partition(".")[0]) < warned_before
    system = System(server.url, "shop", tmp_path, forked=False)
    try:
        # The last time the user says that this version is known to have the fixes.
        patched = {"FLOWKIT_REDIS_PATCHED": str(warned).lower()}
        scheduler = system.scheduler(**patched)
        worker = system.worker("--processes", "1", **patched)
        with system.client() as client:
            assert client.submit(pipeline()).wait(30) == "failed"
        for process in (scheduler, worker):
            said = process.log.count("takes commands from other machines without a password")
            assert said == warned
            is_old = bool(vulnerable_version(info))
            messages = process.log.count("run code on the server (CVE-2025-49844")
            assert messages == (is_old and not warned)
    finally:
        system.close()
        server.stop()


PROGRAMS = """
import os
import subprocess
import sys

from flowkit import DAG, Client, task

SHOW = "import os; print(sorted(f'{k}={v}' for k, v in os.environ.items() if 'FLOWKIT' in k))"

@task
def inherited():
    return subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True).stdout

@task
def own():
    return [name for name in os.environ if name.startswith("FLOWKIT_")]

@task
def looks():
    with Client.connect() as client:
        return len(client.runs())

with DAG("programs") as dag:
    dag.add(inherited)
    dag.add(own)
    dag.add(looks)
"""


def test_programs_that_tasks_start_do_not_get_the_password(
    locked: RealRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a client inside a task finds its Redis nevertheless."""
    (tmp_path / "programs.py").write_text(PROGRAMS)
    monkeypatch.syspath_prepend(tmp_path)
    dag = importlib.import_module("programs").dag
    system = System(f"redis://:{SECRET}@127.0.0.1:{locked.port}/0", "shop", tmp_path, forked=False)
    try:
        system.scheduler()
        system.worker("--processes", "1", app=str(tmp_path / "programs.py"))
        with system.client() as client:
            results = client.submit(dag).wait_results(30)
    finally:
        system.close()
    assert "FLOWKIT_NAMESPACE=shop" in results["inherited"]
    assert SECRET not in results["inherited"]
    assert "FLOWKIT_REDIS_URL" not in results["own"]
    assert results["looks"] == 1
