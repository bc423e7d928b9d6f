"""Apps to run, the command as users start it, and a running system to talk to."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from real_redis import RealRedis

from flowkit.system import LocalSystem

# As the installed command: without the working directory on sys.path.
COMMAND = (sys.executable, "-P", "-m", "flowkit")
DEADLINE_S = 60

APPS = {
    "chain.py": """
from flowkit import DAG, task

@task
def first(size: int = 1):
    print("hello from first")
    return list(range(size))

@task
def second(items, word="x"):
    return word * len(items)

with DAG("chain") as dag:
    first >> second
""",
    "failing.py": """
import os
import time
from flowkit import DAG, task

@task
def before():
    return "kept"

@task
def breaks(x, ok: str = ""):
    if not (ok and os.path.exists(ok)):
        raise ValueError("no \\x1b[2J[red]such[/red] thing")
    return "mended"

@task
def behind(x):
    return x

with DAG("failing") as dag:
    before >> breaks >> behind
""",
    "slow.py": """
import subprocess
import sys
import time
from pathlib import Path
from flowkit import DAG, task

@task
def sleeps(mark: str, child: bool = False):
    Path(mark).write_text("begun")
    if child:
        subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"])
    time.sleep(600)

with DAG("slow") as dag:
    dag.add(sleeps)
""",
    "hostile.py": """
from flowkit import DAG, task

@task(name="[red]x[/red]")
def odd():
    return "\\x1b[2J\\x07[bold]gone[/bold]"

with DAG("[blink]dag[/blink]") as dag:
    dag.add(odd)
""",
    "several.py": """
from flowkit import DAG, task

@task(queue="special")
def only():
    return 1

with DAG("one") as first_dag:
    first_dag.add(only)
with DAG("two") as second_dag:
    second_dag.add(only)
""",
    "wide.py": """
from flowkit import DAG, task

@task
def root():
    return 0

@task
def leaf(x, i: int):
    return i

@task
def total(*values):
    return sum(values)

with DAG("wide") as dag:
    root >> [leaf.bind(f"leaf_{i}", i=i) for i in range(60)] >> total
""",
    "broken.py": "import no_such_module_anywhere\n",
    "cycle.py": """
from flowkit import DAG, task

@task
def a(x=None): ...

@task
def b(x=None): ...

with DAG("round") as dag:
    a >> b >> a
""",
}

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def apps(tmp_path: Path) -> Path:
    """A folder with all apps, to be the working directory."""
    for name, text in APPS.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def environ() -> dict[str, str]:
    """The environment without any setting of flowkit's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FLOWKIT_")}


@pytest.fixture
def flowkit(apps: Path, environ: dict[str, str]) -> Run:
    """Run the command in the apps' folder; keywords are environment variables."""

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *words],
            cwd=apps,
            env={**environ, **more},
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    return run


@pytest.fixture
def started(apps: Path, environ: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command and go on; what is left of it after the test is killed."""
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
            for one in family(process):
                one.kill()
            process.kill()
        process.communicate()


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return all processes below one."""
    return psutil.Process(process.pid).children(recursive=True)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return those that have not ended."""
    return [one for one in processes if one.is_running() and one.status() != "zombie"]


class RunningSystem:
    """A system on a real Redis that users' commands can talk to."""

    def __init__(self, url: str, namespace: str) -> None:
        self.variables = {"FLOWKIT_REDIS_URL": url, "FLOWKIT_NAMESPACE": namespace}


@pytest.fixture(scope="module")
def running(
    redis_server: RealRedis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningSystem]:
    """A scheduler and a worker for one app that has every kind of task."""
    folder = tmp_path_factory.mktemp("running")
    for name, text in APPS.items():
        (folder / name).write_text(text)
    modules = ("chain", "failing", "slow", "wide", "hostile")
    everything = "".join(f"from {module} import dag as {module}\n" for module in modules)
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
