"""``flowkit dev``: a whole system in one terminal, that others can use and that mends itself."""

from __future__ import annotations

import re
import signal
import socket
import stat
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx2
import psutil
import pytest
from console import Run, alive, family
from helpers import free_port, wait_until

from flowkit.cli.page import PORT

Start = Callable[..., "subprocess.Popen[str]"]


def read_until(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """Read lines until one matches; the test's own deadline bounds it."""
    assert process.stdout is not None
    seen: list[str] = []
    for line in process.stdout:
        seen.append(line)
        match = re.search(pattern, line)
        if match:
            return match
    raise AssertionError(f"{pattern!r} was not printed: {''.join(seen)}")


def worker_of(process: subprocess.Popen[str]) -> psutil.Process | None:
    """Return the worker's parent process: the child of the command that runs flowkit.worker."""
    for child in psutil.Process(process.pid).children():
        if "flowkit.worker" in child.cmdline():
            return child
    return None


@pytest.mark.slow
def test_another_terminal_can_submit_and_a_dead_worker_comes_back(
    started: Start, flowkit: Run
) -> None:
    process = started("dev", "--app", "chain.py", "--port", str(free_port()), "--workers", "2")
    url = read_until(process, r"export FLOWKIT_REDIS_URL=(\S+)")[1]
    assert read_until(process, r"flowkit submit chain.py --wait")
    done = flowkit("submit", "chain.py", "--wait", FLOWKIT_REDIS_URL=url)
    assert done.returncode == 0, done.stderr
    assert "second  'x'" in done.stdout
    read_until(process, "hello from first")

    before = wait_until("the worker runs", lambda: worker_of(process))
    before.kill()
    read_until(process, "The worker ended by SIGKILL and is started again")
    again = flowkit("submit", "chain.py", "--wait", "--timeout", "30", FLOWKIT_REDIS_URL=url)
    assert again.returncode == 0, again.stderr

    below = family(process)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Stopping" in said
    assert "Traceback" not in said
    assert alive(below) == []


@pytest.mark.slow
def test_the_worker_serves_all_queues_of_the_app(started: Start, flowkit: Run) -> None:
    process = started("dev", "--app", "several.py", "--port", "0")
    url = read_until(process, r"export FLOWKIT_REDIS_URL=(\S+)")[1]
    offered = read_until(process, r"flowkit submit (several.py:\S+) --wait")[1]
    assert flowkit("submit", offered, FLOWKIT_REDIS_URL=url).returncode == 0
    done = flowkit("submit", "several.py:one", "--wait", FLOWKIT_REDIS_URL=url)
    assert "only  1" in done.stdout
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.mark.slow
def test_several_apps_are_all_loaded(started: Start, flowkit: Run) -> None:
    """The last --app won, and nothing said so."""
    process = started("dev", "--app", "chain.py", "--app", "several.py", "--port", "0")
    url = read_until(process, r"export FLOWKIT_REDIS_URL=(\S+)")[1]
    assert read_until(process, r"flowkit submit chain.py --wait")
    assert read_until(process, r"flowkit submit several.py:\S+ --wait")
    for app in ("chain.py", "several.py:one"):
        done = flowkit("submit", app, "--wait", "--timeout", "30", FLOWKIT_REDIS_URL=url)
        assert done.returncode == 0, done.stderr
    assert "chain.py, several.py" in flowkit("workers", FLOWKIT_REDIS_URL=url).stdout
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)


@pytest.mark.slow
def test_only_this_user_can_reach_its_store(
    started: Start, flowkit: Run, environ: dict[str, str]
) -> None:
    """Everybody on the machine could use it, at a port that never changed."""
    environ["FLOWKIT_REDIS_URL"] = "redis://:secret@192.0.2.1"
    process = started("dev", "--app", "chain.py")
    read_until(
        process,
        r"^Redis at redis://:\*\*\*@192.0.2.1 .* is not used: flowkit dev runs its own store",
    )
    said = read_until(process, r"Its store is in memory at unix://:\*\*\*@(/\S+)\.$")
    folder = Path(said[1]).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    url = read_until(process, r"export FLOWKIT_REDIS_URL=(\S+)")[1]
    password = re.match(r"unix://:([\w-]{32})@", url)
    assert password
    for item in [psutil.Process(process.pid), *family(process)]:
        assert password[1] not in " ".join(item.cmdline())
    done = flowkit("status", "no-such-run", FLOWKIT_REDIS_URL=url)
    assert "no-such-run" in done.stderr
    assert flowkit("workers", FLOWKIT_REDIS_URL=url).returncode == 0
    wrong = flowkit("workers", FLOWKIT_REDIS_URL=url.replace(password[1], "wrong"))
    assert (wrong.returncode, "refused the login" in wrong.stderr) == (3, True)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert password[1] not in rest
    assert not folder.exists()
    dead = flowkit("workers", FLOWKIT_REDIS_URL=url)
    assert (dead.returncode, "a 'flowkit dev' that has ended" in dead.stderr) == (3, True)


@pytest.mark.slow
def test_the_page_is_served_beside_the_system_and_ends_with_it(
    started: Start, flowkit: Run
) -> None:
    """Another program has the usual port, and a browser follows the list of runs."""
    with suppress(OSError), socket.create_server(("127.0.0.1", PORT)):
        process = started("dev", "--app", "chain.py", "--dashboard")
        url = read_until(process, r"export FLOWKIT_REDIS_URL=(\S+)")[1]
        address = read_until(process, r"(http://127.0.0.1:\d+/\?token=\S+)")[1]
    done = flowkit("submit", "chain.py", "--wait", FLOWKIT_REDIS_URL=url)
    assert done.returncode == 0, done.stderr
    read_until(process, "hello from first")
    root = address.partition("?")[0]
    with httpx2.Client(base_url=root) as browser:
        assert browser.get("api/v1/runs").status_code == 401
        assert browser.get(address).status_code == 200
        browser.headers["Authorization"] = "Bearer " + address.partition("token=")[2]
        assert [run["dag"] for run in browser.get("api/v1/runs").json()["items"]] == ["chain"]
        with browser.stream("GET", "api/v1/live/runs") as stream:
            assert next(stream.iter_lines())
            below = family(process)
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in said
    assert alive(below) == []
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(root)


def test_the_page_is_opened_only_if_there_is_one(flowkit: Run) -> None:
    done = flowkit("dev", "--app", "chain.py", "--open")
    assert done.returncode == 2
    assert "--open opens the page of --dashboard: give both, or neither." in done.stderr


def test_an_app_that_cannot_be_loaded_is_reported_immediately(flowkit: Run) -> None:
    done = flowkit("dev", "--app", "broken.py")
    assert done.returncode == 2
    assert "no_such_module_anywhere" in done.stderr


def test_a_requested_port_that_is_in_use(started: Start, flowkit: Run, apps: Path) -> None:
    port = str(free_port())
    first = started("dev", "--app", "chain.py", "--port", port)
    read_until(first, "export FLOWKIT_REDIS_URL")
    second = flowkit("dev", "--app", "chain.py", "--port", port)
    assert second.returncode == 3
    assert f"cannot listen on 127.0.0.1:{port}" in second.stderr
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=30)
