"""The command as users start it in a folder of apps, and a running system to talk to."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from console import APPS, COMMAND, DEADLINE_S, Run, RunningSystem, family
from forker import Forker, shared_forker
from real_redis import RealRedis

from flowkit.system import LocalSystem


@pytest.fixture
def apps(tmp_path: Path) -> Path:
    """A folder with all apps, to be the working directory."""
    for name, text in APPS.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def environ() -> dict[str, str]:
    return without_settings()


def without_settings() -> dict[str, str]:
    """Return the environment without any setting of flowkit's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FLOWKIT_")}


@pytest.fixture
def flowkit(apps: Path, environ: dict[str, str], forker: Forker) -> Run:
    """Run the command in the apps' folder; keywords are environment variables."""

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        if not any(name.startswith("PYTHON") for name in more):
            return forker.run(words, apps, {**environ, **more}, DEADLINE_S)
        return start_and_wait(words, apps, {**environ, **more})

    return run


@pytest.fixture
def really_started(apps: Path, environ: dict[str, str]) -> Run:
    """As ``flowkit``, but Python is started, as by users."""

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return start_and_wait(words, apps, {**environ, **more})

    return run


def start_and_wait(
    words: Sequence[str], folder: Path, environ: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Start the command and wait for its end."""
    return subprocess.run(
        [*COMMAND, *words],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


@pytest.fixture
def started(apps: Path, environ: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command and continue; what is left of it after the test is killed."""
    begun: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*COMMAND, *words],
            cwd=apps,
            env={**environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        if process.poll() is None:
            for item in family(process):
                item.kill()
            process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def running(
    redis_server: RealRedis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningSystem]:
    """A scheduler and a worker for one app that has every kind of task."""
    folder = tmp_path_factory.mktemp("running")
    for name, text in APPS.items():
        (folder / name).write_text(text)
    modules = ("chain", "failing", "slow", "wide", "hostile", "reused", "dropped")
    everything = "".join(f"from {module} import dag as {module}\n" for module in modules)
    everything += "from patient import dag as patient, branches\n"
    (folder / "everything.py").write_text(everything)
    name = f"cli-{uuid.uuid4().hex[:10]}"
    with LocalSystem(
        str(folder / "everything.py"),
        url=redis_server.url,
        namespace=name,
        processes=2,
        grace=0.5,
        on_line=lambda line: None,
    ) as system:
        system.wait_ready()
        yield RunningSystem(redis_server.url, name)


@pytest.fixture(scope="session")
def forker() -> Forker:
    return shared_forker()


@pytest.fixture
def talk(forker: Forker, apps: Path, environ: dict[str, str], running: RunningSystem) -> Run:
    """The command with the running system's address in its environment."""

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return forker.run(words, apps, {**environ, **running.variables, **more}, DEADLINE_S)

    return run
